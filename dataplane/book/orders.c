/* orders.c - the old index; see orders.h. */
#include "book/orders.h"

static uint64_t hash(uint64_t ref)
{
    uint64_t h = ref * 0x9e3779b97f4a7c15ull;
    return h ^ h >> 29;
}

static uint64_t home(const struct orders *t, uint64_t h)
{
    return h & t->old_mask;
}

static uint32_t tag(uint64_t h)
{
    return (uint32_t)(h >> 32);
}

uint32_t orders_find_old(const struct orders *t, uint64_t ref)
{
    uint64_t h = hash(ref), i = home(t, h);
    for (uint32_t probes = 0; probes < ORDERS_PROBE_MAX; probes++) {
        struct pn_old_order e = t->old[i];
        if (!e.slot)
            return 0;
        if (e.tag == tag(h) && t->slot[e.slot].ref == ref)
            return e.slot;
        i = (i + 1) & t->old_mask;
    }
    return 0;
}

int orders_retire(struct orders *t, uint32_t *entry)
{
    uint32_t id = *entry >> YOUNG_LEFT_BITS, left = *entry & YOUNG_LEFT_MAX;
    uint64_t h = hash(t->slot[id].ref), i = home(t, h);
    for (uint32_t probes = 0; probes < ORDERS_PROBE_MAX; probes++) {
        if (!t->old[i].slot) {
            t->old[i] = (struct pn_old_order){.tag = tag(h), .slot = id};
            *entry = left < YOUNG_LEFT_MAX ? left + 1 : left;
            return 0;
        }
        i = (i + 1) & t->old_mask;
    }
    return -1;
}

void orders_forget_old(struct orders *t, uint64_t ref, uint32_t slot)
{
    uint32_t *entry = orders_entry(t, ref);
    uint32_t left = *entry & YOUNG_LEFT_MAX;
    if (left && left < YOUNG_LEFT_MAX)
        *entry -= 1;
    uint64_t hole = home(t, hash(ref));
    while (t->old[hole].slot != slot)
        hole = (hole + 1) & t->old_mask;
    /* Close the hole: pull back every follower that is not already at or past its own place. */
    for (uint64_t i = (hole + 1) & t->old_mask; t->old[i].slot; i = (i + 1) & t->old_mask) {
        uint64_t want = home(t, hash(t->slot[t->old[i].slot].ref));
        if (((i - want) & t->old_mask) >= ((i - hole) & t->old_mask)) {
            t->old[hole] = t->old[i];
            hole = i;
        }
    }
    t->old[hole].slot = 0;
}
