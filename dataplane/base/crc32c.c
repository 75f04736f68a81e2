/* crc32c.c - see crc32c.h: by tables of four bits, and by the instruction where it is found. */
#include "base/crc32c.h"

/* Remainders of a byte's lower half. */
static const uint32_t nibble[16] = {
    0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
    0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

uint32_t crc32c_by_table(uint32_t seed, const void *data, size_t n)
{
    const uint8_t *p = data;
    uint32_t state = ~seed;
    for (size_t i = 0; i < n; i++) {
        state ^= p[i];
        state = nibble[state & 15] ^ state >> 4;
        state = nibble[state & 15] ^ state >> 4;
    }
    return ~state;
}

#ifdef __x86_64__
#include <nmmintrin.h>

__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t seed, const uint8_t *p,
                                                                 size_t n)
{
    uint64_t state = (uint32_t)~seed;
    for (; n >= 8; n -= 8, p += 8)
        state = _mm_crc32_u64(state, load_u64_le(p));
    for (; n; n--, p++)
        state = _mm_crc32_u8((uint32_t)state, *p);
    return ~(uint32_t)state;
}

uint32_t crc32c(uint32_t seed, const void *data, size_t n)
{
    if (__builtin_cpu_supports("sse4.2"))
        return by_instruction(seed, data, n);
    return crc32c_by_table(seed, data, n);
}
#else
uint32_t crc32c(uint32_t seed, const void *data, size_t n)
{
    return crc32c_by_table(seed, data, n);
}
#endif
