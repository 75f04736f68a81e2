/*
 * table.h - our orders and their life. One state machine, fed by what we send and what venues
 * reply; what it cannot know is "unknown", counts as working and stops its slot.
 *
 * The table is in the region (PN_SEC_OWN); place 0 is unused. Done orders are kept until their
 * place is needed, oldest first. The table tells the gate what became of exposure: every unit that
 * passed the gate is released once, by a fill, a cancel, a reject or the end of its order.
 */
#ifndef PN_ORDER_TABLE_H
#define PN_ORDER_TABLE_H

#include "base/bits.h"
#include "base/error.h"
#include "gate/gate.h"
#include "shm/abi_trade.h"

struct table; /* order/table_state.h */

/* What a reply did, for ledger, journal and strategy. */
struct table_effect {
    uint32_t place;  /* the order it was about; 0 = none that we know */
    uint32_t done;   /* 1: that order came to its end by it */
    uint32_t filled; /* size units executed by it; 0 = no fill */
    uint32_t broken; /* 1: a fill is taken back */
    int64_t px;      /* of the fill */
    uint64_t match;
    uint32_t duplicate; /* 1: had before; nothing changed */
    uint32_t surprise;  /* not 0: the venue said what cannot be (enum table_surprise), counted */
    uint32_t slot;
    uint32_t held; /* 1: the slot is now held, 2: no longer */
};

enum table_surprise {
    TABLE_OK = 0,
    TABLE_NO_ORDER = 1,  /* reply to an order we never sent: alarm */
    TABLE_OVERFILL = 2,  /* more filled than was open: booked, alarm */
    TABLE_AFTER_END = 3, /* fill or accept of an order that was done: a late fill is booked */
    TABLE_STATE = 4,     /* impossible in this state, or against what it said before */
    TABLE_SURPRISES = 5
};

enum { TABLE_ORDERS_MAX = 1 << 24 };

int table_open(struct table **out, struct pn_own_order *slot, uint32_t cap,
               const struct pn_trade_config *cfg, struct gate *g, struct error *e);
void table_close(struct table *t);

/*
 * An order that passed the gate and is about to leave. Place, or 0 when the table is full or its
 * slot has PN_WORKING_MAX that are not done.
 */
uint32_t table_new(struct table *t, const struct gate_order *o, uint32_t user_ref, uint64_t id,
                   uint32_t layer, uint64_t token, uint64_t now_ns);
/*
 * Its successor is about to leave; both count until the reply. New place, or 0: only a live order
 * of which nothing else is asked can be replaced.
 */
uint32_t table_replace(struct table *t, uint32_t place, const struct gate_order *o,
                       uint32_t user_ref, uint64_t id, uint64_t now_ns);
/*
 * A cancel is about to leave. 0, or -EALREADY when one is under way or the order is done. So also
 * while a replace is under way: its successor can be cancelled, and it again when that has failed.
 */
int table_cancel(struct table *t, uint32_t place, uint64_t now_ns);
/* A reply of a session. */
void table_reply(struct table *t, const struct pn_reply *r, uint64_t now_ns,
                 struct table_effect *out);
/* The session is down: what has had no reply is unknown. */
void table_session_lost(struct table *t, uint32_t session, uint64_t now_ns);
/*
 * The venue says which number comes next, and all it has said before is read. Only after a login:
 * an unknown order that it has acknowledged is live, one that it has not is not there and is
 * rejected; so ends also what it acknowledged under a number that it has now never seen. Stores up
 * to cap effects, returns how many.
 */
uint32_t table_reconcile(struct table *t, uint32_t session, uint32_t next_ref, uint64_t now_ns,
                         struct table_effect *out, uint32_t cap);
/* Orders whose reply is overdue become unknown; returns how many did. Call now and then. */
uint32_t table_expire(struct table *t, uint64_t timeout_ns, uint64_t now_ns);

/*
 * What the chain of replaces that ends in this order has been filled, or lost to self-match, in
 * all.
 */
uint32_t table_chain_filled(const struct table *t, uint32_t place);
struct pn_own_order *table_at(struct table *t, uint32_t place);
uint32_t table_find(const struct table *t, uint32_t session, uint32_t user_ref);
uint32_t table_find_id(const struct table *t, uint64_t id);
/* Places of the orders of a slot that are not done, newest last; returns how many. */
uint32_t table_working(const struct table *t, uint32_t slot, uint32_t *out, uint32_t cap);
/* How many of one slot are not done. */
uint32_t table_slot_live(const struct table *t, uint32_t slot);
uint32_t table_live(const struct table *t);    /* not done, all slots */
uint32_t table_unknown(const struct table *t); /* of those, unknown */
/* Replies so far that were a surprise of that kind (enum table_surprise). */
uint64_t table_surprises(const struct table *t, uint32_t kind);
/* Puts an order back as it was last known; what is open counts at the gate again. 0 or place. */
uint32_t table_restore(struct table *t, const struct pn_own_order *o);

#endif
