/*
 * agents_seed.c - the book before the opening: at each distance about as many orders as would rest
 * there if nothing ever traded, and one crossing pair, so that the opening cross has a price.
 */
#include "sim/agents_internal.h"

enum { SEED_LEVEL_MAX = 32, SEED_ROUNDS = SEED_LEVEL_MAX * 32 };

static void seed_pair(struct agents *a, uint32_t i, uint32_t side)
{
    struct agents_instrument *s = &a->instrument[i];
    struct match_request r = {.instrument = i,
                              .owner = a->owner + side,
                              .px = s->touch[BUY] + s->tick,
                              .qty = s->lot,
                              .side = (uint8_t)side};
    uint64_t ref;
    if (match_submit(a->match, &r, &ref))
        a->counts.refused++;
}

int agents_seed_book(struct agents *a, uint32_t instrument)
{
    struct agents_instrument *s = &a->instrument[instrument];
    while (s->seeded < SEED_ROUNDS) {
        uint32_t at = s->seeded++, side = at & 1, k = at >> 1 & 15, nth = at >> 5;
        int32_t away = (int32_t)(k + 1) * s->tick, start = s->touch[BUY] + s->tick;
        int32_t px = side == BUY ? start - away : start + away;
        if (nth >= s->model->seed_orders[k] || px < s->tick || s->orders >= a->order_cap)
            continue;
        uint32_t lots = draw_geometric(&s->rng, &a->log, s->model->size_scale);
        agents_rest(a, instrument, side, px, lots * s->lot, 0);
        return 1;
    }
    if (s->seeded < SEED_ROUNDS + 2) {
        seed_pair(a, instrument, s->seeded++ & 1);
        return 1;
    }
    return 0;
}
