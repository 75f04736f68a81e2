/*
 * exchange_heap.h - what is to happen later, by time and then by when it was decided. A binary heap
 * of fixed room.
 */
#ifndef PN_SIM_EXCHANGE_HEAP_H
#define PN_SIM_EXCHANGE_HEAP_H

#include <stdint.h>

struct due {
    uint64_t ns;
    uint64_t order;
    uint64_t arg;
    uint32_t what;
    uint32_t index;
};

struct heap {
    struct due *at;
    uint32_t count, cap;
    uint64_t orders;
};

int heap_open(struct heap *h, uint32_t cap);
void heap_close(struct heap *h);
/* 0 when it is full. */
int heap_push(struct heap *h, uint64_t ns, uint32_t what, uint32_t index, uint64_t arg);
/* Takes the first; there must be one. */
struct due heap_pop(struct heap *h);

static inline uint64_t heap_next_ns(const struct heap *h)
{
    return h->count ? h->at[0].ns : UINT64_MAX;
}

#endif
