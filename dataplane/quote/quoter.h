/*
 * quoter.h - what should rest, and the difference from what does. A pure function of its input:
 * same input, same actions; it keeps nothing.
 */
#ifndef PN_QUOTE_QUOTER_H
#define PN_QUOTE_QUOTER_H

#include "base/bits.h"
#include "shm/abi_trade.h"

enum quote_action_kind { QUOTE_NEW = 1, QUOTE_REPLACE = 2, QUOTE_CANCEL = 3 };

enum { QUOTE_ACTIONS_MAX = 2 * PN_LAYERS_MAX };

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
    struct quote_rest rest[2][PN_LAYERS_MAX]; /* side, layer */
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

/* Bounds of every parameter; 0 or -EINVAL with which one. Hostile input: the other side writes it. */
int quoter_check(const struct pn_quote_params *p, const struct pn_traded *t, char *err,
                 uint32_t err_len);
/* Fair value in 1/256 of a price unit; signals must be valid. */
int64_t quoter_fair_q8(const struct quote_input *in);
/* Actions, cancels first; returns how many. */
uint32_t quoter_decide(const struct quote_input *in, struct quote_action *out);

#endif
