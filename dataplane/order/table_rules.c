/* table_rules.c - see table_rules.h. */
#include "order/table_rules.h"

enum {
    SE = PN_ORDER_SENT,
    LI = PN_ORDER_LIVE,
    CL = PN_ORDER_CANCELLING,
    RL = PN_ORDER_REPLACING,
    UN = PN_ORDER_UNKNOWN,
    FI = PN_ORDER_FILLED,
    CD = PN_ORDER_CANCELLED,
    RJ = PN_ORDER_REJECTED,
    RD = PN_ORDER_REPLACED,
    __ = NEXT_STAY,
    ST = NEXT_SETTLE,
    AG = NEXT_AGAIN,
    LT = NEXT_LATE,
    NO = NEXT_CANNOT,
    RF = NEXT_REFUSE
};

/* Columns, in the order of enum table_event; fill and cut in capitals: nothing is left. */
/* clang-format off */
const uint8_t table_rules[TABLE_ROWS][TABLE_EVENTS] = {
    /*                      acc ded fil FIL cut CUT rej crj cpn gon suc kep con sil a_c a_r */
    [ROW_SENT]           = {LI, CD, LI, FI, LI, CD, RJ, NO, NO, RJ, RD, NO, __, UN, CL, RF},
    [ROW_LIVE]           = {AG, AG, __, FI, __, CD, NO, NO, NO, CD, RD, __, __, __, CL, RL},
    [ROW_CANCELLING_NEW] = {__, CD, __, FI, __, CD, RJ, SE, __, RJ, RD, NO, __, UN, RF, RF},
    [ROW_CANCELLING]     = {AG, AG, __, FI, __, CD, LI, LI, __, CD, RD, __, __, UN, RF, RF},
    [ROW_REPLACING]      = {AG, AG, __, FI, __, CD, NO, NO, NO, CD, RD, LI, __, UN, RF, RF},
    [ROW_UNKNOWN_NEW]    = {ST, CD, ST, FI, ST, CD, RJ, __, CL, RJ, RD, NO, RJ, __, __, RF},
    [ROW_UNKNOWN]        = {AG, AG, ST, FI, ST, CD, ST, ST, CL, CD, RD, ST, ST, __, __, RF},
    [ROW_FILLED]         = {AG, AG, LT, LT, NO, NO, NO, __, __, __, __, __, __, __, RF, RF},
    [ROW_CANCELLED]      = {AG, AG, LT, LT, AG, AG, NO, __, __, __, __, __, __, __, RF, RF},
    [ROW_REJECTED]       = {LT, LT, LT, LT, LT, LT, AG, __, __, __, __, __, __, __, RF, RF},
    [ROW_REPLACED]       = {AG, AG, LT, LT, NO, NO, NO, __, __, __, __, __, __, __, RF, RF},
};
/* clang-format on */

const uint8_t table_rows[PN_ORDER_STATES][2] = {
    [PN_ORDER_SENT] = {ROW_SENT, ROW_SENT},
    [PN_ORDER_LIVE] = {ROW_LIVE, ROW_LIVE},
    [PN_ORDER_CANCELLING] = {ROW_CANCELLING_NEW, ROW_CANCELLING},
    [PN_ORDER_REPLACING] = {ROW_REPLACING, ROW_REPLACING},
    [PN_ORDER_UNKNOWN] = {ROW_UNKNOWN_NEW, ROW_UNKNOWN},
    [PN_ORDER_FILLED] = {ROW_FILLED, ROW_FILLED},
    [PN_ORDER_CANCELLED] = {ROW_CANCELLED, ROW_CANCELLED},
    [PN_ORDER_REJECTED] = {ROW_REJECTED, ROW_REJECTED},
    [PN_ORDER_REPLACED] = {ROW_REPLACED, ROW_REPLACED},
};
