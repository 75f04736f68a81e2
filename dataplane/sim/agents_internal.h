/*
 * agents_internal.h - state shared by the agents*.c files and nobody else: the models made ready
 * (agents_open.c), each instrument's state, and what the kinds of agents do (agents_flow.c,
 * agents_maker.c), called by the one that is in charge of time (agents.c).
 */
#ifndef PN_SIM_AGENTS_INTERNAL_H
#define PN_SIM_AGENTS_INTERNAL_H

#include "sim/agents.h"
#include "sim/agents_draw.h"

enum { BUY = 0, SELL = 1 };

/* A pn_flow_model made ready. Rates are events in 10^9 s, of both sides together. */
struct agents_model {
    struct draw_choice distance;
    uint64_t limit, market, informed, step;
    uint64_t cancel_max;           /* of one order, at the distance where it is highest */
    uint32_t cancel_share[16];     /* chance at k + 1 ticks against cancel_max, Q32 */
    uint32_t seed_orders[16];      /* of each side at k + 1 ticks, before the opening */
    uint64_t child, maker, regime; /* of one child, one maker, one regime */
    uint64_t size_scale;           /* for draw_geometric */
    uint64_t market_size_scale;
    uint64_t value_vol_q8;
    uint32_t mul_q8;
    uint32_t informed_ticks;
    uint32_t momentum_ppm;
    uint32_t hidden_ppm;
    uint32_t makers, maker_half_ticks, maker_size;
};

struct agents_order {
    uint64_t ref;
    int32_t px;
    uint32_t side;
};

struct agents_maker {
    uint64_t ref[2];
    int32_t px[2];
};

struct agents_instrument {
    struct rng rng;
    struct agents_order *order; /* resting, or filled without our having looked */
    struct agents_maker *maker;
    const struct agents_model *model;
    uint32_t orders;
    uint32_t children[2]; /* momentum takings to come */
    uint32_t outdated;    /* makers that have not yet looked at the newest top, one bit each */
    int32_t touch[2];     /* best bid and offer, or where they were last */
    int32_t tick;
    uint32_t lot;
    uint32_t busy;
    uint32_t seeded;   /* calls of agents_seed_book so far */
    uint32_t seed_qty; /* of the opening cross */
    uint64_t value_ns; /* of the last step */
    int64_t value_q24;
};

struct agents_due {
    uint64_t ns;
    uint32_t instrument;
    uint32_t reserved;
};

struct agents {
    struct match *match;
    struct agents_due *heap; /* four children a node */
    struct agents_instrument *instrument;
    uint32_t instruments;
    uint32_t owner;
    uint32_t order_cap; /* of each instrument */
    uint32_t reserved;
    uint64_t open_ns, close_ns; /* since the epoch */
    struct draw_log log;
    struct agents_counts counts;
    struct agents_model model[8];
    struct agents_order *order_memory;
    struct agents_maker *maker_memory;
};

/* What an agent came to: a request was made, or there was none to make. */
enum agents_done { AGENTS_LOOKED = 0, AGENTS_ACTED = 1 };

/* agents.c: all first waits, and the heap. */
void agents_start(struct agents *a);

/* agents_flow.c; top is the instrument's, read in this action. */
enum agents_done agents_limit(struct agents *a, uint32_t i);
enum agents_done agents_cancel(struct agents *a, uint32_t i);
enum agents_done agents_take(struct agents *a, uint32_t i, uint32_t side, int32_t worst,
                             const struct match_top *top);
enum agents_done agents_informed(struct agents *a, uint32_t i, uint64_t now_ns,
                                 const struct match_top *top);
void agents_step_value(struct agents_instrument *s, uint64_t now_ns);
void agents_call_forth(struct agents_instrument *s, uint32_t side);
/* An order that may rest is sent and noted. */
enum agents_done agents_rest(struct agents *a, uint32_t i, uint32_t side, int32_t px, uint32_t qty,
                             uint8_t flags);
/* agents_maker.c */
enum agents_done agents_requote(struct agents *a, uint32_t i);

/* Where the best are, for distances: an empty side is where it was, but never through the other. */
PN_HOT int agents_note_top(struct agents_instrument *s, const struct match_top *top)
{
    int32_t bid = top->bid_orders ? top->bid_px : s->touch[BUY];
    int32_t ask = top->ask_orders ? top->ask_px : s->touch[SELL];
    if (PN_UNLIKELY(bid >= ask)) {
        if (top->ask_orders)
            bid = ask - s->tick;
        else
            ask = bid + s->tick;
    }
    int changed = bid != s->touch[BUY] || ask != s->touch[SELL];
    s->touch[BUY] = bid;
    s->touch[SELL] = ask;
    return changed;
}

#endif
