/*
 * trades.h - trades and volume, and the record of recent trades that lets a break undo one.
 * The record is a ring addressed by match number; what it no longer has is counted, not guessed.
 */
#ifndef PN_BOOK_TRADES_H
#define PN_BOOK_TRADES_H

#include "book/book.h"

PN_HOT void trade_record(struct books *b, struct pn_book *bk, const struct pn_event *ev)
{
    bk->trades++;
    bk->volume += ev->size;
    b->counters->trades++;
    b->counters->volume += ev->size;
    b->trade[ev->ref2 & b->trade_mask] = (struct pn_trade){
        .match = ev->ref2,
        .size = ev->size,
        .px = ev->px,
        .instrument = ev->instrument,
        .live = 1,
    };
}

static inline void trade_break(struct books *b, struct pn_event *ev)
{
    struct pn_trade *t = &b->trade[ev->ref2 & b->trade_mask];
    if (!t->live || t->match != ev->ref2 || t->instrument != ev->instrument) {
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
