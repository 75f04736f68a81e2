/*
 * net.h - from a frame to the UDP datagram inside it. Views only: nothing is copied.
 * Ethernet II, up to two VLAN tags (802.1Q, 802.1ad), IPv4 with options, IPv6 with up to eight
 * extension headers; fragments and everything else are counted under one reason each.
 */
#ifndef PN_NET_NET_H
#define PN_NET_NET_H

#include <stdint.h>

#include "io/io.h"

struct net_datagram {
    const uint8_t *payload;
    uint32_t caplen;     /* payload bytes that are there */
    uint32_t len;        /* payload bytes that the UDP header declares; > caplen if snapped */
    uint64_t ts_ns;
    uint32_t group_be;   /* IPv4 destination; for IPv6 the low 32 bits folded over all 16 bytes */
    uint16_t port;       /* UDP destination, host order */
    uint16_t input;
    uint16_t link;       /* IO_LINK_BLOCKS: payload is message blocks, no group and port */
    uint16_t src_port;
    uint32_t src_be;
};

/* 0 with *out filled, or the reason (enum pn_reason) + 1 for which the frame carries none. */
uint32_t net_parse_frame(const struct io_frame *frame, struct net_datagram *out);

#endif
