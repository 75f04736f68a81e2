/* build.c - see build.h. */
#include "net/build.h"

#include "base/bits.h"

enum { ETH = 14, IP = 20, UDP = 8 };

/* One's complement sum over 16-bit words, an odd last byte padded. */
static uint64_t sum_words(const uint8_t *p, uint32_t bytes, uint64_t sum)
{
    for (; bytes >= 8; bytes -= 8, p += 8)
        sum += (uint64_t)load_u32_be(p) + load_u32_be(p + 4);
    for (; bytes >= 2; bytes -= 2, p += 2)
        sum += load_u16_be(p);
    return bytes ? sum + (uint64_t)(p[0] << 8) : sum;
}

static uint16_t fold(uint64_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

void net_build_checksums(uint8_t *ip, uint32_t udp_bytes)
{
    uint8_t *udp = ip + IP;
    store_u16_be(ip + 10, 0);
    store_u16_be(ip + 10, fold(sum_words(ip, IP, 0)));
    store_u16_be(udp + 6, 0);
    /* pseudo header: addresses, protocol, length */
    uint16_t check = fold(sum_words(udp, udp_bytes, sum_words(ip + 12, 8, 17 + udp_bytes)));
    store_u16_be(udp + 6, check ? check : 0xffff);
}

void net_build_udp(uint8_t *frame, uint32_t payload, const struct net_headers *h)
{
    static const uint8_t from_group[6];
    uint8_t *ip = frame + ETH, *udp = ip + IP;
    uint32_t udp_bytes = UDP + payload;
    memcpy(frame, h->mac_to, 6);
    if (memcmp(h->mac_to, from_group, 6) == 0) {
        uint8_t group[4];
        memcpy(group, &h->to_be, 4);
        memcpy(frame, (const uint8_t[]){0x01, 0x00, 0x5e, group[1] & 0x7f, group[2], group[3]}, 6);
    }
    memcpy(frame + 6, h->mac_from, 6);
    store_u16_be(frame + 12, 0x0800);

    memset(ip, 0, IP);
    ip[0] = 0x45;
    store_u16_be(ip + 2, (uint16_t)(IP + udp_bytes));
    store_u16_be(ip + 4, h->ip_id);
    store_u16_be(ip + 6, 0x4000);
    ip[8] = h->ttl;
    ip[9] = 17;
    memcpy(ip + 12, &h->from_be, 4);
    memcpy(ip + 16, &h->to_be, 4);
    store_u16_be(udp, h->port_from);
    store_u16_be(udp + 2, h->port_to);
    store_u16_be(udp + 4, (uint16_t)udp_bytes);
    net_build_checksums(ip, udp_bytes);
}
