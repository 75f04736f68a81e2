/*
 * apply.h - order events to order books. All inline: the caller has an event of known kind in
 * registers, and here is all that happens to it.
 *
 * An event is never handed to a function that is not inlined (reject gets what it needs by value),
 * else it would have to be written to memory for every message.
 */
#ifndef PN_BOOK_APPLY_H
#define PN_BOOK_APPLY_H

#include "book/top.h"
#include "book/trades.h"

/* The event does not fit the book: evidence of loss, so the book is not to be trusted. */
void book_reject(struct books *b, struct pn_book *bk, enum pn_reason reason, uint8_t why);
/* Makes the grid fine enough for px; marks the book if levels were lost. */
void book_regrid(struct books *b, struct pn_book *bk, uint32_t instrument, int32_t px);

PN_HOT void apply_reject(struct books *b, struct pn_book *bk, struct pn_event *ev,
                         enum pn_reason reason, uint8_t why)
{
    ev->flags |= PN_EVF_REJECTED;
    book_reject(b->self, bk, reason, why);
}

/* The level of px, made if need be; page 0 (and the book marked) when pages ran out. */
PN_HOT struct level_at level_make(struct books *b, struct pn_book *bk, struct pn_event *ev,
                                  uint32_t side)
{
    if (PN_UNLIKELY(bk->step * ladder_steps(bk, ev->px) != (uint32_t)ev->px || !bk->step))
        book_regrid(b->self, bk, ev->instrument, ev->px);
    struct level_at at = ladder_find(&b->self->ladder, bk, ev->instrument, side, ev->px);
    if (PN_UNLIKELY(!at.page)) {
        at.page = ladder_create(&b->self->ladder, bk, ev->instrument, side, at.number - 1);
        if (!at.page)
            apply_reject(b, bk, ev, PN_R_BOOK_PAGES_FULL, PN_STALE_OVERFLOW);
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
                    ((*entry & YOUNG_LEFT_MAX) && orders_find_old(&b->self->orders, ref)))) {
        apply_reject(b, bk, ev, PN_R_BOOK_DUPLICATE_REF, PN_STALE_INCONSISTENT);
        return 0;
    }
    if (PN_UNLIKELY(id && orders_retire(&b->self->orders, entry) != 0)) {
        apply_reject(b, bk, ev, PN_R_BOOK_ORDERS_FULL, PN_STALE_OVERFLOW);
        return 0;
    }
    return 1;
}

/* Puts a new order at the back of its level. The top is the caller's: 1 if it changes. */
PN_HOT uint32_t order_add(struct books *b, struct pn_book *bk, struct pn_event *ev, uint64_t ref,
                          uint32_t side, uint32_t mpid)
{
    struct orders *t = &b->orders;
    if (PN_UNLIKELY(!ev->size)) {
        b->counters->drops[PN_R_MSG_FIELD]++;
        ev->flags |= PN_EVF_REJECTED;
        top_set_known(bk);
        return 0;
    }
    ref = orders_key(ref, bk->channel);
    uint32_t *entry = orders_entry(t, ref), id = orders_next(t);
    if (PN_UNLIKELY(!order_admit(b, bk, ev, ref, entry)))
        return 0;
    if (PN_UNLIKELY(!id)) {
        apply_reject(b, bk, ev, PN_R_BOOK_ORDERS_FULL, PN_STALE_OVERFLOW);
        return 0;
    }
    struct level_at at = level_make(b, bk, ev, side);
    if (PN_UNLIKELY(!at.page))
        return 0;
    uint64_t *word = &b->ladder.page[at.page].level[at.bit], sum;
    uint64_t more = ev->size << LEVEL_ORDER_BITS | LEVEL_ONE_ORDER;
    if (PN_UNLIKELY(__builtin_add_overflow(*word, more, &sum))) {
        apply_reject(b, bk, ev, PN_R_BOOK_SIZE_OVERFLOW, PN_STALE_OVERFLOW);
        return 0;
    }
    struct pn_order *o = orders_put(t, entry, id);
    o->ref = ref;
    o->px = ev->px;
    o->stamp = (uint32_t)ev->seq;
    o->owner = ev->instrument * 2 + side;
    o->mpid = mpid;
    o->level = at.page * PN_PAGE_LEVELS + at.bit;
    /* Last: a slot with a size is whole, whenever this process may die (book/repair.h). */
    __atomic_store_n(&o->size, (uint32_t)ev->size, __ATOMIC_RELEASE);
    b->counters->live_orders++;
    *word = sum;
    return ladder_note(&b->ladder, bk, side, at.page, at.number, at.bit, sum);
}

/* Takes `size` off an order, or all of it. The top is the caller's: 1 if it changes. */
PN_HOT uint32_t order_reduce(struct books *b, struct pn_book *bk, struct pn_event *ev, uint32_t id,
                             uint32_t size)
{
    struct pn_order *o = &b->orders.slot[id];
    uint32_t side = o->owner & 1, level = o->level;
    int32_t px = o->px;
    uint64_t gone = size == o->size;
    if (PN_UNLIKELY(bk->regridded)) {
        struct level_at at = ladder_find(&b->self->ladder, bk, ev->instrument, side, px);
        level = at.page * PN_PAGE_LEVELS + at.bit;
    }
    o->size -= size;
    if (gone) {
        b->counters->live_orders--;
        orders_remove(&b->orders, id);
    }
    uint32_t page = level / PN_PAGE_LEVELS, bit = level % PN_PAGE_LEVELS;
    uint64_t *word = &b->ladder.page[page].level[bit], before = *word;
    uint64_t less = (uint64_t)size << LEVEL_ORDER_BITS | gone;
    /* Only after pages ran out can an order be without its level. */
    if (PN_UNLIKELY(before < less))
        return top_reached(bk, side, px);
    *word = before - less;
    return ladder_note(&b->ladder, bk, side, page, 0, bit, before - less);
}

/* The slot of the order an event names, or 0 with the event rejected. */
PN_HOT uint32_t order_named(struct books *b, struct pn_book *bk, struct pn_event *ev)
{
    uint64_t ref = orders_key(ev->ref, bk->channel);
    uint32_t entry = *orders_entry(&b->orders, ref), id = entry >> YOUNG_LEFT_BITS;
    if (PN_UNLIKELY(b->orders.slot[id].ref != ref || !id))
        id = entry & YOUNG_LEFT_MAX ? orders_find_old(&b->self->orders, ref) : 0;
    if (PN_UNLIKELY(b->orders.slot[id].owner / 2 != ev->instrument || !id)) {
        apply_reject(b, bk, ev, id ? PN_R_BOOK_MISMATCH : PN_R_BOOK_UNKNOWN_REF,
                     PN_STALE_INCONSISTENT);
        return 0;
    }
    return id;
}

PN_HOT void apply_add(struct books *b, struct pn_book *bk, struct pn_event *ev)
{
    if (order_add(b, bk, ev, ev->ref, ev->side, ev->aux))
        top_level_changed(b, bk, ev, ev->side);
}

/* CANCEL, EXECUTE, EXECUTE_AT: the order loses the event's size. */
PN_HOT void apply_reduce(struct books *b, struct pn_book *bk, struct pn_event *ev)
{
    uint32_t id = order_named(b, bk, ev);
    if (PN_UNLIKELY(!id))
        return;
    const struct pn_order *o = &b->orders.slot[id];
    int32_t px = o->px;
    ev->side = o->owner & 1;
    if (ev->kind != PN_EV_EXECUTE_AT)
        ev->px = px;
    if (PN_UNLIKELY(ev->size - 1 >= o->size)) {
        /* By nothing, or by more than there is: the latter takes what there is. */
        ev->flags |= PN_EVF_REJECTED;
        if (!ev->size) {
            b->counters->drops[PN_R_MSG_FIELD]++;
            return;
        }
        book_reject(b->self, bk, PN_R_BOOK_OVER_REDUCE, PN_STALE_INCONSISTENT);
        if (order_reduce(b, bk, ev, id, o->size))
            top_level_changed(b, bk, ev, ev->side);
        return;
    }
    if (order_reduce(b, bk, ev, id, (uint32_t)ev->size))
        top_level_changed(b, bk, ev, ev->side);
    if (ev->kind == PN_EV_EXECUTE ||
        (ev->kind == PN_EV_EXECUTE_AT && !(ev->flags & PN_EVF_NONPRINTABLE)))
        trade_record(b, bk, ev);
}

PN_HOT void apply_delete(struct books *b, struct pn_book *bk, struct pn_event *ev)
{
    uint32_t id = order_named(b, bk, ev);
    if (PN_UNLIKELY(!id))
        return;
    const struct pn_order *o = &b->orders.slot[id];
    ev->side = o->owner & 1;
    ev->px = o->px;
    ev->size = o->size;
    if (order_reduce(b, bk, ev, id, o->size))
        top_level_changed(b, bk, ev, ev->side);
}

PN_HOT void apply_replace(struct books *b, struct pn_book *bk, struct pn_event *ev)
{
    uint32_t id = order_named(b, bk, ev);
    if (PN_UNLIKELY(!id))
        return;
    const struct pn_order *o = &b->orders.slot[id];
    uint32_t mpid = o->mpid, side = o->owner & 1;
    int32_t old = o->px, better = (old < ev->px) == (side == PN_BID) ? ev->px : old;
    ev->side = (uint8_t)side;
    uint32_t is_top = order_reduce(b, bk, ev, id, o->size);
    is_top |= order_add(b, bk, ev, ev->ref2, side, mpid);
    if (PN_UNLIKELY(ev->flags & PN_EVF_REJECTED))
        is_top |= top_reached(bk, side, better);
    /* One event, one change of the top: what was in between never stood in the market. */
    if (is_top)
        top_level_changed(b, bk, ev, side);
}

#endif
