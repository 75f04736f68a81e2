/*
 * agents_maker.c - other market makers: one bid and one offer each, kept at a distance from the
 * mid. A maker that is outdated looks, sends one request and stays outdated until there is nothing
 * to do.
 */
#include "sim/agents_internal.h"

/* Outwards to the tick, so that the two are at least as far apart as asked. */
static int32_t wanted_px(const struct agents_instrument *s, uint32_t side)
{
    int64_t twice = (int64_t)s->touch[BUY] + s->touch[SELL];
    int64_t half = 2ll * s->model->maker_half_ticks * s->tick, tick = 2ll * s->tick;
    int64_t edge = side == BUY ? twice - half : twice + half + tick - 1;
    int64_t px = edge / tick * s->tick;
    if (side == BUY && px >= s->touch[SELL])
        px = s->touch[SELL] - s->tick;
    if (side == SELL && px <= s->touch[BUY])
        px = s->touch[BUY] + s->tick;
    return (int32_t)px;
}

static void maker_send(struct agents *a, uint32_t i, uint32_t number, uint32_t side, int32_t px)
{
    struct agents_instrument *s = &a->instrument[i];
    struct agents_maker *k = &s->maker[number];
    struct match_request r = {.instrument = i,
                              .owner = a->owner,
                              .px = px,
                              .qty = s->model->maker_size * s->lot,
                              .side = (uint8_t)side,
                              .flags = MATCH_POST_ONLY};
    uint64_t ref = 0;
    uint32_t refused = k->ref[side] ? match_replace(a->match, a->owner, k->ref[side], &r, &ref)
                                    : match_submit(a->match, &r, &ref);
    if (PN_UNLIKELY(refused)) {
        a->counts.refused++;
        s->outdated &= ~(1u << number); /* not again before the next change */
        return;
    }
    k->ref[side] = ref;
    k->px[side] = px;
}

enum agents_done agents_requote(struct agents *a, uint32_t i)
{
    struct agents_instrument *s = &a->instrument[i];
    uint64_t word = rng_next(&s->rng);
    uint32_t nth = (uint32_t)((word >> 32) * (uint32_t)__builtin_popcount(s->outdated) >> 32);
    uint32_t left = s->outdated;
    while (nth--)
        left &= left - 1;
    uint32_t number = (uint32_t)__builtin_ctz(left);
    struct agents_maker *k = &s->maker[number];
    for (uint32_t turn = 0; turn < 2; turn++) {
        uint32_t side = (turn ^ word) & 1;
        if (k->ref[side] && !match_left(a->match, k->ref[side], NULL, NULL))
            k->ref[side] = 0;
        int32_t px = wanted_px(s, side);
        if ((k->ref[side] && k->px[side] == px) || px < s->tick)
            continue;
        maker_send(a, i, number, side, px);
        return AGENTS_ACTED;
    }
    s->outdated &= ~(1u << number);
    return AGENTS_LOOKED;
}
