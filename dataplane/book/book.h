/*
 * book.h - applies decoded events to the books in the region and publishes their tops.
 *
 * Order books and level books share pages and tops; what differs is which events reach them. All
 * state is in the region, so this struct is only where things are.
 */
#ifndef PN_BOOK_BOOK_H
#define PN_BOOK_BOOK_H

#include "base/reasons.h"
#include "book/ladder.h"
#include "book/orders.h"
#include "shm/region.h"

struct books {
    struct pn_book *book;
    const struct pn_instrument *instrument;
    struct pn_channel *channel;
    struct pn_counters *counters;
    struct pn_trade *trade;
    uint64_t trade_mask;
    struct ladder ladder;
    struct orders orders;
    struct pn_region_header *header;
    /* Where to note an event's number when it is in the book, or NULL. */
    uint64_t *applied;
    /* Recording of top-of-book changes; off while bbo is NULL. */
    struct pn_bbo *bbo;
    uint64_t bbo_count;
    uint64_t bbo_cap;
    const uint8_t *watched; /* by instrument: whose changes are recorded; NULL = all */
    /* The one that is not a copy: the hot loop works on a copy, which the compiler knows to be its
     * own, and hands this one to everything that is not on the path. */
    struct books *self;
};

void books_attach(struct books *b, const struct region *r, const struct pn_config *cfg);
/*
 * Applies one event of any kind, filling in what only the book knows (see PN_EV_EXECUTE). While
 * tops are recorded there must be room for two more.
 */
void book_apply(struct books *b, struct pn_event *ev);

/* Queries; none of them is on the path. */
int book_queue(struct books *b, uint64_t ref, uint32_t instrument, uint64_t *size_ahead,
               uint64_t *orders_ahead);
uint64_t book_orders(struct books *b, uint32_t instrument, uint32_t side, struct pn_order *out,
                     uint64_t cap);
/* Digest of all books as they stand. */
uint64_t book_digest(const struct books *b);

#endif
