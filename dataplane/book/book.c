/* book.c - the apply loop: one event after the other, with look-ahead. See book.h. */
#include "book/book.h"

#include "book/session.h"
#include "book/top.h"
#include "book/trades.h"

enum { LOOK_AHEAD_MIN = 4 }; /* fewer events than this are not worth further looks ahead */

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

/* The level of px, made if need be; page 0 (and the book marked) when pages ran out. */
PN_HOT struct level_at level_make(struct books *b, struct pn_book *bk, struct pn_event *ev,
                                  uint32_t side)
{
    struct ladder *l = &b->ladder;
    if (PN_UNLIKELY(bk->step * ladder_steps(bk, ev->px) != (uint32_t)ev->px || !bk->step)) {
        if (ladder_regrid(l, bk, ev->instrument, ev->px) != 0)
            reject(b->self, bk, ev, PN_R_BOOK_PAGES_FULL, PN_STALE_OVERFLOW);
    }
    struct level_at at = ladder_find(l, bk, ev->instrument, side, ev->px);
    if (PN_UNLIKELY(!at.page)) {
        uint32_t number = ladder_rank(bk, side, ev->px) / PN_PAGE_LEVELS;
        at.page = ladder_create(l, bk, ev->instrument, side, number);
        if (!at.page)
            reject(b->self, bk, ev, PN_R_BOOK_PAGES_FULL, PN_STALE_OVERFLOW);
    }
    return at;
}

/* May this reference be added? Makes room in its young entry. */
PN_HOT int order_admit(struct books *b, struct pn_book *bk, struct pn_event *ev, uint64_t ref,
                       uint32_t *entry)
{
    struct orders *t = &b->orders;
    if (PN_LIKELY(!*entry))
        return 1;
    uint32_t id = *entry >> YOUNG_LEFT_BITS;
    if (PN_UNLIKELY((id && t->slot[id].ref == ref) ||
                    ((*entry & YOUNG_LEFT_MAX) && orders_find_old(t, ref)))) {
        reject(b->self, bk, ev, PN_R_BOOK_DUPLICATE_REF, PN_STALE_INCONSISTENT);
        return 0;
    }
    if (PN_UNLIKELY(id && orders_retire(t, entry) != 0)) {
        reject(b->self, bk, ev, PN_R_BOOK_ORDERS_FULL, PN_STALE_OVERFLOW);
        return 0;
    }
    return 1;
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
    uint32_t *entry = orders_entry(t, ref), id = orders_next(t);
    if (PN_UNLIKELY(!order_admit(b, bk, ev, ref, entry)))
        return;
    if (PN_UNLIKELY(!id)) {
        reject(b->self, bk, ev, PN_R_BOOK_ORDERS_FULL, PN_STALE_OVERFLOW);
        return;
    }
    struct level_at at = level_make(b, bk, ev, side);
    if (PN_UNLIKELY(!at.page))
        return;
    uint64_t *word = &b->ladder.page[at.page].level[at.bit], sum;
    uint64_t more = ev->size << LEVEL_ORDER_BITS | LEVEL_ONE_ORDER;
    if (PN_UNLIKELY(__builtin_add_overflow(*word, more, &sum))) {
        reject(b->self, bk, ev, PN_R_BOOK_SIZE_OVERFLOW, PN_STALE_OVERFLOW);
        return;
    }
    struct pn_order *o = orders_put(t, entry, id);
    *o = (struct pn_order){
        .ref = ref,
        .size = (uint32_t)ev->size,
        .px = ev->px,
        .stamp = (uint32_t)ev->seq,
        .owner = ev->instrument * 2 + side,
        .mpid = mpid,
        .level = at.page * PN_PAGE_LEVELS + at.bit,
    };
    b->counters->live_orders++;
    *word = sum;
    ladder_note(&b->ladder, bk, side, at.page, at.bit, sum);
    top_level_changed(b, bk, ev, side, ev->px);
}

/* Takes `size` off an order, all of it if that is what it has. */
PN_HOT void order_reduce(struct books *b, struct pn_book *bk, struct pn_event *ev, uint32_t id,
                         uint64_t size)
{
    struct pn_order *o = &b->orders.slot[id];
    uint32_t side = o->owner & 1, level = o->level;
    int32_t px = o->px;
    uint64_t gone = size == o->size;
    if (PN_UNLIKELY(bk->regridded)) {
        struct level_at at = ladder_find(&b->ladder, bk, ev->instrument, side, px);
        level = at.page * PN_PAGE_LEVELS + at.bit;
    }
    o->size -= (uint32_t)size;
    if (gone) {
        b->counters->live_orders--;
        orders_remove(&b->orders, id);
    }
    uint32_t page = level / PN_PAGE_LEVELS, bit = level % PN_PAGE_LEVELS;
    uint64_t *word = &b->ladder.page[page].level[bit];
    uint64_t less = size << LEVEL_ORDER_BITS | gone;
    /* Only after pages ran out can an order be without its level. */
    if (PN_UNLIKELY(*word < less))
        return;
    *word -= less;
    ladder_note(&b->ladder, bk, side, page, bit, *word);
    top_level_changed(b, bk, ev, side, px);
}

/* The slot of the order an event names, or 0 with the event rejected. */
PN_HOT uint32_t order_named(struct books *b, struct pn_book *bk, struct pn_event *ev)
{
    uint32_t id = orders_find(&b->orders, orders_key(ev->ref, bk->channel));
    if (PN_UNLIKELY(!id)) {
        reject(b->self, bk, ev, PN_R_BOOK_UNKNOWN_REF, PN_STALE_INCONSISTENT);
        return 0;
    }
    if (PN_UNLIKELY(b->orders.slot[id].owner / 2 != ev->instrument)) {
        reject(b->self, bk, ev, PN_R_BOOK_MISMATCH, PN_STALE_INCONSISTENT);
        return 0;
    }
    return id;
}

/* A reduction by nothing, or by more than there is: the latter takes what there is. */
static __attribute__((noinline)) void reduce_bad(struct books *b, struct pn_book *bk,
                                                 struct pn_event *ev, uint32_t id)
{
    if (!ev->size) {
        count(b, PN_R_MSG_FIELD);
        ev->flags |= PN_EVF_REJECTED;
        return;
    }
    reject(b, bk, ev, PN_R_BOOK_OVER_REDUCE, PN_STALE_INCONSISTENT);
    order_reduce(b, bk, ev, id, b->orders.slot[id].size);
}

/* How the kinds of reduction differ, as masks: a branch on the kind is as good as random. */
static const struct reduction {
    uint64_t all;       /* takes what is left, whatever the message says */
    uint64_t keep_size; /* the event's size is not that of the reduction */
    uint32_t keep_px;   /* the event's price is not the order's */
} reductions[PN_EV_REPLACE + 1] = {
    [PN_EV_EXECUTE_AT] = {.keep_px = UINT32_MAX},
    [PN_EV_DELETE] = {.all = UINT64_MAX},
    [PN_EV_REPLACE] = {.all = UINT64_MAX, .keep_size = UINT64_MAX, .keep_px = UINT32_MAX},
};

/* EXECUTE, EXECUTE_AT, CANCEL, DELETE, and the first half of REPLACE. */
PN_HOT void apply_reduce(struct books *b, struct pn_book *bk, struct pn_event *ev)
{
    uint32_t id = order_named(b, bk, ev);
    if (PN_UNLIKELY(!id))
        return;
    const struct pn_order *o = &b->orders.slot[id];
    uint32_t kind = ev->kind, mpid = o->mpid;
    const struct reduction *r = &reductions[kind];
    uint64_t left = o->size, wire_size = ev->size;
    uint64_t size = (left & r->all) | (wire_size & ~r->all);
    ev->side = o->owner & 1;
    ev->size = (wire_size & r->keep_size) | (size & ~r->keep_size);
    ev->px = (int32_t)(((uint32_t)ev->px & r->keep_px) | ((uint32_t)o->px & ~r->keep_px));
    if (PN_UNLIKELY(size - 1 >= left)) {
        reduce_bad(b->self, bk, ev, id);
        return;
    }
    order_reduce(b, bk, ev, id, size);
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
        uint64_t *word = &b->ladder.page[at.page].level[at.bit], old = *word;
        *word = ev->size;
        if (ev->size || old)
            ladder_note(&b->ladder, bk, side, at.page, at.bit, ev->size);
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

/* The first lines of the book and where to look for the order: known from the event alone. */
PN_HOT void prefetch_entry(const struct books *b, const struct pn_event *ev)
{
    const struct pn_book *bk = &b->book[ev->instrument];
    __builtin_prefetch(orders_entry(&b->orders, ev->ref), 1);
    __builtin_prefetch(&bk->top, 1);
    __builtin_prefetch(&bk->seq, 1);
}

/* With the entry here, the order. */
PN_HOT void prefetch_order(const struct books *b, const struct pn_event *ev)
{
    uint32_t id = *orders_entry(&b->orders, ev->ref) >> YOUNG_LEFT_BITS;
    __builtin_prefetch(&b->orders.slot[id], 1);
}

/*
 * With the order or the book here, the level: of a resting order where it remembers to be, of a
 * new price on the best page. A guess is good enough. No branches: they would be mispredicted
 * twice, here and when the event is applied.
 */
PN_HOT void prefetch_level(const struct books *b, const struct pn_event *ev)
{
    const struct pn_book *bk = &b->book[ev->instrument];
    uint32_t id = *orders_entry(&b->orders, ev->ref) >> YOUNG_LEFT_BITS;
    uint32_t side = ev->side & 1;
    uint32_t old = b->orders.slot[id].level;
    uint32_t rank = ladder_rank(bk, side, ev->px), number = rank / PN_PAGE_LEVELS;
    uint32_t far = -(uint32_t)(number != bk->best_number[side]);
    uint32_t page = (bk->best[side] & ~far) | (bk->dir[number % PN_DIR_WAYS][side].page & far);
    uint32_t fresh = page * PN_PAGE_LEVELS + rank % PN_PAGE_LEVELS;
    uint32_t is_new = -(uint32_t)(ev->kind == PN_EV_ADD);
    uint32_t level = (fresh & is_new) | (old & ~is_new);
    __builtin_prefetch(&b->ladder.page[level / PN_PAGE_LEVELS].level[level % PN_PAGE_LEVELS], 1);
}

/* Everything but orders. */
static __attribute__((noinline)) void apply_rest(struct books *b, struct pn_book *bk,
                                                 struct pn_event *ev)
{
    if (ev->kind > PN_EV_QUOTE) {
        apply_other(b, bk, ev);
        return;
    }
    bk->events++;
    /* The decoder did not trust a field of it. */
    if (ev->flags & PN_EVF_REJECTED) {
        top_set_stale(bk, PN_STALE_INCONSISTENT);
        return;
    }
    seqlock_begin(&bk->seq);
    if (ev->kind == PN_EV_LEVEL)
        apply_level(b, bk, ev);
    else
        apply_quote(b, bk, ev);
    top_touch(bk);
    seqlock_end(&bk->seq);
}

PN_HOT void apply_one(struct books *b, struct pn_event *ev)
{
    struct pn_book *bk = &b->book[ev->instrument];
    /* Kind and the rejected flag in one look. */
    uint32_t head = load_u32_le(ev) & (0xff | PN_EVF_REJECTED << 16);
    if (PN_UNLIKELY(head > PN_EV_REPLACE)) {
        apply_rest(b->self, bk, ev);
        return;
    }
    bk->events++;
    seqlock_begin(&bk->seq);
    if (head == PN_EV_ADD)
        order_add(b, bk, ev, ev->ref, ev->side, ev->aux);
    else
        apply_reduce(b, bk, ev);
    seqlock_end(&bk->seq);
}

uint32_t book_apply(struct books *self, struct pn_event *ev, uint32_t n)
{
    struct books copy = *self, *b = &copy;
    /* Every event changes each side's top at most once, and a replace twice. */
    if (b->bbo && (b->bbo_cap - b->bbo_count) / 2 < n)
        n = (uint32_t)((b->bbo_cap - b->bbo_count) / 2);
    /* One loop a step: each is short enough to run far ahead of the memory it asks for. */
    for (uint32_t i = 0; i < n; i++)
        prefetch_entry(b, &ev[i]);
    if (PN_LIKELY(n > LOOK_AHEAD_MIN)) {
        for (uint32_t i = 0; i < n; i++)
            prefetch_order(b, &ev[i]);
        for (uint32_t i = 0; i < n; i++)
            prefetch_level(b, &ev[i]);
    }
    for (uint32_t i = 0; i < n; i++)
        apply_one(b, &ev[i]);
    return n;
}
