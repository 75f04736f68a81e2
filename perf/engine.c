/*
 * engine.c - see bench.h: one engine over frames that are cut already, and the check of its books
 * against what the generator knows.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/bits.h"
#include "bench.h"

static uint32_t bench_rx(struct io_port *port, struct io_frame *out, uint32_t n)
{
    struct bench_port *b = (struct bench_port *)port;
    if (b->loop && b->at == b->count)
        b->at = 0;
    if (n > b->count - b->at)
        n = (uint32_t)(b->count - b->at);
    memcpy(out, b->frame + b->at, n * sizeof *out);
    b->at += n;
    port->at_end = !b->loop && b->at == b->count;
    return n;
}

static void bench_stats(struct io_port *port, struct io_stats *out)
{
    memset(out, 0, sizeof *out);
}

static void bench_close(struct io_port *port)
{
}

static const struct io_ops bench_ops = {
    .name = "bench", .rx_burst = bench_rx, .stats = bench_stats, .close = bench_close};

void bench_port_cut(struct bench_port *b, const uint8_t *begin, const uint8_t *end,
                    uint64_t messages, uint32_t per_frame)
{
    *b = (struct bench_port){.port = {.ops = &bench_ops}};
    b->frame = bench_alloc((messages / per_frame + 1) * sizeof *b->frame);
    for (const uint8_t *at = begin; at < end;) {
        const uint8_t *start = at;
        for (uint32_t k = 0; k < per_frame && at < end; k++)
            at += 2 + load_u16_be(at);
        uint32_t bytes = (uint32_t)(at - start);
        b->frame[b->count++] = (struct io_frame){.data = start,
                                                 .caplen = bytes,
                                                 .len = bytes,
                                                 .ts_ns = load_u48_be(start + 7),
                                                 .link = IO_LINK_BLOCKS};
    }
}

void bench_port_free(struct bench_port *b)
{
    munmap(b->frame, (b->count + 1) * sizeof *b->frame);
    b->frame = NULL;
}

void bench_config(struct pn_config *cfg, const struct bench_stream *s, uint32_t burst)
{
    pn_config_default(cfg);
    cfg->burst = burst;
    while (cfg->max_orders < s->truth.peak_orders)
        cfg->max_orders *= 2;
}

void bench_engine_open(struct bench_engine *e, const struct pn_config *cfg, const char *path)
{
    struct error err;
    e->p = aligned_alloc(64, (sizeof *e->p + 63) & ~(size_t)63);
    if (!e->p)
        bench_fail("memory", "none for a pipeline");
    memset(e->p, 0, sizeof *e->p);
    if (region_create(&e->region, cfg, path, &err) != 0 ||
        pipeline_init(e->p, &e->region, cfg, &err) != 0)
        bench_fail("engine", err.text);
    /* Page faults come before the clock runs. */
    for (uint64_t i = 0; i < e->region.bytes; i += 4096) {
        volatile uint8_t *at = e->region.base + i;
        uint8_t keep = *at;
        *at = keep;
    }
}

void bench_engine_close(struct bench_engine *e)
{
    pipeline_free(e->p);
    free(e->p);
    region_close(&e->region);
}

uint64_t bench_engine_run(struct bench_engine *e, struct io_port *port)
{
    struct pipeline *p = e->p;
    p->port = port;
    uint64_t t = bench_cpu_ns();
    while (bench_engine_step(p))
        continue;
    return bench_cpu_ns() - t;
}

/* Instruments whose best bid or offer, trades or volume are not what the generator says. */
static uint64_t wrong_books(const struct bench_engine *e, const struct bench_stream *s)
{
    const struct pn_book *book = region_section(&e->region, PN_SEC_BOOKS);
    const struct pn_instrument *in = region_section(&e->region, PN_SEC_INSTRUMENTS);
    uint64_t right = 0;
    for (uint32_t i = 0; i < region_header(&e->region)->instruments; i++) {
        struct pn_flow_symbol want;
        if (!in[i].locate || pn_flow_symbol(s->flow, in[i].locate - 1, &want) != 0)
            continue;
        const struct pn_top *t = &book[i].top;
        right += t->bid_size == want.bid_size && t->ask_size == want.ask_size &&
                 t->bid_orders == want.bid_orders && t->ask_orders == want.ask_orders &&
                 (!want.bid_size || t->bid_px == want.bid_px) &&
                 (!want.ask_size || t->ask_px == want.ask_px) && t->state != PN_BOOK_STALE &&
                 book[i].trades == want.trades && book[i].volume == want.volume;
    }
    return s->cfg.symbols - right;
}

void bench_engine_check(const struct bench_engine *e, const struct bench_stream *s,
                        const char *pass)
{
    const struct pn_counters *c = e->p->counters;
    const struct pn_pool *pool = region_section(&e->region, PN_SEC_POOL);
    uint64_t dropped = 0;
    for (uint32_t i = 0; i < PN_REASON_COUNT; i++)
        dropped += c->drops[i];
    printf("{\"check\": \"%s\", \"messages\": %" PRIu64 ", \"dropped\": %" PRIu64
           ", \"live_orders\": %" PRIu64 ", \"peak_orders\": %u, \"wrong_books\": %" PRIu64
           ", \"frames\": %" PRIu64 ", \"datagrams\": %" PRIu64
           ", \"hugepages\": %u, \"region_bytes\": %" PRIu64 "}\n",
           pass, c->messages, dropped, c->live_orders, pool->order_used, wrong_books(e, s),
           c->frames, c->datagrams, region_header(&e->region)->hugepages, e->region.bytes);
    fflush(stdout);
}
