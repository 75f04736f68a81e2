/*
 * quoter.c - see quoter.h. Prices wanted are computed for both sides first; then each layer's order
 * either stays, moves or goes. Most decisions end there with nothing to do, so everything that only
 * an action needs is computed when there is one.
 *
 * The bounds of quoter_check keep every sum below 2^63: see the remarks.
 */
#include "quote/quoter.h"

#define FAIR_MAX_Q8 (1ll << 40)
#define HALF_MAX_Q8 (1ll << 38)
#define POSITION_MAX (1ll << 38)
#define NO_PX INT64_MIN

/* One side, seen so that higher is better: asks with their prices negated. */
struct side {
    int64_t want_q8; /* nearest price before it is rounded; prices of the side's own sign */
    int64_t px;      /* ... and on the tick; NO_PX: none is possible */
    int64_t step;    /* between layers, away from the touch */
    int64_t sign;    /* +1 bids, -1 asks */
    int64_t room;    /* what may be quoted in all, busy orders taken off */
    int64_t avail;   /* what may be added while everything that rests still does */
    uint32_t layers;
    uint32_t resting; /* bit k: layer k has an order */
};

struct plan {
    const struct quote_input *in;
    struct side side[2];
    struct quote_action *out;
    uint32_t cancels, others;
    struct quote_action other[QUOTE_ACTIONS_MAX];
};

PN_HOT int64_t clamped(int64_t v, int64_t most)
{
    return v > most ? most : v < -most ? -most : v;
}

int64_t quoter_fair_q8(const struct quote_input *in)
{
    const struct pn_quote_params *p = in->params;
    const struct pn_signals *s = in->signals;
    /* |micro - mid| < 2^39 times 2^18, and five products of 2^30 and 2^16: below 2^58. */
    int64_t pull = (s->micro_q8 - s->mid_q8) * p->micro_q16;
    for (uint32_t k = 0; k < PN_DEPTHS; k++)
        pull += (int64_t)p->imbalance_q8[k] * s->imbalance_q16[k];
    pull += (int64_t)p->ofi_q8 * s->ofi_q16 + (int64_t)p->flow_q8 * s->flow_q16;
    int64_t fair = s->mid_q8 + ((pull + 32768) >> 16) + p->fair_offset_q8;
    int64_t skew = p->skew_q8 * clamped(in->position, POSITION_MAX); /* at most 2^62 */
    if (skew)
        fair -= in->traded->lot == 1 ? skew : skew / in->traded->lot;
    return clamped(fair, FAIR_MAX_Q8);
}

PN_HOT int64_t half_q8(const struct quote_input *in)
{
    const struct pn_quote_params *p = in->params;
    int64_t half = p->half_spread_q8 + ((int64_t)p->vol_mul_q16 * in->signals->vol_q8 >> 16);
    half = half < 1 ? 1 : half > HALF_MAX_Q8 ? HALF_MAX_Q8 : half;
    if (PN_UNLIKELY(in->kill == PN_KILL_WIDEN) && p->widen_q16 > 65536)
        half = half * p->widen_q16 >> 16; /* 2^38 times 2^24 */
    return half;
}

/* Down to a multiple of the tick; |px| < 2^31. */
PN_HOT int64_t floor_tick(int64_t px, uint32_t tick)
{
    uint32_t size = (uint32_t)(px < 0 ? -px : px), over = size % tick;
    return px < 0 ? px - (over ? tick - over : 0) : px - over;
}

/*
 * The nearest price of a side: bids are want_q8 and below, asks -want_q8 and above. best and other
 * are the touch in the side's own sign, so that a better price is a higher one on both sides.
 */
PN_HOT void set_price(struct side *s, const struct quote_input *in, int64_t best, int64_t other)
{
    const struct pn_quote_params *p = in->params;
    uint32_t tick = in->traded->tick;
    int64_t least = s->sign > 0 ? tick : -(int64_t)QUOTE_PX_MAX;
    int64_t most = s->sign > 0 ? QUOTE_PX_MAX : -(int64_t)tick;
    if (p->join && best < most)
        most = best;
    if (p->post_only && other - 1 < most)
        most = other - 1;
    if (s->want_q8 > most * 256)
        s->want_q8 = most * 256;
    s->px = NO_PX;
    if (PN_LIKELY(s->want_q8 >= least * 256))
        s->px = floor_tick(s->want_q8 >> 8, tick);
    if (PN_UNLIKELY(s->px < least))
        s->px = NO_PX;
}

/* What rests of a side, and what of it is busy. Few layers are used: later loops go by the bits. */
PN_HOT void set_room(struct side *s, const struct quote_input *in, uint32_t side)
{
    const struct quote_rest *r = in->rest[side];
    int64_t resting = 0, busy = 0;
    s->resting = 0;
    for (uint32_t k = 0; k < PN_LAYERS_MAX; k++)
        s->resting |= (uint32_t)(r[k].place != 0) << k;
    for (uint32_t left = s->resting; left; left &= left - 1) {
        uint32_t k = (uint32_t)__builtin_ctz(left);
        resting += r[k].leaves;
        busy += r[k].busy ? r[k].leaves : 0;
    }
    int64_t position = clamped(in->position, 1ll << 41);
    int64_t all = in->params->max_position - s->sign * position;
    s->room = all - busy;
    s->avail = all - resting;
}

static void cancel(struct plan *plan, uint32_t side, uint32_t layer)
{
    const struct quote_rest *r = &plan->in->rest[side][layer];
    plan->out[plan->cancels++] = (struct quote_action){
        .kind = QUOTE_CANCEL,
        .side = (uint8_t)side,
        .layer = (uint8_t)layer,
        .place = r->place,
        .px = r->px,
    };
}

static void cancel_side(struct plan *plan, uint32_t side, uint32_t from)
{
    for (uint32_t k = from; k < PN_LAYERS_MAX; k++)
        if (plan->in->rest[side][k].place && !plan->in->rest[side][k].busy)
            cancel(plan, side, k);
}

/* Layers that are not quoted any more. */
PN_HOT void cancel_beyond(struct plan *plan, uint32_t side)
{
    const struct side *s = &plan->side[side];
    if (PN_UNLIKELY(s->layers && s->resting >> s->layers))
        cancel_side(plan, side, s->layers);
}

/* Would a price, in the side's own sign, meet an own order of the other side that rests now? */
static int meets_own(const struct plan *plan, uint32_t side, int64_t px)
{
    const struct quote_rest *r = plan->in->rest[!side];
    int64_t sign = plan->side[side].sign;
    for (uint32_t left = plan->side[!side].resting; left; left &= left - 1)
        if (px >= sign * r[__builtin_ctz(left)].px)
            return 1;
    return 0;
}

/* Near enough to the wanted price to stay? px in the side's own sign. */
PN_HOT int is_near(const struct quote_input *in, const struct quote_rest *r, int64_t px,
                   int64_t target, int64_t want_q8)
{
    const struct pn_quote_params *p = in->params;
    if (PN_LIKELY(px == target))
        return 1;
    int64_t keep_q8 = p->keep_q8, off_q8 = px * 256 - want_q8;
    if (r->ahead != UINT64_MAX && r->ahead <= p->queue_ahead)
        keep_q8 += (int64_t)p->queue_keep * 256;
    return (off_q8 < 0 ? -off_q8 : off_q8) <= keep_q8;
}

static uint32_t floor_lot(int64_t qty, uint32_t lot)
{
    return qty <= 0 ? 0 : (uint32_t)qty - (uint32_t)qty % lot;
}

/*
 * A layer whose order is not as it should be, or that has none. want: at most so much; must: the
 * order may not stay as it is. Returns what rests of it from now on.
 */
static int64_t change(struct plan *plan, uint32_t side, uint32_t layer, int64_t px, int64_t want,
                      int must)
{
    const struct quote_rest *r = &plan->in->rest[side][layer];
    struct side *s = &plan->side[side];
    uint32_t qty = px == NO_PX ? 0 : floor_lot(want, plan->in->traded->lot);
    int64_t has = r->place ? r->leaves : 0, more = (int64_t)qty - has;
    if (qty == 0 && r->place) {
        cancel(plan, side, layer);
        return 0;
    }
    if (qty == 0)
        return 0;
    /* A few words: what may not be done now is done when what stands in its way is gone. */
    if ((more > 0 && more > s->avail) || meets_own(plan, side, px)) {
        if (r->place && must)
            cancel(plan, side, layer);
        return must ? 0 : has;
    }
    if (more > 0)
        s->avail -= more;
    plan->other[plan->others++] = (struct quote_action){
        .kind = r->place ? QUOTE_REPLACE : QUOTE_NEW,
        .side = (uint8_t)side,
        .layer = (uint8_t)layer,
        .place = r->place,
        .qty = qty,
        .px = s->sign * px,
    };
    return qty;
}

/* One layer: returns what of the room it takes. */
PN_HOT int64_t decide_layer(struct plan *plan, uint32_t side, uint32_t layer)
{
    const struct quote_input *in = plan->in;
    const struct pn_quote_params *p = in->params;
    const struct quote_rest *r = &in->rest[side][layer];
    const struct side *s = &plan->side[side], *o = &plan->side[!side];
    int64_t away = (int64_t)layer * s->step;
    int64_t target = s->px == NO_PX ? NO_PX : s->px - away;
    int64_t want = p->size + (int64_t)layer * p->size_step;
    want = want < s->room ? want : s->room;
    if (r->busy && r->place)
        return 0; /* taken off beforehand */
    if (PN_UNLIKELY(target < (s->sign > 0 ? 1 : -(int64_t)QUOTE_PX_MAX)))
        target = NO_PX;
    if (PN_UNLIKELY(!r->place || target == NO_PX))
        return change(plan, side, layer, target, want, 1);
    int64_t px = s->sign * r->px;
    /* Beyond what may rest, or in the way of the other side's nearest quote. */
    int must = r->leaves > want || (o->layers && o->px != NO_PX && px >= -o->px);
    if (PN_UNLIKELY(must))
        return change(plan, side, layer, target, want, 1);
    int small = r->leaves < p->min_size && r->leaves < floor_lot(want, in->traded->lot);
    if (PN_LIKELY(!small && is_near(in, r, px, target, s->want_q8 - away * 256)))
        return r->leaves;
    uint64_t age = in->now_ns > r->since_ns ? in->now_ns - r->since_ns : 0;
    if (age < p->min_rest_ns)
        return r->leaves;
    return change(plan, side, layer, target, want, 0);
}

/* What may not be quoted at all. Returns 1 if that was everything. */
static int withdraw(struct plan *plan)
{
    const struct quote_input *in = plan->in;
    uint32_t none =
        in->blocked || !in->signals->valid || in->kill >= PN_KILL_CANCEL || in->params->layers == 0;
    uint32_t sides = none ? 0 : in->params->sides;
    for (uint32_t side = 0; side < 2; side++)
        if (!(sides >> side & 1))
            cancel_side(plan, side, 0);
    return sides == 0 || in->kill == PN_KILL_STOP;
}

PN_HOT void set_side(struct plan *plan, uint32_t side, int64_t want_q8, int64_t best, int64_t other)
{
    const struct quote_input *in = plan->in;
    struct side *s = &plan->side[side];
    s->sign = side == PN_BID ? 1 : -1;
    s->step = in->params->layer_step;
    s->layers = in->params->sides >> side & 1 ? in->params->layers : 0;
    s->want_q8 = want_q8;
    set_price(s, in, best, other);
    set_room(s, in, side);
}

uint32_t quoter_decide(const struct quote_input *in, struct quote_action *out)
{
    const struct pn_signals *sig = in->signals;
    struct plan plan;
    plan.in = in;
    plan.out = out;
    plan.cancels = plan.others = 0;
    if (PN_UNLIKELY(in->blocked || !sig->valid || in->kill >= PN_KILL_STOP ||
                    in->params->sides != 3 || !in->params->layers) &&
        withdraw(&plan))
        return plan.cancels;
    int64_t fair = quoter_fair_q8(in), half = half_q8(in);
    set_side(&plan, PN_BID, fair - half, sig->bid_px, sig->ask_px);
    set_side(&plan, PN_ASK, -(fair + half), -(int64_t)sig->ask_px, -(int64_t)sig->bid_px);
    for (uint32_t side = 0; side < 2; side++) {
        struct side *s = &plan.side[side];
        for (uint32_t k = 0; k < s->layers; k++)
            s->room -= decide_layer(&plan, side, k);
        cancel_beyond(&plan, side);
    }
    for (uint32_t i = 0; i < plan.others; i++)
        out[plan.cancels + i] = plan.other[i];
    return plan.cancels + plan.others;
}
