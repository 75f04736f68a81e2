/*
 * agents.h - the order flow that makes a market: zero-intelligence Poisson flow by distance to the
 * touch, informed and momentum takers, other market makers, regimes. Drives the matching engine
 * directly; deterministic from its seed, integers only.
 */
#ifndef PN_SIM_AGENTS_H
#define PN_SIM_AGENTS_H

#include "sim/exchange_config.h"
#include "sim/match.h"

struct agents;

/* owner: the number under which all of them trade (match_request.owner), from owner to owner + 1. */
int agents_open(struct agents **out, const struct pn_exchange_config *cfg, struct match *m,
                uint32_t owner, struct error *e);
void agents_close(struct agents *a);
/* When the next of them acts; UINT64_MAX: never. */
uint64_t agents_next_ns(const struct agents *a);
/*
 * One agent acts at its time: one request to the matching engine, whose events are then to be
 * published. Returns 0 when nobody is due at now_ns.
 */
int agents_act(struct agents *a, uint64_t now_ns);
/* A first book, before the opening: call until 0, publishing the events of each. */
int agents_seed_book(struct agents *a, uint32_t instrument);
/* The fundamental price that informed flow knows, 1/256 of a price unit. */
int64_t agents_value_q8(const struct agents *a, uint32_t instrument);

#endif
