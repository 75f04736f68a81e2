/*
 * signals.h - numbers computed from books and trades, kept up event by event for each traded
 * instrument. Integers throughout: what decides a price is the same on every machine.
 *
 * Time is the events' receive time; decay goes by it, never by a clock. A sum "decaying" with a
 * half-life H weighs what happened at t_i by 2^-((t - t_i) / H), with times in steps of H / 65536.
 *
 *   mid        (bid + ask) / 2; mid_q8 in 1/256 of a price unit, exact.
 *   micro      (bid * ask_size + ask * bid_size) / (bid_size + ask_size): the price weighted by the
 *              other side's size; micro_q8, rounded down. Gatheral and Oomen, "Zero-intelligence
 *              realized variance estimation", Finance and Stochastics 14 (2010); Stoikov, "The
 *              micro-price", Quantitative Finance 18 (2018), calls it the weighted mid.
 *   imbalance  (B - A) / (B + A), B and A the sizes of the best k levels of bids and offers; _q16,
 *              at k = depth[0 .. PN_DEPTHS - 1]. Cartea, Jaimungal, Penalva, "Algorithmic and
 *              High-Frequency Trading" (2015), section 7.
 *   ofi        decaying sum of e_n over that of |e_n|, where for every change n of the top
 *              e_n = [b_n >= b_n-1] qb_n - [b_n <= b_n-1] qb_n-1
 *                  - [a_n <= a_n-1] qa_n + [a_n >= a_n-1] qa_n-1;
 *              _q16. Cont, Kukanov, Stoikov, "The price impact of order book events", Journal of
 *              Financial Econometrics 12 (2014), equation 2. Counted from one valid top to the next
 *              one, with nothing in between.
 *   flow       decaying sum of sign * size over that of size, sign +1 where the buyer took; _q16.
 *              An execution is signed by the order it hit. A print of no displayed order by the mid
 *              before it, and not counted where it is at the mid (Lee and Ready, Journal of Finance
 *              46 (1991), section III, without their tick test).
 *   vol        root of V = ln 2 / H * decaying sum of squared moves of the mid, H in seconds: the
 *              exponentially weighted realised variance of a second (Andersen, Bollerslev, Diebold,
 *              Labys, Econometrica 71 (2003); J.P. Morgan, RiskMetrics (1996), for the weights);
 *              vol_q8 in 1/256 of a price unit a root second, rounded down.
 *
 * ofi and flow are ratios: they keep their value while nothing happens. Sizes above 2^40 count as
 * 2^40, moves of the mid above 2^19 price units as that; sums that would pass 2^61 are halved, or
 * for vol stay there.
 *
 * valid = 0 while the book is not valid, a side is empty, or bid >= ask; the rest is then old, but
 * for the top itself.
 */
#ifndef ABI_CDEF
#pragma once
#include "base/bits.h"
#include "book/book.h"
#include "shm/abi_trade.h"
#endif

enum signals_limits {
    SIGNALS_HALF_BITS = 16,   /* a half-life is 2^16 steps of time */
    SIGNALS_DEPTH_MAX = 64,   /* levels that an imbalance may look at */
    SIGNALS_EXP_TABLE = 256,  /* powers of two, a byte of the exponent each */
    SIGNALS_ROOT_TABLE = 192, /* first guesses of square roots */
    SIGNALS_SIZE_BITS = 40,
    SIGNALS_MOVE_BITS = 27 /* of a move of mid_q8 */
};

struct signals {
    struct pn_signals *slot; /* [slots], in the region */
    uint32_t slots;
    uint32_t depth[3];     /* PN_DEPTHS; levels of a side that each imbalance looks at: 1, 3, 10 */
    uint64_t flow_half_ns; /* half-lives of order flow and trade flow ... */
    uint64_t vol_half_ns;  /* ... and of squared moves */
    /* What follows is made from the above by signals_half_lives. */
    uint64_t flow_steps; /* steps of time a ns, times 2^64 */
    uint64_t vol_steps;
    uint64_t vol_scale;   /* ln 2 / vol half-life in seconds, times 2^32 */
    uint32_t exp_hi[256]; /* 2^(31 - i / 256) */
    uint32_t exp_lo[256]; /* 2^(31 - i / 65536) */
    uint16_t root[192];   /* square root of (64.5 + i) * 2^24 */
};

/* Depths 1, 3, 10; half-lives of 1 s and 10 s; slots emptied. */
void signals_init(struct signals *s, struct pn_signals *slot, uint32_t slots);
/* Other half-lives, from 2^17 to 2^44 ns (131 us to 4.9 h): 0, or -EINVAL and nothing changed. */
int signals_half_lives(struct signals *s, uint64_t flow_ns, uint64_t vol_ns);
/* A change of the best bid or offer, in the order they happened. */
void signals_on_top(struct signals *s, uint32_t slot, const struct pn_bbo *top);
/* An execution or print (EXECUTE, EXECUTE_AT, TRADE); side is that of the resting order. */
void signals_on_trade(struct signals *s, uint32_t slot, const struct pn_event *ev);
#ifndef ABI_CDEF
/* Deep imbalances, from the book as it stands; before a decision, when it changed since. */
void signals_on_book(struct signals *s, uint32_t slot, const struct books *b, uint32_t instrument);
#endif
/* The book is gone stale, or a new session begins. */
void signals_invalidate(struct signals *s, uint32_t slot);
