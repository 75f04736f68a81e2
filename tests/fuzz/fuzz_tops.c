/*
 * fuzz_tops.c - TOPS 1.6 messages in sound IEX-TP segments: bytes of any type and length, and
 * quotes, trades and breaks of few symbols and prices.
 */
#include "fuzz_engine.h"
#include "fuzz_iex.h"

static size_t build(struct fuzz_input *in, uint8_t *m)
{
    uint8_t how = (uint8_t)fuzz_take(in, 1), bits = (uint8_t)fuzz_take(in, 1);
    uint32_t bid = bits >> 7 ? bits : 0, ask = bits >> 6 & 1 ? UINT32_MAX - bits : 0;
    m[0] = (uint8_t) "QQQQQQTB"[how & 7];
    fuzz_symbol(m + 10, how >> 5);
    memcpy(m + 18, &bid, 4);
    fuzz_price(m + 22, bits);
    if (m[0] != 'Q') {
        m[30] = bits & 7;
        return 38;
    }
    fuzz_price(m + 30, (uint8_t)(bits + how));
    memcpy(m + 38, &ask, 4);
    return 42;
}

static void feed_input(struct pn_engine *e, struct fuzz_input in)
{
    fuzz_segments(e, in, 0x8003, build);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_parsers(PN_FEED_NONE, feed_input, data, size);
    return 0;
}
