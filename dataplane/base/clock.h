/*
 * clock.h - wall-clock time from the processor's tick counter, for live engines: one read of the
 * counter and one multiplication, no system call.
 *
 * One thread (the housekeeper) compares counter and wall clock every now and then and publishes a
 * line through both under a sequence lock; polling threads read it. The line is bent rather than
 * broken, so that time stays smooth; each reader sees to it that its own time never goes back.
 */
#ifndef PN_BASE_CLOCK_H
#define PN_BASE_CLOCK_H

#include "base/bits.h"
#include "base/ticks.h"

struct clock {
    _Alignas(64) uint32_t seq; /* odd while the line changes */
    uint32_t shift;
    uint64_t ticks; /* a point on the line ... */
    uint64_t ns;
    uint64_t rate; /* ... and its slope: ns = ticks * rate >> shift */
    /* The writer's own. */
    _Alignas(64) uint64_t first_ticks;
    uint64_t first_ns; /* CLOCK_MONOTONIC */
};

enum { CLOCK_SHIFT = 32 };

#define CLOCK_STEP_NS 1000000ll /* a difference from here on is stepped over, not slewed */

/* Calibrates; takes about 20 ms. */
void clock_init(struct clock *c);
/* Compares with the wall clock, every 10 ms to 10 s. Returns how far it was off, ns. */
int64_t clock_sync(struct clock *c);

PN_HOT uint64_t clock_at(const struct clock *c, uint64_t ticks)
{
    for (;;) {
        uint32_t before = __atomic_load_n(&c->seq, __ATOMIC_ACQUIRE); /* of clock.c's publish */
        uint64_t base = __atomic_load_n(&c->ticks, __ATOMIC_RELAXED);
        uint64_t ns = __atomic_load_n(&c->ns, __ATOMIC_RELAXED);
        uint64_t rate = __atomic_load_n(&c->rate, __ATOMIC_RELAXED);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (PN_UNLIKELY((before & 1) || __atomic_load_n(&c->seq, __ATOMIC_RELAXED) != before))
            continue;
        int64_t gone = (int64_t)(ticks - base);
        return ns + (uint64_t)((__int128)gone * (__int128)rate >> CLOCK_SHIFT);
    }
}

/* Now, never before *last, which is the caller's own and is moved on. */
PN_HOT uint64_t clock_now(const struct clock *c, uint64_t *last)
{
    uint64_t now = clock_at(c, ticks_now());
    if (PN_UNLIKELY(now < *last))
        now = *last;
    *last = now;
    return now;
}

#endif
