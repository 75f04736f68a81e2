/*
 * trade.h - the control plane's side of struct pn_trade_control, for Python: every change of it
 * goes through these calls, which keep its sequence locks, epochs and numbers. Also what readers of
 * the state segment call to copy the desk's records whole.
 */
#ifndef ABI_CDEF
#pragma once
#include <stdint.h>

#include "api.h"
#include "shm/abi_trade.h"
#endif

/* Each copies a whole record in under its lock and raises the epoch. 0 or -EINVAL. */
int pn_trade_set_params(struct pn_trade_control *c, uint32_t slot, const struct pn_quote_params *p);
int pn_trade_set_limits(struct pn_trade_control *c, uint32_t slot, const struct pn_slot_limits *l);
/* scope: PN_SCOPE_FIRM (index 0), PN_SCOPE_STRATEGY, PN_SCOPE_ACCOUNT. */
int pn_trade_set_group(struct pn_trade_control *c, uint32_t scope, uint32_t index,
                       const struct pn_group_limits *l);
int pn_trade_set_rate(struct pn_trade_control *c, uint32_t session, const struct pn_rate_limits *l);
/* Raises a kill word to level at least (enum pn_kill); any process that may write the segment. */
int pn_trade_kill(struct pn_trade_control *c, uint32_t scope, uint32_t index, uint32_t level);
/*
 * Lowers a kill word and releases what the gate has latched there; index PN_NO_SLOT: all of a
 * scope, scope PN_NO_SLOT: all there are.
 */
int pn_trade_release(struct pn_trade_control *c, uint32_t scope, uint32_t index);
/* Puts a request into the ring; its number, or -EAGAIN when the ring is full. */
int64_t pn_trade_request(struct pn_trade_control *c, const struct pn_order_request *r,
                         uint64_t done);
void pn_trade_beat(struct pn_trade_control *c, uint64_t now_ns);

/* Consistent copies from a state segment; 0, -ENOENT (it does not trade, no such slot), -EAGAIN. */
int pn_view_position(const struct pn_view *v, uint32_t slot, struct pn_position *out);
int pn_view_signals(const struct pn_view *v, uint32_t slot, struct pn_signals *out);
int pn_view_gate(const struct pn_view *v, struct pn_gate_status *out);
int pn_view_desk(const struct pn_view *v, struct pn_desk_status *out);
int pn_view_session(const struct pn_view *v, uint32_t session, struct pn_session_status *out);
/* Own orders that are not done (all = 0) or all that are kept; returns how many were stored. */
int64_t pn_view_own_orders(const struct pn_view *v, int all, struct pn_own_order *out,
                           uint64_t cap);
/* Fills numbered above `after`, oldest first; returns how many were stored. */
int64_t pn_view_fills(const struct pn_view *v, uint64_t after, struct pn_fill *out, uint64_t cap);
int pn_view_times(const struct pn_view *v, uint32_t stage, struct pn_histogram *out);
const char *pn_refusal_label(uint32_t refusal);
const char *pn_refusal_help(uint32_t refusal);
