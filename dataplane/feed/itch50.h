/*
 * itch50.h - Nasdaq TotalView-ITCH 5.0 (revision of February 2026): messages to events.
 *
 * One table says where each type keeps what; the same loads serve all types, absent fields are
 * masked away. Big-endian throughout; every message starts with type, stock locate (2), tracking
 * number (2) and a 6-byte time in ns since midnight Eastern.
 */
#ifndef PN_FEED_ITCH50_H
#define PN_FEED_ITCH50_H

#include "feed/decode.h"

struct itch50_type {
    uint32_t head;     /* kind, side 0, flags, type: as an event begins */
    uint8_t len;       /* 0: unknown type */
    uint8_t extra;     /* needs itch50_extra */
    uint8_t has_stock; /* 1: an 8-byte symbol at stock_off */
    uint8_t stock_off;
    uint8_t side_off;
    uint8_t side_mask; /* 0x81: must be B or S; 0: no side */
    uint8_t ref_off;
    uint8_t ref2_off;
    uint8_t size_off; /* of the field's last eight bytes */
    uint8_t px_off;
    uint8_t aux_off;
    uint8_t reserved;
    uint32_t px_mask;
    uint32_t aux_mask;
    uint64_t ref_mask;
    uint64_t ref2_mask;
    uint64_t size_mask;
    const char *label;
};

extern const struct itch50_type itch50_types[256];

/* B is 0, S is 1, anything else 0x80. */
extern const uint8_t itch50_sides[256];

enum {
    ITCH50_PRICE_MAX = 2000000000, /* 200,000.0000, the protocol's own limit */
    ITCH50_LEN_MIN = 12,           /* no type is shorter */
};

/* Types that do not fit the table alone: S, H, h, C and bad fields. */
void itch50_extra(const struct decode_ctx *c, const uint8_t *m, struct pn_event *ev);
/* Cold exits of itch50_decode: returns how many events. */
uint32_t itch50_refuse(const struct decode_ctx *c, const uint8_t *m, uint32_t len,
                       struct pn_event *ev);

/* Decodes one message of len bytes; ev->seq and rx_ns are the caller's. Returns 0 or 1 events. */
PN_HOT uint32_t itch50_decode(const struct decode_ctx *c, const uint8_t *m, uint32_t len,
                              struct pn_event *ev)
{
    if (PN_UNLIKELY(len < ITCH50_LEN_MIN))
        return itch50_refuse(c, m, len, ev);
    const struct itch50_type *t = &itch50_types[m[0]];
    if (PN_UNLIKELY(len != t->len)) {
        if (len < t->len || !t->len)
            return itch50_refuse(c, m, len, ev);
        c->drops[PN_R_MSG_LONG]++;
    }
    uint32_t locate = load_u16_be(m + 1);
    uint32_t instrument = instrument_map_locate(c->map, locate);
    if (PN_UNLIKELY(instrument == INSTRUMENT_NONE)) {
        ev->wire_type = m[0];
        return decode_lost(c, PN_R_INSTRUMENTS_FULL, ev);
    }
    uint32_t side = itch50_sides[m[t->side_off]] & t->side_mask;
    uint32_t px = load_u32_be(m + t->px_off) & t->px_mask;
    store_u64_le(ev, t->head | (side & 1) << 8 | (uint64_t)instrument << 32);
    ev->ts_ns = load_u64_be(m + 3) & 0xffffffffffffull;
    ev->ref = load_u64_be(m + t->ref_off) & t->ref_mask;
    ev->ref2 = load_u64_be(m + t->ref2_off) & t->ref2_mask;
    ev->size = load_u64_be(m + t->size_off) & t->size_mask;
    ev->px = (int32_t)px;
    ev->aux = load_u32_be(m + t->aux_off) & t->aux_mask;
    /* One test for all that is rare, and no branch that depends on the type: types come in no
     * order, and a branch that knows them is mispredicted half of the time. */
    uint32_t unnamed = t->has_stock & ~instrument_map_named(c->map, locate);
    if (PN_UNLIKELY(t->extra | unnamed | side >> 7 | (px > ITCH50_PRICE_MAX)))
        itch50_extra(c, m, ev);
    return 1;
}

#endif
