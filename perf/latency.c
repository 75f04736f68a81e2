/*
 * latency.c - how long single messages take, with one message a burst. Two ways, since a processor
 * works on several messages at once: the time from one message's end to the next one's, which adds
 * up to the whole; and each message alone, with fences that let nothing overlap.
 * The cost of reading the clock, measured without any work, is taken off.
 */
#include <string.h>

#include "base/ticks.h"
#include "bench.h"

enum { BUCKETS = 1 << 16, READS = 1 << 20 };

struct histogram {
    uint32_t count[BUCKETS]; /* by ticks; the last takes all that is more */
    uint64_t total, ticks, max;
};

static struct histogram work, idle;

static inline uint64_t ticks_alone(void)
{
#if defined(__x86_64__)
    _mm_lfence();
    uint64_t t = __rdtsc();
    _mm_lfence();
    return t;
#else
    return ticks_now();
#endif
}

static inline void record(struct histogram *h, uint64_t ticks)
{
    h->count[ticks < BUCKETS ? ticks : BUCKETS - 1]++;
    h->total++;
    h->ticks += ticks;
    if (PN_UNLIKELY(ticks > h->max))
        h->max = ticks;
}

/*
 * The steps in which the counter really moves, told from readings one after the other: virtual and
 * newer counters move by many ticks at once, give or take one.
 */
static uint32_t resolution(const struct histogram *h)
{
    enum { COMMON = 50, LONGEST = 128 };
    uint32_t step = 1, last = 0;
    for (uint32_t i = 1; i < LONGEST; i++) {
        if ((uint64_t)h->count[i] * COMMON < h->total)
            continue;
        if (last && i - last > step)
            step = i - last;
        last = i;
    }
    return step;
}

/* Ticks below which so many millionths of the messages stayed. Messages meet the counter at any
 * phase, so what is read as one step is spread over it. */
static double percentile(const struct histogram *h, uint64_t ppm, uint32_t step)
{
    double rank = (double)h->total * (double)ppm / 1e6, seen = 0;
    for (uint32_t at = 0, k = 0; at < BUCKETS - 1; k++) {
        double here = 0;
        for (; at < BUCKETS - 1 && at < k * step + (step + 1) / 2; at++)
            here += h->count[at];
        if (here > 0 && seen + here > rank)
            return (k - 0.5 + (rank - seen) / here) * step;
        seen += here;
    }
    return (double)h->max;
}

/* Is the message that was just applied one of those that are timed? */
static inline int is_timed(const struct pipeline *p, char type)
{
    const uint8_t *m = p->work[0].m;
    return !type || (m && m[0] == (uint8_t)type);
}

static void run_together(struct pipeline *p, char type)
{
    uint64_t t = ticks_now();
    while (bench_engine_step(p)) {
        uint64_t now = ticks_now();
        if (is_timed(p, type))
            record(&work, now - t);
        t = now;
    }
}

static void run_alone(struct pipeline *p, char type)
{
    for (;;) {
        uint64_t t = ticks_alone();
        if (!bench_engine_step(p))
            break;
        t = ticks_alone() - t;
        if (is_timed(p, type))
            record(&work, t);
    }
}

/* What the clock and the histogram cost by themselves. */
static void run_idle(int alone)
{
    uint64_t t = ticks_now();
    for (uint32_t i = 0; i < READS; i++) {
        if (alone)
            t = ticks_alone();
        uint64_t now = alone ? ticks_alone() : ticks_now();
        record(&idle, now - t);
        t = now;
    }
}

void bench_latency(const struct bench_stream *s, struct bench_port *port, uint64_t round,
                   const struct bench_timed *what)
{
    struct pn_config cfg;
    struct bench_engine e;
    memset(&work, 0, sizeof work);
    memset(&idle, 0, sizeof idle);
    run_idle(0);
    uint32_t step = resolution(&idle);
    memset(&idle, 0, sizeof idle);
    run_idle(what->alone);
    bench_config(&cfg, s, 1);
    bench_engine_open(&e, &cfg, NULL);
    port->at = 0;
    port->port.at_end = 0;
    e.p->port = &port->port;
    uint64_t wall = ticks_wall_ns(), ticks = ticks_now();
    if (what->alone)
        run_alone(e.p, what->type);
    else
        run_together(e.p, what->type);
    double ns = (double)(ticks_wall_ns() - wall) / (double)(ticks_now() - ticks);
    bench_engine_check(&e, s, what->name);
    bench_engine_close(&e);

    double clock = percentile(&idle, 500000, step);
    const struct {
        const char *name;
        uint64_t ppm;
    } want[] = {{"p50", 500000}, {"p90", 900000}, {"p99", 990000}, {"p99_9", 999000}};
    printf("{\"pass\": \"%s\", \"round\": %" PRIu64 ", \"samples\": %" PRIu64
           ", \"clock\": %.1f, \"clock_step\": %.1f",
           what->name, round, work.total, clock * ns, step * ns);
    for (uint32_t i = 0; i < sizeof want / sizeof *want; i++) {
        double t = percentile(&work, want[i].ppm, step) - clock;
        printf(", \"%s\": %.1f", want[i].name, t > 0 ? t * ns : 0);
    }
    printf(", \"mean\": %.1f, \"max\": %.1f}\n",
           ((double)work.ticks / (double)work.total - clock) * ns, (double)work.max * ns);
    fflush(stdout);
}
