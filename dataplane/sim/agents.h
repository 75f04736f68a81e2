/*
 * agents.h - the order flow that makes a market: agents that act directly on the matching engine.
 * Deterministic from the seed, integers only, no clock: time comes in with each call.
 *
 * Each instrument is one superposition of memoryless processes, so that its next action takes one
 * exponential draw and the kind of it one more; instruments wait in a heap. What they do:
 *
 * limit     Limit orders of either side arrive at k ticks from the opposite best as a Poisson
 * process
 *           of rate limit_rate[k - 1], sizes geometric. An empty side counts as where it was last.
 *           Smith, Farmer, Gillemot, Krishnamurthy, Quantitative Finance 3 (2003) 481; rates by
 *           distance: Cont, Stoikov, Talreja, Operations Research 58 (2010) 549.
 * cancel    Each of their resting orders is taken off at rate cancel_rate[k - 1], k its distance to
 *           the opposite best now (16 and further alike). Likewise.
 * market    Market orders of each side at rate market_rate.
 * informed  At informed_rate someone looks who knows the fundamental price, a Gaussian random walk
 * of
 *           value_vol_q8; when it is more than informed_ticks beyond the touch he takes, never at a
 *           price worse than the fundamental. In the spirit of Glosten, Milgrom, Journal of
 *           Financial Economics 14 (1985) 71.
 * momentum  Each taking calls forth another one of its side with chance momentum_ppm, after an
 *           exponential time of mean momentum_decay_ns: a Hawkes process with exponential kernel in
 *           its cluster form (Hawkes, Oakes, Journal of Applied Probability 11 (1974) 493), whose
 *           state is the number of children to come. Exogenous takings: market and informed.
 * makers    Each keeps one bid and one offer at maker_half_ticks from the mid (rounded outwards),
 *           and follows a change, one order at a time, each after an exponential time of mean
 *           maker_delay_ns.
 * regimes   Calm and busy, exponential stays of mean regime_ns; while busy, rates of limit, cancel,
 *           market and informed flow, and value_vol_q8, are multiplied by regime_mul_q8 / 256.
 *
 * They act from open_ns to close_ns of the configuration, while an instrument's phase is
 * MATCH_OPEN.
 */
#ifndef PN_SIM_AGENTS_H
#define PN_SIM_AGENTS_H

#include "sim/exchange_config.h"
#include "sim/match.h"

struct agents;

enum agents_kind {
    AGENTS_LIMIT = 0,
    AGENTS_CANCEL = 1,
    AGENTS_MARKET = 2,
    AGENTS_INFORMED = 3,
    AGENTS_MOMENTUM = 4,
    AGENTS_MAKER = 5,
    AGENTS_REGIME = 6,
    AGENTS_KINDS = 7
};

enum agents_limits {
    AGENTS_ORDERS_MAX =
        4096, /* resting, of one instrument; beyond, a limit order becomes a cancel */
    AGENTS_MAKERS_MAX = 16,
    AGENTS_CHILDREN_MAX = 1u << 16 /* momentum takings to come, of one side */
};

struct agents_counts {
    uint64_t acted[AGENTS_KINDS]; /* requests made; of regimes, changes */
    uint64_t looked;              /* draws without a request: thinned, nothing to do, no price */
    uint64_t full;                /* limit orders that became cancels */
    uint64_t refused;             /* by the matching engine */
};

/*
 * owner: the number under which their orders rest; owner + 1 is that of takers, so that
 * self-match prevention never comes between them.
 */
int agents_open(struct agents **out, const struct pn_exchange_config *cfg, struct match *m,
                uint32_t owner, struct error *e);
void agents_close(struct agents *a);
/* When the next of them acts; UINT64_MAX: never. */
uint64_t agents_next_ns(const struct agents *a);
/*
 * One agent acts: one request to the matching engine, whose events are then to be published. The
 * time of the action is that of agents_next_ns before the call, or later up to now_ns when those
 * due before turned out to have nothing to do: call with now_ns = agents_next_ns for exact times.
 * Returns 0 when nobody had a request up to now_ns; then there is nothing to publish.
 */
int agents_act(struct agents *a, uint64_t now_ns);
/* A first book, before the opening: call until 0, publishing the events of each. */
int agents_seed_book(struct agents *a, uint32_t instrument);
/* A taking by somebody else, of this side: may call forth momentum flow. */
void agents_saw_trade(struct agents *a, uint32_t instrument, uint32_t side);
/* The fundamental price that informed flow knows, 1/256 of a price unit; as of its last step, at
 * most about a second ago. */
int64_t agents_value_q8(const struct agents *a, uint32_t instrument);
/* 1 while the instrument is in the busy regime. */
int agents_busy(const struct agents *a, uint32_t instrument);
void agents_count(const struct agents *a, struct agents_counts *out);

#endif
