/*
 * table_rules.h - the state machine of an order as one table: rows are states, columns are what can
 * happen to an order, and each field says what state it is in afterwards. docs/orders.md shows it.
 */
#ifndef PN_ORDER_TABLE_RULES_H
#define PN_ORDER_TABLE_RULES_H

#include "shm/abi_trade.h"

enum table_event {
    EV_ACCEPTED,        /* the venue has it */
    EV_DEAD,            /* accepted, and ended in the same moment */
    EV_FILL_PART,       /* executed, something is left */
    EV_FILL_ALL,        /* executed, nothing is left */
    EV_CUT_PART,        /* taken off by the venue, something is left */
    EV_CUT_ALL,         /* taken off, nothing is left: cancelled */
    EV_REJECTED,        /* the venue will not have it */
    EV_CANCEL_REJECTED, /* the cancel has failed */
    EV_CANCEL_PENDING,  /* the cancel will be done later */
    EV_GONE,            /* the venue does not know it */
    EV_SUCCEEDED,       /* its successor has taken its place */
    EV_KEPT,            /* its successor has failed, it stays */
    EV_CONFIRMED,       /* nothing is under way any more: all replies are read */
    EV_SILENCE,         /* no reply in time, or the session is lost */
    EV_ASK_CANCEL,      /* we are about to cancel it */
    EV_ASK_REPLACE,     /* we are about to replace it */
    TABLE_EVENTS
};

/* Rows: states, those that need it twice: before and after the venue has said that it has it. */
enum table_row {
    ROW_SENT,
    ROW_LIVE,
    ROW_CANCELLING_NEW,
    ROW_CANCELLING,
    ROW_REPLACING,
    ROW_UNKNOWN_NEW,
    ROW_UNKNOWN,
    ROW_FILLED,
    ROW_CANCELLED,
    ROW_REJECTED,
    ROW_REPLACED,
    TABLE_ROWS
};

/* A state of enum pn_order_state, or: */
enum table_next {
    NEXT_STAY = 32, /* nothing changes */
    NEXT_SETTLE,    /* live, or still unknown while something else asked for is open */
    NEXT_AGAIN,     /* had before */
    NEXT_LATE,      /* after its end: TABLE_AFTER_END */
    NEXT_CANNOT,    /* the venue contradicts itself: TABLE_STATE, nothing changes */
    NEXT_REFUSE     /* we may not ask for it now */
};

extern const uint8_t table_rules[TABLE_ROWS][TABLE_EVENTS];

/* Row by state, and by whether the venue has said that it has the order. */
extern const uint8_t table_rows[PN_ORDER_STATES][2];

#endif
