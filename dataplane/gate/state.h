/*
 * state.h - what the gate remembers, for its own sources and their tests. All of it belongs to the
 * thread that checks orders.
 *
 * Money of one side of one slot, and the value of what is held, stay within GATE_MONEY_MAX, so that
 * a slot's exposure fits 64 bits; sums over slots are kept in 128. Prices, sizes and value_mul are
 * at least 1, so that sizes stay within it too.
 */
#ifndef PN_GATE_STATE_H
#define PN_GATE_STATE_H

#include <stddef.h>

#include "gate/gate.h"

#define GATE_MONEY_MAX ((int64_t)1 << 61)
#define GATE_NEVER (-((int64_t)1 << 62)) /* a time before all others */

enum gate_limits {
    GATE_PRICES_MAX = PN_WORKING_MAX, /* prices of own orders, one side of one slot */
    GATE_RECENT_MAX = 1024,           /* orders of one slot inside its repetition window */
    GATE_FILLS_MAX = 1024,            /* likewise fills; a higher fills_max counts as this */
    GATE_RATE_MAX = 65536,            /* messages; higher limits of a session count as this */
    GATE_COPY_TRIES = 100,            /* copies of a record before the last good one stays */
    GATE_SCOPES = 5,
    GATE_LATCHES = 1 + PN_VENUES_MAX + PN_STRATEGIES_MAX + PN_TRADED_MAX + PN_ACCOUNTS_MAX,
    GATE_GROUPS = 1 + PN_ACCOUNTS_MAX + PN_STRATEGIES_MAX
};

typedef __int128 money_sum;

/* Divides evenly? By one multiplication: d = 2^shift * odd, inverse of odd modulo 2^64. */
struct gate_step {
    uint64_t inverse, most;
    uint32_t shift;
};

/* One side's orders that are not done. */
struct gate_side {
    uint64_t qty;
    int64_t value;
    int64_t best;     /* price nearest to the other side; nothing: INT64_MIN bid, INT64_MAX ask */
    uint32_t working; /* orders */
    uint32_t prices;  /* used in gate_prices */
};

struct gate_prices {
    int64_t px[GATE_PRICES_MAX];
    uint64_t qty[GATE_PRICES_MAX];
};

/* Orders passed lately, oldest at tail; count: how many of them share a hash. */
struct gate_recent {
    uint32_t head, tail;
    struct {
        int64_t ns;
        int64_t px;
        uint32_t qty;
        uint16_t side;
        uint16_t hash;
    } order[GATE_RECENT_MAX];
    uint16_t count[GATE_RECENT_MAX];
    int64_t fill_ns[GATE_FILLS_MAX];
    uint64_t fills;
};

/* Messages of a session, by time. */
struct gate_rate {
    uint32_t seq; /* of the limits, as last read */
    uint32_t per_second, burst;
    uint32_t up;
    int64_t burst_ns;
    uint64_t sent;
    int64_t ns[GATE_RATE_MAX];
};

/* Slots that trade the same instrument of the same venue: best own prices by side. */
struct gate_family {
    int64_t best[2];
    uint32_t first; /* slot */
};

/* Firm, accounts, strategies. */
struct gate_group {
    uint32_t seq;
    uint32_t scope, index;
    int64_t max_gross, max_loss;
    money_sum gross, realised, unrealised, fees;
    int64_t peak;
    uint32_t latched; /* rung that the gate has put on, since when */
    uint64_t latched_ns;
    struct pn_group *status;
};

/* One rung that is on, and what it takes to get it off. */
struct gate_latch_state {
    uint8_t level;
    uint8_t news; /* 1: not yet handed to the journal */
    uint8_t by;
    uint64_t count;   /* of its kill word, as last seen */
    uint64_t release; /* number of the last release when it was put on */
    uint64_t ns;
    int64_t value;
};

struct gate_slot {
    /* What holds for every order of the slot, in the order of refusals; 0 = nothing against it. */
    uint8_t stop;
    uint8_t book_why; /* likewise of the book */
    uint8_t level;    /* rung in force */
    uint8_t held, restricted, allowed;
    uint32_t seq;                   /* of the limits, as last read */
    uint32_t family, session, next; /* next slot of the family, or PN_NO_SLOT */
    struct gate_step tick, lot;
    uint64_t max_qty;
    int64_t max_value, value_mul;
    int64_t px_low, px_high; /* of the collar, around the reference */
    int64_t ref_ns, ref_age_ns;
    int64_t repeat_ns;
    uint32_t repeat_max, fills_max;
    int64_t max_long, max_short;
    uint32_t max_working, strategy, account;
    uint32_t collar_ppm, collar_ticks;
    uint32_t tick_px;
    int64_t ref_sum; /* bid + ask */
    struct gate_side side[2];
    int64_t held_value; /* of the position, as last marked */
    int64_t exposure;
    int64_t realised, unrealised, fees; /* as last summed into the groups */
    struct gate_recent *recent;
    struct gate_prices *prices; /* two, by side */
} __attribute__((aligned(64)));

struct gate {
    uint32_t slots, families;
    uint32_t lost;    /* 1: the control plane is */
    uint32_t news;    /* latches not yet handed to the journal */
    uint32_t climbed; /* bits 0 and 1 of gate_refresh, since the last one */
    uint64_t epoch, release;
    struct pn_gate_status *status;
    const struct pn_position *position;
    struct gate_slot *slot;
    struct gate_family *family;
    struct gate_recent *recent;
    struct gate_prices *prices;
    struct gate_rate *rate; /* PN_SESSIONS_MAX */
    struct gate_group group[GATE_GROUPS];
    struct gate_latch_state latch[GATE_LATCHES + 1]; /* the last is nobody's */
    uint64_t word[GATE_LATCHES];                     /* kill words as a journal has told of them */
    uint8_t venue_of[PN_TRADED_MAX];
    uint64_t unmatched; /* size released that was not outstanding: a fault of the caller */
};

/* Places in group[]: firm first. */
PN_HOT struct gate_group *gate_firm(struct gate *g)
{
    return &g->group[0];
}

PN_HOT struct gate_group *gate_account(struct gate *g, uint32_t i)
{
    return &g->group[1 + i];
}

PN_HOT struct gate_group *gate_strategy(struct gate *g, uint32_t i)
{
    return &g->group[1 + PN_ACCOUNTS_MAX + i];
}

/* What is against every order of a slot, anew. (gate.c) */
void gate_stand(struct gate *g, uint32_t slot);
/* The collar's bounds around the reference, anew. (gate.c) */
void gate_collar(struct gate_slot *s);
/* A kill word as it is now. 1 if the level of its scope changed. (kill.c) */
uint32_t gate_see_word(struct gate *g, uint32_t scope, uint32_t index, uint64_t word);
/* All slots' levels anew. (kill.c) */
void gate_climb_all(struct gate *g);
void gate_see_release(struct gate *g, uint64_t release);
/* For what went wrong already the gate puts on CANCEL; 0 if that or more is on. (kill.c) */
uint32_t gate_put_on(struct gate *g, uint32_t scope, uint32_t index, int64_t value,
                     uint64_t now_ns);
/* Sums of the slot's groups after its position, P&L or working value changed. (money.c) */
void gate_sum(struct gate *g, uint32_t slot);
/* Loss limits of a group; the rung that it put on. (money.c) */
uint32_t gate_watch_loss(struct gate *g, struct gate_group *group, uint64_t now_ns);
void gate_publish(struct gate_group *group);

/* The worst that the slot can come to, money: all bids filled, or all asks. */
PN_HOT int64_t gate_exposure(int64_t held_value, int64_t bids, int64_t asks)
{
    int64_t up = held_value + bids, down = asks - held_value;
    return up > down ? up : down;
}

PN_HOT void gate_expose(struct gate *g, struct gate_slot *s, int64_t exposure)
{
    int64_t delta = exposure - s->exposure;
    s->exposure = exposure;
    gate_firm(g)->gross += delta;
    gate_account(g, s->account)->gross += delta;
    gate_strategy(g, s->strategy)->gross += delta;
}

PN_HOT int64_t gate_saturate(money_sum v)
{
    return v > INT64_MAX ? INT64_MAX : v < INT64_MIN ? INT64_MIN : (int64_t)v;
}

PN_HOT int gate_divides(const struct gate_step *d, uint64_t v)
{
    uint64_t q = v * d->inverse;
    return (q >> d->shift | q << (-d->shift & 63)) <= d->most;
}

#endif
