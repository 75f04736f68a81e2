/* match_open.c - takes all memory of the matching engine, and gives it back. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "sim/match_internal.h"

#define HUGE_PAGE (2ull << 20)

/* Zeroed memory on whole lines, in large pages where there is much of it; untouched until used. */
static void *take(uint64_t count, uint64_t size, int *failed)
{
    uint64_t bytes = (count * size + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);
    if (p == MAP_FAILED) {
        *failed = 1;
        return NULL;
    }
    if (count * size >= HUGE_PAGE)
        madvise(p, bytes, MADV_HUGEPAGE);
    return p;
}

static void give(void *p, uint64_t count, uint64_t size)
{
    if (p)
        munmap(p, (count * size + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE);
}

/* How much of everything a configuration needs; the tables of struct match with their sizes. */
struct counts {
    uint64_t events, orders, ring, pages, index, ladders, groups, chunks;
};

static struct counts count(const struct match_config *cfg)
{
    struct counts n;
    uint64_t orders = cfg->max_orders, instruments = cfg->instruments;
    /* A cross says up to eight things an order; everything else keeps to the named maximum. */
    n.events = MATCH_EVENTS_MAX + 8 * orders;
    n.orders = orders + 1;
    n.ring = round_pow2(4 * orders);
    /* Small tables never lack a page: one an order, and one spare a ladder. */
    uint64_t pages = 1024 + 32 * instruments + orders / 8;
    n.pages = (pages < orders ? pages : orders) + 6 * instruments + 1;
    n.index = round_pow2(2 * n.pages);
    n.ladders = instruments * 8;
    n.groups = (uint64_t)cfg->owners * instruments;
    n.chunks = (n.groups < orders ? n.groups : orders) + orders / MT_CHUNK_IDS + 2;
    return n;
}

void match_close(struct match *m)
{
    if (!m)
        return;
    struct counts n = count(&m->cfg);
    give(m->event, n.events, sizeof *m->event);
    give(m->order, n.orders, sizeof *m->order);
    give(m->ring, n.ring, sizeof *m->ring);
    give(m->page, n.pages, sizeof *m->page);
    give(m->index, n.index, sizeof *m->index);
    give(m->ladder, n.ladders, sizeof *m->ladder);
    give(m->group, n.groups, sizeof *m->group);
    give(m->chunk, n.chunks, sizeof *m->chunk);
    give(m->trade, MATCH_TRADES_KEPT, sizeof *m->trade);
    free(m->instrument);
    free(m);
}

static int check_config(const struct match_config *cfg, struct error *e)
{
    if (!cfg->instruments || cfg->instruments > MATCH_INSTRUMENTS_MAX)
        return error_set(e, -EINVAL, "instruments: 1 to %d, not %u", MATCH_INSTRUMENTS_MAX,
                         cfg->instruments);
    if (!cfg->max_orders || cfg->max_orders > MATCH_ORDERS_MAX)
        return error_set(e, -EINVAL, "max_orders: 1 to %d, not %u", MATCH_ORDERS_MAX,
                         cfg->max_orders);
    if (!cfg->owners || cfg->owners > MATCH_OWNERS_MAX)
        return error_set(e, -EINVAL, "owners: 1 to %d, not %u", MATCH_OWNERS_MAX, cfg->owners);
    if (cfg->stp > MATCH_STP_DECREMENT)
        return error_set(e, -EINVAL, "stp: there is no self-match prevention %u", cfg->stp);
    int64_t most = INT32_MAX;
    if (cfg->maker_fee > most || cfg->maker_fee < -most || cfg->taker_fee > most ||
        cfg->taker_fee < -most)
        return error_set(e, -EINVAL, "fees: at most %d a unit either way", INT32_MAX);
    return 0;
}

static int set_instrument(struct mt_instrument *in, uint32_t i, const struct match_instrument *from,
                          struct error *e)
{
    if (!from->tick || from->tick > MATCH_PX_MAX)
        return error_set(e, -EINVAL, "instrument %u: tick %u is not a price step", i, from->tick);
    if (from->start_px <= 0 || from->start_px > MATCH_PX_MAX)
        return error_set(e, -EINVAL, "instrument %u: start price %d is not a price", i,
                         from->start_px);
    *in = (struct mt_instrument){.tick = from->tick,
                                 .tick_mul = ((1ull << 63) + from->tick - 1) / from->tick,
                                 .band_ppm = from->band_ppm,
                                 .last_px = from->start_px,
                                 .phase = MATCH_PRE_OPEN};
    return 0;
}

static int take_all(struct match *m, struct error *e)
{
    struct counts n = count(&m->cfg);
    int failed = 0;
    m->event = take(n.events, sizeof *m->event, &failed);
    m->order = take(n.orders, sizeof *m->order, &failed);
    m->ring = take(n.ring, sizeof *m->ring, &failed);
    m->page = take(n.pages, sizeof *m->page, &failed);
    m->index = take(n.index, sizeof *m->index, &failed);
    m->ladder = take(n.ladders, sizeof *m->ladder, &failed);
    m->group = take(n.groups, sizeof *m->group, &failed);
    m->chunk = take(n.chunks, sizeof *m->chunk, &failed);
    m->trade = take(MATCH_TRADES_KEPT, sizeof *m->trade, &failed);
    m->instrument = calloc(m->cfg.instruments, sizeof *m->instrument);
    if (failed || !m->instrument)
        return error_set(e, -ENOMEM, "no memory for %u orders of %u owners in %u instruments",
                         m->cfg.max_orders, m->cfg.owners, m->cfg.instruments);
    m->ring_mask = n.ring - 1;
    m->pages_max = (uint32_t)n.pages - 1;
    m->index_shift = 64 - (uint32_t)__builtin_ctzll(n.index);
    m->page[0].key = UINT64_MAX;
    m->next_ref = 1;
    return 0;
}

int match_open(struct match **out, const struct match_config *cfg,
               const struct match_instrument *instruments, struct error *e)
{
    *out = NULL;
    int rc = check_config(cfg, e);
    if (rc)
        return rc;
    struct match *m = calloc(1, sizeof *m);
    if (!m)
        return error_set(e, -ENOMEM, "no memory for a matching engine");
    m->cfg = *cfg;
    rc = take_all(m, e);
    for (uint32_t i = 0; !rc && i < cfg->instruments; i++)
        rc = set_instrument(&m->instrument[i], i, &instruments[i], e);
    if (rc) {
        match_close(m);
        return rc;
    }
    *out = m;
    return 0;
}

const struct match_event *match_events(const struct match *m, uint32_t *n)
{
    *n = m->events;
    return m->event;
}
