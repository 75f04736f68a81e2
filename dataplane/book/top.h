/*
 * top.h - the best bid and offer of a book. Every function here writes to a record that its
 * caller has opened (seqlock_begin on its seq) and will close: one lock covers a book's top,
 * levels and orders, from the first change of an event to the last.
 */
#ifndef PN_BOOK_TOP_H
#define PN_BOOK_TOP_H

#include "book/book.h"
#include "shm/seqlock.h"

/* Off the path: keeps a change of the top for whoever records them. */
void top_record(struct books *b, const struct pn_book *bk, const struct pn_event *ev);

/* The fields of one side, without a branch. */
PN_HOT int32_t *top_px(struct pn_top *t, uint32_t side)
{
    return (int32_t *)((char *)t + offsetof(struct pn_top, bid_px)) + side;
}

PN_HOT uint32_t *top_orders(struct pn_top *t, uint32_t side)
{
    return (uint32_t *)((char *)t + offsetof(struct pn_top, bid_orders)) + side;
}

PN_HOT uint64_t *top_size(struct pn_top *t, uint32_t side)
{
    return (uint64_t *)((char *)t + offsetof(struct pn_top, bid_size)) + side;
}

/* After a change of the top: counts it, notes a crossed book, records it if wanted. */
PN_HOT void top_changed(struct books *b, struct pn_book *bk, const struct pn_event *ev)
{
    struct pn_top *t = &bk->top;
    t->ts_ns = ev->ts_ns;
    t->changes++;
    if (PN_UNLIKELY(t->bid_px >= t->ask_px) && t->bid_size && t->ask_size &&
        t->trading == PN_TRADING_OPEN)
        b->counters->drops[PN_R_BOOK_CROSSED]++;
    if (PN_UNLIKELY(b->bbo != NULL)) {
        /* A copy: the event itself must not be seen to leave, so that it can stay in registers. */
        struct pn_event copy = *ev;
        top_record(b->self, bk, &copy);
    }
}

/* Best level of a side as the pages have it. */
PN_HOT uint64_t top_scan(const struct books *b, const struct pn_book *bk, uint32_t side,
                         int32_t *px)
{
    uint64_t occupied = bk->occupied[side];
    *px = 0;
    if (PN_UNLIKELY(!occupied))
        return 0;
    uint32_t bit = ladder_best_bit(occupied);
    *px = ladder_px(bk, side, bk->best_number[side] - 1, bit);
    return b->ladder.page[bk->best[side]].level[bit];
}

/* Is px as good as the published top of its side? For events that left no trace in the pages. */
PN_HOT uint32_t top_reached(struct pn_book *bk, uint32_t side, int32_t px)
{
    /* Bids compare as they are, offers mirrored. */
    int32_t sign = -(int32_t)side, best = *top_px(&bk->top, side);
    return (*top_size(&bk->top, side) == 0) | ((px ^ sign) >= (best ^ sign));
}

/*
 * The top level of a side of an order book has changed. What is best now is read from the pages,
 * whatever happened: one case instead of joined, improved, reduced and emptied.
 */
PN_HOT void top_level_changed(struct books *b, struct pn_book *bk, const struct pn_event *ev,
                              uint32_t side)
{
    struct pn_top *t = &bk->top;
    int32_t px;
    uint64_t word = top_scan(b, bk, side, &px);
    *top_px(t, side) = px;
    *top_orders(t, side) = LEVEL_ORDERS(word);
    *top_size(t, side) = LEVEL_SIZE(word);
    top_changed(b, bk, ev);
}

/* Level books: both sides, once the update is complete, and only if something differs. */
static inline void top_levels_changed(struct books *b, struct pn_book *bk,
                                      const struct pn_event *ev)
{
    struct pn_top *t = &bk->top;
    int complete = ev->flags & PN_EVF_COMPLETE;
    int32_t bid_px = 0, ask_px = 0;
    t->transition = !complete;
    if (!complete)
        return;
    uint64_t bid = top_scan(b, bk, PN_BID, &bid_px);
    uint64_t ask = top_scan(b, bk, PN_ASK, &ask_px);
    if (bid == t->bid_size && ask == t->ask_size && bid_px == t->bid_px && ask_px == t->ask_px)
        return;
    t->bid_px = bid_px;
    t->ask_px = ask_px;
    t->bid_size = bid;
    t->ask_size = ask;
    top_changed(b, bk, ev);
}

static inline void top_set_stale(struct pn_book *bk, uint8_t why)
{
    bk->top.stale_why |= why;
    bk->top.state = PN_BOOK_STALE;
}

/* Something has been heard of the book. */
static inline void top_set_known(struct pn_book *bk)
{
    if (bk->top.state == PN_BOOK_EMPTY)
        bk->top.state = PN_BOOK_VALID;
}

/* Two things stop trading, each lifted on its own: the listing market, and the venue itself. */
static inline void top_set_trading(struct pn_book *bk, uint32_t aux)
{
    if (aux & PN_TRADING_VENUE)
        bk->halts = (uint8_t)((bk->halts & 0x7f) | ((aux & 0xff) == PN_TRADING_HALTED ? 0x80 : 0));
    else
        bk->halts = (uint8_t)((bk->halts & 0x80) | (aux & 0x7f));
    bk->top.trading = bk->halts & 0x80 ? PN_TRADING_HALTED : bk->halts;
}

/* What the book itself may say against a quote while it is being stored. */
enum { TOP_NOT_STORED = PN_STALE_INCONSISTENT | PN_STALE_OVERFLOW };

/* The first half of a quote: earlier doubts stand till the second, new ones must be told apart. */
static inline void top_begin_heal(struct pn_book *bk)
{
    if (bk->top.stale_why & TOP_NOT_STORED)
        bk->top.stale_why = PN_STALE_GAP;
}

/* A whole quote has come: what was lost before does not matter to this book any more. */
static inline void top_heal(struct pn_book *bk, uint32_t gap_epoch)
{
    bk->gap_epoch = gap_epoch;
    bk->top.stale_why = 0;
    bk->top.state = PN_BOOK_VALID;
}

#endif
