/* repair.c - see repair.h. Not on the path. */
#include "book/repair.h"

#include <string.h>

#include "book/top.h"

/* Both indexes and the free list, from the slots. Orders without a book are dropped. */
static void rebuild_orders(struct books *b, const struct region *r)
{
    struct orders *t = &b->orders;
    const struct pn_section *s = region_header(r)->section;
    memset(t->young, 0, s[PN_SEC_YOUNG].count * s[PN_SEC_YOUNG].stride);
    memset(t->old, 0, s[PN_SEC_OLD].count * s[PN_SEC_OLD].stride);
    uint32_t used = t->pool->order_used < t->max ? t->pool->order_used + 1 : t->max;
    t->pool->order_used = used;
    t->pool->order_free = 0;
    b->counters->live_orders = 0;
    for (uint32_t id = used; id; id--) {
        struct pn_order *o = &t->slot[id];
        uint32_t *entry = orders_entry(t, o->ref);
        if (o->size && o->owner / 2 < b->header->instruments &&
            (!(*entry >> YOUNG_LEFT_BITS) || orders_retire(t, entry) == 0)) {
            *entry |= id << YOUNG_LEFT_BITS;
            b->counters->live_orders++;
            continue;
        }
        o->size = 0;
        o->level = t->pool->order_free;
        t->pool->order_free = id;
    }
}

/* Pages of the books in question go back to the pool; index, free list and counts anew. */
static void rebuild_pages(struct books *b)
{
    struct ladder *l = &b->ladder;
    struct pn_pool *pool = l->pool;
    memset(l->index, 0, (l->index_mask + 1) * sizeof *l->index);
    pool->page_free = 0;
    pool->empty_pages = 0;
    b->counters->live_pages = 0;
    /* One may have been taken and not yet counted. */
    if (pool->page_used < l->max_pages)
        pool->page_used++;
    for (uint32_t id = pool->page_used; id; id--) {
        struct pn_page *p = &l->page[id];
        uint32_t side = (p->owner - 1) & 1, book = (p->owner - 1) / 2;
        if (p->owner && book < b->header->instruments && !(b->book[book].seq & 1)) {
            ladder_index(l, id);
            b->counters->live_pages++;
            pool->empty_pages += !*ladder_occupied(l, &b->book[book], side, id);
            continue;
        }
        memset(p, 0, sizeof *p);
        p->worse = pool->page_free;
        pool->page_free = id;
    }
}

static void clear_sides(struct pn_book *bk)
{
    memset(bk->dir, 0, sizeof bk->dir);
    memset(bk->occupied, 0, sizeof bk->occupied);
    memset(bk->best, 0, sizeof bk->best);
    memset(bk->best_number, 0, sizeof bk->best_number);
    /* The step may have been in the middle of a change too; the orders' prices tell it again. */
    bk->step = 0;
    bk->step_mul = 0;
}

/* Puts an order back to its level, as far as there are pages. */
static void relevel(struct books *b, struct pn_book *bk, struct pn_order *o)
{
    uint32_t side = o->owner & 1, instrument = o->owner / 2;
    struct ladder *l = &b->ladder;
    if (!bk->step || ladder_steps(bk, o->px) * bk->step != (uint32_t)o->px)
        (void)ladder_regrid(l, bk, instrument, o->px);
    struct level_at at = ladder_find(l, bk, instrument, side, o->px);
    if (!at.page)
        at.page = ladder_create(l, bk, instrument, side, at.number - 1);
    if (!at.page)
        return;
    uint64_t *word = &l->page[at.page].level[at.bit];
    *word += (uint64_t)o->size << LEVEL_ORDER_BITS | LEVEL_ONE_ORDER;
    o->level = at.page * PN_PAGE_LEVELS + at.bit;
    ladder_note(l, bk, side, at.page, at.number, at.bit, *word);
}

static void publish(struct books *b, struct pn_book *bk, uint32_t side)
{
    int32_t px;
    uint64_t word = top_scan(b, bk, side, &px);
    *top_px(&bk->top, side) = px;
    *top_orders(&bk->top, side) = bk->by_order ? LEVEL_ORDERS(word) : 0;
    *top_size(&bk->top, side) = bk->by_order ? LEVEL_SIZE(word) : word;
}

uint32_t books_repair(struct books *b, const struct region *r)
{
    uint32_t torn = 0;
    for (uint32_t i = 0; i < b->header->instruments; i++)
        torn += b->book[i].seq & 1;
    if (!torn)
        return 0;
    rebuild_orders(b, r);
    rebuild_pages(b);
    for (uint32_t i = 0; i < b->header->instruments; i++)
        if (b->book[i].seq & 1)
            clear_sides(&b->book[i]);
    for (uint32_t id = 1; id <= b->orders.pool->order_used; id++) {
        struct pn_order *o = &b->orders.slot[id];
        if (o->size && b->book[o->owner / 2].seq & 1)
            relevel(b, &b->book[o->owner / 2], o);
    }
    for (uint32_t i = 0; i < b->header->instruments; i++) {
        struct pn_book *bk = &b->book[i];
        if (!(bk->seq & 1))
            continue;
        publish(b, bk, PN_BID);
        publish(b, bk, PN_ASK);
        bk->top.transition = 0;
        top_set_stale(bk, PN_STALE_INCONSISTENT);
        seqlock_end(&bk->seq);
    }
    return torn;
}
