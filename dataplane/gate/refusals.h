/*
 * refusals.h - every reason for which the gate refuses an order, in one table: the enum, the label
 * in reports and the metric. A refused order has exactly one, the first in this order that holds.
 */
#ifndef PN_GATE_REFUSALS_H
#define PN_GATE_REFUSALS_H

#include <stdint.h>

/* REFUSAL(identifier, label, help) */
#define PN_REFUSALS(REFUSAL) \
    REFUSAL(SLOT, "slot", "no such traded instrument") \
    REFUSAL(KILLED, "killed", "the kill ladder has stopped new orders; pinnacle-ctl resume") \
    REFUSAL(CONTROL_LOST, "control_lost", "the control plane's heartbeat is missed") \
    REFUSAL(SESSION_DOWN, "session_down", "the order session is not up") \
    REFUSAL(HELD, "held", "an order of this instrument is unknown until the venue has spoken") \
    REFUSAL(RESTRICTED, "restricted", "the instrument is on the restricted list") \
    REFUSAL(NOT_PERMITTED, "not_permitted", "the strategy may not trade this instrument") \
    REFUSAL(FIELD, "field", "side, size or price that no order can have, or off tick or lot") \
    REFUSAL(QTY, "qty", "larger than the size limit") \
    REFUSAL(VALUE, "value", "larger than the value limit") \
    REFUSAL(BOOK_STALE, "book_stale", "the book is stale or empty") \
    REFUSAL(BOOK_CROSSED, "book_crossed", "the book is crossed") \
    REFUSAL(HALTED, "halted", "the instrument is not open for trading") \
    REFUSAL(NO_REFERENCE, "no_reference", "no fresh reference price for the collar") \
    REFUSAL(COLLAR, "collar", "price too far from the reference") \
    REFUSAL(SELF_MATCH, "self_match", "would meet an order of our own") \
    REFUSAL(REPEATED, "repeated", "too many like orders in the window") \
    REFUSAL(WORKING, "working", "too many orders that are not done") \
    REFUSAL(POSITION, "position", "worst-case position beyond the limit") \
    REFUSAL(STRATEGY_CREDIT, "strategy_credit", "the strategy's exposure limit") \
    REFUSAL(ACCOUNT_CREDIT, "account_credit", "the account's exposure limit") \
    REFUSAL(FIRM_CREDIT, "firm_credit", "the firm's exposure limit") \
    REFUSAL(RATE, "rate", "message rate of the session; cancels still pass") \
    REFUSAL(TABLE_FULL, "table_full", "no room for another order (order table)") \
    REFUSAL(JOURNAL, "journal", "the journal cannot be written")

enum pn_refusal {
    PN_G_NONE = 0,
#define REFUSAL(id, label, help) PN_G_##id,
    PN_REFUSALS(REFUSAL)
#undef REFUSAL
        PN_REFUSAL_COUNT
};

/* Label and help; NULL for 0 and past the last. */
const char *refusal_label(uint32_t refusal);
const char *refusal_help(uint32_t refusal);

#endif
