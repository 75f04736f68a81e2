/*
 * rig.h - a gate as the desk has it, for the test programs of this folder: its configuration, the
 * control segment that it reads and the position that it looks at. Limits begin wide open.
 */
#ifndef PN_TESTS_GATE_RIG_H
#define PN_TESTS_GATE_RIG_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gate/gate.h"
#include "shm/trade.h"

enum { RIG_NOW = 1000000000, RIG_BID = 999900, RIG_ASK = 1000100, RIG_SLOTS = 6 };

struct rig {
    struct gate *g;
    struct pn_trade_control *c;
    struct pn_gate_status *st;
    struct pn_position *pos;
    struct pn_top top;
    uint64_t now;
};

/*
 * Slots 0 and 1: one instrument, two strategies; 2: another; 3: another venue; 4, 5: other account.
 */
static inline void rig_config(struct pn_trade_config *cfg, uint32_t slots)
{
    cfg->traded = slots;
    cfg->sessions = 2;
    for (uint32_t i = 0; i < slots; i++) {
        struct pn_traded *t = &cfg->instrument[i];
        snprintf(t->name, sizeof t->name, "SYM%u", i < 2 ? 0 : i == 3 ? 0 : i);
        t->venue = i == 3;
        t->strategy = i % 3;
        t->account = i / 4 % PN_ACCOUNTS_MAX;
        t->session = i == 3;
        t->tick = i == 5 ? 25 : 100;
        t->lot = i == 5 ? 12 : 1;
        t->value_mul = 10000;
        t->price_exp = -4;
    }
    snprintf(cfg->venue[0], sizeof cfg->venue[0], "XNAS");
    snprintf(cfg->venue[1], sizeof cfg->venue[1], "XSIM");
    for (uint32_t i = 0; i < 3; i++)
        snprintf(cfg->strategy[i], sizeof cfg->strategy[i], "strategy%u", i);
    snprintf(cfg->account[0], sizeof cfg->account[0], "main");
    snprintf(cfg->account[1], sizeof cfg->account[1], "other");
}

static inline struct pn_slot_limits rig_open_limits(void)
{
    return (struct pn_slot_limits){
        .max_qty = UINT32_MAX,
        .max_value = INT64_MAX,
        .collar_ppm = 1000000,
        .collar_ticks = UINT32_MAX,
        .ref_age_ns = 1ull << 60,
        .max_long = INT64_MAX,
        .max_short = INT64_MAX,
        .max_working = UINT32_MAX,
        .allowed = 1,
    };
}

static inline void rig_refresh(struct rig *r)
{
    (void)gate_refresh(r->g, r->c, r->now);
}

static inline void rig_limits(struct rig *r, uint32_t slot, struct pn_slot_limits l)
{
    if (pn_trade_set_limits(r->c, slot, &l) != 0)
        abort();
    rig_refresh(r);
}

static inline void rig_group(struct rig *r, uint32_t scope, uint32_t i, int64_t gross, int64_t loss)
{
    struct pn_group_limits l = {.max_gross = gross, .max_loss = loss};
    if (pn_trade_set_group(r->c, scope, i, &l) != 0)
        abort();
    rig_refresh(r);
}

static inline void rig_rate(struct rig *r, uint32_t per_second, uint32_t burst, uint64_t burst_ns)
{
    struct pn_rate_limits l = {.per_second = per_second, .burst = burst, .burst_ns = burst_ns};
    if (pn_trade_set_rate(r->c, 0, &l) != 0)
        abort();
    rig_refresh(r);
}

static inline void rig_top(struct rig *r)
{
    for (uint32_t i = 0; i < r->c->config.traded; i++)
        gate_reference(r->g, i, &r->top, r->now);
}

static inline void rig_open_with(struct rig *r, uint32_t slots)
{
    struct error e = {0};
    *r = (struct rig){.now = RIG_NOW};
    r->c = calloc(1, sizeof *r->c);
    r->st = calloc(1, sizeof *r->st);
    r->pos = calloc(slots, sizeof *r->pos);
    if (!r->c || !r->st || !r->pos)
        abort();
    rig_config(&r->c->config, slots);
    if (gate_open(&r->g, &r->c->config, r->st, r->pos, &e) != 0) {
        fprintf(stderr, "gate_open: %s\n", e.text);
        abort();
    }
    for (uint32_t i = 0; i < slots; i++)
        rig_limits(r, i, rig_open_limits());
    rig_group(r, PN_SCOPE_FIRM, 0, INT64_MAX, 0);
    for (uint32_t i = 0; i < PN_ACCOUNTS_MAX; i++)
        rig_group(r, PN_SCOPE_ACCOUNT, i, INT64_MAX, 0);
    for (uint32_t i = 0; i < PN_STRATEGIES_MAX; i++)
        rig_group(r, PN_SCOPE_STRATEGY, i, INT64_MAX, 0);
    for (uint32_t i = 0; i < PN_SESSIONS_MAX; i++)
        gate_session(r->g, i, 1);
    r->top = (struct pn_top){.state = PN_BOOK_VALID,
                             .trading = PN_TRADING_OPEN,
                             .bid_px = RIG_BID,
                             .ask_px = RIG_ASK,
                             .bid_size = 100,
                             .ask_size = 100};
    rig_top(r);
}

static inline void rig_open(struct rig *r)
{
    rig_open_with(r, RIG_SLOTS);
}

static inline void rig_close(struct rig *r)
{
    gate_close(r->g);
    free(r->c);
    free(r->st);
    free(r->pos);
}

static inline uint32_t rig_order(struct rig *r, uint32_t slot, uint32_t side, int64_t px,
                                 uint32_t qty)
{
    struct gate_order o = {.slot = slot, .side = (uint8_t)side, .px = px, .qty = qty};
    return gate_check(r->g, &o, r->now);
}

#endif
