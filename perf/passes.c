/*
 * passes.c - passes over a stream that do less than an engine must. Built once by the compiler of
 * the project and, where there is one, once by clang: compilers differ much in such loops, and a
 * comparison with the slower one would flatter us. PASSES names the result.
 */
#include "base/bits.h"
#include "bench.h"

#ifndef PASSES
#define PASSES passes_own
#endif

static uint64_t walk(const uint8_t *at, const uint8_t *end)
{
    uint64_t n = 0;
    for (; at < end; at += 2 + load_u16_be(at))
        n++;
    return n;
}

/* Locate and time of every message; reference, size, price and side where there are such. */
static uint64_t dispatch(const uint8_t *at, const uint8_t *end)
{
    uint64_t sum = 0;
    for (; at < end; at += 2 + load_u16_be(at)) {
        const uint8_t *m = at + 2;
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

const struct bench_passes PASSES = {
#ifdef __clang__
    .compiler = "clang",
#else
    .compiler = "gcc",
#endif
    .walk = walk,
    .dispatch = dispatch,
};
