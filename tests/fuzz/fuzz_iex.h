/* fuzz_iex.h - what the DEEP and TOPS targets share: symbols, prices, and segments in sequence. */
#ifndef PN_TESTS_FUZZ_IEX_H
#define PN_TESTS_FUZZ_IEX_H

#include "fuzz_engine.h"

static inline void fuzz_symbol(uint8_t *out, uint32_t which)
{
    static const char names[4][9] = {"AA      ", "BB      ", "ABCDEFGH", "        "};
    memcpy(out, names[which & 3], 8);
}

static inline void fuzz_price(uint8_t *out, uint8_t which)
{
    static const int64_t prices[16] = {
        1000000,   1000100, 999900,    1000050,    1000001,   0,      1,       -1,
        INT32_MAX, 6400,    INT32_MIN, 2147483648, INT64_MIN, 700000, 1300000, INT64_MAX};
    memcpy(out, &prices[which & 15], 8);
}

/* One message a segment, all in sequence: built ones where the first byte is odd, else raw. */
static inline void fuzz_segments(struct pn_engine *e, struct fuzz_input in, uint16_t protocol,
                                 size_t (*build)(struct fuzz_input *, uint8_t *))
{
    for (uint64_t seq = 1; in.left; seq++) {
        uint8_t p[40 + 2 + 256] = {1};
        uint32_t one = 1;
        size_t n;
        if (in.at[0] & 1) {
            fuzz_take(&in, 1);
            n = build(&in, p + 42);
        } else {
            n = fuzz_take(&in, 1) >> 1;
            const uint8_t *raw = fuzz_take_bytes(&in, &n);
            memcpy(p + 42, raw, n);
        }
        uint16_t length = (uint16_t)(2 + n);
        memcpy(p + 2, &protocol, 2);
        memcpy(p + 4, &one, 4);
        memcpy(p + 8, &one, 4);
        memcpy(p + 12, &length, 2);
        p[14] = 1;
        memcpy(p + 24, &seq, 8);
        memcpy(p + 32, &seq, 8);
        p[40] = (uint8_t)n;
        fuzz_push_payload(e, p, 42 + n, seq, 0);
    }
}

#endif
