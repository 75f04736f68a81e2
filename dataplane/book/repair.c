/* repair.c - see repair.h. */
#include "book/repair.h"

#include "book/top.h"

uint32_t book_repair(struct books *b)
{
    uint32_t broken = 0;
    for (uint32_t i = 0; i < b->header->instruments; i++) {
        struct pn_book *bk = &b->book[i];
        if (!(bk->seq & 1))
            continue;
        top_set_stale(bk, PN_STALE_INCONSISTENT);
        bk->seq++;
        broken++;
    }
    return broken;
}
