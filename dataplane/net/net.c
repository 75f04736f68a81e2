/*
 * net.c - every frame that net_parse_frame does not take straight through. IEEE 802.3 and 802.1Q,
 * RFC 791 (IPv4), RFC 8200 (IPv6), RFC 4302 (AH), RFC 768 (UDP). Nothing is verified by checksum:
 * captures hold frames whose checksums the card fills in later.
 *
 * Bytes behind the IP packet (Ethernet padding) and behind the UDP datagram are left out.
 */
#include "net/net.h"

#include <stdbool.h>

enum {
    ETHERTYPE_IP4 = 0x0800,
    ETHERTYPE_IP6 = 0x86dd,
    ETHERTYPE_VLAN = 0x8100,
    ETHERTYPE_QINQ = 0x88a8,
    ETHERTYPE_QINQ_OLD = 0x9100,
    VLANS_MAX = 2,
    EXTENSIONS_MAX = 8,
    AF_INET_ANY = 2,
    AF_INET6_LINUX = 10,
    AF_INET6_BSD = 24,
    AF_INET6_FREEBSD = 28,
    AF_INET6_DARWIN = 30,
    IP4_HEADER = 20,
    IP6_HEADER = 40,
    UDP_HEADER = 8,
    PROTO_HOP_BY_HOP = 0,
    PROTO_UDP = 17,
    PROTO_ROUTING = 43,
    PROTO_FRAGMENT = 44,
    PROTO_AH = 51,
    PROTO_DEST_OPTIONS = 60,
    PROTO_MOBILITY = 135,
    PROTO_HIP = 139,
    PROTO_SHIM6 = 140
};

#define REASON(id) (PN_R_##id + 1u)

/* What is left of the frame: cap bytes at p, of wire bytes that were sent. */
struct cursor {
    const uint8_t *p;
    uint32_t cap;
    uint32_t wire;
};

static bool advance(struct cursor *c, uint32_t n)
{
    if (c->cap < n)
        return false;
    c->p += n;
    c->cap -= n;
    c->wire -= n;
    return true;
}

/* The IP packet ends here; what follows is padding. False when it claims more than was sent. */
static bool limit(struct cursor *c, uint32_t n)
{
    if (n > c->wire)
        return false;
    c->wire = n;
    if (c->cap > n)
        c->cap = n;
    return true;
}

static uint32_t parse_udp(struct cursor *c, struct net_datagram *out)
{
    if (c->wire < UDP_HEADER)
        return REASON(NET_UDP_BAD);
    if (c->cap < UDP_HEADER)
        return REASON(NET_SHORT);
    uint32_t len = load_u16_be(c->p + 4);
    out->src_port = load_u16_be(c->p);
    out->port = load_u16_be(c->p + 2);
    if (len < UDP_HEADER || !limit(c, len))
        return REASON(NET_UDP_BAD);
    advance(c, UDP_HEADER);
    out->payload = c->p;
    out->caplen = c->cap;
    out->len = c->wire;
    return 0;
}

static uint32_t parse_ip4(struct cursor *c, struct net_datagram *out)
{
    if (c->cap < IP4_HEADER)
        return REASON(NET_SHORT);
    const uint8_t *ip = c->p;
    uint32_t header = (ip[0] & 15u) * 4, total = load_u16_be(ip + 2);
    if (ip[0] >> 4 != 4 || header < IP4_HEADER || total < header || !limit(c, total))
        return REASON(NET_IP_BAD);
    if (load_u16_be(ip + 6) & 0x3fff)
        return REASON(NET_FRAGMENT);
    if (ip[9] != PROTO_UDP)
        return REASON(NET_NOT_UDP);
    if (!advance(c, header))
        return REASON(NET_SHORT);
    out->src_be = load_u32_le(ip + 12);
    out->group_be = load_u32_le(ip + 16);
    return parse_udp(c, out);
}

static uint32_t fold(const uint8_t *address)
{
    return load_u32_le(address) ^ load_u32_le(address + 4) ^ load_u32_le(address + 8) ^
           load_u32_le(address + 12);
}

/* From the first next-header value on, over extension headers, to UDP. */
static uint32_t parse_ip6_chain(struct cursor *c, uint8_t next, struct net_datagram *out)
{
    for (unsigned i = 0; next != PROTO_UDP; i++) {
        switch (next) {
        case PROTO_FRAGMENT:
            return REASON(NET_FRAGMENT);
        case PROTO_MOBILITY:
        case PROTO_HIP:
        case PROTO_SHIM6:
            return REASON(NET_IP6_EXT);
        case PROTO_HOP_BY_HOP:
        case PROTO_ROUTING:
        case PROTO_DEST_OPTIONS:
        case PROTO_AH:
            break;
        default:
            return REASON(NET_NOT_UDP);
        }
        if (i == EXTENSIONS_MAX)
            return REASON(NET_IP6_EXT);
        if (c->wire < 8)
            return REASON(NET_IP_BAD);
        if (c->cap < 8)
            return REASON(NET_SHORT);
        uint32_t len = next == PROTO_AH ? (c->p[1] + 2u) * 4 : (c->p[1] + 1u) * 8;
        next = c->p[0];
        if (len > c->wire)
            return REASON(NET_IP_BAD);
        if (!advance(c, len))
            return REASON(NET_SHORT);
    }
    return parse_udp(c, out);
}

static uint32_t parse_ip6(struct cursor *c, struct net_datagram *out)
{
    if (c->cap < IP6_HEADER)
        return REASON(NET_SHORT);
    const uint8_t *ip = c->p;
    uint32_t len = load_u16_be(ip + 4);
    /* Length 0 announces a jumbogram, which no feed sends. */
    if (ip[0] >> 4 != 6 || len == 0 || !limit(c, IP6_HEADER + len))
        return REASON(NET_IP_BAD);
    out->ip6 = 1;
    out->src_be = fold(ip + 8);
    out->group_be = fold(ip + 24);
    advance(c, IP6_HEADER);
    return parse_ip6_chain(c, ip[6], out);
}

/* By EtherType, over VLAN tags. */
static uint32_t parse_type(struct cursor *c, uint16_t type, struct net_datagram *out)
{
    for (unsigned tags = 0;; tags++) {
        if (type == ETHERTYPE_IP4)
            return parse_ip4(c, out);
        if (type == ETHERTYPE_IP6)
            return parse_ip6(c, out);
        if (type != ETHERTYPE_VLAN && type != ETHERTYPE_QINQ && type != ETHERTYPE_QINQ_OLD)
            return REASON(NET_NOT_IP);
        if (tags == VLANS_MAX)
            return REASON(NET_VLAN_DEPTH);
        if (!advance(c, 4))
            return REASON(NET_SHORT);
        type = load_u16_be(c->p - 2);
    }
}

/* No link header: the first nibble tells the version. */
static uint32_t parse_ip(struct cursor *c, struct net_datagram *out)
{
    if (c->cap < 1)
        return REASON(NET_SHORT);
    if (c->p[0] >> 4 == 4)
        return parse_ip4(c, out);
    return c->p[0] >> 4 == 6 ? parse_ip6(c, out) : REASON(NET_NOT_IP);
}

/* BSD loopback: the address family in the recording machine's byte order, or the other one. */
static uint32_t parse_null(struct cursor *c, struct net_datagram *out)
{
    if (!advance(c, 4))
        return REASON(NET_SHORT);
    uint32_t family = load_u32_le(c->p - 4);
    if (family > UINT16_MAX)
        family = __builtin_bswap32(family);
    switch (family) {
    case AF_INET_ANY:
        return parse_ip4(c, out);
    case AF_INET6_LINUX:
    case AF_INET6_BSD:
    case AF_INET6_FREEBSD:
    case AF_INET6_DARWIN:
        return parse_ip6(c, out);
    default:
        return REASON(NET_NOT_IP);
    }
}

/* Link header of `header` bytes with the EtherType at `type_at`. */
static uint32_t parse_link(struct cursor *c, uint32_t header, uint32_t type_at,
                           struct net_datagram *out)
{
    const uint8_t *link = c->p;
    if (!advance(c, header))
        return REASON(NET_SHORT);
    return parse_type(c, load_u16_be(link + type_at), out);
}

uint32_t net_parse_any(const struct io_frame *frame, struct net_datagram *out)
{
    struct cursor c = {frame->data, frame->caplen, frame->len};
    *out = (struct net_datagram){.ts_ns = frame->ts_ns, .input = frame->input, .link = frame->link};
    switch ((enum io_link)frame->link) {
    case IO_LINK_ETHERNET:
        return parse_link(&c, 14, 12, out);
    case IO_LINK_IP:
        return parse_ip(&c, out);
    case IO_LINK_NULL:
        return parse_null(&c, out);
    case IO_LINK_SLL:
        return parse_link(&c, 16, 14, out);
    case IO_LINK_SLL2:
        return parse_link(&c, 20, 0, out);
    case IO_LINK_BLOCKS:
        out->payload = c.p;
        out->caplen = c.cap;
        out->len = c.wire;
        return 0;
    case IO_LINK_UNKNOWN:
        break;
    }
    return REASON(IO_LINK_TYPE);
}
