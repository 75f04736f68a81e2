/*
 * histogram.h - log-linear histogram: 16 linear buckets a power of two, so that a value is known to
 * within 6 %, from 1 to 2^64. One writer; readers may see a record half counted, never a wild one.
 */
#ifndef PN_BASE_HISTOGRAM_H
#define PN_BASE_HISTOGRAM_H

#include "base/bits.h"
#include "shm/abi.h"

enum { HISTOGRAM_LINEAR_BITS = 4, HISTOGRAM_LINEAR = 1 << HISTOGRAM_LINEAR_BITS };

PN_HOT uint32_t histogram_bucket(uint64_t value)
{
    if (value < HISTOGRAM_LINEAR)
        return (uint32_t)value;
    uint32_t shift = 63u - (uint32_t)__builtin_clzll(value) - HISTOGRAM_LINEAR_BITS;
    return (shift + 1) * HISTOGRAM_LINEAR + (uint32_t)(value >> shift & (HISTOGRAM_LINEAR - 1));
}

/* Largest value that falls into a bucket. */
static inline uint64_t histogram_upper(uint32_t bucket)
{
    if (bucket < HISTOGRAM_LINEAR)
        return bucket;
    uint32_t shift = bucket / HISTOGRAM_LINEAR - 1;
    uint64_t low = (uint64_t)(HISTOGRAM_LINEAR + bucket % HISTOGRAM_LINEAR) << shift;
    return low + ((1ull << shift) - 1);
}

PN_HOT void histogram_record(struct pn_histogram *h, uint64_t value)
{
    h->count++;
    h->sum += value;
    if (value > h->max)
        h->max = value;
    h->bucket[histogram_bucket(value)]++;
}

/* Value that a share of all records (0 to 1) does not exceed, to the bucket's upper end. */
static inline uint64_t histogram_quantile(const struct pn_histogram *h, double share)
{
    uint64_t seen = 0, want = (uint64_t)(share * (double)h->count);
    for (uint32_t i = 0; i < PN_HIST_BUCKETS; i++) {
        seen += h->bucket[i];
        if (seen > want)
            return histogram_upper(i) < h->max ? histogram_upper(i) : h->max;
    }
    return h->max;
}

#endif
