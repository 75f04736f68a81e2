/*
 * bench_writer.c - a data plane at full speed for readers to be measured against. Every book has
 * ten levels of one order on each side, before and after each message, and the size of an order
 * follows from its price: any mixture of two states shows. Waits for a line on standard input
 * before it runs, and runs until SIGTERM.
 *
 *   bench_writer REGION SYMBOLS
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/bits.h"
#include "bench.h"

enum { LEVELS = 10, TICK = 100, STEPS = 100, ADD_BYTES = 36, REPLACE_BYTES = 35 };

static volatile sig_atomic_t stop;

static void on_term(int number)
{
    stop = number;
}

/* perf/test_snapshots.py knows the same rule. */
static uint32_t size_of(int32_t px)
{
    return (uint32_t)(px * 7ll % 100003 + 1);
}

struct writer {
    uint8_t *at;
    uint64_t messages;
};

static uint8_t *begin_message(struct writer *w, char type, uint32_t locate, uint32_t bytes)
{
    uint8_t *m = w->at + 2;
    memset(w->at, 0, 2 + bytes);
    store_u16_be(w->at, (uint16_t)bytes);
    m[0] = (uint8_t)type;
    store_u16_be(m + 1, (uint16_t)locate);
    store_u32_be(m + 7, 1000000000); /* some time of the day */
    w->at += 2 + bytes;
    w->messages++;
    return m;
}

static void add(struct writer *w, uint32_t locate, uint64_t ref, int side, int32_t px)
{
    uint8_t *m = begin_message(w, 'A', locate, ADD_BYTES);
    store_u64_be(m + 11, ref);
    m[19] = side ? 'S' : 'B';
    store_u32_be(m + 20, size_of(px));
    memcpy(m + 24, "SYM     ", 8);
    store_u32_be(m + 32, (uint32_t)px);
}

static void replace(struct writer *w, uint32_t locate, uint64_t ref, uint64_t new_ref, int32_t px)
{
    uint8_t *m = begin_message(w, 'U', locate, REPLACE_BYTES);
    store_u64_be(m + 11, ref);
    store_u64_be(m + 19, new_ref);
    store_u32_be(m + 27, size_of(px));
    store_u32_be(m + 31, (uint32_t)px);
}

static uint64_t ref_of(uint32_t locate, int side, uint32_t level, uint32_t other)
{
    return ((uint64_t)locate * 2 + (uint64_t)side) * 2 * LEVELS + 2 * level + other + 1;
}

/* Level 0 is best; a step moves the best and the fifth order and leaves their order as it was. */
static int32_t px_of(int side, uint32_t level, uint32_t step)
{
    int32_t swing = (int32_t)(step < STEPS / 2 ? step : STEPS - step);
    int32_t away = 20000 + (int32_t)level * 60 * TICK - swing * TICK;
    return side ? 1000000 + away : 1000000 - away;
}

static void open_books(struct writer *w, uint32_t symbols)
{
    uint8_t *m = begin_message(w, 'S', 0, 12);
    m[11] = 'O';
    for (uint32_t locate = 1; locate <= symbols; locate++)
        for (uint32_t i = 0; i < 2 * LEVELS; i++)
            add(w, locate, ref_of(locate, i & 1, i / 2, 0), i & 1, px_of(i & 1, i / 2, 0));
}

/* Ends where it began: an even number of steps, each of which changes an order's reference. */
static void one_loop(struct writer *w, uint32_t symbols)
{
    for (uint32_t step = 1; step <= STEPS; step++)
        for (uint32_t locate = 1; locate <= symbols; locate++)
            for (uint32_t i = 0; i < 4; i++) {
                uint32_t level = i < 2 ? 0 : 5, from = (step - 1) & 1;
                replace(w, locate, ref_of(locate, i & 1, level, from),
                        ref_of(locate, i & 1, level, !from), px_of(i & 1, level, step % STEPS));
            }
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: bench_writer REGION SYMBOLS\n");
        return 2;
    }
    uint32_t symbols = (uint32_t)bench_number(argv[2]);
    if (!symbols || symbols > 8000)
        bench_fail(argv[2], "1 to 8000 symbols");
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    /* No SA_RESTART: the signal also ends the wait for a line. */
    sigaction(SIGTERM, &(struct sigaction){.sa_handler = on_term}, NULL);
    uint64_t bytes = (uint64_t)symbols * (2 * LEVELS + 4 * STEPS) * (2 + ADD_BYTES) + 4096;
    uint8_t *stream = bench_alloc(bytes);
    struct writer w = {.at = stream};
    struct bench_port opening, loop;
    struct bench_engine e;
    struct pn_config cfg;
    pn_config_default(&cfg);
    cfg.max_orders = 1 << 18;
    cfg.max_instruments = 1 << 13;
    cfg.max_pages = 1 << 16;
    bench_engine_open(&e, &cfg, argv[1]);
    open_books(&w, symbols);
    bench_port_cut(&opening, stream, w.at, w.messages, 40);
    bench_engine_run(&e, &opening.port);
    puts("ready");
    fflush(stdout);
    if (getchar() == EOF)
        stop = 1;
    uint8_t *begin = w.at;
    w.messages = 0;
    one_loop(&w, symbols);
    bench_port_cut(&loop, begin, w.at, w.messages, 40);
    loop.loop = 1;
    e.p->port = &loop.port;
    e.p->flushed = 0;
    while (!stop)
        bench_engine_step(e.p);
    bench_engine_close(&e);
    return 0;
}
