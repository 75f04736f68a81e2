/*
 * flow_pick.c - picks the symbol or the resting order that an action applies to.
 *
 * Both are drawn some actions ahead, and what they will touch is fetched in stages meanwhile: with
 * thousands of symbols and millions of orders nearly all of it lies in memory, not in caches.
 * A pick that has become useless in the meantime is drawn again. The draws do not depend on timing.
 */
#include "sim/flow_internal.h"

enum { OLD_PPM = 80000, STAGE2 = 10, STAGE3 = 5 };

static uint32_t draw_symbol(struct pn_flow *f)
{
    uint64_t r = rng_next(&f->rng);
    uint32_t s = (uint32_t)((r >> 32) * f->symbols >> 32);
    return (uint32_t)r < f->alias[s].keep ? s : f->alias[s].other;
}

static void fetch_touch(const struct flow_symbol *s)
{
    int32_t bid = s->best[BID] < 0 ? 0 : s->best[BID], ask = s->best[ASK];
    __builtin_prefetch(&s->level[bid]);
    __builtin_prefetch(&s->level[bid < 8 ? 0 : bid - 8]);
    __builtin_prefetch(&s->level[ask]);
    __builtin_prefetch(&s->level[ask + 8 < s->width ? ask + 8 : s->width]);
    __builtin_prefetch(&s->occupied[s->best[ASK] >> 6]);
}

static void fetch_queue(const struct pn_flow *f, const struct flow_symbol *s)
{
    const struct flow_level *bid = &s->level[s->best[BID] < 0 ? 0 : s->best[BID]];
    const struct flow_level *ask = &s->level[s->best[ASK]];
    __builtin_prefetch(&f->order[bid->head]);
    __builtin_prefetch(&f->order[bid->tail]);
    __builtin_prefetch(&f->order[ask->head]);
    __builtin_prefetch(&f->order[ask->tail]);
}

uint32_t flow_pick_symbol(struct pn_flow *f)
{
    struct flow_ahead *a = &f->ahead_symbol;
    uint32_t i = a->at++ % FLOW_AHEAD, symbol = a->item[i];
    a->item[i] = draw_symbol(f);
    __builtin_prefetch(&f->symbol[a->item[i]]);
    fetch_touch(&f->symbol[a->item[(i + STAGE2) % FLOW_AHEAD]]);
    fetch_queue(f, &f->symbol[a->item[(i + STAGE3) % FLOW_AHEAD]]);
    if (PN_UNLIKELY(a->at <= FLOW_AHEAD))
        symbol = draw_symbol(f);
    for (uint32_t k = 0; k < 8 && f->symbol[symbol].trading == 'H'; k++)
        symbol = draw_symbol(f);
    return f->symbol[symbol].trading == 'H' ? 0 : symbol;
}

/* A young order's slot: its age in orders is spread evenly over the powers of two. */
static uint32_t draw_young(struct pn_flow *f)
{
    uint64_t known = f->ring_head < FLOW_RING ? f->ring_head : FLOW_RING;
    uint64_t r = rng_next(&f->rng);
    uint64_t back = (r >> 8) & ((2ull << (r % 15)) - 1);
    return back < known ? f->ring[(f->ring_head - 1 - back) & (FLOW_RING - 1)] : 0;
}

/* Any slot that was ever in use, slot 0 if there is none. */
static uint32_t draw_old(struct pn_flow *f)
{
    return f->slots_used > 1 ? 1 + rng_below(&f->rng, f->slots_used - 1) : 0;
}

static void fetch_order(const struct pn_flow *f, uint32_t slot)
{
    const struct flow_order *o = &f->order[slot];
    const struct flow_symbol *s = &f->symbol[o->owner >> 1];
    __builtin_prefetch(&s->level[o->level]);
    __builtin_prefetch(&s->occupied[o->level >> 6 < (uint32_t)s->width >> 6 ? o->level >> 6 : 0]);
    fetch_touch(s);
}

uint32_t flow_pick_order(struct pn_flow *f)
{
    struct flow_ahead *a = &f->ahead_order;
    uint32_t i = a->at++ % FLOW_AHEAD, slot = a->item[i];
    a->item[i] = rng_ppm(&f->rng, OLD_PPM) ? draw_old(f) : draw_young(f);
    __builtin_prefetch(&f->order[a->item[i]]);
    const struct flow_order *o = &f->order[a->item[(i + STAGE2) % FLOW_AHEAD]];
    __builtin_prefetch(&f->symbol[o->owner >> 1]);
    __builtin_prefetch(&f->order[o->prev]);
    __builtin_prefetch(&f->order[o->next]);
    fetch_order(f, a->item[(i + STAGE3) % FLOW_AHEAD]);
    for (uint32_t k = 0; k < 12 && !f->order[slot].size; k++)
        slot = draw_young(f);
    for (uint32_t k = 0; k < 16 && !f->order[slot].size; k++)
        slot = draw_old(f);
    return f->order[slot].size ? slot : 0;
}

uint32_t flow_pick_stranded(const struct flow_symbol *s)
{
    int32_t fair = s->fair_q8 >> 8;
    if (s->best[BID] > fair)
        return s->level[s->best[BID]].head;
    if (s->best[ASK] <= fair)
        return s->level[s->best[ASK]].head;
    return 0;
}
