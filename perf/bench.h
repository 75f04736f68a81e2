/*
 * bench.h - what the benchmark programs share: a generated stream with the truth about it, a port
 * that hands out frames cut beforehand, one engine run over them, and the passes over the same
 * bytes that do less. Nothing here is product code; a program prints JSON, one object a line.
 */
#ifndef BENCH_H
#define BENCH_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include "api.h"
#include "pipeline.h"
#include "sim/flow.h"

/* The thread's own time: what other processes take on a shared machine is not ours. */
static inline uint64_t bench_cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Ends the program with a message. */
_Noreturn void bench_fail(const char *what, const char *why);
/* A number from the command line. */
uint64_t bench_number(const char *text);
/* Memory in large pages, touched; the program's end frees it. */
void *bench_alloc(uint64_t bytes);

/* A generated day: u16 lengths and messages; and the generator at its end, which has the truth. */
struct bench_stream {
    struct pn_flow_config cfg;
    const uint8_t *begin, *end;
    uint64_t messages;
    struct pn_flow *flow;
    struct pn_flow_totals truth;
};

/* Fills in all of s; prints a line about it. live: resting orders to build up to, 0 = chosen. */
void bench_stream_make(struct bench_stream *s, uint64_t symbols, uint64_t messages, uint64_t live);

/* Hands out frames that are cut already: what a network card's ring does. */
struct bench_port {
    struct io_port port;
    struct io_frame *frame;
    uint64_t at, count;
    uint32_t loop; /* 1: begins anew at the end */
};

/* Cuts blocks into frames of so many messages each. */
void bench_port_cut(struct bench_port *b, const uint8_t *begin, const uint8_t *end,
                    uint64_t messages, uint32_t per_frame);
void bench_port_free(struct bench_port *b);
/* The same messages as whole frames, one each: Ethernet, IPv4, UDP, MoldUDP64. (wire.c) */
void bench_port_wire(struct bench_port *b, const uint8_t *begin, const uint8_t *end,
                     uint64_t messages);

/* One engine without its front: region and pipeline, memory touched. */
struct bench_engine {
    struct region region;
    struct pipeline *p;
};

/* The default configuration, but for the burst and as many orders as the stream needs. */
void bench_config(struct pn_config *cfg, const struct bench_stream *s, uint32_t burst);
void bench_engine_open(struct bench_engine *e, const struct pn_config *cfg, const char *path);
void bench_engine_close(struct bench_engine *e);
/* One message or more on; 0 at the end of the port. */
static inline int bench_engine_step(struct pipeline *p)
{
    struct pipeline_limits all = {.until_ns = UINT64_MAX};
    return pipeline_fill(p) && pipeline_apply(p, &all);
}
/* Runs to the end of the port; returns the thread's time in ns. */
uint64_t bench_engine_run(struct bench_engine *e, struct io_port *port);
/* Prints what came out beside the truth: the figures of a wrong book are worth nothing. */
void bench_engine_check(const struct bench_engine *e, const struct bench_stream *s,
                        const char *pass);

/* The passes that the engine is compared with, as one compiler builds them. */
struct bench_passes {
    const char *compiler;
    /* Follows the lengths, reads nothing else; returns the number of messages. */
    uint64_t (*walk)(const uint8_t *at, const uint8_t *end);
    /* Follows the lengths, dispatches on the type, reads the key fields; returns their sum. */
    uint64_t (*dispatch)(const uint8_t *at, const uint8_t *end);
};

extern const struct bench_passes passes_own;
#ifdef BENCH_CLANG
extern const struct bench_passes passes_clang;
#endif

/* A figure: total time of a pass in a round. */
static inline void bench_print(const char *pass, const char *compiler, uint64_t round, uint64_t ns)
{
    printf("{\"pass\": \"%s\", \"compiler\": \"%s\", \"round\": %" PRIu64 ", \"cpu_ns\": %" PRIu64
           "}\n",
           pass, compiler, round, ns);
    fflush(stdout);
}

/*
 * Times every message of a run with one message a burst, or those of one type only; prints
 * percentiles under that name. See latency.c.
 */
struct bench_timed {
    const char *name;
    int alone; /* 1: with fences around each message */
    char type; /* 0: all */
};

void bench_latency(const struct bench_stream *s, struct bench_port *port, uint64_t round,
                   const struct bench_timed *what);

#endif
