/* ladder.c - pages come, go and are found again; see ladder.h. */
#include "book/ladder.h"

#include <string.h>

#include "shm/seqlock.h"

static uint32_t page_owner(uint32_t instrument, uint32_t side)
{
    return instrument * 2 + side + 1;
}

static uint64_t index_hash(const struct ladder *l, uint32_t owner, uint32_t number)
{
    uint64_t h = ((uint64_t)owner << 32 | number) * 0x9e3779b97f4a7c15ull;
    return (h ^ h >> 29) & l->index_mask;
}

static uint32_t index_get(const struct ladder *l, uint32_t owner, uint32_t number)
{
    for (uint64_t i = index_hash(l, owner, number);; i = (i + 1) & l->index_mask) {
        uint32_t id = l->index[i];
        if (!id || (l->page[id].owner == owner && l->page[id].number == number))
            return id;
    }
}

/* The index is at least twice as large as the pool, so there is always an empty place. */
static void index_put(struct ladder *l, uint32_t id)
{
    uint64_t i = index_hash(l, l->page[id].owner, l->page[id].number);
    while (l->index[i])
        i = (i + 1) & l->index_mask;
    l->index[i] = id;
}

void ladder_index(struct ladder *l, uint32_t id)
{
    index_put(l, id);
}

static void index_remove(struct ladder *l, uint32_t id)
{
    uint64_t hole = index_hash(l, l->page[id].owner, l->page[id].number);
    while (l->index[hole] != id)
        hole = (hole + 1) & l->index_mask;
    for (uint64_t i = (hole + 1) & l->index_mask; l->index[i]; i = (i + 1) & l->index_mask) {
        const struct pn_page *p = &l->page[l->index[i]];
        uint64_t want = index_hash(l, p->owner, p->number);
        if (((i - want) & l->index_mask) >= ((i - hole) & l->index_mask)) {
            l->index[hole] = l->index[i];
            hole = i;
        }
    }
    l->index[hole] = 0;
}

static void dir_set(struct pn_book *bk, uint32_t side, uint32_t number, uint32_t id)
{
    bk->dir[number % PN_DIR_WAYS][side] = (struct pn_dir_entry){.number = number + 1, .page = id};
}

static void dir_forget(struct pn_book *bk, uint32_t side, uint32_t number)
{
    struct pn_dir_entry *d = &bk->dir[number % PN_DIR_WAYS][side];
    if (d->number == number + 1)
        *d = (struct pn_dir_entry){0, 0};
}

uint32_t ladder_find_far(struct ladder *l, struct pn_book *bk, uint32_t instrument, uint32_t side,
                         uint32_t number)
{
    if (!bk->best[side])
        return 0;
    uint32_t id = index_get(l, page_owner(instrument, side), number);
    if (id)
        dir_set(bk, side, number, id);
    return id;
}

/* Links a page into its side's list; the best page is where the search starts. */
static void list_insert(struct ladder *l, const struct pn_book *bk, uint32_t side, uint32_t id)
{
    struct pn_page *p = &l->page[id];
    uint32_t at = bk->best[side];
    if (!at)
        return;
    if (p->number > l->page[at].number) {
        while (l->page[at].better && p->number > l->page[l->page[at].better].number)
            at = l->page[at].better;
        p->better = l->page[at].better;
        p->worse = at;
    } else {
        while (l->page[at].worse && l->page[l->page[at].worse].number > p->number)
            at = l->page[at].worse;
        p->better = at;
        p->worse = l->page[at].worse;
    }
    if (p->better)
        l->page[p->better].worse = id;
    if (p->worse)
        l->page[p->worse].better = id;
}

static void page_free(struct ladder *l, uint32_t id, uint64_t occupied)
{
    struct pn_page *p = &l->page[id];
    index_remove(l, id);
    l->pool->empty_pages -= !occupied;
    /* A page without levels is zero but for its head. */
    memset(p, 0, occupied ? sizeof *p : offsetof(struct pn_page, level));
    p->worse = l->pool->page_free;
    l->pool->page_free = id;
    l->counters->live_pages--;
}

/* Takes one empty page out of its list. */
static void page_drop(struct ladder *l, struct pn_book *bk, uint32_t side, uint32_t id)
{
    const struct pn_page *p = &l->page[id];
    if (p->better)
        l->page[p->better].worse = p->worse;
    if (p->worse)
        l->page[p->worse].better = p->better;
    dir_forget(bk, side, p->number);
    page_free(l, id, 0);
}

/*
 * Takes back pages that hold no level; the books' directories are told. The book whose record is
 * open already is `open`.
 */
static void reclaim_empty(struct ladder *l, struct pn_book *books, const struct pn_book *open)
{
    for (uint32_t id = 1; id <= l->pool->page_used; id++) {
        struct pn_page *p = &l->page[id];
        if (!p->owner || p->occupied)
            continue;
        uint32_t side = (p->owner - 1) & 1;
        struct pn_book *bk = &books[(p->owner - 1) / 2];
        int best = bk->best[side] == id;
        if (best && bk->best_number[side])
            continue; /* its occupancy is in the book */
        if (bk != open)
            seqlock_begin(&bk->seq);
        if (best)
            ladder_clear(l, bk, side);
        else
            page_drop(l, bk, side, id);
        if (bk != open)
            seqlock_end(&bk->seq);
    }
}

static uint32_t page_alloc(struct ladder *l, struct pn_book *books, const struct pn_book *open)
{
    struct pn_pool *pool = l->pool;
    if (!pool->page_free && pool->page_used == l->max_pages &&
        pool->empty_pages > l->max_pages / 16)
        reclaim_empty(l, books, open);
    uint32_t id = pool->page_free;
    if (id)
        pool->page_free = l->page[id].worse;
    else if (pool->page_used < l->max_pages)
        id = ++pool->page_used;
    else
        return 0;
    l->page[id].worse = 0;
    if (++l->counters->live_pages > l->counters->peak_pages)
        l->counters->peak_pages = l->counters->live_pages;
    pool->empty_pages++;
    return id;
}

uint32_t ladder_create(struct ladder *l, struct pn_book *bk, uint32_t instrument, uint32_t side,
                       uint32_t number)
{
    uint32_t id = page_alloc(l, bk - instrument, bk);
    if (!id)
        return 0;
    l->page[id].number = number;
    l->page[id].owner = page_owner(instrument, side);
    list_insert(l, bk, side, id);
    index_put(l, id);
    dir_set(bk, side, number, id);
    /* The first page of a side is its best, so that the list can be entered. */
    if (!bk->best[side])
        ladder_set_best(l, bk, side, id);
    return id;
}

void ladder_set_best(struct ladder *l, struct pn_book *bk, uint32_t side, uint32_t page)
{
    if (bk->best[side])
        l->page[bk->best[side]].occupied = bk->occupied[side];
    bk->best[side] = page;
    bk->best_number[side] = page ? l->page[page].number + 1 : 0;
    bk->occupied[side] = page ? l->page[page].occupied : 0;
}

void ladder_clear(struct ladder *l, struct pn_book *bk, uint32_t side)
{
    uint32_t at = bk->best[side];
    while (at && l->page[at].better)
        at = l->page[at].better;
    while (at) {
        uint32_t next = l->page[at].worse;
        dir_forget(bk, side, l->page[at].number);
        page_free(l, at, *ladder_occupied(l, bk, side, at));
        at = next;
    }
    bk->best[side] = 0;
    bk->best_number[side] = 0;
    bk->occupied[side] = 0;
}

/*
 * If it was the best one, the next page outwards that is not empty takes over; empty ones on the
 * way are dropped, so that nobody walks over them again. Where there is none the page itself stays
 * in place for the next order; reclaim_empty takes it if need be.
 */
void ladder_page_emptied(struct ladder *l, struct pn_book *bk, uint32_t side, uint32_t page)
{
    l->pool->empty_pages++;
    if (page != bk->best[side])
        return;
    uint32_t at = l->page[page].worse;
    while (at && !l->page[at].occupied) {
        uint32_t next = l->page[at].worse;
        page_drop(l, bk, side, at);
        at = next;
    }
    if (at)
        ladder_set_best(l, bk, side, at);
    else
        bk->best_number[side] = 0;
}

static uint32_t gcd(uint32_t a, uint32_t b)
{
    while (b) {
        uint32_t r = a % b;
        a = b;
        b = r;
    }
    return a;
}

static void set_step(struct pn_book *bk, uint32_t step)
{
    bk->step = step;
    bk->step_mul = ((1ull << 63) + step - 1) / step;
}

/* Moves the levels of one side, held on the old step, to pages on the book's present step. */
static int regrid_side(struct ladder *l, struct pn_book *bk, uint32_t instrument, uint32_t side,
                       uint32_t old_step)
{
    uint32_t at = bk->best[side];
    ladder_set_best(l, bk, side, 0);
    while (at && l->page[at].better)
        at = l->page[at].better;
    /* Take the old pages out of index and directory first: numbers of old and new may be equal. */
    for (uint32_t id = at; id; id = l->page[id].worse) {
        index_remove(l, id);
        dir_forget(bk, side, l->page[id].number);
        l->page[id].owner = 0;
    }

    int rc = 0;
    while (at) {
        struct pn_page *old = &l->page[at];
        for (uint64_t left = old->occupied; left; left &= left - 1) {
            uint32_t bit = (uint32_t)__builtin_ctzll(left);
            uint32_t old_rank = old->number * PN_PAGE_LEVELS + bit;
            int32_t px = (int32_t)((old_rank ^ ladder_flip(side)) * old_step);
            uint32_t rank = ladder_rank(bk, side, px);
            uint32_t id = ladder_find_far(l, bk, instrument, side, rank / PN_PAGE_LEVELS);
            if (!id)
                id = ladder_create(l, bk, instrument, side, rank / PN_PAGE_LEVELS);
            if (!id) {
                rc = -1;
                continue;
            }
            l->page[id].level[rank % PN_PAGE_LEVELS] = old->level[bit];
            ladder_note(l, bk, side, id, rank / PN_PAGE_LEVELS + 1, rank % PN_PAGE_LEVELS,
                        old->level[bit]);
        }
        uint32_t next = old->worse;
        l->pool->empty_pages -= !old->occupied;
        memset(old, 0, sizeof *old);
        old->worse = l->pool->page_free;
        l->pool->page_free = at;
        l->counters->live_pages--;
        at = next;
    }
    return rc;
}

int ladder_regrid(struct ladder *l, struct pn_book *bk, uint32_t instrument, int32_t px)
{
    uint32_t old = bk->step;
    uint32_t step = gcd(old ? old : LADDER_FIRST_STEP, (uint32_t)px);
    if (step == old)
        return 0;
    set_step(bk, step ? step : LADDER_FIRST_STEP);
    if (!old)
        return 0;
    bk->regridded = 1;
    int rc = regrid_side(l, bk, instrument, PN_BID, old);
    return regrid_side(l, bk, instrument, PN_ASK, old) ? -1 : rc;
}
