/*
 * ledger.h - position and P&L of one traded instrument, from its fills: integers only, nothing
 * rounded that must add up.
 *
 * Money is 1e-8 of the account's currency; value = px * qty * value_mul is exact, every sum is
 * checked for overflow. Average cost: closing q of a position Q with cost C releases C * q / Q,
 * rounded towards zero; what rounding left stays in the cost of the rest and comes out with its
 * last unit, so that realised + cost of the rest is always the cash that flowed.
 */
#ifndef PN_ORDER_LEDGER_H
#define PN_ORDER_LEDGER_H

#include "base/bits.h"
#include "base/error.h"
#include "shm/abi_trade.h"

struct ledger; /* positions, FIFO lots, match numbers already booked */

/* lots: of all slots together, kept for FIFO; matches: numbers remembered against duplicates. */
int ledger_open(struct ledger **out, const struct pn_trade_config *cfg,
                struct pn_position *position, uint32_t lots, uint32_t matches, struct error *e);
void ledger_close(struct ledger *l);

/*
 * Books a fill and completes it: fee, position, broken. 0; -EALREADY for a match number (of this
 * slot and side) that was booked before; -EOVERFLOW, with nothing changed.
 */
int ledger_fill(struct ledger *l, struct pn_fill *fill);
/*
 * Takes a booked fill back by its match number and describes it in out, its fee as it was booked;
 * everything is then as if it had never been, and its number still is a duplicate. 0, -ENOENT (not
 * booked, taken back already, or forgotten: only the last `matches` fills are remembered), or
 * -EOVERFLOW with nothing changed.
 */
int ledger_break(struct ledger *l, uint32_t slot, uint64_t match, uint64_t ts_ns,
                 struct pn_fill *out);
/* Values the position at a book: unrealised at mid and at the touch. */
void ledger_mark(struct ledger *l, uint32_t slot, int64_t bid_px, int64_t ask_px);
/* Times that there was no room for a lot: FIFO took the youngest ones of a slot for one. */
uint64_t ledger_merged(const struct ledger *l);
/*
 * Fee of a fill, money: per size unit and per million of the value, half away from zero. INT64_MAX
 * when it or the value does not fit.
 */
int64_t ledger_fee(const struct pn_traded *t, int64_t px, uint64_t qty, int maker);

#endif
