/* queries.c - books attached, set up and looked into; nothing here is on the path. */
#include <errno.h>
#include <stdlib.h>

#include "book/book.h"

void books_attach(struct books *b, const struct region *r, const struct pn_config *cfg)
{
    const struct pn_region_header *h = region_header(r);
    struct pn_counters *counters = region_section(r, PN_SEC_COUNTERS);
    *b = (struct books){
        .book = region_section(r, PN_SEC_BOOKS),
        .instrument = region_section(r, PN_SEC_INSTRUMENTS),
        .channel = region_section(r, PN_SEC_CHANNELS),
        .counters = counters,
        .trade = region_section(r, PN_SEC_TRADES),
        .trade_mask = h->section[PN_SEC_TRADES].count - 1,
        .ladder =
            {
                .page = region_section(r, PN_SEC_PAGES),
                .index = region_section(r, PN_SEC_PAGE_INDEX),
                .index_mask = h->section[PN_SEC_PAGE_INDEX].count - 1,
                .pool = region_section(r, PN_SEC_POOL),
                .counters = counters,
                .max_pages = (uint32_t)cfg->max_pages,
            },
        .orders =
            {
                .slot = region_section(r, PN_SEC_ORDERS),
                .young = region_section(r, PN_SEC_YOUNG),
                .old = region_section(r, PN_SEC_OLD),
                .pool = region_section(r, PN_SEC_POOL),
                .young_mask = h->section[PN_SEC_YOUNG].count - 1,
                .old_mask = h->section[PN_SEC_OLD].count - 1,
                .max = (uint32_t)cfg->max_orders,
            },
        .header = region_header(r),
        .self = b,
    };
}

/* a was there before b, with stamps that wrap. */
static int is_earlier(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) < 0;
}

/* Calls visit for every live order of one side of an instrument. */
static void each_order(const struct books *b, uint32_t owner,
                       void (*visit)(void *, const struct pn_order *), void *arg)
{
    const struct orders *t = &b->orders;
    for (uint32_t id = 1; id <= t->pool->order_used; id++)
        if (t->slot[id].size && t->slot[id].owner == owner)
            visit(arg, &t->slot[id]);
}

struct queue_sum {
    const struct pn_order *mine;
    uint64_t size, orders;
};

static void queue_visit(void *arg, const struct pn_order *o)
{
    struct queue_sum *q = arg;
    if (o->px == q->mine->px && is_earlier(o->stamp, q->mine->stamp)) {
        q->size += o->size;
        q->orders++;
    }
}

int book_queue(struct books *b, uint64_t ref, uint32_t instrument, uint64_t *size_ahead,
               uint64_t *orders_ahead)
{
    uint32_t id = orders_find(&b->orders, orders_key(ref, b->book[instrument].channel));
    const struct pn_order *o = &b->orders.slot[id];
    if (!id || o->owner / 2 != instrument)
        return -ENOENT;
    struct queue_sum q = {.mine = o};
    each_order(b, o->owner, queue_visit, &q);
    *size_ahead = q.size;
    *orders_ahead = q.orders;
    return 0;
}

struct order_list {
    struct pn_order *out;
    uint64_t count, cap;
};

static void list_visit(void *arg, const struct pn_order *o)
{
    struct order_list *l = arg;
    if (l->count < l->cap)
        l->out[l->count] = *o;
    l->count++;
}

static int by_priority(const void *pa, const void *pb)
{
    const struct pn_order *a = pa, *b = pb;
    if (a->px != b->px)
        return ((a->px > b->px) == !(a->owner & 1)) ? -1 : 1;
    return is_earlier(a->stamp, b->stamp) ? -1 : 1;
}

uint64_t book_orders(struct books *b, uint32_t instrument, uint32_t side, struct pn_order *out,
                     uint64_t cap)
{
    struct order_list l = {.out = out, .cap = cap};
    each_order(b, instrument * 2 + side, list_visit, &l);
    uint64_t n = l.count < cap ? l.count : cap;
    qsort(out, n, sizeof *out, by_priority);
    for (uint64_t i = 0; i < n; i++)
        out[i].ref = orders_key(out[i].ref, b->book[instrument].channel);
    return l.count;
}

static uint64_t fold(uint64_t h, uint64_t v)
{
    h = (h ^ v) * 0x9e3779b97f4a7c15ull;
    return h ^ h >> 32;
}

static uint64_t digest_side(const struct books *b, const struct pn_book *bk, uint32_t side,
                            uint64_t h)
{
    for (uint32_t id = bk->best[side]; id; id = b->ladder.page[id].worse) {
        const struct pn_page *p = &b->ladder.page[id];
        uint64_t left = id == bk->best[side] ? bk->occupied[side] : p->occupied;
        while (left) {
            uint32_t bit = ladder_best_bit(left);
            left &= ~(1ull << bit);
            h = fold(fold(h, (uint64_t)(uint32_t)ladder_px(bk, side, p->number, bit)),
                     p->level[bit]);
        }
    }
    return h;
}

/* Every resting order with its place in time; they add up, as slots are in no order. */
static uint64_t digest_orders(const struct books *b)
{
    uint64_t h = 0;
    for (uint32_t id = 1; id <= b->orders.pool->order_used; id++) {
        const struct pn_order *o = &b->orders.slot[id];
        if (o->size)
            h += fold(fold(o->ref & ~0ull >> 8, (uint64_t)o->stamp << 32 | o->size),
                      (uint64_t)(uint32_t)o->px << 32 | o->mpid);
    }
    return h;
}

uint64_t book_digest(const struct books *b)
{
    uint64_t h = digest_orders(b);
    for (uint32_t i = 0; i < b->header->instruments; i++) {
        const struct pn_book *bk = &b->book[i];
        if (!bk->top.state && !bk->trades && !bk->top.trading)
            continue;
        /* By name and number on the wire: the place here depends on who was heard of first. */
        uint64_t who = fold(load_u64_le(b->instrument[i].name), b->instrument[i].locate);
        uint64_t own = fold(digest_side(b, bk, PN_BID, who), ~0ull);
        own = digest_side(b, bk, PN_ASK, own);
        own = fold(fold(own, bk->volume), bk->trades << 8 | bk->top.trading);
        own = fold(fold(own, bk->top.changes), bk->top.ts_ns);
        /* Instruments add up, so that the order in which channels appeared does not matter. */
        h += own;
    }
    return h;
}
