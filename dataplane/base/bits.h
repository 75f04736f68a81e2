/* bits.h - unaligned loads in both byte orders, and small integer helpers. */
#ifndef PN_BASE_BITS_H
#define PN_BASE_BITS_H

#include <stdint.h>
#include <string.h>

#define PN_LIKELY(x) __builtin_expect(!!(x), 1)
#define PN_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define PN_HOT static inline __attribute__((always_inline))

PN_HOT uint16_t load_u16_le(const void *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

PN_HOT uint32_t load_u32_le(const void *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

PN_HOT uint64_t load_u64_le(const void *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

PN_HOT uint16_t load_u16_be(const void *p)
{
    return __builtin_bswap16(load_u16_le(p));
}

PN_HOT uint32_t load_u32_be(const void *p)
{
    return __builtin_bswap32(load_u32_le(p));
}

PN_HOT uint64_t load_u64_be(const void *p)
{
    return __builtin_bswap64(load_u64_le(p));
}

/* Six-byte big-endian integer. */
PN_HOT uint64_t load_u48_be(const void *p)
{
    return (uint64_t)load_u16_be(p) << 32 | load_u32_be((const uint8_t *)p + 2);
}

PN_HOT void store_u16_be(void *p, uint16_t v)
{
    v = __builtin_bswap16(v);
    memcpy(p, &v, sizeof v);
}

PN_HOT void store_u32_be(void *p, uint32_t v)
{
    v = __builtin_bswap32(v);
    memcpy(p, &v, sizeof v);
}

PN_HOT void store_u64_be(void *p, uint64_t v)
{
    v = __builtin_bswap64(v);
    memcpy(p, &v, sizeof v);
}

PN_HOT void store_u48_be(void *p, uint64_t v)
{
    store_u16_be(p, (uint16_t)(v >> 32));
    store_u32_be((uint8_t *)p + 2, (uint32_t)v);
}

PN_HOT void store_u64_le(void *p, uint64_t v)
{
    memcpy(p, &v, sizeof v);
}

/* Smallest power of two that is at least v (v <= 2^63). */
static inline uint64_t round_pow2(uint64_t v)
{
    return v <= 1 ? 1 : 1ull << (64 - __builtin_clzll(v - 1));
}

#endif
