/*
 * look_ahead.h - asks for the memory that messages further on will need, in three steps, each of
 * which needs what the one before has fetched: entry and book; the order; its price level. All of
 * it is guesses, none of it changes anything.
 */
#ifndef PN_BOOK_LOOK_AHEAD_H
#define PN_BOOK_LOOK_AHEAD_H

#include "book/book.h"

/* The line of a book that every event needs, and the place where to look for an order. */
PN_HOT void book_prefetch(const struct books *b, uint32_t instrument, uint64_t ref)
{
    const struct pn_book *bk = &b->book[instrument];
    __builtin_prefetch(orders_entry(&b->orders, ref), 1);
    __builtin_prefetch(&bk->step, 1);
}

/* The order that the entry names; slot 0 if none. */
PN_HOT void book_prefetch_order(const struct books *b, uint64_t ref)
{
    __builtin_prefetch(&b->orders.slot[*orders_entry(&b->orders, ref) >> YOUNG_LEFT_BITS], 1);
}

/* A level, and with it the top or, where its page is not its side's best, the page's head. */
PN_HOT void book_prefetch_place(const struct books *b, const struct pn_book *bk, uint32_t side,
                                uint32_t level)
{
    uint32_t page = level / PN_PAGE_LEVELS;
    const struct pn_page *p = &b->ladder.page[page];
    const void *head = page == bk->best[side] ? (const void *)&bk->top : (const void *)p;
    __builtin_prefetch(&p->level[level % PN_PAGE_LEVELS], 1);
    __builtin_prefetch(head, 1);
}

/*
 * The level that a message is about: where its order rests or, if it is a new one, where its price
 * belongs. Computed both ways and selected: the kind is as good as random to a branch.
 */
PN_HOT void book_prefetch_level(const struct books *b, uint32_t instrument, uint64_t ref,
                                uint32_t is_new, uint32_t new_side, int32_t px)
{
    const struct pn_book *bk = &b->book[instrument];
    const struct pn_order *o = &b->orders.slot[*orders_entry(&b->orders, ref) >> YOUNG_LEFT_BITS];
    uint32_t mask = -is_new, side = (new_side & mask) | (o->owner & 1 & ~mask);
    uint32_t rank = ladder_rank(bk, side, px), number = rank / PN_PAGE_LEVELS + 1;
    uint32_t far = -(uint32_t)(number != bk->best_number[side]);
    uint32_t page =
        (bk->best[side] & ~far) | (bk->dir[(number - 1) % PN_DIR_WAYS][side].page & far);
    uint32_t fresh = page * PN_PAGE_LEVELS + rank % PN_PAGE_LEVELS;
    book_prefetch_place(b, bk, side, (fresh & mask) | (o->level & ~mask));
}

#endif
