/*
 * fuzz_deep.c - DEEP 1.0 messages in sound IEX-TP segments: bytes of any type and length, and
 * level updates, trades and breaks of few symbols and prices.
 */
#include "fuzz_engine.h"
#include "fuzz_iex.h"

static size_t build(struct fuzz_input *in, uint8_t *m)
{
    uint8_t how = (uint8_t)fuzz_take(in, 1), bits = (uint8_t)fuzz_take(in, 1);
    uint32_t size = bits >> 6 ? (bits >> 6 == 3 ? UINT32_MAX : bits) : 0;
    m[0] = (uint8_t) "8855TB85H8585858"[how & 15];
    m[1] = how & 16 ? 1 : 0;
    fuzz_symbol(m + 10, how >> 5);
    if (m[0] == 'H') {
        m[1] = (uint8_t) "THOP"[bits & 3];
        return 22;
    }
    memcpy(m + 18, &size, 4);
    fuzz_price(m + 22, bits);
    if (m[0] != 'T' && m[0] != 'B')
        return 30;
    m[30] = bits & 7;
    return 38;
}

static void feed_input(struct pn_engine *e, struct fuzz_input in)
{
    fuzz_segments(e, in, 0x8004, build);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_parsers(PN_FEED_NONE, feed_input, data, size);
    return 0;
}
