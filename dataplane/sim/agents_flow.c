/*
 * agents_flow.c - what the agents without memory of their own do: limit orders, cancels, takings
 * by those who know nothing and those who know the fundamental price.
 */
#include "sim/agents_internal.h"

#define ROOT_SECOND_Q8 8095430ll /* root of 10^9 ns, times 256 */

enum agents_done agents_rest(struct agents *a, uint32_t i, uint32_t side, int32_t px, uint32_t qty,
                             uint8_t flags)
{
    struct agents_instrument *s = &a->instrument[i];
    struct match_request r = {.instrument = i,
                              .owner = a->owner,
                              .px = px,
                              .qty = qty,
                              .side = (uint8_t)side,
                              .flags = flags};
    uint64_t ref = 0;
    if (PN_UNLIKELY(match_submit(a->match, &r, &ref))) {
        a->counts.refused++;
        return AGENTS_ACTED;
    }
    s->order[s->orders++] = (struct agents_order){ref, px, side};
    return AGENTS_ACTED;
}

enum agents_done agents_limit(struct agents *a, uint32_t i)
{
    struct agents_instrument *s = &a->instrument[i];
    const struct agents_model *m = s->model;
    if (PN_UNLIKELY(s->orders >= a->order_cap)) {
        a->counts.full++;
        return agents_cancel(a, i);
    }
    uint64_t word = rng_next(&s->rng);
    uint32_t side = word & 1;
    int32_t away = (int32_t)(draw_choose(&m->distance, word) + 1) * s->tick;
    int32_t px = side == BUY ? s->touch[SELL] - away : s->touch[BUY] + away;
    if (PN_UNLIKELY(px < s->tick || px > INT32_MAX / 2))
        return AGENTS_LOOKED;
    uint32_t lots = draw_geometric(&s->rng, &a->log, m->size_scale);
    uint8_t flags = rng_ppm(&s->rng, m->hidden_ppm) ? MATCH_HIDDEN : 0;
    return agents_rest(a, i, side, px, lots * s->lot, flags);
}

/* One of the resting orders, each alike; at its distance it stays with a certain chance. */
enum agents_done agents_cancel(struct agents *a, uint32_t i)
{
    struct agents_instrument *s = &a->instrument[i];
    if (PN_UNLIKELY(!s->orders))
        return AGENTS_LOOKED;
    uint64_t word = rng_next(&s->rng);
    uint32_t at = (uint32_t)((word >> 32) * s->orders >> 32);
    struct agents_order o = s->order[at];
    int32_t away = o.side == BUY ? s->touch[SELL] - o.px : o.px - s->touch[BUY];
    int32_t k = away / s->tick;
    /* Below one tick it cannot rest any more. */
    if (k >= 1 && s->orders < a->order_cap &&
        (uint32_t)word > s->model->cancel_share[k > 16 ? 15 : k - 1])
        return AGENTS_LOOKED;
    s->order[at] = s->order[--s->orders];
    return match_cancel(a->match, a->owner, o.ref, 0) ? AGENTS_LOOKED : AGENTS_ACTED;
}

void agents_call_forth(struct agents_instrument *s, uint32_t side)
{
    if (rng_ppm(&s->rng, s->model->momentum_ppm) && s->children[side] < AGENTS_CHILDREN_MAX)
        s->children[side]++;
}

/* worst: the price at which it stops; 0 = any. */
enum agents_done agents_take(struct agents *a, uint32_t i, uint32_t side, int32_t worst,
                             const struct match_top *top)
{
    struct agents_instrument *s = &a->instrument[i];
    if (PN_UNLIKELY(!(side == BUY ? top->ask_orders : top->bid_orders)))
        return AGENTS_LOOKED;
    uint32_t lots = draw_geometric(&s->rng, &a->log, s->model->market_size_scale);
    struct match_request r = {.instrument = i,
                              .owner = a->owner + 1,
                              .px = worst,
                              .qty = lots * s->lot,
                              .side = (uint8_t)side,
                              .tif = MATCH_IOC,
                              .flags = worst ? 0 : MATCH_MARKET};
    uint64_t ref;
    if (PN_UNLIKELY(match_submit(a->match, &r, &ref))) {
        a->counts.refused++;
        return AGENTS_ACTED;
    }
    agents_call_forth(s, side);
    if (s->model->makers)
        s->outdated = (1u << s->model->makers) - 1;
    return AGENTS_ACTED;
}

/* Brownian motion, looked at now: deviation vol times the root of the time gone. */
void agents_step_value(struct agents_instrument *s, uint64_t now_ns)
{
    uint64_t gone = now_ns - s->value_ns, vol = s->model->value_vol_q8;
    if (s->value_ns >= now_ns || !vol)
        return;
    s->value_ns = now_ns;
    if (gone >> 47)
        gone = (1ull << 47) - 1; /* 39 hours */
    if (s->busy)
        vol = vol * s->model->mul_q8 >> 8;
    int64_t root_q8 = (int64_t)draw_root(gone << 16);
    __int128 moved = (__int128)draw_gaussian(&s->rng) * (int64_t)vol * root_q8; /* Q32 */
    s->value_q24 += (int64_t)(moved / ROOT_SECOND_Q8);
    int64_t low = (int64_t)s->tick << 24, high = (int64_t)(INT32_MAX / 2) << 24;
    s->value_q24 = s->value_q24 < low ? low : s->value_q24 > high ? high : s->value_q24;
}

enum agents_done agents_informed(struct agents *a, uint32_t i, uint64_t now_ns,
                                 const struct match_top *top)
{
    struct agents_instrument *s = &a->instrument[i];
    agents_step_value(s, now_ns);
    int32_t value = (int32_t)(s->value_q24 >> 24); /* floor: what a buyer pays at most */
    int64_t beyond = (int64_t)s->model->informed_ticks * s->tick;
    if (top->ask_orders && value > top->ask_px + beyond)
        return agents_take(a, i, BUY, value - value % s->tick, top);
    if (top->bid_orders && value < top->bid_px - beyond)
        return agents_take(a, i, SELL, value - value % s->tick + s->tick, top);
    return AGENTS_LOOKED;
}
