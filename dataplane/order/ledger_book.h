/*
 * ledger_book.h - the ledger's arithmetic: what a sequence of fills makes of one slot. No memory of
 * its own but lots, no knowledge of match numbers; for the ledger's own sources.
 */
#ifndef PN_ORDER_LEDGER_BOOK_H
#define PN_ORDER_LEDGER_BOOK_H

#include "base/bits.h"
#include "shm/abi_trade.h"

enum { LEDGER_NONE = 0xffffffff };

/* What was bought or sold together and is still held, oldest first; value is not signed by side. */
struct ledger_lot {
    uint64_t qty;
    int64_t value;
    uint32_t next;
    uint32_t reserved0;
};

/*
 * Lots of all slots. Each slot may always have one; beyond that `left` are shared. A lot that is
 * not to be had is added to the slot's youngest, so that money stays exact and only the order in
 * which the youngest ones go is lost: counted in merged.
 */
struct ledger_lots {
    struct ledger_lot *lot;
    uint32_t free;
    uint32_t left;
    uint64_t merged;
};

struct ledger_book {
    int64_t qty;
    uint64_t bought, sold;
    int64_t bought_value, sold_value;
    int64_t fees;
    int64_t cost; /* signed like qty */
    int64_t realised;
    int64_t realised_fifo;
    int64_t spread_capture;
    uint64_t fills;
    uint64_t maker_fills;
    uint32_t oldest, youngest; /* lots */
};

/* A fill as the arithmetic sees it. */
struct ledger_trade {
    int64_t px;
    int64_t mid_q8; /* 0 = not known */
    uint32_t qty;
    uint8_t side;
    uint8_t maker;
    int64_t value; /* px * qty * value_mul */
    int64_t fee;
};

int ledger_lots_open(struct ledger_lots *l, uint32_t slots, uint32_t shared);
void ledger_lots_close(struct ledger_lots *l);

void ledger_book_init(struct ledger_book *b);
/* Value and fee of a trade. 0 or -EOVERFLOW. */
int ledger_trade_price(struct ledger_trade *t, const struct pn_traded *in);
/* 0, or -EOVERFLOW with nothing changed. */
int ledger_book_apply(struct ledger_book *b, struct ledger_lots *lots, const struct ledger_trade *t,
                      uint64_t value_mul);
/* Its lots go back to the pool. */
void ledger_book_clear(struct ledger_book *b, struct ledger_lots *lots);
/* A book as another one is; lots may come from another pool. `to` has none. */
void ledger_book_copy(struct ledger_book *to, struct ledger_lots *to_lots,
                      const struct ledger_book *from, const struct ledger_lots *from_lots);
/* qty * px_q8 * value_mul / 256, half a unit up. 0 or -EOVERFLOW. */
int ledger_value_q8(int64_t qty, int64_t px_q8, uint64_t value_mul, int64_t *out);

#endif
