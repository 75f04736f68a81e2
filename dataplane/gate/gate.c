/*
 * gate.c - memory of the gate, and what stands against all orders of a slot: the reference of the
 * collar, held orders, sessions. The check itself is check.c, the ladder kill.c, money money.c,
 * reading limits refresh.c.
 */
#include "gate/gate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gate/state.h"

static void step_init(struct gate_step *d, uint32_t by)
{
    d->shift = (uint32_t)__builtin_ctz(by);
    uint64_t odd = by >> d->shift, inverse = odd;
    for (int i = 0; i < 5; i++) /* Newton: 3 right bits become 96 */
        inverse *= 2 - odd * inverse;
    d->inverse = inverse;
    d->most = UINT64_MAX / by;
}

static void slot_init(struct gate *g, const struct pn_trade_config *cfg, uint32_t i)
{
    const struct pn_traded *t = &cfg->instrument[i];
    struct gate_slot *s = &g->slot[i];
    step_init(&s->tick, t->tick);
    step_init(&s->lot, t->lot);
    s->tick_px = t->tick;
    s->value_mul = (int64_t)t->value_mul;
    s->session = t->session;
    s->strategy = t->strategy;
    s->account = t->account;
    s->book_why = PN_G_BOOK_STALE;
    s->next = PN_NO_SLOT;
    s->ref_ns = GATE_NEVER;
    s->side[PN_BID].best = INT64_MIN;
    s->side[PN_ASK].best = INT64_MAX;
    s->recent = &g->recent[i];
    s->prices = &g->prices[2 * (size_t)i];
    for (uint32_t k = 0; k < GATE_FILLS_MAX; k++)
        s->recent->fill_ns[k] = GATE_NEVER;
    g->venue_of[i] = (uint8_t)t->venue;
    /* The family of an earlier slot with the same name at the same venue, or a new one. */
    for (uint32_t k = 0; k < i; k++) {
        if (cfg->instrument[k].venue == t->venue &&
            strncmp(cfg->instrument[k].name, t->name, sizeof t->name) == 0) {
            s->family = g->slot[k].family;
            s->next = g->family[s->family].first;
            g->family[s->family].first = i;
            return;
        }
    }
    s->family = g->families++;
    g->family[s->family] = (struct gate_family){.best = {INT64_MIN, INT64_MAX}, .first = i};
}

static void groups_init(struct gate *g)
{
    *gate_firm(g) = (struct gate_group){.scope = PN_SCOPE_FIRM, .status = &g->status->firm};
    for (uint32_t i = 0; i < PN_ACCOUNTS_MAX; i++)
        *gate_account(g, i) = (struct gate_group){
            .scope = PN_SCOPE_ACCOUNT, .index = i, .status = &g->status->account[i]};
    for (uint32_t i = 0; i < PN_STRATEGIES_MAX; i++)
        *gate_strategy(g, i) = (struct gate_group){
            .scope = PN_SCOPE_STRATEGY, .index = i, .status = &g->status->strategy[i]};
}

static int check_config(const struct pn_trade_config *cfg, struct error *e)
{
    if (!cfg->traded || cfg->traded > PN_TRADED_MAX)
        return error_set(e, -EINVAL, "traded instruments must be 1 to %d, not %u", PN_TRADED_MAX,
                         cfg->traded);
    for (uint32_t i = 0; i < cfg->traded; i++) {
        const struct pn_traded *t = &cfg->instrument[i];
        if (!t->tick || !t->lot || !t->value_mul || t->value_mul > INT64_MAX ||
            t->venue >= PN_VENUES_MAX || t->strategy >= PN_STRATEGIES_MAX ||
            t->account >= PN_ACCOUNTS_MAX || t->session >= PN_SESSIONS_MAX)
            return error_set(e, -EINVAL,
                             "traded instrument %u: tick, lot and value_mul must be above 0, "
                             "venue, session, strategy and account within their limits",
                             i);
    }
    return 0;
}

int gate_open(struct gate **out, const struct pn_trade_config *cfg, struct pn_gate_status *status,
              struct pn_position *position, struct error *e)
{
    *out = NULL;
    int rc = check_config(cfg, e);
    if (rc != 0)
        return rc;
    struct gate *g = calloc(1, sizeof *g);
    if (!g)
        return error_set(e, -ENOMEM, "no memory for the gate");
    g->slots = cfg->traded;
    g->status = status;
    g->position = position;
    g->slot = aligned_alloc(64, g->slots * sizeof *g->slot);
    g->family = calloc(g->slots, sizeof *g->family);
    g->recent = calloc(g->slots, sizeof *g->recent);
    g->prices = calloc(2 * (size_t)g->slots, sizeof *g->prices);
    g->rate = calloc(PN_SESSIONS_MAX, sizeof *g->rate);
    if (!g->slot || !g->family || !g->recent || !g->prices || !g->rate) {
        gate_close(g);
        return error_set(e, -ENOMEM, "no memory for the gate of %u traded instruments",
                         cfg->traded);
    }
    memset(g->slot, 0, g->slots * sizeof *g->slot);
    for (uint32_t i = 0; i < PN_SESSIONS_MAX; i++)
        for (uint32_t k = 0; k < GATE_RATE_MAX; k++)
            g->rate[i].ns[k] = GATE_NEVER;
    for (uint32_t i = 0; i < g->slots; i++)
        slot_init(g, cfg, i);
    groups_init(g);
    g->epoch = UINT64_MAX;
    for (uint32_t i = 0; i < g->slots; i++)
        gate_stand(g, i);
    *out = g;
    return 0;
}

void gate_close(struct gate *g)
{
    if (!g)
        return;
    free(g->slot);
    free(g->family);
    free(g->recent);
    free(g->prices);
    free(g->rate);
    free(g);
}

void gate_stand(struct gate *g, uint32_t slot)
{
    struct gate_slot *s = &g->slot[slot];
    uint32_t why = PN_G_NONE;
    if (s->level >= PN_KILL_STOP)
        why = PN_G_KILLED;
    else if (g->lost)
        why = PN_G_CONTROL_LOST;
    else if (!g->rate[s->session].up)
        why = PN_G_SESSION_DOWN;
    else if (s->held)
        why = PN_G_HELD;
    else if (s->restricted)
        why = PN_G_RESTRICTED;
    else if (!s->allowed)
        why = PN_G_NOT_PERMITTED;
    s->stop = (uint8_t)why;
}

/*
 * |px - ref| <= ticks * tick and |px - ref| * 10^6 <= ppm * ref, with ref = (bid + ask) / 2; all of
 * it doubled, so that it stays whole. bid and ask are 32 bits wide and above 0.
 */
void gate_collar(struct gate_slot *s)
{
    uint64_t sum = (uint64_t)s->ref_sum;
    uint64_t by_ppm = sum * s->collar_ppm / 1000000;
    unsigned __int128 ticks = (unsigned __int128)s->collar_ticks * s->tick_px * 2;
    int64_t wide = (int64_t)(ticks < by_ppm ? (uint64_t)ticks : by_ppm);
    s->px_low = -((wide - s->ref_sum) >> 1);
    s->px_high = (s->ref_sum + wide) >> 1;
}

void gate_reference(struct gate *g, uint32_t slot, const struct pn_top *top, uint64_t now_ns)
{
    if (PN_UNLIKELY(slot >= g->slots))
        return;
    struct gate_slot *s = &g->slot[slot];
    s->ref_ns = (int64_t)now_ns;
    uint32_t why = PN_G_NONE;
    if (top->state != PN_BOOK_VALID || top->transition || !(top->bid_size | top->ask_size))
        why = PN_G_BOOK_STALE;
    else if (top->bid_size && top->ask_size && top->bid_px >= top->ask_px)
        why = PN_G_BOOK_CROSSED;
    else if (top->trading != PN_TRADING_OPEN)
        why = PN_G_HALTED;
    else if (!top->bid_size || !top->ask_size || top->bid_px <= 0)
        why = PN_G_NO_REFERENCE;
    s->book_why = (uint8_t)why;
    int64_t sum = (int64_t)top->bid_px + top->ask_px;
    if (!why && sum != s->ref_sum) {
        s->ref_sum = sum;
        gate_collar(s);
    }
}

void gate_hold(struct gate *g, uint32_t slot, int held)
{
    if (slot >= g->slots)
        return;
    g->slot[slot].held = held != 0;
    gate_stand(g, slot);
}

int gate_is_held(const struct gate *g, uint32_t slot)
{
    return slot < g->slots && g->slot[slot].held;
}

void gate_session(struct gate *g, uint32_t session, int up)
{
    if (session >= PN_SESSIONS_MAX)
        return;
    g->rate[session].up = up != 0;
    for (uint32_t i = 0; i < g->slots; i++)
        if (g->slot[i].session == session)
            gate_stand(g, i);
}

uint32_t gate_level(const struct gate *g, uint32_t slot)
{
    return slot < g->slots ? g->slot[slot].level : (uint32_t)PN_KILL_DISCONNECT;
}
