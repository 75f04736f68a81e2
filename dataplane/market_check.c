/*
 * market_check.c - what must hold at every instant, looked at from both ends: the exchange's books
 * of its member on one side, ours on the other. A breach is counted, and the first one kept in
 * words.
 */
#include "market_internal.h"

#include <stdarg.h>
#include <stdio.h>

enum { OPEN_MAX = 4096 };

void market_breach(struct pn_market *m, const char *fmt, ...)
{
    if (m->breaches++)
        return;
    int at = snprintf(m->breach, sizeof m->breach, "at %llu: ", (unsigned long long)m->now_ns);
    va_list args;
    va_start(args, fmt);
    vsnprintf(m->breach + at, sizeof m->breach - (size_t)at, fmt, args);
    va_end(args);
}

/* No order lives at the venue that is not one of ours, not done. */
static uint64_t check_open(struct pn_market *m, uint32_t session)
{
    static __thread struct pn_exchange_order open[OPEN_MAX];
    const char *user = m->desk->cfg->session[session].user;
    uint64_t n = exchange_open_orders(m->exchange, user, open, OPEN_MAX);
    for (uint64_t i = 0; i < n && i < OPEN_MAX; i++) {
        uint32_t place = table_find(m->desk->table, session, open[i].user_ref);
        const struct pn_own_order *o = place ? table_at(m->desk->table, place) : NULL;
        if (!o || o->state == PN_ORDER_FREE || o->state >= PN_ORDER_FILLED)
            market_breach(m, "order %u lives at the venue, here it is %s", open[i].user_ref,
                          o ? "done" : "not known");
    }
    return n;
}

/* The worst that may come, position and all that may still trade, is within the limits. Summed from
 * the orders themselves: the gate has its own count. */
static void check_limits(struct pn_market *m, uint32_t slot)
{
    const struct pn_position *p = &m->desk->position[slot];
    const struct pn_slot_limits *l = &m->desk->seen->limits[slot];
    uint32_t place[PN_WORKING_MAX], n = table_working(m->desk->table, slot, place, PN_WORKING_MAX);
    int64_t open[2] = {0, 0};
    for (uint32_t i = 0; i < n; i++) {
        const struct pn_own_order *o = table_at(m->desk->table, place[i]);
        open[o->side] += o->leaves;
    }
    if ((open[PN_BID] && p->qty + open[PN_BID] > l->max_long) ||
        (open[PN_ASK] && p->qty - open[PN_ASK] < -l->max_short))
        market_breach(m, "slot %u: position %lld with %lld and %lld open is beyond its limits",
                      slot, (long long)p->qty, (long long)open[0], (long long)open[1]);
}

/* With nothing under way on either side, both have the same position, cash and fees. */
static void check_position(struct pn_market *m, uint32_t slot)
{
    struct pn_exchange_member x;
    const struct desk *d = m->desk;
    const struct pn_position *p = &d->position[slot];
    const struct pn_traded *t = &d->cfg->instrument[slot];
    for (uint32_t i = 0; i < m->config.symbols; i++) {
        if (strncmp(m->config.symbol[i].name, t->name, sizeof m->config.symbol[i].name) != 0)
            continue;
        if (exchange_member(m->exchange, d->cfg->session[t->session].user, i, &x) != 0)
            return;
        if (x.position != p->qty || x.cash != p->sold_value - p->bought_value || x.fees != p->fees)
            market_breach(m,
                          "slot %u: %lld held here, %lld there; cash %lld and %lld; fees %lld "
                          "and %lld",
                          slot, (long long)p->qty, (long long)x.position,
                          (long long)(p->sold_value - p->bought_value), (long long)x.cash,
                          (long long)p->fees, (long long)x.fees);
    }
}

void market_check(struct pn_market *m)
{
    struct desk *d = m->desk;
    uint64_t open = 0;
    m->checked_ns = m->now_ns;
    m->checks++;
    for (uint32_t i = 0; i < d->cfg->sessions; i++)
        open += check_open(m, i);
    for (uint32_t i = 0; i < d->slots; i++)
        check_limits(m, i);
    int quiet = !open && !table_live(d->table) && exchange_quiet(m->exchange);
    for (uint32_t i = 0; i < d->slots && quiet; i++)
        check_position(m, i);
}
