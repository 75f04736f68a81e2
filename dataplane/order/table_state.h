/*
 * table_state.h - inside of the order table: what it knows of an order beside what others may read,
 * and the lists that orders are on. Only table*.c and tests include it.
 *
 * Every order that is not free is in two hash chains (by session and reference, by id). One that is
 * not done is on its slot's working list, oldest first; one that waits for a reply is on the list
 * of waits, first asked first; one that is done is on the list of places to use again.
 */
#ifndef PN_ORDER_TABLE_STATE_H
#define PN_ORDER_TABLE_STATE_H

#include "order/table.h"
#include "order/table_rules.h"

enum {
    TABLE_MATCHES = 4096, /* executions remembered against doubles; a power of two */
    TABLE_SESSION_SPREAD = 8
};

enum table_flags {
    TF_ACKED = 1,     /* the venue has said that it has it, in whatever way */
    TF_CANCEL = 2,    /* a cancel is asked for */
    TF_REPLACE = 4,   /* a replace is asked for */
    TF_WAITING = 8,   /* on the list of waits */
    TF_OVERTAKEN = 16 /* told of by its executions before it was acknowledged */
};

struct table_link {
    uint32_t before, after; /* working list; of a done order `after` is the next to be used again */
    uint32_t wait_before, wait_after;
    uint32_t ref_after, id_after; /* hash chains */
    uint32_t liable; /* filled, or taken off by self-match prevention, of the whole chain so far */
    uint32_t flags;  /* enum table_flags */
};

struct table_slot {
    uint32_t first, last;
    uint32_t count;
    uint32_t unknown;
};

struct table_match {
    uint64_t match;
    uint64_t id;
};

struct table {
    struct pn_own_order *order;
    struct table_link *link;
    uint32_t *by_ref, *by_id; /* place or 0 */
    uint32_t hash_mask, session_step;
    uint32_t cap;                   /* places, the unused first one included */
    uint32_t fresh;                 /* next place never used */
    uint32_t done_first, done_last; /* oldest first */
    uint32_t wait_first, wait_last; /* first asked first */
    uint32_t live, unknown;
    uint32_t held_change; /* by the call under way: struct table_effect's held */
    const struct pn_trade_config *cfg;
    struct gate *gate;
    uint64_t surprises[TABLE_SURPRISES];
    struct table_slot slot[PN_TRADED_MAX];
    struct table_match match[TABLE_MATCHES];
};

static inline int order_is_done(const struct pn_own_order *o)
{
    return o->state >= PN_ORDER_FILLED;
}

/* Into the working list and both hash chains, as o says it is. */
void table_link_in(struct table *t, uint32_t place);
/* Onto its slot's working list; onto the list of waits. */
void table_work_in(struct table *t, uint32_t place);
void table_wait(struct table *t, uint32_t place);
void table_wait_out(struct table *t, uint32_t place);
/* Into a state, with all that hangs on it. */
void table_lead(struct table *t, uint32_t place, uint32_t state);
/* A place for a new order: never used, or that of the order done longest ago; 0 = none. */
uint32_t table_take_place(struct table *t);
/*
 * One event happens to one order: its next state is entered and all that hangs on it is done.
 * Returns the rule applied.
 */
enum table_next table_step(struct table *t, uint32_t place, enum table_event event);
/* What may still be filled becomes less, or more, or is so at another price; the gate is told. */
void table_less(struct table *t, uint32_t place, uint32_t qty);
void table_more(struct table *t, uint32_t place, uint32_t qty);
void table_reprice(struct table *t, uint32_t place, int64_t px);
/* A done order lives after all, with so much open. */
void table_revive(struct table *t, uint32_t place, uint32_t open);
/* Place of the order that is to replace this one and has not yet been heard of; 0 = none. */
uint32_t table_successor(const struct table *t, uint32_t place);
uint32_t table_predecessor(const struct table *t, uint32_t place);

#endif
