/*
 * wire_frame.c - Ethernet, IPv4 (RFC 791) and UDP (RFC 768) headers with their checksums; multicast
 * addresses as in RFC 1112. Allocates nothing, sends nothing.
 */
#include "sim/wire_internal.h"

enum { ETH = 14, IP = 20, UDP = 8, SOURCE_PORT = 18000 };

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

void wire_frame_build(uint8_t *frame, uint32_t payload, const struct pn_wire_line *cfg,
                      uint32_t line, uint16_t ip_id)
{
    uint8_t *ip = frame + ETH, *udp = ip + IP;
    uint32_t udp_bytes = UDP + payload;
    uint8_t group[4];
    memcpy(group, &cfg->group_be, 4);
    memcpy(frame, (const uint8_t[]){0x01, 0x00, 0x5e, group[1] & 0x7f, group[2], group[3]}, 6);
    memcpy(frame + 6, (const uint8_t[]){0x02, 0, 0, 0, 0, (uint8_t)(line + 1)}, 6);
    store_u16_be(frame + 12, 0x0800);

    memset(ip, 0, IP);
    ip[0] = 0x45;
    store_u16_be(ip + 2, (uint16_t)(IP + udp_bytes));
    store_u16_be(ip + 4, ip_id);
    store_u16_be(ip + 6, 0x4000);
    ip[8] = 16;
    ip[9] = 17;
    memcpy(ip + 12, &cfg->source_be, 4);
    memcpy(ip + 16, &cfg->group_be, 4);
    store_u16_be(ip + 10, fold(sum_words(ip, IP, 0)));

    store_u16_be(udp, SOURCE_PORT);
    store_u16_be(udp + 2, cfg->port);
    store_u16_be(udp + 4, (uint16_t)udp_bytes);
    store_u16_be(udp + 6, 0);
    /* pseudo header: addresses, protocol, length */
    uint16_t check = fold(sum_words(udp, udp_bytes, sum_words(ip + 12, 8, 17 + udp_bytes)));
    store_u16_be(udp + 6, check ? check : 0xffff);
}
