/*
 * gate.h - the only way to a venue. Every order is checked here, against limits that the control
 * plane may change at any time and that are read whole; a pass has already counted the order at its
 * worst. Cancels always pass. Keeps no clock: time comes with each call.
 */
#ifndef PN_GATE_GATE_H
#define PN_GATE_GATE_H

#include "base/bits.h"
#include "base/error.h"
#include "gate/refusals.h"
#include "shm/abi_trade.h"

struct gate; /* gate/state.h, for the inline check and its tests */

struct gate_order {
    uint32_t slot;
    uint8_t side;
    uint8_t tif;
    uint8_t flags; /* enum pn_order_flags; FLATTEN may pass where only reducing is allowed */
    uint8_t reserved;
    int64_t px;          /* market orders: the worst price they may trade at */
    uint32_t qty;        /* of the new order; for a replace what may be filled of the new one */
    uint32_t old_leaves; /* replace: what may still be filled of the order it replaces, else 0 */
    int64_t old_px;
};

/*
 * All memory at open. Slots that share a venue's instrument are found by name: they must not trade
 * with each other.
 */
int gate_open(struct gate **out, const struct pn_trade_config *cfg, struct pn_gate_status *status,
              struct pn_position *position, struct error *e);
void gate_close(struct gate *g);

/* 0, or why not (enum pn_refusal). After 0 the order counts as sent: rate, repetition, exposure. */
uint32_t gate_check(struct gate *g, const struct gate_order *o, uint64_t now_ns);
/* A cancel leaves: counts in the rate, is never refused. */
void gate_cancel(struct gate *g, uint32_t slot, uint64_t now_ns);

/* What an order still has outstanding becomes less, by fill, cancel, reject or its end. */
void gate_release(struct gate *g, uint32_t slot, uint32_t side, int64_t px, uint64_t qty);
/* An order has come to its end, however it did: one less is working on that side. */
void gate_done(struct gate *g, uint32_t slot, uint32_t side);
/* The gate counts an order that was found again after a restart as if it had just passed. */
void gate_adopt(struct gate *g, uint32_t slot, uint32_t side, int64_t px, uint64_t qty);
/* More of an order that is counted already is open after all, or is so at another price. */
void gate_more(struct gate *g, uint32_t slot, uint32_t side, int64_t px, uint64_t qty);
/* What a slot has outstanding on a side, at its worst. */
void gate_working(const struct gate *g, uint32_t slot, uint32_t side, uint64_t *qty,
                  int64_t *value);
/* A fill: position has been updated; may latch (fills in the window). Returns what it latched. */
uint32_t gate_filled(struct gate *g, uint32_t slot, uint64_t now_ns);
/*
 * P&L of a slot as marked: sums of its groups, loss limits. Returns the ladder's rung if one
 * latched.
 */
uint32_t gate_marked(struct gate *g, uint32_t slot, uint64_t now_ns);

/* The reference of the collar: the book's top as it is now, with the state of the book. */
void gate_reference(struct gate *g, uint32_t slot, const struct pn_top *top, uint64_t now_ns);
/* A slot waits for the truth about an unknown order: refuses new ones until it is lifted. */
void gate_hold(struct gate *g, uint32_t slot, int held);
int gate_is_held(const struct gate *g, uint32_t slot);
/* The session of some slots is up, or not: refuses while it is not. */
void gate_session(struct gate *g, uint32_t session, int up);

/*
 * Reads limits, kill words and heartbeat again; call when epoch changed and at least every
 * millisecond. changed: slots whose level went up need a look (bit 0), levels changed at all
 * (bit 1), limits changed (bit 2), the control plane was lost or is back (bit 3).
 */
uint32_t gate_refresh(struct gate *g, const struct pn_trade_control *c, uint64_t now_ns);
/* The rung in force for a slot: firm, venue, strategy, instrument, whichever is highest. */
uint32_t gate_level(const struct gate *g, uint32_t slot);

/* Puts a rung on, latched: only a release takes it away. Also used when a journal is recovered. */
void gate_latch(struct gate *g, enum pn_kill_scope scope, uint32_t index, enum pn_kill level,
                enum pn_kill_by by, uint64_t now_ns);
/* A kill word, as a journal tells of it: raises its scope's rung, or is the release of it. */
void gate_word(struct gate *g, enum pn_kill_scope scope, uint32_t index, uint64_t word);
/*
 * A release of that number (also from a journal). Rungs go that were put on before it and whose
 * kill words it has lowered: the words' counts have moved on.
 */
void gate_release_latches(struct gate *g, uint64_t release);

/* Latches that have come since the last call, for the journal; returns how many were stored. */
struct gate_latched {
    uint32_t scope, index, level, by;
    uint64_t ns;
    int64_t value; /* of the limit that was passed, where there is one */
};
uint32_t gate_take_latched(struct gate *g, struct gate_latched *out, uint32_t cap);

#endif
