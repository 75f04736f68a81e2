/* orders.c - the tenured generation; see orders.h. */
#include "book/orders.h"

struct pn_order *orders_find_tenured(const struct orders *t, uint64_t ref)
{
    uint64_t i = orders_hash(t, ref);
    for (uint32_t probes = 0; probes < ORDERS_PROBE_MAX; probes++) {
        struct pn_order *o = &t->tenured[i];
        if (!o->size)
            return NULL;
        if (o->ref == ref)
            return o;
        i = (i + 1) & t->tenured_mask;
    }
    return NULL;
}

int orders_evict(struct orders *t, struct pn_order *slot)
{
    uint64_t i = orders_hash(t, slot->ref);
    for (uint32_t probes = 0; probes < ORDERS_PROBE_MAX; probes++) {
        struct pn_order *o = &t->tenured[i];
        if (!o->size) {
            *o = *slot;
            o->spill = 0;
            slot->size = 0;
            slot->spill++;
            return 0;
        }
        i = (i + 1) & t->tenured_mask;
    }
    return -1;
}

void orders_remove_tenured(struct orders *t, struct pn_order *order)
{
    orders_home(t, order->ref)->spill--;
    uint64_t hole = (uint64_t)(order - t->tenured);
    uint64_t i = hole;
    /* Close the hole: pull back every follower that is not already at or past its own place. */
    for (;;) {
        i = (i + 1) & t->tenured_mask;
        struct pn_order *o = &t->tenured[i];
        if (!o->size)
            break;
        uint64_t want = orders_hash(t, o->ref);
        if (((i - want) & t->tenured_mask) >= ((i - hole) & t->tenured_mask)) {
            t->tenured[hole] = *o;
            hole = i;
        }
    }
    t->tenured[hole].size = 0;
}
