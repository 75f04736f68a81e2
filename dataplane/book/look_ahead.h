/*
 * look_ahead.h - asks for the memory that messages further on will need, in three steps, each of
 * which needs what the one before has fetched: entry and book; the order; its price level. All of
 * it is guesses, none of it changes anything.
 */
#ifndef PN_BOOK_LOOK_AHEAD_H
#define PN_BOOK_LOOK_AHEAD_H

#include "book/book.h"

/* First lines of a book, and the place where to look for an order. */
PN_HOT void book_prefetch(const struct books *b, uint32_t instrument, uint64_t ref)
{
    const struct pn_book *bk = &b->book[instrument];
    __builtin_prefetch(orders_entry(&b->orders, ref), 1);
    __builtin_prefetch(&bk->top, 1);
    __builtin_prefetch(&bk->step, 1);
}

/* The order that the entry names; slot 0 if none. */
PN_HOT void book_prefetch_order(const struct books *b, uint64_t ref)
{
    __builtin_prefetch(&b->orders.slot[*orders_entry(&b->orders, ref) >> YOUNG_LEFT_BITS], 1);
}

PN_HOT void book_prefetch_place(const struct books *b, uint32_t level)
{
    __builtin_prefetch(&b->ladder.page[level / PN_PAGE_LEVELS].level[level % PN_PAGE_LEVELS], 1);
}

/* The level where the order rests. */
PN_HOT void book_prefetch_level(const struct books *b, uint64_t ref)
{
    book_prefetch_place(b, b->orders.slot[*orders_entry(&b->orders, ref) >> YOUNG_LEFT_BITS].level);
}

/* The level of a new order's price. */
PN_HOT void book_prefetch_price(const struct books *b, uint32_t instrument, uint32_t side,
                                int32_t px)
{
    const struct pn_book *bk = &b->book[instrument];
    uint32_t rank = ladder_rank(bk, side, px), number = rank / PN_PAGE_LEVELS;
    uint32_t far = -(uint32_t)(number != bk->best_number[side]);
    uint32_t page = (bk->best[side] & ~far) | (bk->dir[number % PN_DIR_WAYS][side].page & far);
    book_prefetch_place(b, page * PN_PAGE_LEVELS + rank % PN_PAGE_LEVELS);
}

#endif
