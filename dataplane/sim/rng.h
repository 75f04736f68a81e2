/*
 * rng.h - the generator's random numbers: a counter stepped by an odd constant and mixed
 * (SplitMix64). Integers only, so that every build and machine draws the same values. Not for
 * anything that must be hard to guess. One draw an expression: C leaves the order of operands and
 * arguments open, and compilers differ.
 */
#ifndef PN_SIM_RNG_H
#define PN_SIM_RNG_H

#include <stdint.h>

struct rng {
    uint64_t state;
};

static inline uint64_t rng_next(struct rng *r)
{
    uint64_t z = r->state += 0x9e3779b97f4a7c15ull;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

/* Independent stream number `stream` of a seed. */
static inline struct rng rng_seed(uint64_t seed, uint64_t stream)
{
    struct rng r = {seed ^ (stream * 0xd1342543de82ef95ull)};
    r.state = rng_next(&r);
    return r;
}

/* Uniform in [0, n); n up to 2^32. Multiplication instead of division: the bias is below 2^-32. */
static inline uint32_t rng_below(struct rng *r, uint64_t n)
{
    return (uint32_t)((rng_next(r) >> 32) * n >> 32);
}

/* True in ppm of a million cases. */
static inline int rng_ppm(struct rng *r, uint32_t ppm)
{
    return ppm && rng_below(r, 1000000) < ppm;
}

/* Number of failures before a success of probability 1/2; at most 63. */
static inline uint32_t rng_geometric(struct rng *r)
{
    return (uint32_t)__builtin_ctzll(rng_next(r) | 1ull << 63);
}

/* As rng_geometric with probability 3/8: mean 5/3. */
static inline uint32_t rng_geometric_long(struct rng *r)
{
    uint64_t a = rng_next(r), b = rng_next(r), c = rng_next(r);
    return (uint32_t)__builtin_ctzll((a & (b | c)) | 1ull << 63);
}

/* mean times a variate that is close to exponential (mean 1, piecewise linear). */
static inline uint64_t rng_spread(struct rng *r, uint64_t mean)
{
    uint64_t whole = rng_geometric(r);
    uint64_t x = whole * 256 + (rng_next(r) >> 56);
    return mean / 384 * x + mean % 384 * x / 384;
}

#endif
