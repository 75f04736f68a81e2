/*
 * net.h - from a frame to the UDP datagram inside it. Views only: nothing is copied.
 * Ethernet II, up to two VLAN tags (802.1Q, 802.1ad), IPv4 with options, IPv6 with up to eight
 * extension headers; fragments and everything else are counted under one reason each.
 */
#ifndef PN_NET_NET_H
#define PN_NET_NET_H

#include <stdint.h>

#include "base/bits.h"
#include "io/io.h"

struct net_datagram {
    const uint8_t *payload;
    uint32_t caplen; /* payload bytes that are there */
    uint32_t len;    /* payload bytes that the UDP header declares; > caplen if snapped */
    uint64_t ts_ns;
    uint32_t group_be; /* IPv4 destination; for IPv6 the low 32 bits folded over all 16 bytes */
    uint16_t port;     /* UDP destination, host order */
    uint16_t input;
    uint16_t link; /* IO_LINK_BLOCKS: payload is message blocks, no group and port */
    uint16_t src_port;
    uint32_t src_be;
    uint32_t ip6; /* 1: both addresses are folded IPv6 ones */
};

/* Every case; out of line. Same result as net_parse_frame. */
uint32_t net_parse_any(const struct io_frame *frame, struct net_datagram *out);

/*
 * 0 with *out filled, or the reason (enum pn_reason) + 1 for which the frame carries none.
 * Straight through for the common frame: Ethernet, IPv4 without options or fragments, UDP, whole.
 */
PN_HOT uint32_t net_parse_frame(const struct io_frame *frame, struct net_datagram *out)
{
    enum {
        ETH = 14,
        IP = ETH + 20,
        UDP = IP + 8,
        ETHERTYPE_IP4_LE = 0x0008,
        VERSION_4_HEADER_20 = 0x45,
        PROTOCOL_UDP = 17,
        FRAGMENT_LE = 0xff3f /* more fragments, offset */
    };
    const uint8_t *p = frame->data;
    if (frame->link == IO_LINK_BLOCKS) {
        *out = (struct net_datagram){.payload = p,
                                     .caplen = frame->caplen,
                                     .len = frame->len,
                                     .ts_ns = frame->ts_ns,
                                     .input = frame->input,
                                     .link = IO_LINK_BLOCKS};
        return 0;
    }
    if (PN_UNLIKELY(frame->link != IO_LINK_ETHERNET || frame->caplen < UDP))
        return net_parse_any(frame, out);
    uint32_t total = load_u16_be(p + ETH + 2), udp_len = load_u16_be(p + IP + 4);
    if (PN_UNLIKELY(load_u16_le(p + 12) != ETHERTYPE_IP4_LE || p[ETH] != VERSION_4_HEADER_20 ||
                    p[ETH + 9] != PROTOCOL_UDP || (load_u16_le(p + ETH + 6) & FRAGMENT_LE) ||
                    ETH + total > frame->caplen || udp_len < 8 || udp_len + 20 > total))
        return net_parse_any(frame, out);
    out->payload = p + UDP;
    out->caplen = udp_len - 8;
    out->len = udp_len - 8;
    out->ts_ns = frame->ts_ns;
    out->group_be = load_u32_le(p + ETH + 16);
    out->port = load_u16_be(p + IP + 2);
    out->input = frame->input;
    out->link = IO_LINK_ETHERNET;
    out->src_port = load_u16_be(p + IP);
    out->src_be = load_u32_le(p + ETH + 12);
    out->ip6 = 0;
    return 0;
}

#endif
