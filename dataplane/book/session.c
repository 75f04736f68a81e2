/* session.c - see session.h. */
#include "book/session.h"

#include <string.h>

#include "shm/seqlock.h"

void session_gap(struct books *b, const struct pn_event *ev)
{
    struct pn_channel *ch = &b->channel[ev->instrument];
    __atomic_store_n(&ch->gap_epoch, ch->gap_epoch + 1, __ATOMIC_RELEASE);
}

static void clear_orders_of(struct books *b, uint32_t channel)
{
    struct orders *t = &b->orders;
    for (uint32_t id = 1; id <= t->pool->order_used; id++) {
        const struct pn_order *o = &t->slot[id];
        if (o->size && b->book[o->owner / 2].channel == channel) {
            orders_remove(t, id);
            b->counters->live_orders--;
        }
    }
}

static void clear_book(struct books *b, struct pn_book *bk)
{
    seqlock_begin(&bk->seq);
    ladder_clear(&b->ladder, bk, PN_BID);
    ladder_clear(&b->ladder, bk, PN_ASK);
    uint64_t changes = bk->top.changes;
    memset(&bk->top, 0, sizeof bk->top);
    bk->top.changes = changes;
    bk->gap_epoch = 0;
    bk->halts = 0;
    bk->regridded = 0;
    /* The first order of the new session sets the step, and with it that the book is known. */
    bk->step = 0;
    bk->step_mul = 0;
    seqlock_end(&bk->seq);
}

void session_reset(struct books *b, const struct pn_event *ev)
{
    uint32_t channel = ev->instrument;
    struct pn_channel *ch = &b->channel[channel];
    int by_order = 0;
    for (uint32_t i = 0; i < b->header->instruments; i++)
        if (b->book[i].by_order && b->book[i].channel == channel)
            by_order = 1;
    if (by_order && b->counters->live_orders)
        clear_orders_of(b, channel);
    for (uint32_t i = 0; i < b->header->instruments; i++)
        if (b->book[i].channel == channel)
            clear_book(b, &b->book[i]);
    __atomic_store_n(&ch->late_join, ev->aux, __ATOMIC_RELAXED);
    __atomic_store_n(&ch->gap_epoch, ev->aux, __ATOMIC_RELEASE);
}
