/*
 * desk.h - the trading half of one shard, behind the books: signals, quoter, gate, orders, journal.
 * desk_step below is the whole of it, in order. Like the pipeline it takes time, frames' effects,
 * commands and replies from outside, and reads no clock.
 *
 * A step that leaves no record in the journal leaves no state: that is what makes the journal,
 * together with the captured frames, a complete record of a run.
 */
#ifndef PN_DESK_H
#define PN_DESK_H

#include "gate/gate.h"
#include "order/journal.h"
#include "order/ledger.h"
#include "order/session.h"
#include "order/table.h"
#include "pipeline.h"
#include "quote/quoter.h"
#include "quote/signals.h"

struct desk;

/* control: the segment's or the caller's own; read whenever its epoch changes. */
int desk_open(struct desk **out, const struct region *r, struct pipeline *p,
              const struct pn_trade_control *control, struct error *e);
void desk_close(struct desk *d);
/* Bounds of a configuration that another process wrote; the caller hands in a copy. */
int desk_check(const struct pn_trade_config *c, const struct region *r, struct error *e);
/*
 * Rebuilds orders, positions, latches and session numbers from the journal, before the first step.
 */
int desk_recover(struct desk *d, struct error *e);

/* What pipeline_apply has to keep for the desk; call before and after it. */
void desk_watch(struct desk *d, struct pipeline_limits *limits);
void desk_books(struct desk *d, const struct pipeline_limits *limits);
/* Bytes and news of a session. */
void desk_connected(struct desk *d, uint32_t session, uint64_t now_ns);
void desk_disconnected(struct desk *d, uint32_t session, uint64_t now_ns);
int desk_receive(struct desk *d, uint32_t session, const uint8_t *bytes, uint32_t n,
                 uint64_t now_ns);
/* 1, once: the session's connection must be closed. */
int desk_wants_drop(struct desk *d, uint32_t session);
/*
 * The end is near: nothing new, everything that rests is cancelled. Quiet: nothing rests any more.
 */
void desk_wind_down(struct desk *d);
int desk_is_quiet(const struct desk *d);
/* Decides and encodes, for everything that changed since the last step. */
void desk_step(struct desk *d, uint64_t now_ns);
/* After each step, once its bytes are on their way: what can wait, and what is due by the time. */
void desk_tend(struct desk *d);
/* Bytes that must leave, and that they have left. */
uint32_t desk_pending(struct desk *d, uint32_t session, const uint8_t **bytes);
void desk_sent(struct desk *d, uint32_t session, uint32_t n);

#endif
