/*
 * match_orders.h - resting orders of the matching engine: slots, references, queues of a level, and
 * the lists by owner. Only moves things; says nothing.
 */
#ifndef PN_SIM_MATCH_ORDERS_H
#define PN_SIM_MATCH_ORDERS_H

#include "sim/match_ladder.h"

PN_HOT int mt_slot_is_free(const struct match *m)
{
    return m->slot_free || m->slots_used < m->cfg.max_orders;
}

/* There is one: mt_slot_is_free. */
PN_HOT uint32_t mt_slot_take(struct match *m)
{
    uint32_t slot = m->slot_free;
    if (!slot)
        return ++m->slots_used;
    m->slot_free = m->order[slot].next;
    return slot;
}

PN_HOT uint64_t mt_new_ref(struct match *m)
{
    while (PN_UNLIKELY(m->ring[m->next_ref & m->ring_mask]))
        m->next_ref++;
    return m->next_ref++;
}

/* Slot of an order that rests, by either reference, or 0. */
PN_HOT uint32_t mt_find(const struct match *m, uint64_t ref)
{
    uint32_t slot = m->ring[ref & m->ring_mask];
    const struct mt_order *o = &m->order[slot];
    return slot && ref && (o->ref == ref || o->shown == ref) ? slot : 0;
}

PN_HOT struct mt_group *mt_group(const struct match *m, uint32_t owner, uint32_t instrument)
{
    return &m->group[(uint64_t)owner * m->cfg.instruments + instrument];
}

PN_HOT void mt_group_add(struct match *m, uint32_t slot)
{
    struct mt_order *o = &m->order[slot];
    struct mt_group *g = mt_group(m, o->owner, o->ladder / 8);
    struct mt_chunk *c = &m->chunk[g->tail];
    if (PN_UNLIKELY(!g->tail || c->n == MT_CHUNK_IDS)) {
        uint32_t id = m->chunk_free;
        if (id)
            m->chunk_free = m->chunk[id].next;
        else
            id = ++m->chunks_used;
        c = &m->chunk[id];
        c->next = 0;
        c->prev = g->tail;
        c->n = 0;
        if (g->tail)
            m->chunk[g->tail].next = id;
        else
            g->head = id;
        g->tail = id;
    }
    o->place = g->tail << 7 | c->n;
    c->slot[c->n++] = slot;
    g->count++;
}

PN_HOT void mt_group_remove(struct match *m, uint32_t slot)
{
    const struct mt_order *o = &m->order[slot];
    struct mt_group *g = mt_group(m, o->owner, o->ladder / 8);
    struct mt_chunk *c = &m->chunk[g->tail];
    uint32_t last = c->slot[--c->n];
    m->chunk[o->place >> 7].slot[o->place & 127] = last;
    m->order[last].place = o->place;
    g->count--;
    if (PN_UNLIKELY(!c->n)) {
        uint32_t id = g->tail;
        g->tail = c->prev;
        if (g->tail)
            m->chunk[g->tail].next = 0;
        else
            g->head = 0;
        c->next = m->chunk_free;
        m->chunk_free = id;
    }
}

PN_HOT uint32_t mt_queue_of(const struct mt_order *o)
{
    return (o->flags & (MT_IS_DARK | MT_IS_WAITING)) != 0;
}

/* To the back of its queue, whose kind its flags say. */
PN_HOT void mt_queue_add(struct match *m, uint32_t slot)
{
    struct mt_order *o = &m->order[slot];
    struct mt_page *p = &m->page[o->page];
    struct mt_level *v = &p->level[o->bit];
    uint32_t q = mt_queue_of(o);
    o->next = 0;
    o->prev = v->tail[q];
    if (o->prev)
        m->order[o->prev].next = slot;
    else
        v->head[q] = slot;
    v->tail[q] = slot;
    v->count[q]++;
    if (q == MT_SHOWN) {
        v->qty += o->qty;
        p->shown |= 1ull << o->bit;
    }
}

PN_HOT void mt_queue_remove(struct match *m, uint32_t slot)
{
    struct mt_order *o = &m->order[slot];
    struct mt_page *p = &m->page[o->page];
    struct mt_level *v = &p->level[o->bit];
    uint32_t q = mt_queue_of(o);
    if (o->prev)
        m->order[o->prev].next = o->next;
    else
        v->head[q] = o->next;
    if (o->next)
        m->order[o->next].prev = o->prev;
    else
        v->tail[q] = o->prev;
    v->count[q]--;
    if (q == MT_SHOWN) {
        v->qty -= o->qty;
        if (!v->head[q])
            p->shown &= ~(1ull << o->bit);
    }
}

/* Puts a complete order at its rank. 0, or -1: no page left. */
PN_HOT int mt_rest(struct match *m, uint32_t slot, uint32_t rank)
{
    struct mt_order *o = &m->order[slot];
    uint32_t number = rank / MT_PAGE_LEVELS;
    uint32_t page = mt_page_find(m, o->ladder, number);
    if (PN_UNLIKELY(!page)) {
        page = mt_page_make(m, o->ladder, number);
        if (!page)
            return -1;
    }
    o->page = page;
    o->bit = rank % MT_PAGE_LEVELS;
    if (!(m->page[page].occupied >> o->bit & 1))
        mt_level_filled(m, o->ladder, page, o->bit);
    mt_queue_add(m, slot);
    mt_group_add(m, slot);
    m->ring[o->ref & m->ring_mask] = slot;
    return 0;
}

/* Out of everything; the slot is free, and its contents stay until it is used again. */
PN_HOT void mt_remove(struct match *m, uint32_t slot)
{
    struct mt_order *o = &m->order[slot];
    const struct mt_level *v = &m->page[o->page].level[o->bit];
    mt_queue_remove(m, slot);
    if (!(v->head[MT_SHOWN] | v->head[MT_DARK]))
        mt_level_emptied(m, o->ladder, o->page, o->bit);
    mt_group_remove(m, slot);
    m->ring[o->ref & m->ring_mask] = 0;
    if (o->shown != o->ref && o->shown)
        m->ring[o->shown & m->ring_mask] = 0;
    o->next = m->slot_free;
    m->slot_free = slot;
}

/* The displayed part has no reference any more, or a new one. */
PN_HOT void mt_show_as(struct match *m, uint32_t slot, uint64_t shown)
{
    struct mt_order *o = &m->order[slot];
    if (o->shown && o->shown != o->ref)
        m->ring[o->shown & m->ring_mask] = 0;
    o->shown = shown;
    if (shown)
        m->ring[shown & m->ring_mask] = slot;
}

/* Less of it; displayed size follows. It stays where it is. */
PN_HOT void mt_lose(struct match *m, uint32_t slot, uint32_t qty)
{
    struct mt_order *o = &m->order[slot];
    o->qty -= qty;
    if (mt_queue_of(o) == MT_SHOWN)
        m->page[o->page].level[o->bit].qty -= qty;
}

PN_HOT uint32_t mt_open_qty(const struct mt_order *o)
{
    return o->qty + o->reserve;
}

#endif
