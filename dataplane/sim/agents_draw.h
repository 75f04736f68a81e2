/*
 * agents_draw.h - variates in integers: exponential, geometric, Gaussian, and a choice by weights.
 * Tables are computed at open, without floating point, so that every machine draws the same.
 */
#ifndef PN_SIM_AGENTS_DRAW_H
#define PN_SIM_AGENTS_DRAW_H

#include "base/bits.h"
#include "sim/rng.h"

enum { DRAW_LOG_BITS = 8, DRAW_WEIGHTS = 16 };

#define DRAW_LN2_Q32 2977044472ull
#define DRAW_LOTS_MAX 1000000u

struct draw_log {
    uint64_t log2_q32[(1 << DRAW_LOG_BITS) + 1]; /* of 1 + i / 256 */
};

/* Alias method of Walker and Vose: slot k keeps itself with chance keep_q32, else goes to other. */
struct draw_choice {
    uint32_t keep_q32[DRAW_WEIGHTS];
    uint8_t other[DRAW_WEIGHTS];
};

void draw_log_init(struct draw_log *t);
/* Logarithm to base 2, Q32, of x / 2^63, x at least 2^63. */
uint64_t draw_log2(uint64_t x);
/* For draw_geometric: 1 / -ln(1 - 1 / mean), Q16. */
uint64_t draw_geometric_scale(uint32_t mean);
void draw_choice_init(struct draw_choice *c, const uint64_t *weight);
uint64_t draw_root(uint64_t x); /* floor of the square root */

/* a * b / 2^64. */
PN_HOT uint64_t draw_high(uint64_t a, uint64_t b)
{
    return (uint64_t)((unsigned __int128)a * b >> 64);
}

/*
 * Exponential of mean 1, Q32; below 45. The logarithm is linear between 257 points: error < 2^-17.
 */
PN_HOT uint64_t draw_exponential(struct rng *r, const struct draw_log *t)
{
    uint64_t u = rng_next(r) | 1;
    uint32_t zeros = (uint32_t)__builtin_clzll(u);
    uint64_t m = u << zeros;
    uint32_t i = (uint32_t)(m >> 55) & 255;
    uint64_t part = m >> 23 & 0xffffffffu;
    uint64_t low = t->log2_q32[i];
    uint64_t log2 = low + ((t->log2_q32[i + 1] - low) * part >> 32);
    uint64_t bits = ((uint64_t)(zeros + 1) << 32) - log2;
    return (uint64_t)((unsigned __int128)bits * DRAW_LN2_Q32 >> 32);
}

/* Time to the next event of a process of so many events in 10^9 s; 0 = none: UINT64_MAX. */
PN_HOT uint64_t draw_wait_ns(struct rng *r, const struct draw_log *t, uint64_t rate)
{
    if (PN_UNLIKELY(!rate))
        return UINT64_MAX;
    uint64_t mean_q4 = 16000000000000000000ull / rate;
    unsigned __int128 wait = (unsigned __int128)mean_q4 * draw_exponential(r, t) >> 36;
    return wait >> 62 ? UINT64_MAX : (uint64_t)wait;
}

/* Geometric on 1, 2, ... with the mean that the scale was made from. */
PN_HOT uint32_t draw_geometric(struct rng *r, const struct draw_log *t, uint64_t scale)
{
    uint64_t k = (draw_exponential(r, t) >> 8) * scale >> 40;
    return k >= DRAW_LOTS_MAX ? DRAW_LOTS_MAX : (uint32_t)k + 1;
}

/* 0 .. 15 by weights; uses the upper 36 bits of word. */
PN_HOT uint32_t draw_choose(const struct draw_choice *c, uint64_t word)
{
    uint32_t k = (uint32_t)(word >> 60), part = (uint32_t)(word >> 28);
    return part < c->keep_q32[k] ? k : c->other[k];
}

/*
 * Close to Gaussian: mean 0, deviation 1, Q16; the sum of twelve uniform ones, so never beyond 6.
 */
PN_HOT int64_t draw_gaussian(struct rng *r)
{
    int64_t sum = 6; /* each is floored: makes up for twelve halves */
    for (uint32_t i = 0; i < 3; i++) {
        uint64_t w = rng_next(r);
        sum += (int64_t)((w & 65535) + (w >> 16 & 65535) + (w >> 32 & 65535) + (w >> 48));
    }
    return sum - 6 * 65536;
}

#endif
