/*
 * steer.c - the XDP program on an interface that an af_xdp port uses. UDP over IPv4 of the
 * configured flows, behind up to two VLAN tags, goes to the AF_XDP socket of the device queue;
 * everything else goes on into the kernel as if the program were not there. It changes no byte
 * and drops nothing.
 *
 * IEEE 802.1Q, RFC 791, RFC 768. Fragments stay with the kernel: all but the first carry no port.
 */
#include <linux/bpf.h>
/* After linux/bpf.h, whose types they use. */
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "steer.h"

enum {
    ETHERNET = 14,
    VLAN_TAG = 4,
    IP4_SHORTEST = 20,
    UDP_HEADER = 8,
    TYPE_IP4 = 0x0800,
    TYPE_VLAN = 0x8100,
    TYPE_QINQ = 0x88a8,
    TYPE_QINQ_OLD = 0x9100,
    FRAGMENT = 0x3fff, /* more fragments, offset */
    PROTOCOL_UDP = 17
};

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, STEER_FLOWS_MAX);
    __type(key, struct steer_flow);
    __type(value, struct steer_queues);
} pn_flows SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_XSKMAP);
    __uint(max_entries, STEER_QUEUES);
    __type(key, __u32);
    __type(value, __u32);
} pn_sockets SEC(".maps");

/* Sized for the machine's processors before loading; read by the data plane without a call. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, STEER_QUEUES *STEER_VERDICTS);
    __uint(map_flags, BPF_F_MMAPABLE);
    __type(key, __u32);
    __type(value, __u64);
} pn_counters SEC(".maps");

/* Which kinds of flows there are besides (group, port): bit 0 any port, 1 any group, 2 any. */
__u32 pn_wildcards = 0;

static __always_inline __u16 load_be16(const void *p)
{
    const __u8 *b = p;
    return (__u16)b[0] << 8 | b[1];
}

static __always_inline __u64 queues_of(__u32 group_be, __u16 port_be)
{
    struct steer_flow key = {.group_be = group_be, .port_be = port_be};
    const struct steer_queues *found = bpf_map_lookup_elem(&pn_flows, &key);
    return found ? found->mask : 0;
}

static __always_inline __u64 lookup(__u32 group_be, __u16 port_be)
{
    __u32 kinds = pn_wildcards;
    __u64 mask = queues_of(group_be, port_be);
    if (kinds & 1)
        mask |= queues_of(group_be, 0);
    if (kinds & 2)
        mask |= queues_of(0, port_be);
    if (kinds & 4)
        mask |= queues_of(0, 0);
    return mask;
}

/* Behind an IPv4 header of any length: the port of the UDP header. No pointer moves by what the
 * packet says, which the verifier allows only to those with CAP_PERFMON. */
static __always_inline int parse_udp(struct xdp_md *ctx, const __u8 *ip, const __u8 *end, __u32 at,
                                     __u32 header, __u16 *port_be)
{
    __u16 ports[2];
    if (header == IP4_SHORTEST) {
        if (ip + IP4_SHORTEST + UDP_HEADER > end)
            return STEER_MALFORMED;
        __builtin_memcpy(port_be, ip + IP4_SHORTEST + 2, sizeof(*port_be));
        return STEER_STEERED;
    }
    if (bpf_xdp_load_bytes(ctx, at + header, ports, sizeof(ports)) != 0)
        return STEER_MALFORMED;
    *port_be = ports[1];
    return STEER_STEERED;
}

/* The UDP datagram's destination, or why there is none that can be steered. */
static __always_inline int parse(struct xdp_md *ctx, __u32 *group_be, __u16 *port_be)
{
    const __u8 *p = (const __u8 *)(long)ctx->data, *end = (const __u8 *)(long)ctx->data_end;
    __u32 at = ETHERNET, header, total;

    if (p + ETHERNET > end)
        return STEER_MALFORMED;
    __u16 type = load_be16(p + 12);
    p += ETHERNET;
#pragma unroll
    for (int i = 0; i < STEER_VLANS; i++) {
        if (type != TYPE_VLAN && type != TYPE_QINQ && type != TYPE_QINQ_OLD)
            break;
        if (p + VLAN_TAG > end)
            return STEER_MALFORMED;
        type = load_be16(p + 2);
        p += VLAN_TAG;
        at += VLAN_TAG;
    }
    if (type != TYPE_IP4)
        return STEER_NOT_IP4;
    if (p + IP4_SHORTEST > end)
        return STEER_MALFORMED;
    header = (p[0] & 15) * 4u;
    total = load_be16(p + 2);
    if (p[0] >> 4 != 4 || header < IP4_SHORTEST || total < header ||
        at + total > bpf_xdp_get_buff_len(ctx))
        return STEER_MALFORMED;
    if (p[9] != PROTOCOL_UDP)
        return STEER_NOT_UDP;
    if (load_be16(p + 6) & FRAGMENT)
        return STEER_FRAGMENT;
    if (total < header + UDP_HEADER)
        return STEER_MALFORMED;
    __builtin_memcpy(group_be, p + 16, sizeof(*group_be));
    return parse_udp(ctx, p, end, at, header, port_be);
}

__attribute__((section("xdp"), used)) int pn_steer(struct xdp_md *ctx)
{
    __u32 queue = ctx->rx_queue_index, group_be = 0;
    __u16 port_be = 0;
    int action = XDP_PASS, verdict = parse(ctx, &group_be, &port_be);

    if (verdict == STEER_STEERED) {
        __u64 mask = lookup(group_be, port_be);
        if (!mask)
            verdict = STEER_OTHER_FLOW;
        else if (queue >= STEER_QUEUES || !(mask >> queue & 1))
            verdict = STEER_NO_SOCKET;
        else
            action = bpf_redirect_map(&pn_sockets, queue, XDP_PASS);
        if (mask && action != XDP_REDIRECT)
            verdict = STEER_NO_SOCKET;
    }

    /* One writer a line: a queue's frames are handled on one processor at a time. */
    __u32 line = bpf_get_smp_processor_id() * STEER_QUEUES;
    line += queue < STEER_QUEUES ? queue : STEER_QUEUES - 1;
    __u32 index = line * STEER_VERDICTS + verdict;
    __u64 *counter = bpf_map_lookup_elem(&pn_counters, &index);
    if (counter)
        ++*counter;
    return action;
}

/* No helper that it calls asks for the GPL. */
char LICENSE[] SEC("license") = "Apache-2.0";
