/* book.c - the apply loop: one event after the other, with look-ahead. See book.h. */
#include "book/book.h"

#include "book/session.h"
#include "book/top.h"
#include "book/trades.h"

enum {
    AHEAD_SLOT = 40,  /* events between fetching an order's and a book's first lines ... */
    AHEAD_LEVEL = 16, /* ... the price level's line, which needs both of them, and applying */
};

PN_HOT void count(struct books *b, enum pn_reason reason)
{
    b->counters->drops[reason]++;
}

/* The event does not fit the book: evidence of loss, so the book is not to be trusted. */
static __attribute__((noinline)) void
reject(struct books *b, struct pn_book *bk, struct pn_event *ev, enum pn_reason reason, uint8_t why)
{
    count(b, reason);
    ev->flags |= PN_EVF_REJECTED;
    top_set_stale(bk, why);
}

/* The level of px, made if need be; page NULL (and the book marked) when pages ran out. */
PN_HOT struct level_at level_make(struct books *b, struct pn_book *bk, struct pn_event *ev,
                                  uint32_t side)
{
    struct ladder *l = &b->ladder;
    if (PN_UNLIKELY(bk->step * ladder_steps(bk, ev->px) != (uint32_t)ev->px || !bk->step)) {
        if (ladder_regrid(l, bk, ev->instrument, ev->px) != 0)
            reject(b, bk, ev, PN_R_BOOK_PAGES_FULL, PN_STALE_OVERFLOW);
    }
    struct level_at at = ladder_find(l, bk, ev->instrument, side, ev->px);
    if (PN_UNLIKELY(!at.page)) {
        uint32_t number = ladder_steps(bk, ev->px) / PN_PAGE_LEVELS;
        at.page_id = ladder_create(l, bk, ev->instrument, side, number);
        if (at.page_id)
            at.page = &l->page[at.page_id];
        else
            reject(b, bk, ev, PN_R_BOOK_PAGES_FULL, PN_STALE_OVERFLOW);
    }
    return at;
}

/* Puts a new order at the back of its level. */
PN_HOT void order_add(struct books *b, struct pn_book *bk, struct pn_event *ev, uint64_t ref,
                      uint32_t side, uint32_t mpid)
{
    if (PN_UNLIKELY(!ev->size)) {
        count(b, PN_R_MSG_FIELD);
        ev->flags |= PN_EVF_REJECTED;
        return;
    }
    struct orders *t = &b->orders;
    ref = orders_key(ref, bk->channel);
    struct pn_order *slot = orders_home(t, ref);
    if (PN_UNLIKELY((slot->size && slot->ref == ref) ||
                    (slot->spill && orders_find_tenured(t, ref)))) {
        reject(b, bk, ev, PN_R_BOOK_DUPLICATE_REF, PN_STALE_INCONSISTENT);
        return;
    }
    if (PN_UNLIKELY(b->counters->live_orders >= t->max ||
                    (slot->size && orders_evict(t, slot) != 0))) {
        reject(b, bk, ev, PN_R_BOOK_ORDERS_FULL, PN_STALE_OVERFLOW);
        return;
    }
    struct level_at at = level_make(b, bk, ev, side);
    if (PN_UNLIKELY(!at.page))
        return;
    uint64_t *word = &at.page->level[at.bit], sum;
    uint64_t more = ev->size << LEVEL_ORDER_BITS | LEVEL_ONE_ORDER;
    if (PN_UNLIKELY(__builtin_add_overflow(*word, more, &sum))) {
        reject(b, bk, ev, PN_R_BOOK_SIZE_OVERFLOW, PN_STALE_OVERFLOW);
        return;
    }
    slot->ref = ref;
    slot->size = (uint32_t)ev->size;
    slot->px = ev->px;
    slot->stamp = b->ladder.pool->stamp++;
    slot->owner = ev->instrument * 2 + side;
    slot->mpid = mpid;
    if (++b->counters->live_orders > b->counters->peak_orders)
        b->counters->peak_orders = b->counters->live_orders;
    if (!*word)
        ladder_mark(&b->ladder, bk, side, at);
    *word = sum;
    top_level_changed(b, bk, ev, side, ev->px, sum);
}

/* Takes `size` off an order, all of it if that is what it has. */
PN_HOT void order_reduce(struct books *b, struct pn_book *bk, struct pn_event *ev,
                         struct pn_order *o, uint64_t size)
{
    uint32_t side = o->owner & 1;
    int32_t px = o->px;
    int gone = size == o->size;
    struct level_at at = ladder_find(&b->ladder, bk, ev->instrument, side, px);
    if (gone) {
        b->counters->live_orders--;
        orders_remove(&b->orders, o);
    } else {
        o->size -= (uint32_t)size;
    }
    /* Only after an overflow can an order be without its level. */
    if (PN_UNLIKELY(!at.page))
        return;
    uint64_t *word = &at.page->level[at.bit];
    uint64_t less = size << LEVEL_ORDER_BITS | (uint64_t)gone;
    if (PN_UNLIKELY(*word < less || (gone && !LEVEL_ORDERS(*word))))
        return;
    *word -= less;
    if (!*word)
        ladder_unmark(&b->ladder, bk, side, at);
    top_level_changed(b, bk, ev, side, px, *word);
}

/* The order an event names, or NULL with the event rejected. */
PN_HOT struct pn_order *order_named(struct books *b, struct pn_book *bk, struct pn_event *ev)
{
    struct pn_order *o = orders_find(&b->orders, orders_key(ev->ref, bk->channel));
    if (PN_UNLIKELY(!o)) {
        reject(b, bk, ev, PN_R_BOOK_UNKNOWN_REF, PN_STALE_INCONSISTENT);
        return NULL;
    }
    if (PN_UNLIKELY(o->owner / 2 != ev->instrument)) {
        reject(b, bk, ev, PN_R_BOOK_MISMATCH, PN_STALE_INCONSISTENT);
        return NULL;
    }
    return o;
}

/* EXECUTE, EXECUTE_AT, CANCEL, DELETE, and the first half of REPLACE. */
PN_HOT void apply_reduce(struct books *b, struct pn_book *bk, struct pn_event *ev)
{
    struct pn_order *o = order_named(b, bk, ev);
    if (PN_UNLIKELY(!o))
        return;
    uint64_t size = ev->size, left = o->size;
    uint8_t kind = ev->kind;
    ev->side = o->owner & 1;
    if (kind == PN_EV_DELETE || kind == PN_EV_REPLACE)
        size = left;
    if (kind == PN_EV_DELETE)
        ev->size = left;
    if (kind != PN_EV_EXECUTE_AT && kind != PN_EV_REPLACE)
        ev->px = o->px;
    if (PN_UNLIKELY(size > left || !size)) {
        if (!size) {
            count(b, PN_R_MSG_FIELD);
            ev->flags |= PN_EVF_REJECTED;
            return;
        }
        reject(b, bk, ev, PN_R_BOOK_OVER_REDUCE, PN_STALE_INCONSISTENT);
        order_reduce(b, bk, ev, o, left);
        return;
    }
    uint32_t mpid = o->mpid;
    order_reduce(b, bk, ev, o, size);
    if (kind == PN_EV_REPLACE)
        order_add(b, bk, ev, ev->ref2, ev->side, mpid);
    else if (kind == PN_EV_EXECUTE ||
             (kind == PN_EV_EXECUTE_AT && !(ev->flags & PN_EVF_NONPRINTABLE)))
        trade_record(b, bk, ev);
}

/* LEVEL: one price has this size now. */
static void apply_level(struct books *b, struct pn_book *bk, struct pn_event *ev)
{
    uint32_t side = ev->side;
    struct level_at at = {0};
    if (ev->size) {
        at = level_make(b, bk, ev, side);
    } else if (bk->step && bk->step * ladder_steps(bk, ev->px) == (uint32_t)ev->px) {
        at = ladder_find(&b->ladder, bk, ev->instrument, side, ev->px);
    }
    if (at.page) {
        uint64_t *word = &at.page->level[at.bit], old = *word;
        *word = ev->size;
        if (ev->size && !old)
            ladder_mark(&b->ladder, bk, side, at);
        else if (!ev->size && old)
            ladder_unmark(&b->ladder, bk, side, at);
        if (!ev->size && !old)
            count(b, PN_R_BOOK_LEVEL_ABSENT);
    } else if (!ev->size) {
        count(b, PN_R_BOOK_LEVEL_ABSENT);
    }
    top_levels_changed(b, bk, ev);
}

/* QUOTE: the whole side is this one price. */
static void apply_quote(struct books *b, struct pn_book *bk, struct pn_event *ev)
{
    int32_t px;
    if (!(ev->flags & PN_EVF_COMPLETE))
        top_begin_heal(bk);
    if (bk->best[ev->side] && (top_scan(b, bk, ev->side, &px), px != ev->px || !ev->size))
        ladder_clear(&b->ladder, bk, ev->side);
    if (ev->size)
        apply_level(b, bk, ev);
    else
        top_levels_changed(b, bk, ev);
    if (ev->flags & PN_EVF_COMPLETE && !(bk->top.stale_why & TOP_NOT_STORED))
        top_heal(bk, b->channel[bk->channel].gap_epoch);
}

/* Everything that no displayed order or level stands behind. */
static __attribute__((noinline)) void apply_other(struct books *b, struct pn_book *bk,
                                                  struct pn_event *ev)
{
    switch (ev->kind) {
    case PN_EV_TRADE:
    case PN_EV_CROSS:
        if (ev->size)
            trade_record(b, bk, ev);
        break;
    case PN_EV_BROKEN:
        trade_break(b, ev);
        break;
    case PN_EV_STATUS:
        top_set_trading(bk, ev->aux);
        break;
    case PN_EV_GAP:
        session_gap(b, ev);
        break;
    case PN_EV_RESET:
        session_reset(b, ev);
        break;
    default:
        break;
    }
}

/* Order line and first lines of the book: all that can be known before any of them is here. */
PN_HOT void prefetch_slot(const struct books *b, const struct pn_event *ev)
{
    const struct pn_book *bk = &b->book[ev->instrument];
    __builtin_prefetch(orders_home(&b->orders, ev->ref), 1);
    __builtin_prefetch(&bk->top, 1);
    __builtin_prefetch(&bk->seq, 1);
    if (ev->kind == PN_EV_REPLACE)
        __builtin_prefetch(orders_home(&b->orders, ev->ref2), 1);
}

/* With those here, where the price level is; a guess is good enough. */
PN_HOT void prefetch_level(const struct books *b, const struct pn_event *ev)
{
    const struct pn_book *bk = &b->book[ev->instrument];
    const struct pn_order *o = orders_home(&b->orders, ev->ref);
    const struct pn_page *page;
    if (ev->kind == PN_EV_ADD) {
        if (o->size)
            __builtin_prefetch(&b->orders.tenured[orders_hash(&b->orders, o->ref)], 1);
        __builtin_prefetch(ladder_guess(&b->ladder, bk, ev->side, ev->px, &page), 1);
        __builtin_prefetch(page, 1);
        return;
    }
    if (ev->kind > PN_EV_REPLACE)
        return;
    uint64_t key = orders_key(ev->ref, bk->channel);
    if (PN_UNLIKELY(o->ref != key || !o->size)) {
        if (o->spill)
            __builtin_prefetch(&b->orders.tenured[orders_hash(&b->orders, key)], 1);
        return;
    }
    __builtin_prefetch(ladder_guess(&b->ladder, bk, o->owner & 1, o->px, &page), 1);
    __builtin_prefetch(page, 1);
    if (ev->kind == PN_EV_REPLACE) {
        __builtin_prefetch(ladder_guess(&b->ladder, bk, o->owner & 1, ev->px, &page), 1);
        __builtin_prefetch(page, 1);
    }
}

PN_HOT void apply_one(struct books *b, struct pn_event *ev)
{
    struct pn_book *bk = &b->book[ev->instrument];
    if (PN_UNLIKELY(ev->kind > PN_EV_QUOTE)) {
        apply_other(b, bk, ev);
        return;
    }
    bk->events++;
    if (PN_UNLIKELY(!bk->top.state))
        top_set_valid(bk);
    if (PN_UNLIKELY(ev->flags & PN_EVF_REJECTED)) {
        top_set_stale(bk, PN_STALE_INCONSISTENT);
        return;
    }
    seqlock_begin(&bk->seq);
    if (ev->kind == PN_EV_ADD)
        order_add(b, bk, ev, ev->ref, ev->side, ev->aux);
    else if (PN_LIKELY(ev->kind <= PN_EV_REPLACE))
        apply_reduce(b, bk, ev);
    else if (ev->kind == PN_EV_LEVEL)
        apply_level(b, bk, ev);
    else
        apply_quote(b, bk, ev);
    seqlock_end(&bk->seq);
}

uint32_t book_apply(struct books *b, struct pn_event *ev, uint32_t n)
{
    /* Every event changes each side's top at most once, and a replace twice. */
    if (b->bbo && (b->bbo_cap - b->bbo_count) / 2 < n)
        n = (uint32_t)((b->bbo_cap - b->bbo_count) / 2);
    for (uint32_t i = 0; i < n && i < AHEAD_SLOT; i++)
        prefetch_slot(b, &ev[i]);
    for (uint32_t i = 0; i < n && i < AHEAD_LEVEL; i++)
        prefetch_level(b, &ev[i]);
    for (uint32_t i = 0; i < n; i++) {
        if (i + AHEAD_SLOT < n)
            prefetch_slot(b, &ev[i + AHEAD_SLOT]);
        if (i + AHEAD_LEVEL < n)
            prefetch_level(b, &ev[i + AHEAD_LEVEL]);
        apply_one(b, &ev[i]);
    }
    return n;
}
