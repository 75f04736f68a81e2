/* stream.c - see bench.h: the generated stream, and large memory for it. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bench.h"

void bench_fail(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

uint64_t bench_number(const char *text)
{
    char *end;
    uint64_t n = strtoull(text, &end, 10);
    if (!*text || *end)
        bench_fail(text, "not a number");
    return n;
}

void *bench_alloc(uint64_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);
    if (p == MAP_FAILED)
        bench_fail("memory", "not enough; ask for fewer messages");
    (void)madvise(p, bytes, MADV_HUGEPAGE);
    return p;
}

void bench_stream_make(struct bench_stream *s, uint64_t symbols, uint64_t messages, uint64_t live)
{
    enum { MESSAGE_BYTES_MAX = 52 };
    char err[256];
    pn_flow_config_default(&s->cfg);
    s->cfg.symbols = (uint32_t)symbols;
    s->cfg.messages = messages;
    s->cfg.max_live_orders = live;
    s->flow = pn_flow_open(&s->cfg, err, sizeof err);
    if (!s->flow)
        bench_fail("generator", err);
    uint64_t cap = messages * MESSAGE_BYTES_MAX + PN_FLOW_STEP_BYTES;
    uint8_t *buffer = bench_alloc(cap);
    s->begin = buffer;
    s->end = buffer + pn_flow_next(s->flow, buffer, cap, &s->messages);
    pn_flow_totals(s->flow, &s->truth);
    printf("{\"stream\": {\"symbols\": %u, \"messages\": %" PRIu64 ", \"bytes\": %" PRIu64
           ", \"live_orders\": %" PRIu64 ", \"peak_orders\": %" PRIu64 "}}\n",
           s->cfg.symbols, s->messages, (uint64_t)(s->end - s->begin), s->truth.live_orders,
           s->truth.peak_orders);
    fflush(stdout);
}
