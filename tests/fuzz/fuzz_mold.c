/*
 * fuzz_mold.c - MoldUDP64 packets and their sequence: each datagram is a length, a time step, a
 * cut, then payload; every other one gets a sound header with a small sequence number, so that
 * gaps, overlaps, windows and session changes are reached.
 */
#include "fuzz_engine.h"

static void feed_input(struct pn_engine *e, struct fuzz_input in)
{
    uint64_t ts = 1;
    while (in.left) {
        uint8_t how = (uint8_t)fuzz_take(&in, 1);
        size_t n = (how & 1) ? fuzz_take(&in, 1) : fuzz_take(&in, 2) % FUZZ_PAYLOAD;
        ts += fuzz_take(&in, 1) << (how >> 6) * 2;
        size_t cut = how & 2 ? fuzz_take(&in, 1) : 0;
        uint8_t p[FUZZ_PAYLOAD] = {0};
        size_t head = 0;
        if (how & 1) {
            memcpy(p, how & 4 ? "SESSION-02" : "SESSION-01", 10);
            store_u64_be(p + 10, fuzz_take(&in, 1) % 40);
            uint32_t count = (uint32_t)fuzz_take(&in, 1) % 5;
            store_u16_be(p + 18, how & 8 && !count ? 0xffff : (uint16_t)count);
            head = 20;
            for (uint32_t i = 0; i < count; i++) {
                store_u16_be(p + head, 12);
                p[head + 2] = 'S';
                p[head + 13] = (uint8_t)fuzz_take(&in, 1);
                head += 14;
            }
            n = how & 16 ? n % 32 : 0;
        }
        const uint8_t *raw = fuzz_take_bytes(&in, &n);
        memcpy(p + head, raw, n);
        fuzz_push_payload(e, p, head + n, ts, cut);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* The first byte chooses between a declared channel and recognition. */
    if (size)
        fuzz_parsers(data[0] & 1 ? PN_FEED_ITCH50 : PN_FEED_NONE, feed_input, data + 1, size - 1);
    return 0;
}
