/*
 * flow_setup.c - checks a configuration, takes all memory and makes the symbols: names, prices,
 * ladders, activity. Called once, at open.
 */
#include "sim/flow_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#define PAGE (2ull << 20)

/* Zeroed memory on cache lines, in huge pages where it is large and the system has them. */
static void *take(struct pn_flow *f, uint64_t count, uint64_t size)
{
    uint64_t unit = count * size < PAGE ? 64 : PAGE;
    uint64_t bytes = (count * size + unit - 1) / unit * unit;
    void *p = aligned_alloc(unit, bytes);
    f->memory += bytes;
    if (p && unit == PAGE)
        madvise(p, bytes, MADV_HUGEPAGE);
    return p ? memset(p, 0, bytes) : NULL;
}

/* Bijective base 26: A .. Z, AA .. ; at most four letters for 65535 symbols. */
static void make_name(uint8_t name[8], uint32_t i)
{
    uint8_t text[8];
    uint32_t n = 0;
    for (i++; i; i = (i - 1) / 26)
        text[n++] = (uint8_t)('A' + (i - 1) % 26);
    memset(name, ' ', 8);
    for (uint32_t k = 0; k < n; k++)
        name[k] = text[n - 1 - k];
}

/* Prices: a few below a dollar on the 0.0001 grid, most between 4 and 200, some up to 3,000. */
static void make_price(struct pn_flow *f, struct flow_symbol *s)
{
    uint32_t kind = rng_below(&f->rng, 100), px, width = 256;
    s->tick = 100;
    if (kind < 4) {
        s->tick = 1;
        px = 1000 + rng_below(&f->rng, 7500);
    } else if (kind < 94) {
        px = 400u << rng_below(&f->rng, 6);
        px += rng_below(&f->rng, px);
    } else {
        px = 20000 + rng_below(&f->rng, 1u << (12 + rng_below(&f->rng, 7)));
    }
    while (width < px / 8 && width < 4096)
        width *= 2;
    s->width = (int32_t)width;
    s->gap = (int32_t)(1 + px / 4000 + rng_below(&f->rng, 2 + px / 8000));
    s->base = px > width / 2 + 2 ? px - width / 2 : 2;
    s->anchor_q8 = (int32_t)(px - s->base) * 256;
    s->fair_q8 = s->anchor_q8;
    s->best[BID] = -1;
    s->best[ASK] = s->width;
}

static int make_symbols(struct pn_flow *f)
{
    uint64_t levels = 0;
    for (uint32_t i = 0; i < f->symbols; i++) {
        make_name(f->symbol[i].name, i);
        make_price(f, &f->symbol[i]);
        levels += (uint64_t)f->symbol[i].width;
    }
    f->levels = take(f, levels + 2ull * f->symbols, sizeof *f->levels);
    f->bitmaps = take(f, levels / 64, sizeof *f->bitmaps);
    if (!f->levels || !f->bitmaps)
        return -ENOMEM;
    struct flow_level *level = f->levels;
    uint64_t *bits = f->bitmaps;
    for (uint32_t i = 0; i < f->symbols; i++) {
        f->symbol[i].level = level;
        f->symbol[i].occupied = bits;
        level += f->symbol[i].width + 2;
        bits += f->symbol[i].width / 64;
    }
    return 0;
}

/* Zipf with exponent 1: the symbol of rank r is drawn in proportion to 1 / (r + 2), ranks
 * scattered over the locates. Drawn by Vose's alias method. */
static int make_activity(struct pn_flow *f)
{
    uint32_t n = f->symbols, small_n = 0, large_n = 0;
    uint64_t *weight = calloc(n, sizeof *weight), sum = 0;
    uint32_t *stack = calloc(n, sizeof *stack);
    int rc = weight && stack ? 0 : -ENOMEM;
    for (uint32_t i = 0; !rc && i < n; i++) {
        uint32_t j = rng_below(&f->rng, i + 1);
        weight[i] = weight[j];
        weight[j] = (1ull << 40) / (i + 2);
    }
    for (uint32_t i = 0; !rc && i < n; i++)
        sum += weight[i];
    /* stack: small ones from the front, large ones from the back */
    for (uint32_t i = 0; !rc && i < n; i++) {
        f->alias[i] = (struct flow_alias){UINT32_MAX, i};
        weight[i] *= n;
        stack[weight[i] < sum ? small_n++ : n - ++large_n] = i;
    }
    while (!rc && small_n && large_n) {
        uint32_t s = stack[--small_n], l = stack[n - large_n];
        f->alias[s].keep = (uint32_t)(weight[s] / ((sum >> 32) + 1));
        f->alias[s].other = l;
        weight[l] -= sum - weight[s];
        if (weight[l] < sum) {
            large_n--;
            stack[small_n++] = l;
        }
    }
    free(weight);
    free(stack);
    return rc;
}

static uint32_t live_target(const struct pn_flow_config *cfg)
{
    if (cfg->max_live_orders)
        return (uint32_t)cfg->max_live_orders;
    uint64_t target = cfg->messages / 20, cap = (uint64_t)cfg->symbols * 200;
    if (target > cap)
        target = cap;
    if (target > 2000000)
        target = 2000000;
    return target < 64 ? 64 : (uint32_t)target;
}

int flow_setup(struct pn_flow *f)
{
    f->symbols = f->cfg.symbols;
    f->rng = rng_seed(f->cfg.seed, 1);
    f->live_target = live_target(&f->cfg);
    f->slots_max = f->live_target + f->live_target / 8 + 128;
    f->slots_used = 1;
    f->next_ref = 1000 + (rng_next(&f->rng) & 0xffff);
    f->next_match = 17000 + (rng_next(&f->rng) & 0xfff);
    f->memory = sizeof *f;
    f->order = take(f, f->slots_max + 1, sizeof *f->order);
    f->symbol = take(f, f->symbols, sizeof *f->symbol);
    f->traded = take(f, f->symbols, sizeof *f->traded);
    f->ring = take(f, FLOW_RING, sizeof *f->ring);
    f->alias = take(f, f->symbols, sizeof *f->alias);
    f->match = take(f, FLOW_MATCHES, sizeof *f->match);
    if (!f->order || !f->symbol || !f->traded || !f->ring || !f->alias || !f->match)
        return -ENOMEM;
    int rc = make_symbols(f);
    if (!rc)
        rc = make_activity(f);
    if (!rc)
        flow_plan(f);
    return rc;
}

void flow_release(struct pn_flow *f)
{
    free(f->order);
    free(f->symbol);
    free(f->traded);
    free(f->ring);
    free(f->alias);
    free(f->match);
    free(f->levels);
    free(f->bitmaps);
    free(f);
}
