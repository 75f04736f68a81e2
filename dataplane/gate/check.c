/*
 * check.c - the check of one order, in the order of refusals.h, and what counting it means. It
 * allocates nothing, calls nothing outside and reads no clock; everything that changes rarely is
 * worked out when it changes (gate.c, kill.c, refresh.c).
 *
 * Windows slide exactly: "at most n in w" is refused while the n-th message before this one is
 * younger than w. A clock that steps back makes messages look younger, never older.
 */
#include "gate/state.h"

enum { SECOND_NS = 1000000000, TIFS = PN_TIF_GTC + 1 };

/* ---- messages of a session ---- */

PN_HOT int64_t rate_age(const struct gate_rate *r, uint32_t back, int64_t now)
{
    return now - r->ns[(r->sent - back) & (GATE_RATE_MAX - 1)];
}

PN_HOT int rate_full(const struct gate_rate *r, int64_t now)
{
    int second = r->per_second && rate_age(r, r->per_second, now) < SECOND_NS;
    int burst = r->burst && rate_age(r, r->burst, now) < r->burst_ns;
    return second | burst;
}

PN_HOT void rate_count(struct gate_rate *r, int64_t now)
{
    r->ns[r->sent++ & (GATE_RATE_MAX - 1)] = now;
}

/* ---- like orders ---- */

PN_HOT uint32_t like_hash(uint32_t side, int64_t px, uint32_t qty)
{
    uint64_t h = ((uint64_t)px * 2 + side) * 0x9e3779b97f4a7c15ull ^ qty * 0xc2b2ae3d27d4eb4full;
    return (uint32_t)(h * 0xff51afd7ed558ccdull >> 54);
}

/* How many like orders are in the window, up to most; newest first. */
static __attribute__((noinline)) uint32_t
like_orders(const struct gate_recent *r, const struct gate_order *o, int64_t since, uint32_t most)
{
    uint32_t n = 0;
    for (uint32_t at = r->head; at != r->tail && n < most;) {
        uint32_t i = --at & (GATE_RECENT_MAX - 1);
        if (r->order[i].ns <= since)
            break;
        n += r->order[i].px == o->px && r->order[i].qty == o->qty && r->order[i].side == o->side;
    }
    return n;
}

PN_HOT void recent_drop(struct gate_recent *r)
{
    r->count[r->order[r->tail++ & (GATE_RECENT_MAX - 1)].hash]--;
}

/*
 * count[] is never less than the truth, as only what has left the window is dropped, at most two
 * orders a call; where it is not enough to say no, the orders themselves are looked at.
 */
PN_HOT int repeated(struct gate_slot *s, const struct gate_order *o, uint32_t hash, int64_t now)
{
    struct gate_recent *r = s->recent;
    int64_t since = now - s->repeat_ns;
    for (int i = 0; i < 2; i++)
        if (r->tail != r->head && r->order[r->tail & (GATE_RECENT_MAX - 1)].ns <= since)
            recent_drop(r);
    if (PN_UNLIKELY(r->head - r->tail == GATE_RECENT_MAX))
        return 1;
    return PN_UNLIKELY(r->count[hash] >= s->repeat_max) &&
           like_orders(r, o, since, s->repeat_max) >= s->repeat_max;
}

PN_HOT void recent_count(struct gate_recent *r, const struct gate_order *o, uint32_t hash,
                         int64_t now)
{
    /* Times never fall along the ring. */
    int64_t last = r->order[(r->head - 1) & (GATE_RECENT_MAX - 1)].ns;
    uint32_t i = r->head++ & (GATE_RECENT_MAX - 1);
    r->order[i].ns = r->head - r->tail > 1 && last > now ? last : now;
    r->order[i].px = o->px;
    r->order[i].qty = o->qty;
    r->order[i].side = o->side;
    r->order[i].hash = (uint16_t)hash;
    r->count[hash]++;
}

/* ---- own orders by price ---- */

PN_HOT uint32_t price_find(const struct gate_prices *p, uint32_t n, int64_t px)
{
    uint32_t i = 0;
    while (i < n && p->px[i] != px)
        i++;
    return i;
}

PN_HOT int nearer(uint32_t side, int64_t px, int64_t than)
{
    return side ? px < than : px > than;
}

PN_HOT void price_add(struct gate *g, struct gate_slot *s, uint32_t side, int64_t px, uint64_t qty)
{
    struct gate_side *sd = &s->side[side];
    struct gate_prices *p = &s->prices[side];
    uint32_t i = price_find(p, sd->prices, px);
    if (i == sd->prices) {
        p->px[i] = px;
        p->qty[i] = 0;
        sd->prices++;
        int64_t *best = &g->family[s->family].best[side];
        if (nearer(side, px, sd->best))
            sd->best = px;
        if (nearer(side, px, *best))
            *best = px;
    }
    p->qty[i] += qty;
}

/* The best own prices after the one at px has gone. */
static void price_gone(struct gate *g, struct gate_slot *s, uint32_t side, int64_t px)
{
    struct gate_side *sd = &s->side[side];
    struct gate_family *f = &g->family[s->family];
    int64_t best = side ? INT64_MAX : INT64_MIN;
    if (sd->best != px)
        return;
    for (uint32_t i = 0; i < sd->prices; i++)
        if (nearer(side, s->prices[side].px[i], best))
            best = s->prices[side].px[i];
    sd->best = best;
    if (f->best[side] != px)
        return;
    for (uint32_t i = f->first; i != PN_NO_SLOT; i = g->slot[i].next)
        if (nearer(side, g->slot[i].side[side].best, best))
            best = g->slot[i].side[side].best;
    f->best[side] = best;
}

/* ---- the check ---- */

/* Money of an order; 0 if it does not fit. */
PN_HOT int order_value(const struct gate_slot *s, int64_t px, int64_t qty, int64_t *value)
{
    int64_t v;
    return !__builtin_mul_overflow(px, qty, &v) && !__builtin_mul_overflow(v, s->value_mul, value);
}

/*
 * Closing a position is what the ladder's flatten asks for, also when the control plane is gone:
 * such an order passes if it and all else on its side cannot turn the position over.
 */
static uint32_t stopped(const struct gate *g, const struct gate_slot *s, const struct gate_order *o)
{
    money_sum held = g->position[o->slot].qty;
    if (!(o->flags & PN_OF_FLATTEN) || s->level != PN_KILL_FLATTEN || o->side > PN_ASK)
        return s->stop;
    if ((o->side ? held : -held) < (money_sum)s->side[o->side].qty + o->qty)
        return s->stop;
    if (!g->rate[s->session].up)
        return PN_G_SESSION_DOWN;
    return s->held         ? (uint32_t)PN_G_HELD
           : s->restricted ? (uint32_t)PN_G_RESTRICTED
           : !s->allowed   ? (uint32_t)PN_G_NOT_PERMITTED
                           : (uint32_t)PN_G_NONE;
}

PN_HOT uint32_t check_book(const struct gate *g, const struct gate_slot *s,
                           const struct gate_order *o, int64_t now)
{
    if (PN_UNLIKELY(s->book_why))
        return s->book_why;
    /* From the future is as far from now as from the past. */
    if (PN_UNLIKELY((uint64_t)(now - s->ref_ns + s->ref_age_ns) > (uint64_t)s->ref_age_ns * 2))
        return PN_G_NO_REFERENCE;
    if (PN_UNLIKELY(o->px < s->px_low || o->px > s->px_high))
        return PN_G_COLLAR;
    const struct gate_family *f = &g->family[s->family];
    if (PN_UNLIKELY(o->side ? o->px <= f->best[PN_BID] : o->px >= f->best[PN_ASK]))
        return PN_G_SELF_MATCH;
    return PN_G_NONE;
}

PN_HOT uint32_t check_credit(struct gate *g, const struct gate_slot *s, int64_t more)
{
    if (more <= 0)
        return PN_G_NONE;
    const struct gate_group *strategy = gate_strategy(g, s->strategy);
    const struct gate_group *account = gate_account(g, s->account), *firm = gate_firm(g);
    if (PN_UNLIKELY(strategy->gross + more > strategy->max_gross))
        return PN_G_STRATEGY_CREDIT;
    if (PN_UNLIKELY(account->gross + more > account->max_gross))
        return PN_G_ACCOUNT_CREDIT;
    if (PN_UNLIKELY(firm->gross + more > firm->max_gross))
        return PN_G_FIRM_CREDIT;
    return PN_G_NONE;
}

PN_HOT uint32_t check_position(const struct gate *g, const struct gate_slot *s,
                               const struct gate_order *o)
{
    const struct gate_side *sd = &s->side[o->side];
    /* A replace ends with as many orders as there were. */
    if (PN_UNLIKELY(s->side[0].working + s->side[1].working >= s->max_working && !o->old_leaves))
        return PN_G_WORKING;
    if (PN_UNLIKELY(sd->prices == GATE_PRICES_MAX &&
                    price_find(&s->prices[o->side], sd->prices, o->px) == sd->prices))
        return PN_G_WORKING;
    int64_t held = g->position[o->slot].qty;
    money_sum worst = (money_sum)(sd->qty + o->qty) + (o->side ? -(money_sum)held : held);
    if (PN_UNLIKELY(worst > (o->side ? s->max_short : s->max_long)))
        return PN_G_POSITION;
    return PN_G_NONE;
}

PN_HOT uint32_t check(struct gate *g, const struct gate_order *o, int64_t now)
{
    if (PN_UNLIKELY(o->slot >= g->slots))
        return PN_G_SLOT;
    struct gate_slot *s = &g->slot[o->slot];
    uint32_t why;
    int64_t value;
    if (PN_UNLIKELY(s->stop) && (why = stopped(g, s, o)) != 0)
        return why;
    if (PN_UNLIKELY(o->side > PN_ASK || o->tif >= TIFS || o->px <= 0 || !o->qty ||
                    !gate_divides(&s->tick, (uint64_t)o->px) || !gate_divides(&s->lot, o->qty)))
        return PN_G_FIELD;
    if (PN_UNLIKELY(o->qty > s->max_qty))
        return PN_G_QTY;
    if (PN_UNLIKELY(!order_value(s, o->px, o->qty, &value) || value > s->max_value))
        return PN_G_VALUE;
    why = check_book(g, s, o, now);
    if (PN_UNLIKELY(why))
        return why;
    uint32_t hash = like_hash(o->side, o->px, o->qty);
    if (s->repeat_max && PN_UNLIKELY(repeated(s, o, hash, now)))
        return PN_G_REPEATED;
    why = check_position(g, s, o);
    if (PN_UNLIKELY(why))
        return why;
    struct gate_side *sd = &s->side[o->side];
    /* Beyond what can be counted is beyond any limit. */
    if (PN_UNLIKELY(value > GATE_MONEY_MAX - sd->value))
        return PN_G_STRATEGY_CREDIT;
    int64_t bids = s->side[PN_BID].value + (o->side ? 0 : value);
    int64_t asks = s->side[PN_ASK].value + (o->side ? value : 0);
    int64_t exposure = gate_exposure(s->held_value, bids, asks);
    why = check_credit(g, s, exposure - s->exposure);
    if (PN_UNLIKELY(why))
        return why;
    struct gate_rate *rate = &g->rate[s->session];
    if (PN_UNLIKELY(rate_full(rate, now)))
        return PN_G_RATE;
    rate_count(rate, now);
    if (s->repeat_max)
        recent_count(s->recent, o, hash, now);
    sd->qty += o->qty;
    sd->value += value;
    sd->working++;
    price_add(g, s, o->side, o->px, o->qty);
    gate_expose(g, s, exposure);
    return PN_G_NONE;
}

uint32_t gate_check(struct gate *g, const struct gate_order *o, uint64_t now_ns)
{
    uint32_t why = check(g, o, (int64_t)now_ns);
    if (PN_UNLIKELY(why))
        g->status->refused[why]++;
    else
        g->status->passed++;
    return why;
}

void gate_cancel(struct gate *g, uint32_t slot, uint64_t now_ns)
{
    if (PN_UNLIKELY(slot >= g->slots))
        return;
    rate_count(&g->rate[g->slot[slot].session], (int64_t)now_ns);
    g->status->cancels++;
}

void gate_more(struct gate *g, uint32_t slot, uint32_t side, int64_t px, uint64_t qty)
{
    int64_t value;
    if (slot >= g->slots || side > PN_ASK || px <= 0 || !qty)
        return;
    struct gate_slot *s = &g->slot[slot];
    struct gate_side *sd = &s->side[side];
    if (qty > (uint64_t)GATE_MONEY_MAX || !order_value(s, px, (int64_t)qty, &value) ||
        value > GATE_MONEY_MAX - sd->value ||
        (sd->prices == GATE_PRICES_MAX &&
         price_find(&s->prices[side], sd->prices, px) == sd->prices)) {
        /* It has passed once, so this cannot be; whoever says so anyhow may not trade on. */
        g->unmatched++;
        gate_hold(g, slot, 1);
        return;
    }
    sd->qty += qty;
    sd->value += value;
    price_add(g, s, side, px, qty);
    gate_sum(g, slot);
}

void gate_adopt(struct gate *g, uint32_t slot, uint32_t side, int64_t px, uint64_t qty)
{
    if (slot >= g->slots || side > PN_ASK)
        return;
    g->slot[slot].side[side].working++;
    gate_more(g, slot, side, px, qty);
}

void gate_release(struct gate *g, uint32_t slot, uint32_t side, int64_t px, uint64_t qty)
{
    if (PN_UNLIKELY(slot >= g->slots || side > PN_ASK))
        return;
    struct gate_slot *s = &g->slot[slot];
    struct gate_side *sd = &s->side[side];
    struct gate_prices *p = &s->prices[side];
    uint32_t i = price_find(p, sd->prices, px);
    uint64_t there = i == sd->prices ? 0 : p->qty[i];
    if (PN_UNLIKELY(qty > there)) {
        g->unmatched++;
        qty = there;
    }
    if (!qty)
        return;
    /* What was counted as a sum of products goes as such: no rest, never below 0. */
    sd->qty -= qty;
    sd->value -= px * (int64_t)qty * s->value_mul;
    p->qty[i] -= qty;
    if (!p->qty[i]) {
        sd->prices--;
        p->px[i] = p->px[sd->prices];
        p->qty[i] = p->qty[sd->prices];
        price_gone(g, s, side, px);
    }
    if (!sd->qty)
        sd->working = 0;
    gate_expose(g, s, gate_exposure(s->held_value, s->side[PN_BID].value, s->side[PN_ASK].value));
}

void gate_done(struct gate *g, uint32_t slot, uint32_t side)
{
    if (PN_UNLIKELY(slot >= g->slots || side > PN_ASK))
        return;
    struct gate_side *sd = &g->slot[slot].side[side];
    sd->working -= sd->working != 0;
}

void gate_working(const struct gate *g, uint32_t slot, uint32_t side, uint64_t *qty, int64_t *value)
{
    *qty = g->slot[slot].side[side].qty;
    *value = g->slot[slot].side[side].value;
}
