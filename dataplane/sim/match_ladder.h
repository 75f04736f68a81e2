/*
 * match_ladder.h - price levels of the matching engine: pages of 64 neighbouring ticks.
 *
 * The pages of a ladder form a list from the best price outwards; one that loses its last level
 * stays as the ladder's spare until another one does, so that orders which come and go at a lonely
 * price move no pages. A page is found through the best one, the ladder's small directory, or an
 * index over all ladders. Directory entries are checked against the page and never taken back.
 */
#ifndef PN_SIM_MATCH_LADDER_H
#define PN_SIM_MATCH_LADDER_H

#include "sim/match_internal.h"

/* Cold: through the index; 0 = no such page. */
uint32_t mt_page_find_far(struct match *m, uint32_t ladder, uint32_t number);
/* A new page in its place; 0 when there is none left. */
uint32_t mt_page_make(struct match *m, uint32_t ladder, uint32_t number);
/* A page has lost its last level. */
void mt_page_emptied(struct match *m, uint32_t ladder, uint32_t page);

PN_HOT uint64_t mt_page_key(uint32_t ladder, uint32_t number)
{
    return (uint64_t)ladder << 32 | number;
}

PN_HOT uint32_t mt_page_find(struct match *m, uint32_t ladder, uint32_t number)
{
    const struct mt_ladder *l = &m->ladder[ladder];
    uint64_t key = mt_page_key(ladder, number);
    if (PN_LIKELY(m->page[l->best].key == key))
        return l->best;
    uint32_t page = l->dir[number % MT_DIR_WAYS];
    return PN_LIKELY(m->page[page].key == key) ? page : mt_page_find_far(m, ladder, number);
}

PN_HOT uint32_t mt_top_bit(uint64_t bits)
{
    return 63u - (uint32_t)__builtin_clzll(bits);
}

/* A level has its first order. */
PN_HOT void mt_level_filled(struct match *m, uint32_t ladder, uint32_t page, uint32_t bit)
{
    struct mt_ladder *l = &m->ladder[ladder];
    struct mt_page *p = &m->page[page];
    uint32_t rank = (uint32_t)p->key * MT_PAGE_LEVELS + bit;
    if (PN_UNLIKELY(l->spare == page))
        l->spare = 0;
    p->occupied |= 1ull << bit;
    if (rank > l->best_rank) {
        l->best_rank = rank;
        l->best = page;
    }
}

/* A level has lost its last order. */
PN_HOT void mt_level_emptied(struct match *m, uint32_t ladder, uint32_t page, uint32_t bit)
{
    struct mt_ladder *l = &m->ladder[ladder];
    struct mt_page *p = &m->page[page];
    p->occupied &= ~(1ull << bit);
    if (PN_UNLIKELY(!p->occupied))
        mt_page_emptied(m, ladder, page);
    else if (l->best == page)
        l->best_rank = (uint32_t)p->key * MT_PAGE_LEVELS + mt_top_bit(p->occupied);
}

/* Walk over the levels of a ladder, best first: mt_walk, then mt_walk_next while rank is not 0. */
struct mt_walk {
    uint32_t page, rank;
};

PN_HOT struct mt_walk mt_walk(const struct match *m, uint32_t ladder)
{
    return (struct mt_walk){m->ladder[ladder].best, m->ladder[ladder].best_rank};
}

static inline void mt_walk_next(const struct match *m, struct mt_walk *w)
{
    const struct mt_page *p = &m->page[w->page];
    uint64_t bits = p->occupied & ((1ull << w->rank % MT_PAGE_LEVELS) - 1);
    while (!bits && (w->page = p->worse)) {
        p = &m->page[w->page];
        bits = p->occupied;
    }
    w->rank = bits ? (uint32_t)p->key * MT_PAGE_LEVELS + mt_top_bit(bits) : 0;
}

PN_HOT struct mt_level *mt_walk_level(const struct match *m, const struct mt_walk *w)
{
    return &m->page[w->page].level[w->rank % MT_PAGE_LEVELS];
}

#endif
