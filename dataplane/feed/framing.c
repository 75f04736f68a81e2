/* framing.c - see framing.h. */
#include "feed/framing.h"

/* Counts whole blocks; *used says how many bytes they take. */
PN_HOT uint32_t blocks_walk(const uint8_t *blocks, uint32_t bytes, uint32_t max, int big_endian,
                            uint32_t *used)
{
    const uint8_t *p = blocks, *end = blocks + bytes;
    uint32_t left = max;
    while (left && end - p >= 2) {
        const uint8_t *next = p + 2 + block_length(p, big_endian);
        if (PN_UNLIKELY(next > end))
            break;
        p = next;
        left--;
    }
    *used = (uint32_t)(p - blocks);
    return max - left;
}

/* Takes the blocks of a payload that should hold `want` of them in exactly `len` bytes. */
static inline uint32_t take_blocks(struct packet *p, const uint8_t *blocks, uint32_t caplen,
                                   uint32_t len, uint32_t want, int big_endian)
{
    uint32_t used;
    p->kind = PACKET_DATA;
    p->blocks = blocks;
    p->truncated = caplen < len;
    p->count = blocks_walk(blocks, caplen, want, big_endian, &used);
    p->bytes = used;
    if (PN_LIKELY(p->count == want && used == len))
        return 0;
    if (p->truncated && p->count < want)
        return 0;
    return PN_R_FRAMING_BLOCKS + 1;
}

uint32_t framing_mold(const struct net_datagram *d, struct packet *p)
{
    const uint8_t *m = d->payload;
    if (d->caplen < MOLD_HEADER)
        return PN_R_FRAMING_SHORT + 1;
    uint32_t count = load_u16_be(m + 18);
    *p = (struct packet){
        .seq = load_u64_be(m + 10),
        .session = {load_u64_le(m), load_u16_le(m + 8)},
        .rx_ns = d->ts_ns,
    };
    if (count == 0 || count == MOLD_END) {
        p->kind = count ? PACKET_END : PACKET_HEARTBEAT;
        return d->len == MOLD_HEADER ? 0 : PN_R_FRAMING_BLOCKS + 1;
    }
    p->unsequenced = p->seq == 0;
    return take_blocks(p, m + MOLD_HEADER, d->caplen - MOLD_HEADER, d->len - MOLD_HEADER, count, 1);
}

uint32_t framing_iextp_feed(uint32_t protocol)
{
    return protocol == 0x8004 ? PN_FEED_DEEP10 : protocol == 0x8003 ? PN_FEED_TOPS16 : PN_FEED_NONE;
}

uint32_t framing_iextp(const struct net_datagram *d, uint32_t feed, struct packet *p)
{
    const uint8_t *m = d->payload;
    if (d->caplen < IEXTP_HEADER)
        return PN_R_FRAMING_SHORT + 1;
    if (m[0] != 1 || (feed != PN_FEED_NONE && framing_iextp_feed(load_u16_le(m + 2)) != feed))
        return PN_R_FRAMING_VERSION + 1;
    uint32_t length = load_u16_le(m + 12), count = load_u16_le(m + 14);
    *p = (struct packet){
        .seq = load_u64_le(m + 24),
        .session = {load_u32_le(m + 8), 0},
        .sender_ns = load_u64_le(m + 32),
        .rx_ns = d->ts_ns,
    };
    if (length != d->len - IEXTP_HEADER || (!count && length))
        return PN_R_FRAMING_BLOCKS + 1;
    if (!count) {
        p->kind = PACKET_HEARTBEAT;
        return 0;
    }
    p->unsequenced = p->seq == 0;
    return take_blocks(p, m + IEXTP_HEADER, d->caplen - IEXTP_HEADER, length, count, 0);
}

uint32_t framing_blocks(const struct net_datagram *d, struct packet *p)
{
    uint32_t used;
    *p = (struct packet){.blocks = d->payload, .rx_ns = d->ts_ns, .kind = PACKET_DATA};
    p->count = blocks_walk(d->payload, d->caplen, UINT32_MAX, 1, &used);
    p->bytes = used;
    p->unsequenced = 2;
    /* A day of ITCH begins with the system event O, start of messages. */
    p->midstream = !(d->caplen >= 14 && d->payload[2] == 'S' && d->payload[13] == 'O');
    return used == d->caplen ? 0 : PN_R_FRAMING_BLOCKS + 1;
}
