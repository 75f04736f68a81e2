/*
 * fuzz_itch.c - ITCH 5.0 messages as raw blocks: bytes of any type and length, and messages made
 * from a few bytes with small references, sizes and prices, so that they meet in the same books.
 */
#include "fuzz_engine.h"

static const uint8_t lengths[256] = {
    ['S'] = 12, ['R'] = 39, ['H'] = 25, ['Y'] = 20, ['L'] = 26, ['V'] = 35, ['W'] = 12, ['K'] = 28,
    ['J'] = 35, ['h'] = 21, ['A'] = 36, ['F'] = 40, ['E'] = 31, ['C'] = 36, ['X'] = 23, ['D'] = 19,
    ['U'] = 35, ['P'] = 44, ['Q'] = 40, ['B'] = 19, ['I'] = 50, ['N'] = 20, ['O'] = 48};

/* A message of a known type with small numbers in its fields. */
static size_t build(struct fuzz_input *in, uint8_t *m)
{
    static const char types[] = "AAAAFFECXXDDUUUUPQBSRH";
    static const uint32_t prices[] = {
        1000000, 1000100, 1000200,    999900,     1000150,    1000001,    0,      1,
        6400,    64000,   0x7fffffff, 0x80000000, 0xffffffff, 2000000000, 500000, 1500000};
    static const uint32_t sizes[] = {0, 1, 5, 100, 100, 300, 0x80000000, 0xffffffff};
    uint8_t type = (uint8_t)types[fuzz_take(in, 1) % (sizeof types - 1)];
    uint8_t bits = (uint8_t)fuzz_take(in, 1), ref = (uint8_t)fuzz_take(in, 1);
    uint32_t px = prices[bits & 15], size = sizes[bits >> 4 & 7];
    m[0] = type;
    m[2] = 1 + (bits >> 7);
    if (type == 'P' || type == 'Q' || type == 'B') {
        m[type == 'P' ? 43 : type == 'Q' ? 38 : 18] = ref % 24;
        store_u32_be(m + (type == 'P' ? 20 : 15), type == 'B' ? 0 : size);
    } else if (type != 'S' && type != 'R') {
        m[18] = ref & 31;
    }
    if (type == 'A' || type == 'F') {
        m[19] = ref & 0x80 ? 'S' : 'B';
        store_u32_be(m + 20, size);
        store_u32_be(m + 32, px);
    } else if (type == 'U') {
        m[26] = ref >> 3 & 31;
        store_u32_be(m + 27, size);
        store_u32_be(m + 31, px);
    } else if (type == 'E' || type == 'C' || type == 'X') {
        store_u32_be(m + 19, size);
        if (type != 'X')
            m[30] = ref >> 5;
    } else if (type == 'H') {
        m[19] = "THPQX"[ref % 5];
    }
    return lengths[type];
}

static void feed_input(struct pn_engine *e, struct fuzz_input in)
{
    uint8_t block[2 + 256] = {0, 12, 'S'};
    block[13] = 'O';
    fuzz_push(e, block, 14, 14, 1, 5);
    while (in.left) {
        memset(block, 0, sizeof block);
        size_t n;
        if (in.at[0] & 1) {
            fuzz_take(&in, 1);
            n = build(&in, block + 2);
        } else {
            n = fuzz_take(&in, 1) >> 1;
            const uint8_t *raw = fuzz_take_bytes(&in, &n);
            memcpy(block + 2, raw, n);
        }
        store_u16_be(block, (uint16_t)n);
        fuzz_push(e, block, (uint32_t)(2 + n), (uint32_t)(2 + n), 1, 5);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_parsers(PN_FEED_NONE, feed_input, data, size);
    return 0;
}
