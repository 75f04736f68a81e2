/*
 * ladder.h - price levels of the books: pages of 64 neighbouring price steps.
 *
 * A side's pages form a list from the touch outwards. A page is found by its number through the
 * book's own small directory, or through one index for all books where the directory has another
 * page in that place. Nothing is ever re-centred, and any price the instrument can have is held
 * exactly: a price off the grid makes the grid finer, once (ladder_regrid).
 *
 * Prices are ranked so that on either side the better one has the higher rank: bids by their price
 * in steps, offers by its mirror image. Everything but this one xor is then the same for both.
 *
 * A level's word is the size (level books) or size << 24 | orders (order books); 0 is no level.
 */
#ifndef PN_BOOK_LADDER_H
#define PN_BOOK_LADDER_H

#include <stddef.h>

#include "base/bits.h"
#include "shm/abi.h"

enum { LEVEL_ORDER_BITS = 24, LADDER_FIRST_STEP = 100 };

#define LEVEL_ONE_ORDER 1ull
#define LEVEL_ORDERS(word) ((uint32_t)((word) & ((1u << LEVEL_ORDER_BITS) - 1)))
#define LEVEL_SIZE(word) ((word) >> LEVEL_ORDER_BITS)

struct ladder {
    struct pn_page *page;
    uint32_t *index; /* page by (owner, number); 0 = empty */
    uint64_t index_mask;
    struct pn_pool *pool;
    struct pn_counters *counters;
    uint32_t max_pages;
};

/* A level's place: which page, which bit. */
struct level_at {
    uint32_t page;   /* 0: no such page */
    uint32_t number; /* the page's number plus 1 */
    uint32_t bit;
};

PN_HOT uint32_t ladder_steps(const struct pn_book *bk, int32_t px)
{
    return (uint32_t)(((unsigned __int128)((uint64_t)(uint32_t)px << 1) * bk->step_mul) >> 64);
}

/* Rank of a price on a side. */
PN_HOT uint32_t ladder_flip(uint32_t side)
{
    return -side >> 1;
}

PN_HOT uint32_t ladder_rank(const struct pn_book *bk, uint32_t side, int32_t px)
{
    return ladder_steps(bk, px) ^ ladder_flip(side);
}

/* Cold half of ladder_find: the index. Returns the page or 0, and refreshes the directory. */
uint32_t ladder_find_far(struct ladder *l, struct pn_book *bk, uint32_t instrument, uint32_t side,
                         uint32_t number);
/* A new page in its place in the list; 0 when the pool is empty. */
uint32_t ladder_create(struct ladder *l, struct pn_book *bk, uint32_t instrument, uint32_t side,
                       uint32_t number);
/* Makes the grid fine enough for px. 0, or -1 when pages ran out and levels were lost. */
int ladder_regrid(struct ladder *l, struct pn_book *bk, uint32_t instrument, int32_t px);
/* Enters a page into the index (repair). */
void ladder_index(struct ladder *l, uint32_t id);
/* Frees every page of a side. */
void ladder_clear(struct ladder *l, struct pn_book *bk, uint32_t side);

/* Where px lives, or page NULL. px must be on the book's grid. */
PN_HOT struct level_at ladder_find(struct ladder *l, struct pn_book *bk, uint32_t instrument,
                                   uint32_t side, int32_t px)
{
    uint32_t rank = ladder_rank(bk, side, px);
    uint32_t number = rank / PN_PAGE_LEVELS + 1;
    struct level_at at = {.page = bk->best[side], .number = number, .bit = rank % PN_PAGE_LEVELS};
    if (PN_UNLIKELY(number != bk->best_number[side])) {
        const struct pn_dir_entry *d = &bk->dir[(number - 1) % PN_DIR_WAYS][side];
        at.page = PN_LIKELY(d->number == number)
                      ? d->page
                      : ladder_find_far(l, bk, instrument, side, number - 1);
    }
    return at;
}

/* Price of the level of a page with this number. */
PN_HOT int32_t ladder_px(const struct pn_book *bk, uint32_t side, uint32_t number, uint32_t bit)
{
    return (int32_t)(((number * PN_PAGE_LEVELS + bit) ^ ladder_flip(side)) * bk->step);
}

/* Best occupied level of a page that has one. */
PN_HOT uint32_t ladder_best_bit(uint64_t occupied)
{
    return 63u - (uint32_t)__builtin_clzll(occupied);
}

/* A page's occupancy, wherever it is kept at the moment. */
PN_HOT uint64_t *ladder_occupied(const struct ladder *l, struct pn_book *bk, uint32_t side,
                                 uint32_t page)
{
    return page == bk->best[side] ? &bk->occupied[side] : &l->page[page].occupied;
}

/* Cold halves of ladder_note: a page becomes best, a page has run empty. */
void ladder_set_best(struct ladder *l, struct pn_book *bk, uint32_t side, uint32_t page);
void ladder_page_emptied(struct ladder *l, struct pn_book *bk, uint32_t side, uint32_t page);

/*
 * A level's word is `word` now: keeps occupancy and best page. number is the page's plus 1 if the
 * level may have come to life, 0 if it can only have lost. 1 if no level was better before: the top
 * changes with this one.
 */
PN_HOT uint32_t ladder_note(struct ladder *l, struct pn_book *bk, uint32_t side, uint32_t page,
                            uint32_t number, uint32_t bit, uint64_t word)
{
    uint32_t is_first = number > bk->best_number[side];
    uint32_t is_top = (page == bk->best[side]) & (bk->occupied[side] >> bit <= 1);
    if (PN_UNLIKELY(is_first))
        ladder_set_best(l, bk, side, page);
    uint64_t *occupied = ladder_occupied(l, bk, side, page);
    uint64_t before = *occupied;
    *occupied = (before & ~(1ull << bit)) | (uint64_t)(word != 0) << bit;
    if (PN_UNLIKELY(!before))
        l->pool->empty_pages -= word != 0;
    else if (PN_UNLIKELY(!*occupied))
        ladder_page_emptied(l, bk, side, page);
    return is_first | is_top;
}

#endif
