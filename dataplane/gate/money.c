/*
 * money.c - sums of exposure and P&L over strategies, accounts and the firm, and the limits on what
 * has happened already: losses and fills in a window. What breaks one of those puts a rung of the
 * ladder on, which only a release takes off.
 */
#include "gate/state.h"
#include "shm/seqlock.h"

/* Value of what is held at its last mark, or at its cost before there is one; away from zero. */
static int64_t held_value(const struct pn_position *p, int64_t value_mul)
{
    money_sum v;
    if (!p->qty)
        return 0;
    if (!p->mark_q8) {
        v = p->cost;
    } else {
        /* 64 and 63 bits; only what is beyond all limits needs the third factor's care. */
        money_sum px_qty = (money_sum)p->qty * p->mark_q8;
        money_sum most = (money_sum)GATE_MONEY_MAX << 8;
        if (px_qty > most / value_mul || px_qty < -most / value_mul)
            return px_qty < 0 ? -GATE_MONEY_MAX : GATE_MONEY_MAX;
        v = px_qty * value_mul;
        v = v < 0 ? -((255 - v) >> 8) : (v + 255) >> 8;
    }
    return v > GATE_MONEY_MAX ? GATE_MONEY_MAX : v < -GATE_MONEY_MAX ? -GATE_MONEY_MAX : (int64_t)v;
}

static money_sum pnl(const struct gate_group *group)
{
    return group->realised + group->unrealised - group->fees;
}

void gate_publish(struct gate_group *group)
{
    struct pn_group *to = group->status;
    seqlock_begin(&to->seq);
    to->latched = group->latched;
    to->gross = gate_saturate(group->gross);
    to->realised = gate_saturate(group->realised);
    to->unrealised = gate_saturate(group->unrealised);
    to->fees = gate_saturate(group->fees);
    to->peak = group->peak;
    to->latched_ns = group->latched_ns;
    seqlock_end(&to->seq);
}

static void group_add(struct gate_group *group, money_sum realised, money_sum unrealised,
                      money_sum fees)
{
    group->realised += realised;
    group->unrealised += unrealised;
    group->fees += fees;
    int64_t now = gate_saturate(pnl(group));
    if (now > group->peak)
        group->peak = now;
}

void gate_sum(struct gate *g, uint32_t slot)
{
    struct gate_slot *s = &g->slot[slot];
    const struct pn_position *p = &g->position[slot];
    money_sum realised = (money_sum)p->realised - s->realised;
    money_sum unrealised = (money_sum)p->unrealised_mid - s->unrealised;
    money_sum fees = (money_sum)p->fees - s->fees;
    group_add(gate_strategy(g, s->strategy), realised, unrealised, fees);
    group_add(gate_account(g, s->account), realised, unrealised, fees);
    group_add(gate_firm(g), realised, unrealised, fees);
    s->realised = p->realised;
    s->unrealised = p->unrealised_mid;
    s->fees = p->fees;
    s->held_value = held_value(p, s->value_mul);
    gate_expose(g, s, gate_exposure(s->held_value, s->side[PN_BID].value, s->side[PN_ASK].value));
    gate_publish(gate_strategy(g, s->strategy));
    gate_publish(gate_account(g, s->account));
    gate_publish(gate_firm(g));
}

uint32_t gate_watch_loss(struct gate *g, struct gate_group *group, uint64_t now_ns)
{
    money_sum now = pnl(group);
    if (!group->max_loss || now >= -(money_sum)group->max_loss)
        return 0;
    uint32_t level = gate_put_on(g, group->scope, group->index, gate_saturate(now), now_ns);
    g->status->losses_latched += level != 0;
    return level;
}

static uint32_t watch_losses(struct gate *g, uint32_t slot, uint64_t now_ns)
{
    const struct gate_slot *s = &g->slot[slot];
    uint32_t level = gate_watch_loss(g, gate_strategy(g, s->strategy), now_ns);
    level |= gate_watch_loss(g, gate_account(g, s->account), now_ns);
    return level | gate_watch_loss(g, gate_firm(g), now_ns);
}

uint32_t gate_marked(struct gate *g, uint32_t slot, uint64_t now_ns)
{
    if (slot >= g->slots)
        return 0;
    gate_sum(g, slot);
    return watch_losses(g, slot, now_ns);
}

uint32_t gate_filled(struct gate *g, uint32_t slot, uint64_t now_ns)
{
    if (slot >= g->slots)
        return 0;
    struct gate_slot *s = &g->slot[slot];
    struct gate_recent *r = s->recent;
    int64_t now = (int64_t)now_ns;
    gate_sum(g, slot);
    /* One more than allowed, counting this one, inside the window. */
    int64_t first = r->fill_ns[(r->fills - s->fills_max) % GATE_FILLS_MAX];
    r->fill_ns[r->fills++ % GATE_FILLS_MAX] = now;
    uint32_t level = watch_losses(g, slot, now_ns);
    if (s->fills_max && now - first < s->repeat_ns)
        level |= gate_put_on(g, PN_SCOPE_STRATEGY, s->strategy, s->fills_max + 1ll, now_ns);
    return level;
}
