/* bytes_hash.h - a quick hash of bytes for the fuzz targets: eight at a time. */
#ifndef PN_TESTS_FUZZ_BYTES_HASH_H
#define PN_TESTS_FUZZ_BYTES_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Goes on from `hash`; how the bytes are cut into calls matters. */
static inline uint64_t bytes_hash(uint64_t hash, const uint8_t *p, size_t n)
{
    uint64_t word;
    for (; n >= 8; p += 8, n -= 8) {
        memcpy(&word, p, 8);
        hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 32;
    }
    word = n;
    for (size_t i = 0; i < n; i++)
        word = word << 8 | p[i];
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

#endif
