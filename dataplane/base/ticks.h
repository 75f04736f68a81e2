/*
 * ticks.h - the processor's steady tick counter, handed to the engine to time its stages with.
 * Nothing that decides anything may read it.
 */
#ifndef PN_BASE_TICKS_H
#define PN_BASE_TICKS_H

#include <stdint.h>
#include <time.h>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

static inline uint64_t ticks_wall_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline uint64_t ticks_now(void)
{
#if defined(__x86_64__)
    return __rdtsc();
#else
    return ticks_wall_ns();
#endif
}

#endif
