/*
 * inject.bpf.c - a frame source for veth: run by the kernel's live-frame test run, it writes the
 * next frame of a prepared list into the frame that it is given and sends it out of an interface,
 * at a given pace. No product code.
 *
 * Each frame is stamped with the time it was sent at in its source address, and carries the number
 * of the pass over the list in its MoldUDP64 session, so that a list can be sent again and again.
 */
#include <linux/bpf.h>
/* After linux/bpf.h, whose types they use. */
#include <bpf/bpf_helpers.h>

#include "inject.h"

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __uint(map_flags, BPF_F_MMAPABLE);
    __type(key, __u32);
    __type(value, struct inject_frame);
} frames SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __uint(map_flags, BPF_F_MMAPABLE);
    __type(key, __u32);
    __type(value, struct inject_state);
} state SEC(".maps");

enum { SPINS = 1 << 22, SOURCE_AT = 6, SESSION_AT = 42 };

struct wait {
    __u64 until;
    __u64 now;
};

static long wait_once(__u32 i __attribute__((unused)), struct wait *w)
{
    w->now = bpf_ktime_get_ns();
    return w->now >= w->until;
}

__attribute__((section("xdp"), used)) int inject(struct xdp_md *ctx)
{
    __u32 zero = 0;
    struct inject_state *s = bpf_map_lookup_elem(&state, &zero);
    if (!s)
        return XDP_ABORTED;
    __u32 index = s->at;
    struct inject_frame *f = bpf_map_lookup_elem(&frames, &index);
    if (!f)
        return XDP_ABORTED;
    __u32 len = f->len & (INJECT_BYTES - 1);
    if (len < 60 || len > sizeof(f->data))
        return XDP_ABORTED;
    if (bpf_xdp_adjust_tail(ctx, (int)len - (int)bpf_xdp_get_buff_len(ctx)) != 0 ||
        bpf_xdp_store_bytes(ctx, 0, f->data, len) != 0)
        return XDP_ABORTED;

    struct wait w = {.until = s->begin_ns + s->sent * s->interval_ps / 1000};
    if (s->interval_ps)
        bpf_loop(SPINS, wait_once, &w, 0);
    else
        w.now = bpf_ktime_get_ns();

    __u8 stamp[6], pass[2] = {'A' + (s->pass / 26) % 26, 'A' + s->pass % 26};
#pragma unroll
    for (int i = 0; i < 6; i++)
        stamp[i] = w.now >> (40 - 8 * i);
    bpf_xdp_store_bytes(ctx, SOURCE_AT, stamp, sizeof(stamp));
    bpf_xdp_store_bytes(ctx, SESSION_AT, pass, sizeof(pass));
    s->sent++;
    if (++s->at == s->count) {
        s->at = 0;
        s->pass++;
    }
    return bpf_redirect(s->ifindex, 0);
}

char LICENSE[] SEC("license") = "Apache-2.0";
