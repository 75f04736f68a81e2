/*
 * trades.h - trades and volume, and the record of recent trades that lets a break undo one.
 * The record is cut into buckets of four addressed by match number, each a queue: numbers that run
 * on fill it evenly, and numbers with holes do not push out each other. What it no longer has is
 * counted, not guessed.
 */
#ifndef PN_BOOK_TRADES_H
#define PN_BOOK_TRADES_H

#include <string.h>

#include "book/book.h"

enum { TRADE_WAYS = 4 };

/* Ways of a bucket: fewer only where so few trades are kept. */
PN_HOT uint32_t trade_ways(const struct books *b)
{
    return b->trade_mask < TRADE_WAYS - 1 ? (uint32_t)b->trade_mask + 1 : TRADE_WAYS;
}

PN_HOT struct pn_trade *trade_bucket(const struct books *b, uint64_t match)
{
    return &b->trade[match & b->trade_mask & ~(uint64_t)(TRADE_WAYS - 1)];
}

PN_HOT void trade_record(struct books *b, struct pn_book *bk, const struct pn_event *ev)
{
    bk->trades++;
    bk->volume += ev->size;
    b->counters->trades++;
    b->counters->volume += ev->size;
    struct pn_trade *t = trade_bucket(b, ev->ref2);
    memmove(t + 1, t, (trade_ways(b) - 1) * sizeof *t);
    *t = (struct pn_trade){
        .match = ev->ref2,
        .size = ev->size,
        .px = ev->px,
        .instrument = ev->instrument,
        .live = 1,
    };
}

static inline void trade_break(struct books *b, struct pn_event *ev)
{
    struct pn_trade *t = trade_bucket(b, ev->ref2), *end = t + trade_ways(b);
    while (t < end && (!t->live || t->match != ev->ref2 || t->instrument != ev->instrument))
        t++;
    if (t == end) {
        b->counters->drops[PN_R_TRADE_UNKNOWN]++;
        ev->flags |= PN_EVF_REJECTED;
        return;
    }
    t->live = 0;
    ev->size = t->size;
    ev->px = t->px;
    struct pn_book *bk = &b->book[t->instrument];
    bk->trades--;
    bk->volume -= t->size;
    b->counters->trades--;
    b->counters->volume -= t->size;
}

#endif
