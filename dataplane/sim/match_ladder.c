/* match_ladder.c - pages of price levels come, go and are found again; see match_ladder.h. */
#include "sim/match_ladder.h"

#define NOBODY UINT64_MAX

static uint32_t *bucket(struct match *m, uint64_t key)
{
    return &m->index[(key * 0x9e3779b97f4a7c15ull) >> m->index_shift];
}

uint32_t mt_page_find_far(struct match *m, uint32_t ladder, uint32_t number)
{
    uint64_t key = mt_page_key(ladder, number);
    uint32_t page = *bucket(m, key);
    while (page && m->page[page].key != key)
        page = m->page[page].chain;
    if (page)
        m->ladder[ladder].dir[number % MT_DIR_WAYS] = page;
    return page;
}

/* Links a page into its ladder's list, which is sorted from the best number to the worst. */
static void list_insert(struct match *m, struct mt_ladder *l, uint32_t page)
{
    struct mt_page *p = &m->page[page];
    uint32_t before = 0, after = l->head;
    while (after && (uint32_t)m->page[after].key > (uint32_t)p->key) {
        before = after;
        after = m->page[after].worse;
    }
    p->better = before;
    p->worse = after;
    if (before)
        m->page[before].worse = page;
    else
        l->head = page;
    if (after)
        m->page[after].better = page;
}

uint32_t mt_page_make(struct match *m, uint32_t ladder, uint32_t number)
{
    uint32_t page = m->page_free;
    if (page)
        m->page_free = m->page[page].worse;
    else if (m->pages_used < m->pages_max)
        page = ++m->pages_used;
    else
        return 0;
    struct mt_page *p = &m->page[page];
    uint64_t key = mt_page_key(ladder, number);
    struct mt_ladder *l = &m->ladder[ladder];
    uint32_t *b = bucket(m, key);
    p->key = key;
    p->chain = *b;
    *b = page;
    list_insert(m, l, page);
    l->dir[number % MT_DIR_WAYS] = page;
    return page;
}

/* Gives back a page without levels. */
static void page_drop(struct match *m, struct mt_ladder *l, uint32_t page)
{
    struct mt_page *p = &m->page[page];
    uint32_t *at = bucket(m, p->key);
    while (*at != page)
        at = &m->page[*at].chain;
    *at = p->chain;
    if (p->better)
        m->page[p->better].worse = p->worse;
    else
        l->head = p->worse;
    if (p->worse)
        m->page[p->worse].better = p->better;
    p->key = NOBODY;
    p->worse = m->page_free;
    m->page_free = page;
}

void mt_page_emptied(struct match *m, uint32_t ladder, uint32_t page)
{
    struct mt_ladder *l = &m->ladder[ladder];
    if (l->spare)
        page_drop(m, l, l->spare);
    l->spare = page;
    if (l->best != page)
        return;
    uint32_t next = m->page[page].worse; /* has levels: the only spare page is this one */
    l->best = next;
    l->best_rank =
        next ? (uint32_t)m->page[next].key * MT_PAGE_LEVELS + mt_top_bit(m->page[next].occupied)
             : 0;
}
