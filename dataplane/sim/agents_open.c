/*
 * agents_open.c - checks and makes ready the models, takes all memory, sets instruments up, and
 * makes the book before the opening.
 */
#include "sim/agents_internal.h"

#include <errno.h>
#include <stdlib.h>

#define RATE_MAX 1000000000000000ull      /* a million a second */
#define ORDER_RATE_MAX 10000000000000ull  /* of one resting order: ten thousand a second */
#define SECONDS_18 1000000000000000000ull /* rate of what happens every nanosecond */
#define SEED_LEVEL_MAX 32u

static int model_check(const struct pn_flow_model *f, uint32_t n, struct error *e)
{
    uint64_t limit = 0;
    for (uint32_t k = 0; k < 16; k++) {
        if (f->limit_rate[k] > RATE_MAX || f->cancel_rate[k] > ORDER_RATE_MAX)
            return error_set(e, -EINVAL, "flow %u: a rate at %u ticks is too high", n, k + 1);
        limit += f->limit_rate[k];
    }
    if (f->market_rate > RATE_MAX || f->informed_rate > RATE_MAX)
        return error_set(e, -EINVAL, "flow %u: market_rate and informed_rate end at 10^15", n);
    if (limit && !f->cancel_rate[15])
        return error_set(e, -EINVAL,
                         "flow %u: cancel_rate at 16 ticks must not be 0, or orders pile up", n);
    if (f->makers > AGENTS_MAKERS_MAX)
        return error_set(e, -EINVAL, "flow %u: at most %d makers", n, AGENTS_MAKERS_MAX);
    if (f->makers && (!f->maker_size || f->maker_size > DRAW_LOTS_MAX))
        return error_set(e, -EINVAL, "flow %u: maker_size is 1 to %u lots", n, DRAW_LOTS_MAX);
    if (f->maker_half_ticks > 10000 || f->informed_ticks > 10000)
        return error_set(e, -EINVAL, "flow %u: distances end at 10,000 ticks", n);
    if (f->momentum_ppm > 950000)
        return error_set(e, -EINVAL, "flow %u: momentum_ppm above 950,000 does not die out", n);
    if (f->regime_ns && (f->regime_mul_q8 < 1 || f->regime_mul_q8 > 16 * 256))
        return error_set(e, -EINVAL, "flow %u: regime_mul_q8 is 1 to 4096", n);
    if (f->size_mean > 10000 || f->market_size_mean > 10000)
        return error_set(e, -EINVAL, "flow %u: mean sizes end at 10,000 lots", n);
    if (f->value_vol_q8 > 1ull << 32)
        return error_set(e, -EINVAL, "flow %u: value_vol_q8 ends at 2^32", n);
    return 0;
}

static void model_ready(struct agents_model *m, const struct pn_flow_model *f)
{
    for (uint32_t k = 0; k < 16; k++) {
        m->limit += 2 * f->limit_rate[k];
        if (f->cancel_rate[k] > m->cancel_max)
            m->cancel_max = f->cancel_rate[k];
    }
    for (uint32_t k = 0; k < 16 && m->cancel_max; k++) {
        uint64_t c = f->cancel_rate[k];
        uint64_t rest = c ? (f->limit_rate[k] + c / 2) / c : SEED_LEVEL_MAX;
        m->cancel_share[k] = (uint32_t)((unsigned __int128)c * UINT32_MAX / m->cancel_max);
        m->seed_orders[k] = rest > SEED_LEVEL_MAX ? SEED_LEVEL_MAX : (uint32_t)rest;
    }
    if (m->limit)
        draw_choice_init(&m->distance, f->limit_rate);
    m->market = 2 * f->market_rate;
    m->informed = f->informed_rate;
    m->step = f->value_vol_q8 ? 1000000000 : 0; /* once a second, so that it can be read */
    m->child = SECONDS_18 / (f->momentum_decay_ns ? f->momentum_decay_ns : 1000);
    m->maker = SECONDS_18 / (f->maker_delay_ns ? f->maker_delay_ns : 1000);
    m->regime = f->regime_ns ? SECONDS_18 / f->regime_ns : 0;
    m->size_scale = draw_geometric_scale(f->size_mean);
    m->market_size_scale = draw_geometric_scale(f->market_size_mean);
    m->value_vol_q8 = f->value_vol_q8;
    m->mul_q8 = f->regime_ns ? f->regime_mul_q8 : 256;
    m->informed_ticks = f->informed_ticks;
    m->momentum_ppm = f->momentum_ppm;
    m->hidden_ppm = f->hidden_ppm;
    m->makers = f->makers;
    m->maker_half_ticks = f->maker_half_ticks;
    m->maker_size = f->maker_size;
}

static int config_check(const struct pn_exchange_config *cfg, struct error *e)
{
    if (!cfg->symbols || cfg->symbols > PN_EXCHANGE_SYMBOLS_MAX)
        return error_set(e, -EINVAL, "agents: 1 to %d symbols", PN_EXCHANGE_SYMBOLS_MAX);
    if (cfg->flows > 8)
        return error_set(e, -EINVAL, "agents: at most 8 flow models");
    for (uint32_t i = 0; i < cfg->symbols; i++) {
        const struct pn_exchange_symbol *s = &cfg->symbol[i];
        if (s->flow >= cfg->flows)
            return error_set(e, -EINVAL, "symbol %u: there is no flow model %u", i, s->flow);
        if (!s->tick || s->tick > 1u << 20 || !s->lot || s->lot > 1000)
            return error_set(e, -EINVAL, "symbol %u: tick 1 to 2^20, lot 1 to 1000", i);
        if (s->start_px % (int32_t)s->tick || s->start_px / (int32_t)s->tick < 2)
            return error_set(e, -EINVAL, "symbol %u: start_px is two ticks or more, whole ticks",
                             i);
    }
    return 0;
}

static void instrument_ready(struct agents *a, const struct pn_exchange_config *cfg, uint32_t i)
{
    struct agents_instrument *s = &a->instrument[i];
    const struct pn_exchange_symbol *y = &cfg->symbol[i];
    s->rng = rng_seed(cfg->seed, 0x10000 + i);
    s->model = &a->model[y->flow];
    s->order = a->order_memory + (uint64_t)i * a->order_cap;
    s->maker = a->maker_memory + (uint64_t)i * AGENTS_MAKERS_MAX;
    s->tick = (int32_t)y->tick;
    s->lot = y->lot;
    s->touch[BUY] = y->start_px - s->tick;
    s->touch[SELL] = y->start_px + s->tick;
    s->value_q24 = (int64_t)y->start_px << 24;
    s->value_ns = a->open_ns;
    s->outdated = s->model->makers ? (1u << s->model->makers) - 1 : 0;
}

int agents_open(struct agents **out, const struct pn_exchange_config *cfg, struct match *m,
                uint32_t owner, struct error *e)
{
    *out = NULL;
    int bad = config_check(cfg, e);
    for (uint32_t n = 0; n < cfg->flows && !bad; n++)
        bad = model_check(&cfg->flow[n], n, e);
    if (bad)
        return bad;
    struct agents *a = calloc(1, sizeof *a);
    if (!a)
        return error_set(e, -ENOMEM, "agents: no memory");
    uint64_t cap = cfg->max_orders / cfg->symbols;
    a->order_cap = cap > AGENTS_ORDERS_MAX ? AGENTS_ORDERS_MAX : cap < 64 ? 64 : (uint32_t)cap;
    a->instrument = calloc(cfg->symbols, sizeof *a->instrument);
    a->heap = calloc(cfg->symbols, sizeof *a->heap);
    a->order_memory = calloc((uint64_t)cfg->symbols * a->order_cap, sizeof *a->order_memory);
    a->maker_memory = calloc((uint64_t)cfg->symbols * AGENTS_MAKERS_MAX, sizeof *a->maker_memory);
    if (!a->instrument || !a->heap || !a->order_memory || !a->maker_memory) {
        agents_close(a);
        return error_set(e, -ENOMEM, "agents: no memory for %u symbols", cfg->symbols);
    }
    a->match = m;
    a->owner = owner;
    a->instruments = cfg->symbols;
    a->open_ns = cfg->midnight_ns + cfg->open_ns;
    a->close_ns = cfg->midnight_ns + cfg->close_ns;
    draw_log_init(&a->log);
    for (uint32_t n = 0; n < cfg->flows; n++)
        model_ready(&a->model[n], &cfg->flow[n]);
    for (uint32_t i = 0; i < cfg->symbols; i++)
        instrument_ready(a, cfg, i);
    agents_start(a);
    *out = a;
    return 0;
}

void agents_close(struct agents *a)
{
    if (!a)
        return;
    free(a->maker_memory);
    free(a->order_memory);
    free(a->heap);
    free(a->instrument);
    free(a);
}
