/*
 * bench_book.c - how long decoding and booking takes, a message, beside passes over the very same
 * bytes that do less. One run, one process; prints one JSON object a line. See perf/README.md.
 *
 *   bench_book SYMBOLS MESSAGES LIVE_ORDERS ROUNDS
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/ticks.h"
#include "pipeline.h"
#include "sim/flow.h"

/* The thread's own time: what other processes take on a shared machine is not ours. */
static uint64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Keeps a pass from being optimised away. */
static volatile uint64_t sink;

/* A port over bytes that are already there: frames of whole blocks, cut before the clock runs. */
struct bench_port {
    struct io_port port;
    struct io_frame *frame;
    uint64_t at, count;
};

static uint32_t bench_rx(struct io_port *port, struct io_frame *out, uint32_t n)
{
    struct bench_port *b = (struct bench_port *)port;
    if (n > b->count - b->at)
        n = (uint32_t)(b->count - b->at);
    memcpy(out, b->frame + b->at, n * sizeof *out);
    b->at += n;
    port->at_end = b->at == b->count;
    return n;
}

/* Cuts the stream into frames of so many messages each. */
static void bench_cut(struct bench_port *b, const uint8_t *at, const uint8_t *end,
                      uint64_t messages, uint32_t per_frame)
{
    b->port.ops = NULL;
    b->at = b->count = 0;
    b->frame = malloc((messages / per_frame + 1) * sizeof *b->frame);
    while (at < end) {
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

static void bench_stats(struct io_port *port, struct io_stats *out)
{
    memset(out, 0, sizeof *out);
}

static void bench_close(struct io_port *port)
{
}

static const struct io_ops bench_ops = {
    .name = "bench", .rx_burst = bench_rx, .stats = bench_stats, .close = bench_close};

/* Walks the lengths alone. */
static uint64_t pass_walk(const uint8_t *p, const uint8_t *end)
{
    uint64_t n = 0;
    for (; p < end; p += 2 + load_u16_be(p))
        n++;
    return n;
}

/* Walks, dispatches on the type, reads the key fields: what no decoder can do without. */
static uint64_t pass_dispatch(const uint8_t *p, const uint8_t *end)
{
    uint64_t sum = 0;
    for (; p < end; p += 2 + load_u16_be(p)) {
        const uint8_t *m = p + 2;
        sum += load_u16_be(m + 1) + load_u48_be(m + 5);
        switch (m[0]) {
        case 'A':
        case 'F':
            sum += load_u64_be(m + 11) + m[19] + load_u32_be(m + 20) + load_u32_be(m + 32);
            break;
        case 'E':
            sum += load_u64_be(m + 11) + load_u32_be(m + 19) + load_u64_be(m + 23);
            break;
        case 'C':
            sum += load_u64_be(m + 11) + load_u32_be(m + 19) + load_u32_be(m + 32) + m[31];
            break;
        case 'X':
            sum += load_u64_be(m + 11) + load_u32_be(m + 19);
            break;
        case 'D':
            sum += load_u64_be(m + 11);
            break;
        case 'U':
            sum += load_u64_be(m + 11) + load_u64_be(m + 19) + load_u32_be(m + 27) +
                   load_u32_be(m + 31);
            break;
        case 'P':
            sum += load_u32_be(m + 20) + load_u32_be(m + 32) + load_u64_be(m + 36);
            break;
        default:
            break;
        }
    }
    return sum;
}

struct stream {
    const uint8_t *begin, *end;
    uint64_t messages;
    uint64_t live;
};

/* One run of the whole pipeline over the stream; ns in all. */
static uint64_t run_books(const struct stream *s, uint32_t burst, uint32_t per_frame, int one,
                          const char *name, int print)
{
    struct region region;
    struct error e;
    struct pn_config cfg = {.max_orders = s->live > (1 << 21) ? s->live : 1 << 21,
                            .max_instruments = 1 << 14,
                            .max_pages = 1 << 18,
                            .max_trades = 1 << 20,
                            .burst = burst,
                            .reorder_datagrams = 64,
                            .reorder_ns = 1000000,
                            .hugepages = 1,
                            .recognise = 1};
    struct pipeline *p = aligned_alloc(64, (sizeof *p + 63) & ~(size_t)63);
    memset(p, 0, sizeof *p);
    if (region_create(&region, &cfg, NULL, &e) != 0 || pipeline_init(p, &region, &cfg, &e) != 0) {
        fprintf(stderr, "%s\n", e.text);
        exit(1);
    }
    /* Fault the memory in before the clock runs: the engine does so at start. */
    for (uint64_t i = 0; i < region.bytes; i += 4096)
        ((volatile uint8_t *)region.base)[i] |= 0;
    struct bench_port port;
    bench_cut(&port, s->begin, s->end, s->messages, per_frame);
    port.port = (struct io_port){.ops = &bench_ops};
    p->port = &port.port;
    if (getenv("BENCH_STAGES"))
        p->clock = ticks_now;
    uint64_t t = cpu_ns();
    struct pipeline_limits limits = {.until_ns = UINT64_MAX};
    while (pipeline_fill(p))
        pipeline_apply(p, &limits);
    t = cpu_ns() - t;
    if (print)
        printf("{\"pass\": \"%s\", \"peak_orders\": %" PRIu64 ", \"top_changes\": %" PRIu64
               ", \"rejected\": %" PRIu64 ", \"pages\": %" PRIu64 ", \"hugepages\": %u}\n",
               name, p->counters->peak_orders, p->counters->top_changes,
               p->counters->drops[PN_R_BOOK_UNKNOWN_REF], p->counters->peak_pages,
               region_header(&region)->hugepages);
    for (int i = 0; i < STAGES && p->clock; i++)
        printf("{\"stage\": %d, \"ticks\": %.2f}\n", i,
               (double)p->stage[i].sum / (double)s->messages);
    sink += p->counters->messages;
    free(port.frame);
    pipeline_free(p);
    free(p);
    region_close(&region);
    return t;
}

static void print_ns(const char *name, const struct stream *s, uint64_t ns)
{
    printf("{\"pass\": \"%s\", \"ns\": %.2f}\n", name, (double)ns / (double)s->messages);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: bench_book SYMBOLS MESSAGES LIVE_ORDERS ROUNDS\n");
        return 2;
    }
    struct pn_flow_config cfg;
    pn_flow_config_default(&cfg);
    cfg.symbols = (uint32_t)atoi(argv[1]);
    cfg.messages = strtoull(argv[2], NULL, 10);
    cfg.max_live_orders = strtoull(argv[3], NULL, 10);
    char err[256];
    uint64_t bytes, messages;
    uint8_t *buffer = pn_flow_make(&cfg, &bytes, &messages, err, sizeof err);
    if (!buffer) {
        fprintf(stderr, "%s\n", err);
        return 1;
    }
    struct stream s = {buffer, buffer + bytes, messages,
                       cfg.max_live_orders ? cfg.max_live_orders * 5 / 4 : 1 << 21};
    int rounds = atoi(argv[4]);
    for (int i = 0; i < rounds; i++) {
        uint64_t t = cpu_ns();
        sink += pass_walk(s.begin, s.end);
        print_ns("walk", &s, cpu_ns() - t);
        t = cpu_ns();
        sink += pass_dispatch(s.begin, s.end);
        print_ns("dispatch", &s, cpu_ns() - t);
        print_ns("books", &s, run_books(&s, 64, 40, 0, "books", i == 0));
        if (!getenv("BENCH_SKIP_ONE"))
            print_ns("books_one", &s, run_books(&s, 1, 1, 1, "books_one", 0));
    }
    pn_flow_free(buffer);
    return 0;
}
