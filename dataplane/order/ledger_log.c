/* ledger_log.c - see ledger_log.h. */
#include "order/ledger_log.h"

#include <errno.h>
#include <stdlib.h>

int ledger_log_open(struct ledger_log *l, uint32_t cap)
{
    uint64_t buckets = round_pow2(cap);
    l->cap = cap;
    l->mask = (uint32_t)(buckets - 1);
    l->oldest = l->count = 0;
    l->entry = calloc(cap, sizeof *l->entry);
    l->bucket = malloc(buckets * sizeof *l->bucket);
    if (!l->entry || !l->bucket)
        return -ENOMEM;
    memset(l->bucket, 0xff, buckets * sizeof *l->bucket);
    return 0;
}

void ledger_log_close(struct ledger_log *l)
{
    free(l->entry);
    free(l->bucket);
}

static uint32_t *bucket_of(const struct ledger_log *l, uint32_t slot, uint8_t side, uint64_t match)
{
    uint64_t h = (match ^ (uint64_t)slot << 33 ^ (uint64_t)side << 32) * 0x9e3779b97f4a7c15ull;
    return &l->bucket[h >> 32 & l->mask];
}

uint32_t ledger_log_find(const struct ledger_log *l, uint32_t slot, uint8_t side, uint64_t match)
{
    uint32_t i = *bucket_of(l, slot, side, match);
    while (i != LEDGER_NONE) {
        const struct ledger_entry *e = &l->entry[i];
        if (e->match == match && e->slot == slot && e->side == side)
            break;
        i = e->chain;
    }
    return i;
}

uint32_t ledger_log_add(struct ledger_log *l, const struct ledger_entry *e)
{
    uint64_t place = (uint64_t)l->oldest + l->count++;
    uint32_t at = (uint32_t)(place < l->cap ? place : place - l->cap);
    uint32_t *bucket = bucket_of(l, e->slot, e->side, e->match);
    l->entry[at] = *e;
    l->entry[at].chain = *bucket;
    l->entry[at].next = LEDGER_NONE;
    *bucket = at;
    return at;
}

void ledger_log_drop_oldest(struct ledger_log *l)
{
    const struct ledger_entry *e = &l->entry[l->oldest];
    uint32_t *link = bucket_of(l, e->slot, e->side, e->match);
    while (*link != l->oldest)
        link = &l->entry[*link].chain;
    *link = e->chain;
    l->oldest = l->oldest + 1 == l->cap ? 0 : l->oldest + 1;
    l->count--;
}
