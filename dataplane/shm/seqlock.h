/*
 * seqlock.h - one writer publishes multi-word records, any number of readers copy them.
 *
 * The counter is odd while the record changes. seqlock_begin's release fence pairs with the
 * reader's acquire fence in seqlock_retry; seqlock_end's release store pairs with the acquire load
 * in seqlock_read.
 */
#ifndef PN_SHM_SEQLOCK_H
#define PN_SHM_SEQLOCK_H

#include <stdint.h>

#include "base/bits.h"

PN_HOT void seqlock_begin(uint32_t *seq)
{
    __atomic_store_n(seq, *seq + 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
}

PN_HOT void seqlock_end(uint32_t *seq)
{
    __atomic_store_n(seq, *seq + 1, __ATOMIC_RELEASE);
}

/* The value to hand to seqlock_retry; odd means that the writer is at it. */
PN_HOT uint32_t seqlock_read(const uint32_t *seq)
{
    return __atomic_load_n(seq, __ATOMIC_ACQUIRE);
}

/* Nonzero if what was copied since seqlock_read returned `before` may be torn. */
PN_HOT int seqlock_retry(const uint32_t *seq, uint32_t before)
{
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return (before & 1) || __atomic_load_n(seq, __ATOMIC_RELAXED) != before;
}

#endif
