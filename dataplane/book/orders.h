/*
 * orders.h - the table of resting orders, by reference. Fixed memory, taken from the region.
 *
 * Orders live in dense slots, the last one freed being the first one used again, so that what is
 * hot is as large as the orders that live and not as the references that went by. Two indexes lead
 * to them. The young one is directly mapped by the reference's low bits: runs of new references
 * stream through neighbouring entries, and no hash is computed. An order whose entry is wanted by
 * a younger one goes to the old index (open addressing, mixed hash, at most half full); the entry
 * counts how many left it that way, so that a miss in the young index usually ends the search.
 */
#ifndef PN_BOOK_ORDERS_H
#define PN_BOOK_ORDERS_H

#include <stddef.h>

#include "base/bits.h"
#include "shm/abi.h"

enum {
    ORDERS_PROBE_MAX = 4096, /* entries of the old index looked at before an insert gives up */
    YOUNG_LEFT_BITS = 8,     /* of an entry: orders that left it; 255 sticks */
    YOUNG_LEFT_MAX = (1 << YOUNG_LEFT_BITS) - 1,
};

struct orders {
    struct pn_order *slot;
    uint32_t *young; /* slot << 8 | orders that left */
    struct pn_old_order *old;
    struct pn_pool *pool;
    uint64_t young_mask;
    uint64_t old_mask;
    uint32_t max;
};

/*
 * References are unique within a channel only. Channel 0 keeps them as they are; others change the
 * topmost byte, which no venue has reached. Applied twice it gives the reference back.
 */
PN_HOT uint64_t orders_key(uint64_t ref, uint32_t channel)
{
    return ref ^ (uint64_t)channel << 56;
}

PN_HOT uint32_t *orders_entry(const struct orders *t, uint64_t ref)
{
    return &t->young[ref & t->young_mask];
}

/* Cold half of orders_find: the slot of an order in the old index, or 0. */
uint32_t orders_find_old(const struct orders *t, uint64_t ref);
/* Moves an entry's order to the old index; 0, or -1 when there is no room. */
int orders_retire(struct orders *t, uint32_t *entry);
/* Takes an order out of the old index. */
void orders_forget_old(struct orders *t, uint64_t ref, uint32_t slot);

/* The slot of a reference, or 0. */
PN_HOT uint32_t orders_find(const struct orders *t, uint64_t ref)
{
    uint32_t entry = *orders_entry(t, ref);
    uint32_t id = entry >> YOUNG_LEFT_BITS;
    if (PN_LIKELY(t->slot[id].ref == ref && id))
        return id;
    return PN_LIKELY(!(entry & YOUNG_LEFT_MAX)) ? 0 : orders_find_old(t, ref);
}

/* A free slot, or 0. It stays free until orders_put. */
PN_HOT uint32_t orders_next(const struct orders *t)
{
    if (PN_LIKELY(t->pool->order_free))
        return t->pool->order_free;
    return PN_LIKELY(t->pool->order_used < t->max) ? t->pool->order_used + 1 : 0;
}

/* Takes the slot that orders_next named and enters it under ref. The entry must be vacant. */
PN_HOT struct pn_order *orders_put(struct orders *t, uint32_t *entry, uint32_t id)
{
    struct pn_order *o = &t->slot[id];
    if (PN_LIKELY(t->pool->order_free))
        t->pool->order_free = o->level;
    else
        t->pool->order_used++;
    *entry |= id << YOUNG_LEFT_BITS;
    return o;
}

PN_HOT void orders_remove(struct orders *t, uint32_t id)
{
    struct pn_order *o = &t->slot[id];
    uint32_t *entry = orders_entry(t, o->ref);
    if (PN_LIKELY(*entry >> YOUNG_LEFT_BITS == id))
        *entry &= YOUNG_LEFT_MAX;
    else
        orders_forget_old(t, o->ref, id);
    o->size = 0;
    o->level = t->pool->order_free;
    t->pool->order_free = id;
}

#endif
