/* clock.c - see clock.h. */
#include "base/clock.h"

enum { TRIES = 5, CALIBRATE_NS = 20 * 1000 * 1000 };

#define SLEW_OVER_NS 500000000ll /* a small difference is made good in so much time */

struct sample {
    uint64_t ticks, mono_ns, wall_ns;
};

static uint64_t ns_of(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Both clocks and the counter at one moment: the reading that was disturbed least counts. */
static struct sample sample(void)
{
    struct sample best = {0};
    uint64_t narrowest = UINT64_MAX;
    for (int i = 0; i < TRIES; i++) {
        uint64_t before = ticks_now();
        uint64_t wall = ns_of(CLOCK_REALTIME), mono = ns_of(CLOCK_MONOTONIC);
        uint64_t after = ticks_now();
        if (after - before < narrowest) {
            narrowest = after - before;
            best = (struct sample){before + (after - before) / 2, mono, wall};
        }
    }
    return best;
}

/* The acquire load in clock_at pairs with the release store here. */
static void publish(struct clock *c, uint64_t ticks, uint64_t ns, uint64_t rate)
{
    __atomic_store_n(&c->seq, c->seq + 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    __atomic_store_n(&c->ticks, ticks, __ATOMIC_RELAXED);
    __atomic_store_n(&c->ns, ns, __ATOMIC_RELAXED);
    __atomic_store_n(&c->rate, rate, __ATOMIC_RELAXED);
    __atomic_store_n(&c->seq, c->seq + 1, __ATOMIC_RELEASE);
}

/* ns a tick, since the first sample; the steady clock, which is not stepped. */
static uint64_t rate_of(const struct clock *c, const struct sample *s)
{
    uint64_t ticks = s->ticks - c->first_ticks;
    return ticks
               ? (uint64_t)(((unsigned __int128)(s->mono_ns - c->first_ns) << CLOCK_SHIFT) / ticks)
               : c->rate;
}

void clock_init(struct clock *c)
{
    struct sample s = sample();
    *c = (struct clock){.shift = CLOCK_SHIFT, .first_ticks = s.ticks, .first_ns = s.mono_ns};
    struct timespec wait = {.tv_nsec = CALIBRATE_NS};
    nanosleep(&wait, NULL);
    s = sample();
    publish(c, s.ticks, s.wall_ns, rate_of(c, &s));
}

int64_t clock_sync(struct clock *c)
{
    struct sample s = sample();
    uint64_t ours = clock_at(c, s.ticks), rate = rate_of(c, &s);
    int64_t off = (int64_t)(ours - s.wall_ns);
    if (off > CLOCK_STEP_NS || off < -CLOCK_STEP_NS) {
        publish(c, s.ticks, s.wall_ns, rate);
        return off;
    }
    /* From where we are, a little faster or slower until both meet. */
    rate -= (uint64_t)((__int128)rate * off / SLEW_OVER_NS);
    publish(c, s.ticks, ours, rate);
    return off;
}
