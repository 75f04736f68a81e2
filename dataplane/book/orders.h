/*
 * orders.h - the table of resting orders, by reference. Fixed memory, taken from the region.
 *
 * Two generations. The nursery is directly mapped by the reference's low bits, so that a run of
 * new references streams through neighbouring cache lines and a young order is found with one
 * access. An order whose slot is wanted by a younger one moves to the tenured table (open
 * addressing, mixed hash, at most half full). `spill` in a nursery slot counts how many orders
 * left it that way, so that a miss in the nursery usually ends the search.
 */
#ifndef PN_BOOK_ORDERS_H
#define PN_BOOK_ORDERS_H

#include <stddef.h>

#include "base/bits.h"
#include "shm/abi.h"

enum { ORDERS_PROBE_MAX = 1024 }; /* slots looked at before a tenured insert gives up */

struct orders {
    struct pn_order *nursery;
    struct pn_order *tenured;
    uint64_t nursery_mask;
    uint64_t tenured_mask;
    uint32_t tenured_shift;
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

PN_HOT struct pn_order *orders_home(const struct orders *t, uint64_t ref)
{
    return &t->nursery[ref & t->nursery_mask];
}

PN_HOT uint64_t orders_hash(const struct orders *t, uint64_t ref)
{
    return (ref * 0x9e3779b97f4a7c15ull) >> t->tenured_shift;
}

/* Cold half of orders_find: among those that left the nursery. */
struct pn_order *orders_find_tenured(const struct orders *t, uint64_t ref);
/* Moves the order in slot to the tenured table; 0 or -1 when there is no room. */
int orders_evict(struct orders *t, struct pn_order *slot);
/* Removes an order that lives in the tenured table. */
void orders_remove_tenured(struct orders *t, struct pn_order *order);

PN_HOT struct pn_order *orders_find(const struct orders *t, uint64_t ref)
{
    struct pn_order *home = orders_home(t, ref);
    if (PN_LIKELY(home->ref == ref && home->size))
        return home;
    return PN_LIKELY(!home->spill) ? NULL : orders_find_tenured(t, ref);
}

PN_HOT void orders_remove(struct orders *t, struct pn_order *order)
{
    if (PN_LIKELY(order == orders_home(t, order->ref)))
        order->size = 0;
    else
        orders_remove_tenured(t, order);
}

#endif
