/*
 * crc32c.h - CRC32C (Castagnoli, reflected polynomial 0x82f63b78, RFC 3720 appendix B.4), by the
 * processor's own instruction where there is one.
 *
 * The seed is the checksum of what came before, so that crc32c(0, "123456789", 9) is 0xe3069283 and
 * any other seed starts like text that ended with that checksum.
 */
#ifndef PN_BASE_CRC32C_H
#define PN_BASE_CRC32C_H

#include <stddef.h>

#include "base/bits.h"

/* Any length. */
uint32_t crc32c(uint32_t seed, const void *data, size_t n);
/* The same by tables, on any processor; for comparison. */
uint32_t crc32c_by_table(uint32_t seed, const void *data, size_t n);

#ifdef __SSE4_2__
#include <nmmintrin.h>

/* Steps of a checksum that is kept inverted: start with ~seed, invert the end. */
PN_HOT uint64_t crc32c_u64(uint64_t state, uint64_t v)
{
    return _mm_crc32_u64(state, v);
}

PN_HOT uint64_t crc32c_u32(uint64_t state, uint32_t v)
{
    return _mm_crc32_u32((uint32_t)state, v);
}
#else
PN_HOT uint64_t crc32c_u64(uint64_t state, uint64_t v)
{
    return (uint32_t)~crc32c((uint32_t)~state, &v, sizeof v);
}

PN_HOT uint64_t crc32c_u32(uint64_t state, uint32_t v)
{
    return (uint32_t)~crc32c((uint32_t)~state, &v, sizeof v);
}
#endif

#endif
