/* exchange_heap.c - see exchange_heap.h. */
#include "sim/exchange_heap.h"

#include <errno.h>
#include <stdlib.h>

int heap_open(struct heap *h, uint32_t cap)
{
    *h = (struct heap){.cap = cap, .at = calloc(cap, sizeof *h->at)};
    return h->at ? 0 : -ENOMEM;
}

void heap_close(struct heap *h)
{
    free(h->at);
    h->at = 0;
}

static int before(const struct due *a, const struct due *b)
{
    return a->ns != b->ns ? a->ns < b->ns : a->order < b->order;
}

int heap_push(struct heap *h, uint64_t ns, uint32_t what, uint32_t index, uint64_t arg)
{
    struct due d = {ns, h->orders, arg, what, index};
    uint32_t i = h->count;
    if (i == h->cap)
        return 0;
    h->orders++;
    h->count++;
    for (; i && before(&d, &h->at[(i - 1) / 2]); i = (i - 1) / 2)
        h->at[i] = h->at[(i - 1) / 2];
    h->at[i] = d;
    return 1;
}

struct due heap_pop(struct heap *h)
{
    struct due top = h->at[0], last = h->at[--h->count];
    uint32_t i = 0;
    for (;;) {
        uint32_t child = 2 * i + 1;
        if (child >= h->count)
            break;
        if (child + 1 < h->count && before(&h->at[child + 1], &h->at[child]))
            child++;
        if (!before(&h->at[child], &last))
            break;
        h->at[i] = h->at[child];
        i = child;
    }
    if (h->count)
        h->at[i] = last;
    return top;
}
