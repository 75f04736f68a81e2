/*
 * match_internal.h - what the files of the matching engine share: orders, levels, ladders, and the
 * event list. All of it belongs to one struct match; nothing is taken or given back after open.
 *
 * An order lives in a slot, the last one freed being the first one used again. It is found by its
 * reference through a ring of slot numbers, indexed by the reference's low bits: a new reference
 * skips numbers whose place in the ring is taken, so references rise strictly, mostly by one, and
 * no two live ones share a place. The ring has four places an order and an order at most two
 * references (its own, and the one its displayed part has now), so at most half is taken.
 */
#ifndef PN_SIM_MATCH_INTERNAL_H
#define PN_SIM_MATCH_INTERNAL_H

#include "sim/match.h"

enum {
    MT_PAGE_LEVELS = 64,
    MT_DIR_WAYS = 8,
    MT_CHUNK_IDS = 125,
    MT_RANK_MAX = 0x7fffffff,
    MT_ROOM = 8, /* a step of matching and what follows the last one never say more */
};

/* Queues of a level. */
enum { MT_SHOWN = 0, MT_DARK = 1 };

/* Ladders of an instrument: the book, and orders that wait for a cross. */
enum { MT_BOOK = 0, MT_OPENING = 1, MT_CLOSING = 2 };

/* Bits of an order beyond enum match_flags. */
enum {
    MT_FLAGS = MATCH_POST_ONLY | MATCH_HIDDEN | MATCH_MARKET | MATCH_ISO,
    MT_IS_WAITING = 64, /* within a cross: of a reserve order no part is displayed */
    MT_IS_DARK = 128
};

struct mt_order {
    uint64_t ref;   /* what its owner knows it by */
    uint64_t shown; /* what the feed calls its displayed part; 0 = none is displayed */
    uint64_t token;
    uint32_t next, prev;
    uint32_t qty; /* displayed; of a hidden order all of it */
    uint32_t reserve;
    uint32_t display; /* size of a displayed part; 0 = no reserve */
    int32_t px;
    uint32_t ladder;
    uint32_t page;
    uint32_t place; /* in its owner's list: chunk << 7 | position */
    uint16_t owner;
    uint8_t bit;
    uint8_t flags;
};

struct mt_level {
    uint32_t head[2], tail[2];
    uint64_t qty; /* displayed */
    uint32_t count[2];
};

/*
 * 64 neighbouring levels. better and worse lead along a ladder, chain along a bucket of the index.
 */
struct mt_page {
    uint64_t key; /* ladder << 32 | number */
    uint64_t occupied;
    uint64_t shown;
    uint32_t better, worse, chain;
    uint32_t reserved[7];
    struct mt_level level[MT_PAGE_LEVELS];
};

/* One side of one kind; its number is instrument * 8 + kind * 2 + side. */
struct mt_ladder {
    uint32_t best;      /* page of the best level; 0 = no level */
    uint32_t best_rank; /* 0 = no level */
    uint32_t head;      /* first page of the list, which may be the spare one */
    uint32_t spare;     /* the only page without a level, if there is one */
    uint32_t dir[MT_DIR_WAYS];
    uint32_t reserved[4];
};

struct mt_instrument {
    uint64_t tick_mul; /* 2^63 / tick, rounded up */
    uint32_t tick;
    uint32_t band_ppm;
    int32_t last_px;
    uint32_t phase;
};

/* Live orders of one owner in one instrument, in no order: a list of full chunks but the last. */
struct mt_group {
    uint32_t count, head, tail, reserved;
};

struct mt_chunk {
    uint32_t next, prev, n;
    uint32_t slot[MT_CHUNK_IDS];
};

struct mt_trade {
    uint64_t match;
    uint64_t token[2], ref[2]; /* by side */
    int32_t px;
    uint32_t qty;
    uint16_t owner[2];
    uint16_t instrument;
    uint8_t maker; /* side that rested; 2 = a cross */
    uint8_t broken;
};

_Static_assert(sizeof(struct mt_order) == 64, "one line");
_Static_assert(sizeof(struct mt_level) == 32, "two a line");
_Static_assert(sizeof(struct mt_page) == 64 + 64 * 32, "a head of one line");
_Static_assert(sizeof(struct mt_ladder) == 64, "one line");
_Static_assert(sizeof(struct mt_chunk) == 512, "eight lines");
_Static_assert(sizeof(struct mt_trade) == 56, "no gaps");
_Static_assert(sizeof(struct match_event) == 64, "one line");

struct match {
    struct match_config cfg;
    struct match_event *event;
    uint32_t events;
    uint32_t slot_free, slots_used;
    uint32_t page_free, pages_used, pages_max;
    uint32_t chunk_free, chunks_used;
    uint64_t next_ref;
    uint64_t last_match;
    uint64_t digest;
    struct mt_order *order; /* from 1 */
    uint32_t *ring;
    uint64_t ring_mask;
    struct mt_page *page; /* from 1; page 0 belongs to nobody */
    uint32_t *index;
    uint32_t index_shift;
    struct mt_ladder *ladder;
    struct mt_instrument *instrument;
    struct mt_group *group;
    struct mt_chunk *chunk; /* from 1 */
    struct mt_trade *trade;
};

PN_HOT uint32_t mt_ladder_id(uint32_t instrument, uint32_t kind, uint32_t side)
{
    return instrument * 8 + kind * 2 + side;
}

PN_HOT uint32_t mt_side(uint32_t ladder)
{
    return ladder & 1;
}

/* Price in ticks, rounded down; px from 0 on. */
PN_HOT uint32_t mt_ticks(const struct mt_instrument *in, int32_t px)
{
    return (uint32_t)(((unsigned __int128)((uint64_t)(uint32_t)px << 1) * in->tick_mul) >> 64);
}

/* The better a price on its side, the higher its rank; and back. */
PN_HOT uint32_t mt_rank(uint32_t side, uint32_t ticks)
{
    return side ? MT_RANK_MAX - ticks : ticks;
}

PN_HOT void mt_emit(struct match *m, struct match_event e)
{
    m->event[m->events++] = e;
}

/* Digest of words: the sum of products that look at two words each, mixed with what went before. */
PN_HOT uint64_t mt_mix(uint64_t a, uint64_t b)
{
    unsigned __int128 p =
        (unsigned __int128)(a ^ 0x9e3779b97f4a7c15ull) * (b ^ 0xd6e8feb86659fd93ull);
    return (uint64_t)p ^ (uint64_t)(p >> 64);
}

PN_HOT uint64_t mt_fold_event(uint64_t h, const struct match_event *e)
{
    uint64_t w[8];
    memcpy(w, e, sizeof w);
    uint64_t v = mt_mix(w[0], w[1]) + 3 * mt_mix(w[2], w[3]) + 5 * mt_mix(w[4], w[5]) +
                 7 * mt_mix(w[6], w[7]);
    h = (h ^ v) * 0x9fb21c651e98df25ull;
    return h ^ h >> 32;
}

/* A request begins: what the last one said goes into the digest. */
PN_HOT void mt_begin(struct match *m)
{
    uint64_t h = m->digest;
    for (uint32_t i = 0; i < m->events; i++)
        h = mt_fold_event(h, &m->event[i]);
    m->digest = h;
    m->events = 0;
}

PN_HOT struct match_event mt_event(uint8_t kind, const struct mt_order *o)
{
    return (struct match_event){.kind = kind,
                                .side = (uint8_t)mt_side(o->ladder),
                                .instrument = o->ladder / 8,
                                .ref = o->ref,
                                .token = o->token,
                                .owner = o->owner,
                                .px = o->px,
                                .hidden = o->flags >> 7};
}

/* Public events name no owner. */
PN_HOT struct match_event mt_public(uint8_t kind, const struct mt_order *o, uint32_t qty)
{
    return (struct match_event){.kind = kind,
                                .side = (uint8_t)mt_side(o->ladder),
                                .instrument = o->ladder / 8,
                                .ref = o->shown,
                                .px = o->px,
                                .qty = qty,
                                .left = o->qty};
}

/* An order that is taking: not in the book, or not yet. */
struct mt_taker {
    uint64_t ref, token;
    uint32_t owner, instrument, side;
    uint32_t left;
    uint32_t limit; /* rank on the other side that it goes as far as */
    uint32_t flags, tif;
};

/*
 * Matches against the other side as far as it goes. 0, or the letter why what is left of it must
 * not rest; 'Q': it has been told already. (match_trade.c)
 */
uint8_t mt_take(struct match *m, struct mt_taker *t);
/* Writes down who traded, for match_break; returns the match number. */
uint64_t mt_trade_note(struct match *m, const struct mt_trade *t);
/* The next displayed part of a reserve order, behind all others at its price. */
void mt_refresh(struct match *m, uint32_t slot);
/* Takes an order off the book and says so. (match.c) */
void mt_take_off(struct match *m, uint32_t slot, uint8_t why);
/* Runs the cross of an instrument: type 'O', 'C' or 'H'. (match_cross.c) */
void mt_cross(struct match *m, uint32_t instrument, uint8_t type);

#endif
