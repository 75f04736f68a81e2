/*
 * fuzz_iextp.c - IEX-TP segments and their sequence: raw payloads, and sound headers with small
 * sequence numbers, sessions and send times around messages of fuzzed length.
 */
#include "fuzz_engine.h"

static size_t build(struct fuzz_input *in, uint8_t how, uint8_t *p)
{
    uint32_t count = (uint32_t)fuzz_take(in, 1) % 5;
    size_t at = 40;
    for (uint32_t i = 0; i < count; i++) {
        size_t n = fuzz_take(in, 1) % 48;
        p[at] = (uint8_t)n;
        const uint8_t *raw = fuzz_take_bytes(in, &n);
        memcpy(p + at + 2, raw, n);
        at += 2 + p[at];
    }
    uint16_t length = (uint16_t)(at - 40);
    uint32_t channel = 1, session = how & 4 ? 7 : 8;
    uint64_t seq = fuzz_take(in, 1) % 40, send = fuzz_take(in, 1);
    p[0] = 1;
    p[2] = how & 8 ? 3 : 4;
    p[3] = 0x80;
    memcpy(p + 4, &channel, 4);
    memcpy(p + 8, &session, 4);
    memcpy(p + 12, &length, 2);
    p[14] = (uint8_t)count;
    memcpy(p + 24, &seq, 8);
    memcpy(p + 32, &send, 8);
    return at;
}

static void feed_input(struct pn_engine *e, struct fuzz_input in)
{
    uint64_t ts = 1;
    while (in.left) {
        uint8_t how = (uint8_t)fuzz_take(&in, 1);
        ts += fuzz_take(&in, 1) << (how >> 6) * 2;
        size_t cut = how & 2 ? fuzz_take(&in, 1) : 0;
        uint8_t p[FUZZ_PAYLOAD] = {0};
        size_t n;
        if (how & 1) {
            n = build(&in, how, p);
        } else {
            n = fuzz_take(&in, 2) % FUZZ_PAYLOAD;
            const uint8_t *raw = fuzz_take_bytes(&in, &n);
            memcpy(p, raw, n);
        }
        fuzz_push_payload(e, p, n, ts, cut);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint32_t feeds[4] = {PN_FEED_NONE, PN_FEED_DEEP10, PN_FEED_TOPS16, PN_FEED_NONE};
    if (size)
        fuzz_parsers(feeds[data[0] & 3], feed_input, data + 1, size - 1);
    return 0;
}
