/*
 * match.h - the simulated exchange's matching engine: price-time priority, many instruments,
 * deterministic. No clock, no randomness, no bytes: requests in, events out; sim/exchange.h turns
 * the events into market data and order replies.
 */
#ifndef PN_SIM_MATCH_H
#define PN_SIM_MATCH_H

#include <stdint.h>

#include "base/bits.h"
#include "base/error.h"

/*
 * EVENTS_MAX: of one request. An order that would cause more stops matching, and what is left of it
 * is cancelled with reason Z; a fill-or-kill order is cancelled whole. match_phase alone may say
 * more, in a cross or at the close, as often as there are orders.
 */
enum match_limits {
    MATCH_EVENTS_MAX = 4096,
    MATCH_INSTRUMENTS_MAX = 8192,
    MATCH_ORDERS_MAX = 1 << 24,
    MATCH_OWNERS_MAX = 65535,
    MATCH_QTY_MAX = 1 << 30,
    MATCH_PX_MAX = 2000000000,
    MATCH_TRADES_KEPT = 65536 /* the last ones, which can be broken */
};

enum match_tif {
    MATCH_DAY = 0,
    MATCH_IOC = 1,
    MATCH_FOK = 2,
    MATCH_AT_OPEN = 3,
    MATCH_AT_CLOSE = 4
};

enum match_flags {
    MATCH_POST_ONLY = 1,
    MATCH_HIDDEN = 2,
    MATCH_MARKET = 4, /* px is ignored; but for a cross it never rests */
    MATCH_ISO = 8
};

/* What happens when an owner's orders would meet outside a cross (self-match prevention). */
enum match_stp {
    MATCH_STP_NONE = 0,
    MATCH_STP_OLDEST = 1,
    MATCH_STP_NEWEST = 2,
    MATCH_STP_DECREMENT = 3
};

enum match_phase { MATCH_PRE_OPEN = 0, MATCH_OPEN = 1, MATCH_HALT = 2, MATCH_CLOSED = 3 };

struct match_config {
    uint32_t instruments;
    uint32_t max_orders; /* resting at a time */
    uint32_t owners;
    uint32_t stp;                 /* enum match_stp */
    int64_t maker_fee, taker_fee; /* money (1e-8) a unit; negative is a rebate */
};

struct match_instrument {
    char name[12];
    uint32_t tick;     /* price units (1e-4) */
    uint32_t lot;      /* sizes are multiples of 1; lot is the round lot said in the directory */
    int32_t start_px;  /* collar and band centre before there is a trade */
    uint32_t band_ppm; /* orders further from the last price are refused; 0 = no band */
};

struct match_request {
    uint32_t instrument;
    uint32_t owner; /* 0 .. owners-1 */
    uint64_t token; /* the owner's own number; comes back in events */
    int32_t px;
    uint32_t qty;
    uint32_t display; /* 0 = all; less than qty: reserve, shown anew in pieces of this */
    uint8_t side;
    uint8_t tif;
    uint8_t flags;
    uint8_t reserved;
};

/*
 * px, side, instrument are set wherever they mean something. ref of public events is the displayed
 * one, of private ones the order's own, which it keeps while reserve size is shown anew.
 */
enum match_event_kind {
    /* market data: what the feed says */
    ME_ADD = 1,        /* ref, side, px, qty */
    ME_EXECUTE = 2,    /* ref, qty, ref2 = match; at its own price; left = 0: it is gone */
    ME_EXECUTE_AT = 3, /* the same at px, in a cross: hidden = 0, the cross message prints it */
    ME_REDUCE = 4,     /* ref loses qty, keeps its place */
    ME_DELETE = 5,     /* ref */
    ME_REPLACE = 6,    /* ref -> ref2 with px, qty, at the back */
    ME_TRADE = 7,      /* hidden liquidity of side was hit: px, qty, ref2 = match */
    ME_CROSS = 8,      /* px, ref = qty in all (qty: its low half), ref2 = match, why = O, C, H */
    ME_STATUS = 9,     /* why = qty = phase, maker = the caller's why */
    ME_BROKEN = 10,    /* ref2 = match */
    /* private: what an owner is told; left = open after it */
    ME_ACCEPTED = 32,     /* ref, qty: all of it, executions and cancels come after */
    ME_REJECTED = 33,     /* why: OUCH 5.0 reject code */
    ME_FILL = 34,         /* qty, px, ref2 = match, maker, fee; why = O, C, H in a cross;
                             hidden = 1: what rested was */
    ME_CANCELLED = 35,    /* qty taken off, why: OUCH cancel reason letter */
    ME_REPLACED = 36,     /* token2_low -> token, ref2 -> ref (the same: it kept its place), qty */
    ME_AIQ = 37,          /* qty taken off, ref2 = qty kept from trading, px, maker */
    ME_TRADE_BROKEN = 38, /* as the FILL was: ref2 = match, side, px, qty, fee */
    ME_RESTATED = 39      /* reserve shown anew: ref2 = displayed reference, qty = displayed */
};

/* One event, one cache line; private ones name owner and token. */
struct match_event {
    uint8_t kind, side, maker, why;
    uint32_t instrument;
    uint64_t ref;
    uint64_t ref2;
    uint64_t token;
    uint32_t token2_low;
    uint32_t owner;
    int32_t px;
    uint32_t qty;
    int64_t fee; /* money */
    uint32_t left;
    uint32_t hidden;
};

struct match;

int match_open(struct match **out, const struct match_config *cfg,
               const struct match_instrument *instruments, struct error *e);
void match_close(struct match *m);
/* Events of the last request; valid until the next one. */
const struct match_event *match_events(const struct match *m, uint32_t *count);

/*
 * Each returns 0 or an OUCH reject code (REJECTED is then among the events, where an owner waits).
 */
uint32_t match_submit(struct match *m, const struct match_request *r, uint64_t *ref);
/*
 * keep: what shall stay open of it; 0 = none. It keeps its place; reserve size goes first. Nothing
 * to take off: no event, returns 0. Unknown or foreign: no event, returns 1.
 */
uint32_t match_cancel(struct match *m, uint32_t owner, uint64_t ref, uint32_t keep);
/*
 * r->qty: what shall be open. Less at the same price keeps its place and its reference, everything
 * else goes to the back, or trades. Unknown or foreign: no event, returns 1. Details that are not
 * valid cancel the old order (reason Z) and return the reject code.
 */
uint32_t match_replace(struct match *m, uint32_t owner, uint64_t ref, const struct match_request *r,
                       uint64_t *new_ref);
/* All orders of an owner, in one instrument or (UINT32_MAX) in all; call until it returns 0. */
uint32_t match_mass_cancel(struct match *m, uint32_t owner, uint32_t instrument, uint8_t why);
/*
 * Phase of an instrument. Orders are taken before the opening and in a halt, displayed as they are,
 * and do not trade: the book may be crossed. To OPEN runs the opening or halt cross first, and what
 * was for it is cancelled (reason E); from OPEN to CLOSED runs the closing cross, then all is.
 */
void match_phase(struct match *m, uint32_t instrument, enum match_phase phase, uint8_t why);
/* A trade is void; 0 or -ENOENT. */
int match_break(struct match *m, uint64_t match_number);

/* Where an instrument stands; sizes are of displayed orders. */
struct match_top {
    int32_t bid_px, ask_px, last_px;
    uint32_t phase;
    uint64_t bid_qty, ask_qty;
    uint32_t bid_orders, ask_orders;
};
void match_top(const struct match *m, uint32_t instrument, struct match_top *out);
/* An order of an owner that rests at random place r of those there are: for agents that cancel. */
uint64_t match_pick(const struct match *m, uint32_t owner, uint32_t instrument, uint64_t r);
/*
 * Orders at a price, hidden ones included, and how much they display; and one of an owner at or
 * after the r-th place there, or before it when none is after; 0 = none.
 */
uint32_t match_level(const struct match *m, uint32_t instrument, uint32_t side, int32_t px,
                     uint64_t *qty);
uint64_t match_pick_at(const struct match *m, uint32_t owner, uint32_t instrument, uint32_t side,
                       int32_t px, uint64_t r);
/* What is left of a resting order; 0 if it does not rest. */
uint32_t match_left(const struct match *m, uint64_t ref, uint8_t *side, int32_t *px);
/* Displayed resting orders in priority, for a snapshot: up to cap from the at-th on. */
struct match_resting {
    uint64_t ref;
    int32_t px;
    uint32_t qty;
    uint8_t side;
    uint8_t reserved[7];
};
uint32_t match_snapshot(const struct match *m, uint32_t instrument, struct match_resting *out,
                        uint32_t cap, uint32_t at);
/* Digest of all resting orders in order, and of all that happened. */
uint64_t match_digest(const struct match *m);

#endif
