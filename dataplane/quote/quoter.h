/*
 * quoter.h - what should rest, and the difference from what does. A pure function of its input:
 * same input, same actions; it keeps nothing. Prices with _q8 are in 1/256 of a price unit;
 * docs/quoting.md explains every parameter with an example.
 *
 *   fair = mid + micro_q16 * (micro - mid) + sum of imbalance_q8[k] * imbalance[k]
 *        + ofi_q8 * ofi + flow_q8 * flow      (ratios of -1 .. 1; this sum rounded to the nearest)
 *        + fair_offset_q8 - skew_q8 * position / lot              (the last towards zero)
 *   half = half_spread_q8 + vol_mul_q16 * vol, at least 1/256 of a unit; times widen_q16 while the
 *          kill ladder says so (rounded down)
 *   bid of layer k = fair - half - k * layer_step, asks mirrored
 *
 * limited by join and post_only, and rounded to the tick away from fair value. A skew that falls
 * with position is the form of Avellaneda and Stoikov, "High-frequency trading in a limit order
 * book", Quantitative Finance 8 (2008), and of Gueant, Lehalle, Fernandez-Tapia, "Dealing with the
 * inventory risk", Mathematics and Financial Economics 7 (2013); the strategy computes the numbers.
 *
 * What a decision never does: quote a price that meets an own order of the other side which still
 * rests (it waits until that is gone), let position and all that rests on a side pass max_position
 * (nor what is being cancelled), touch an order that is busy.
 */
#ifndef ABI_CDEF
#pragma once
#include "base/bits.h"
#include "shm/abi_trade.h"
#endif

enum quote_action_kind { QUOTE_NEW = 1, QUOTE_REPLACE = 2, QUOTE_CANCEL = 3 };

enum quote_limits {
    QUOTE_ACTIONS_MAX = 16,        /* 2 * PN_LAYERS_MAX */
    QUOTE_PX_MAX = 2147483647,     /* price units */
    QUOTE_OFFSET_MAX = 1073741824, /* of every _q8 parameter but the two below, either way */
    QUOTE_SKEW_MAX = 16777216,     /* skew_q8, either way */
    QUOTE_KEEP_MAX = 16777216,     /* keep_q8; queue_keep: a 256th of it */
    QUOTE_WEIGHT_MAX = 16777216,   /* _q16: 256 times */
    QUOTE_MICRO_MAX = 262144,      /* micro_q16: 4 times, either way */
    QUOTE_STEP_MAX = 16777216,     /* layer_step, tick, lot */
    QUOTE_SIZE_MAX = 1000000000    /* of one order; min_size, queue_ahead are free */
};

/* The order of one layer of one side, as the order table has it; place 0 = none rests. */
struct quote_rest {
    uint32_t place; /* in the order table */
    uint32_t leaves;
    int64_t px;
    uint64_t since_ns; /* when it was sent or last replaced */
    uint64_t ahead;    /* size in front of it; UINT64_MAX = not known */
    uint32_t busy;     /* 1: a request is under way, it must be left alone */
    uint32_t reserved;
};

struct quote_input {
    const struct pn_traded *traded;
    const struct pn_quote_params *params; /* checked copy, bounds of quoter_check hold */
    const struct pn_signals *signals;
    int64_t position; /* held, size units */
    uint32_t kill;    /* enum pn_kill in force */
    uint32_t blocked; /* 1: nothing may be quoted now; what rests must go */
    uint64_t now_ns;
    struct quote_rest rest[2][8]; /* side, layer (PN_LAYERS_MAX) */
};

struct quote_action {
    uint8_t kind; /* enum quote_action_kind */
    uint8_t side;
    uint8_t layer;
    uint8_t reserved;
    uint32_t place; /* REPLACE, CANCEL */
    uint32_t qty;   /* to rest: what may still be filled */
    uint32_t reserved1;
    int64_t px;
};

/*
 * Bounds of every parameter; 0 or -EINVAL with which one. Hostile input: the other side writes it.
 */
int quoter_check(const struct pn_quote_params *p, const struct pn_traded *t, char *err,
                 uint32_t err_len);
/* Fair value in 1/256 of a price unit; signals must be valid. */
int64_t quoter_fair_q8(const struct quote_input *in);
/* Actions, cancels first; returns how many. */
uint32_t quoter_decide(const struct quote_input *in, struct quote_action *out);
