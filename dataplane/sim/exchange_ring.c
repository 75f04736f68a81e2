/* exchange_ring.c - see exchange_ring.h. */
#include "sim/exchange_ring.h"

#include <errno.h>
#include <sys/mman.h>

static void *reserve(uint64_t bytes)
{
    void *p =
        mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return p == MAP_FAILED ? 0 : p;
}

int ring_open(struct ring *r, uint64_t size, uint64_t entries)
{
    *r = (struct ring){.size = size, .entries = entries, .next = 1};
    r->bytes = reserve(size);
    r->index = reserve(entries * sizeof *r->index);
    if (r->bytes && r->index)
        return 0;
    ring_close(r);
    return -ENOMEM;
}

void ring_close(struct ring *r)
{
    if (r->bytes)
        munmap(r->bytes, r->size);
    if (r->index)
        munmap(r->index, r->entries * sizeof *r->index);
    r->bytes = 0;
    r->index = 0;
}
