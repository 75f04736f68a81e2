/*
 * bench_book.c - decoding and booking a stream, beside passes over the very same bytes that do
 * less. All of them take turns, so that a slow moment of the machine meets every one.
 *
 *   bench_book SYMBOLS MESSAGES LIVE_ORDERS ROUNDS LATENCY_ROUNDS
 */
#include "bench.h"

enum { BURST = 64, PER_FRAME = 40 };

/* Keeps a pass from being optimised away. */
static volatile uint64_t sink;

static uint64_t time_pass(uint64_t (*pass)(const uint8_t *, const uint8_t *),
                          const struct bench_stream *s, uint64_t *result)
{
    uint64_t t = bench_cpu_ns();
    *result = pass(s->begin, s->end);
    t = bench_cpu_ns() - t;
    sink += *result;
    return t;
}

static void run_passes(const struct bench_passes *p, const struct bench_stream *s, uint64_t round)
{
    static uint64_t first;
    uint64_t n, sum;
    bench_print("walk", p->compiler, round, time_pass(p->walk, s, &n));
    bench_print("dispatch", p->compiler, round, time_pass(p->dispatch, s, &sum));
    first = first ? first : sum;
    if (n != s->messages || sum != first)
        bench_fail(p->compiler, "its passes read something else");
}

static void run_books(const struct bench_stream *s, struct bench_port *port, uint32_t burst,
                      const char *name, uint64_t round)
{
    struct bench_engine e;
    struct pn_config cfg;
    bench_config(&cfg, s, burst);
    bench_engine_open(&e, &cfg, NULL);
    port->at = 0;
    port->port.at_end = 0;
    bench_print(name, passes_own.compiler, round, bench_engine_run(&e, &port->port));
    bench_engine_check(&e, s, name);
    bench_engine_close(&e);
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        fprintf(stderr, "usage: bench_book SYMBOLS MESSAGES LIVE_ORDERS ROUNDS LATENCY_ROUNDS\n");
        return 2;
    }
    struct bench_stream s;
    struct bench_port many, one;
    uint64_t rounds = bench_number(argv[4]), latency_rounds = bench_number(argv[5]);
    bench_stream_make(&s, bench_number(argv[1]), bench_number(argv[2]), bench_number(argv[3]));
    bench_port_cut(&many, s.begin, s.end, s.messages, PER_FRAME);
    bench_port_cut(&one, s.begin, s.end, s.messages, 1);
    for (uint64_t i = 0; i < rounds; i++) {
        run_passes(&passes_own, &s, i);
#ifdef BENCH_CLANG
        run_passes(&passes_clang, &s, i);
#endif
        run_books(&s, &many, BURST, "books", i);
        run_books(&s, &one, 1, "books_one", i);
        if (i < latency_rounds) {
            bench_latency(&s, &one, i, &(struct bench_timed){.name = "latency"});
            bench_latency(&s, &one, i, &(struct bench_timed){.name = "latency_alone", .alone = 1});
        }
    }
    pn_flow_close(s.flow);
    return 0;
}
