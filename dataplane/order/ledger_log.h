/*
 * ledger_log.h - fills that are remembered: to know a duplicate by slot, side and match number, and
 * to take one back. A ring; the oldest makes room. For the ledger's own sources.
 */
#ifndef PN_ORDER_LEDGER_LOG_H
#define PN_ORDER_LEDGER_LOG_H

#include "order/ledger_book.h"

struct ledger_entry {
    uint64_t match;
    uint64_t order;
    uint64_t token;
    int64_t px;
    int64_t fee;
    int64_t mid_q8;
    uint32_t qty;
    uint32_t slot;
    uint32_t chain; /* next of the same hash */
    uint32_t next;  /* of the same slot, younger */
    uint8_t side;
    uint8_t maker;
    uint8_t broken;
    uint8_t liquidity;
    uint32_t reserved0;
};

struct ledger_log {
    struct ledger_entry *entry;
    uint32_t *bucket;
    uint32_t cap;
    uint32_t mask;
    uint32_t oldest;
    uint32_t count;
};

int ledger_log_open(struct ledger_log *l, uint32_t cap);
void ledger_log_close(struct ledger_log *l);
/* LEDGER_NONE when it is not remembered. */
uint32_t ledger_log_find(const struct ledger_log *l, uint32_t slot, uint8_t side, uint64_t match);
/* Place of a new entry; there must be room. */
uint32_t ledger_log_add(struct ledger_log *l, const struct ledger_entry *e);
void ledger_log_drop_oldest(struct ledger_log *l);

#endif
