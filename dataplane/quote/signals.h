/*
 * signals.h - numbers computed from books and trades, kept up event by event for each traded
 * instrument. Integers throughout: what decides a price is the same on every machine.
 *
 * Time is the events' receive time; decay goes by it, never by a clock.
 */
#ifndef PN_QUOTE_SIGNALS_H
#define PN_QUOTE_SIGNALS_H

#include "base/bits.h"
#include "book/book.h"
#include "shm/abi_trade.h"

struct signals {
    struct pn_signals *slot; /* [slots], in the region */
    uint32_t slots;
    uint32_t depth[PN_DEPTHS]; /* levels of a side that each imbalance looks at: 1, 3, 10 */
    uint64_t flow_half_ns;     /* half-lives of order flow and trade flow ... */
    uint64_t vol_half_ns;      /* ... and of squared moves */
};

void signals_init(struct signals *s, struct pn_signals *slot, uint32_t slots);
/* A change of the best bid or offer, in the order they happened. */
void signals_on_top(struct signals *s, uint32_t slot, const struct pn_bbo *top);
/* An execution or print (EXECUTE, EXECUTE_AT, TRADE); side is that of the resting order. */
void signals_on_trade(struct signals *s, uint32_t slot, const struct pn_event *ev);
/* Deep imbalances, from the book as it stands; before a decision, when it changed since. */
void signals_on_book(struct signals *s, uint32_t slot, const struct books *b, uint32_t instrument);
/* The book is gone stale, or a new session begins. */
void signals_invalidate(struct signals *s, uint32_t slot);

#endif
