/*
 * flow_internal.h - the generator's state, shared by the flow*.c files and nobody else.
 *
 * Books: each symbol has a ladder of price ticks around its anchor price, for both sides together
 * (they never cross), an occupancy bitmap over it, and two levels outside for stub quotes. Levels
 * are lists of orders in time order. Prices stay inside the ladder because the fair price reverts
 * to the anchor.
 */
#ifndef PN_SIM_FLOW_INTERNAL_H
#define PN_SIM_FLOW_INTERNAL_H

#include "base/bits.h"
#include "sim/flow.h"
#include "sim/rng.h"

#define FLOW_RING (1u << 15)    /* youngest orders, for short lifetimes */
#define FLOW_MATCHES (1u << 10) /* latest trades, for breaks */
#define FLOW_AHEAD 16           /* symbols and orders drawn ahead */
#define FLOW_EVENTS_MAX 1024    /* scheduled events of the session */
#define FLOW_SLOTS_MAX 32       /* stretches of the day with their own intensity */
#define FLOW_SWEEP_MAX 6        /* executions by one aggressor */
#define FLOW_STUB_ASK_PX 1999999900

enum { BID = 0, ASK = 1 };

struct flow_order {
    uint64_t ref;
    uint32_t size;  /* 0: free slot; next is then the next free one */
    uint32_t level; /* index into the symbol's ladder */
    uint32_t prev;
    uint32_t next;
    uint32_t owner; /* symbol * 2 + side */
    uint32_t reserved;
};

struct flow_level {
    uint32_t head; /* 0: empty */
    uint32_t tail;
};

struct flow_symbol {
    uint8_t name[8];          /* padded with spaces, as on the wire */
    struct flow_level *level; /* width levels, then the stub bid and the stub offer */
    uint64_t *occupied;       /* bit per ladder level */
    int32_t best[2];          /* ladder index; -1 and width when the side is empty */
    uint32_t base;            /* price of level 0, in ticks */
    uint32_t tick;            /* price units of a tick */
    int32_t width;            /* levels of the ladder, a multiple of 64 */
    int32_t gap;              /* typical half spread, in ticks */
    int32_t fair_q8;          /* where the price is drawn to, ladder index * 256 */
    int32_t anchor_q8;        /* where fair reverts to */
    uint8_t trading;          /* letter of the last H message */
    uint8_t op_halt;          /* 1: halted on this market only */
    uint16_t reserved[3];
};
_Static_assert(sizeof(struct flow_symbol) == 64, "one cache line");

/* What a symbol has traded so far. */
struct flow_traded {
    uint64_t trades;
    uint64_t volume;
};

struct flow_match {
    uint64_t number;
    uint64_t size; /* 0: broken, or not to be broken */
    uint64_t symbol;
};

struct flow_alias {
    uint32_t keep; /* of 2^32: stay here, else go to other */
    uint32_t other;
};

/* A mix of message types: the first i with draw < bound[i] gives type[i]. */
struct flow_mix {
    uint32_t bound[12];
    uint8_t type[12];
};

/* Drawn ahead of use, so that memory is fetched meanwhile. */
struct flow_ahead {
    uint32_t item[FLOW_AHEAD];
    uint32_t at;
};

enum flow_slot_kind { SLOT_PRE, SLOT_NOII_OPEN, SLOT_SESSION, SLOT_NOII_CLOSE, SLOT_AFTER, SLOTS };

struct flow_slot {
    uint64_t from_ns;
    uint64_t to_ns;
    uint32_t share; /* of the messages, relative to the other slots */
    uint32_t kind;
};

enum flow_event_kind {
    EVENT_PAUSE,
    EVENT_COLLAR,
    EVENT_QUOTE,
    EVENT_RESUME,
    EVENT_OP_HALT,
    EVENT_OP_LIFT,
    EVENT_IPO_TERMS,
    EVENT_LISTING,
    EVENT_MWCB,
    EVENT_BREAK,
    EVENT_REGSHO,
    EVENT_POSITION,
    EVENT_RPI
};

struct flow_event {
    uint32_t at; /* of 65536 of the continuous session's messages */
    uint32_t symbol;
    uint32_t kind;
};

struct pn_flow {
    /* output: where the next message goes */
    uint8_t *out;
    uint64_t now_ns;
    uint64_t sent;
    uint64_t bytes;
    struct rng rng;
    /* books */
    struct flow_order *order;
    struct flow_symbol *symbol;
    struct flow_traded *traded;
    struct flow_ahead ahead_symbol;
    struct flow_ahead ahead_order;
    uint32_t *ring; /* slots of the latest orders; ring_head counts them all */
    uint64_t ring_head;
    uint32_t free_slot;
    uint32_t slots_used; /* slots that were ever in use, slot 0 is never */
    uint32_t slots_max;
    uint32_t live;
    uint32_t live_target;
    uint32_t peak;
    uint32_t symbols;
    uint32_t owed; /* executions sent beyond the one drawn */
    uint64_t next_ref;
    uint64_t next_match;
    /* clock */
    uint64_t burst_left;
    uint64_t burst_gap_ns; /* upper bound of gaps inside the burst */
    /* plan of the day */
    uint32_t step;
    uint32_t cursor; /* of the running step */
    uint32_t slot;
    uint32_t slot_count;
    uint64_t slot_end; /* value of sent at which the slot is over */
    uint32_t event_next;
    uint32_t event_count;
    uint64_t session_from;
    uint64_t session_quota;
    uint64_t flexible; /* messages that are not scripted */
    uint32_t share_sum;
    uint32_t fresh_slot; /* 1: the slot has not begun */
    struct flow_mix mix[SLOTS];
    struct flow_slot slots[FLOW_SLOTS_MAX];
    struct flow_event event[FLOW_EVENTS_MAX];
    struct flow_alias *alias;
    struct flow_match *match;
    uint64_t matches;
    struct flow_level *levels;
    uint64_t *bitmaps;
    uint64_t memory;
    uint64_t trades;
    uint64_t volume;
    uint64_t by_type[PN_FLOW_TYPES];
    struct pn_flow_config cfg;
};

/* flow_setup.c: memory, symbols and the plan. */
int flow_setup(struct pn_flow *f);
void flow_release(struct pn_flow *f);
/* flow_plan.c: slots of the day, mixes and scheduled events. */
void flow_plan(struct pn_flow *f);
/* flow_pick.c: what an action applies to. */
uint32_t flow_pick_symbol(struct pn_flow *f);
/* A resting order, mostly a young one; 0 if there is none. */
uint32_t flow_pick_order(struct pn_flow *f);
/* An order of the side that the fair price has left behind; 0 if there is none. */
uint32_t flow_pick_stranded(const struct flow_symbol *s);
/* flow_orders.c: one action of the order flow, at least one message. */
void flow_act(struct pn_flow *f, uint32_t slot_kind, uint64_t room);
void flow_delete_any(struct pn_flow *f);
/* Executes part of the best bid or offer at its own price, not printed; the cross prints it. */
uint32_t flow_cross_execute(struct pn_flow *f, uint32_t symbol, uint32_t side);
uint64_t flow_take_match(struct pn_flow *f);
void flow_count_trade(struct pn_flow *f, uint32_t symbol, uint64_t match, uint64_t size);
void flow_break(struct pn_flow *f);
/* flow_script.c: scripted messages. Steps return 1 when they are over. */
int flow_script_step(struct pn_flow *f);
void flow_script_event(struct pn_flow *f, const struct flow_event *event);
void flow_script_imbalance(struct pn_flow *f, uint32_t symbol, uint8_t cross);
void flow_script_rpi(struct pn_flow *f, uint32_t symbol);
/* flow.c: the clock and the slots. */
void flow_clock(struct pn_flow *f);
int flow_run_slots(struct pn_flow *f, uint32_t last_kind);
/* flow_book.c: price-time books. */
uint32_t flow_book_add(struct pn_flow *f, uint32_t symbol, uint32_t side, uint32_t level,
                       uint32_t size);
void flow_book_unlink(struct pn_flow *f, uint32_t slot);
void flow_book_link(struct pn_flow *f, uint32_t slot);
void flow_book_reduce(struct pn_flow *f, uint32_t slot, uint32_t size);
/* Order at the front of a side, 0 if it is empty; stub quotes count. */
uint32_t flow_book_front(const struct flow_symbol *s, uint32_t side);

static inline uint32_t flow_px(const struct flow_symbol *s, uint32_t level)
{
    if (level < (uint32_t)s->width)
        return (s->base + level) * s->tick;
    return level == (uint32_t)s->width ? s->tick : FLOW_STUB_ASK_PX;
}

#endif
