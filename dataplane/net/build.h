/*
 * build.h - Ethernet, IPv4 (RFC 791) and UDP (RFC 768) headers with their checksums in front of a
 * payload; multicast addresses as in RFC 1112. Allocates nothing, sends nothing.
 */
#ifndef PN_NET_BUILD_H
#define PN_NET_BUILD_H

#include <stdint.h>

enum { NET_HEADERS = 42, NET_PAYLOAD_MAX = 65535 - 28 };

/* Addresses in network order, ports in host order. */
struct net_headers {
    uint8_t mac_to[6]; /* all zero: from the group */
    uint8_t mac_from[6];
    uint32_t to_be;
    uint32_t from_be;
    uint16_t port_to;
    uint16_t port_from;
    uint16_t ip_id;
    uint8_t ttl;
};

/* Fills the first NET_HEADERS bytes of a frame whose payload is in place behind them. */
void net_build_udp(uint8_t *frame, uint32_t payload, const struct net_headers *h);
/* Checksum of an IPv4 header of 20 bytes and of the UDP datagram behind it, put in their places. */
void net_build_checksums(uint8_t *ip, uint32_t udp_bytes);

#endif
