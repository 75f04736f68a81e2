/*
 * itch50.h - Nasdaq TotalView-ITCH 5.0 (revision of February 2026): messages to events.
 *
 * Big-endian throughout; every message starts with type, stock locate (2), tracking number (2) and
 * a 6-byte time in ns since midnight Eastern. The five types that make up nearly all of a day have
 * an inline function each, for messages of exactly their length; itch50_decode takes every type
 * and every length, by a table of offsets.
 */
#ifndef PN_FEED_ITCH50_H
#define PN_FEED_ITCH50_H

#include "feed/decode.h"

struct itch50_type {
    uint32_t head;     /* kind, side 0, flags, type: as an event begins */
    uint8_t len;       /* 0: unknown type */
    uint8_t has_stock; /* 1: an 8-byte symbol at stock_off */
    uint8_t stock_off;
    uint8_t side_off;
    uint8_t side_mask; /* 0x81: must be B or S; 0: no side */
    uint8_t ref_off;
    uint8_t ref2_off;
    uint8_t size_off; /* of the field's last eight bytes */
    uint8_t px_off;
    uint8_t aux_off;
    uint8_t reserved[2];
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

/* Decodes one message of len bytes; ev->seq and rx_ns are the caller's. Returns 0 or 1 events. */
uint32_t itch50_decode(const struct decode_ctx *c, const uint8_t *m, uint32_t len,
                       struct pn_event *ev);

enum itch50_len {
    ITCH50_ADD = 36,
    ITCH50_EXECUTED = 31,
    ITCH50_CANCEL = 23,
    ITCH50_DELETE = 19,
    ITCH50_REPLACE = 35
};

/* What all order messages share. */
PN_HOT struct pn_event itch50_order(const uint8_t *m, enum pn_event_kind kind, uint32_t instrument,
                                    uint64_t seq, uint64_t rx_ns)
{
    return (struct pn_event){
        .kind = (uint8_t)kind,
        .wire_type = m[0],
        .instrument = instrument,
        .ts_ns = load_u64_be(m + 3) & 0xffffffffffffull,
        .rx_ns = rx_ns,
        .seq = seq,
        .ref = load_u64_be(m + 11),
    };
}

PN_HOT void itch50_add(const uint8_t *m, struct pn_event *ev)
{
    ev->side = itch50_sides[m[19]] & 1;
    ev->size = load_u32_be(m + 20);
    ev->px = (int32_t)load_u32_be(m + 32);
}

/* The two fields of an add that can be impossible. */
PN_HOT int itch50_add_bad(const uint8_t *m)
{
    return (itch50_sides[m[19]] >> 7) | (load_u32_be(m + 32) > ITCH50_PRICE_MAX);
}

PN_HOT void itch50_executed(const uint8_t *m, struct pn_event *ev)
{
    ev->size = load_u32_be(m + 19);
    ev->ref2 = load_u64_be(m + 23);
}

PN_HOT void itch50_cancel(const uint8_t *m, struct pn_event *ev)
{
    ev->size = load_u32_be(m + 19);
}

PN_HOT void itch50_replace(const uint8_t *m, struct pn_event *ev)
{
    ev->ref2 = load_u64_be(m + 19);
    ev->size = load_u32_be(m + 27);
    ev->px = (int32_t)load_u32_be(m + 31);
}

PN_HOT int itch50_replace_bad(const uint8_t *m)
{
    return load_u32_be(m + 31) > ITCH50_PRICE_MAX;
}

#endif
