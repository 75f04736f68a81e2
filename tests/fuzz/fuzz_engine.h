/*
 * fuzz_engine.h - one small engine an input, driven through api.h alone, and what must hold of it
 * whatever it was fed. A broken promise ends the process, which is how the fuzzer hears of it.
 */
#ifndef PN_TESTS_FUZZ_ENGINE_H
#define PN_TESTS_FUZZ_ENGINE_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "base/bits.h"
#include "bytes_hash.h"

#define MUST(cond) \
    do { \
        if (!(cond)) { \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond); \
            abort(); \
        } \
    } while (0)

enum {
    FUZZ_LEVELS = 4096,
    FUZZ_ORDERS = 4096,
    FUZZ_PAYLOAD = 1400,
    FUZZ_HEADERS = 42,
    FUZZ_PORT = 1 << 14,
    FUZZ_INSTRUMENTS = 2048,
    FUZZ_EVENTS = 256
};

/* Instruments that events have named, so that a check need not look at all the others. */
static uint8_t fuzz_named[FUZZ_INSTRUMENTS];

#include "fuzz_direct.h"

/* What remains of the input; reading past the end gives zeros. */
struct fuzz_input {
    const uint8_t *at;
    size_t left;
};

static inline uint64_t fuzz_take(struct fuzz_input *in, size_t bytes)
{
    uint64_t v = 0;
    for (size_t i = 0; i < bytes; i++, in->at += in->left ? 1 : 0, in->left -= in->left ? 1 : 0)
        v = v << 8 | (in->left ? *in->at : 0);
    return v;
}

static inline const uint8_t *fuzz_take_bytes(struct fuzz_input *in, size_t *want)
{
    const uint8_t *p = in->at;
    if (*want > in->left)
        *want = in->left;
    in->at += *want;
    in->left -= *want;
    return p;
}

/* An engine with one declared channel of that feed on any group; feed 0: recognition. */
static inline struct pn_engine *fuzz_open(uint32_t feed, uint32_t burst)
{
    char err[256];
    struct pn_config cfg;
    memset(fuzz_named, 0, sizeof fuzz_named);
    pn_config_default(&cfg);
    cfg.max_orders = 64;
    cfg.max_instruments = FUZZ_INSTRUMENTS;
    cfg.max_pages = 32;
    cfg.max_trades = 16;
    cfg.burst = burst;
    cfg.reorder_datagrams = 4;
    cfg.reorder_ns = 1000;
    cfg.hugepages = 0;
    cfg.timing = 0;
    struct pn_engine *e = pn_engine_open(&cfg, NULL, err, sizeof err);
    MUST(e);
    if (feed) {
        struct pn_channel_config c = {.name = "fuzz", .feed = feed, .lines = 1, .input = {-1}};
        MUST(pn_engine_add_channel(e, &c, err, sizeof err) == 0);
    }
    MUST(pn_engine_add_memory(e, FUZZ_PORT, 64, err, sizeof err) == 0);
    return e;
}

/* One run, at most max_events events; says whether it was the last. */
static inline int fuzz_run(struct pn_engine *e, uint64_t max_events)
{
    static struct pn_event ev[FUZZ_EVENTS];
    static struct pn_bbo bbo[FUZZ_EVENTS];
    struct pn_run run = {.max_events = max_events,
                         .event = ev,
                         .event_cap = FUZZ_EVENTS,
                         .bbo = bbo,
                         .bbo_cap = FUZZ_EVENTS};
    MUST(pn_engine_run(e, &run) == 0);
    MUST(run.events <= FUZZ_EVENTS && run.bbos <= FUZZ_EVENTS);
    MUST(!max_events || run.events <= max_events + 1); /* messages are not split */
    for (uint64_t i = 0; i < run.events; i++) {
        MUST(ev[i].kind > PN_EV_NONE && ev[i].kind < PN_EV_KINDS);
        MUST(ev[i].side <= PN_ASK && ev[i].instrument < FUZZ_INSTRUMENTS);
        fuzz_named[ev[i].instrument] = 1;
    }
    return run.end == PN_RUN_DONE;
}

/* e NULL: to the parsers alone. */
static inline void fuzz_push(struct pn_engine *e, const uint8_t *data, uint32_t caplen,
                             uint32_t len, uint64_t ts, uint32_t link)
{
    int rc = 0;
    if (!e) {
        direct_push(data, caplen, len, ts, link);
        return;
    }
    for (int turns = 0; turns < 1 << 20; turns++) {
        rc = pn_engine_push(e, data, caplen, len, ts, link, 0);
        if (rc != -ENOSPC)
            break;
        fuzz_run(e, 0);
    }
    MUST(rc == 0);
}

/* Wraps a payload in Ethernet, IPv4 and UDP; `cut` bytes are missing from the capture. */
static inline void fuzz_push_payload(struct pn_engine *e, const uint8_t *payload, size_t n,
                                     uint64_t ts, size_t cut)
{
    if (n > FUZZ_PAYLOAD)
        n = FUZZ_PAYLOAD;
    if (cut > n)
        cut = n;
    if (!e) {
        direct_push(payload, (uint32_t)(n - cut), (uint32_t)n, ts, IO_LINK_ETHERNET);
        return;
    }
    uint8_t f[FUZZ_HEADERS + FUZZ_PAYLOAD] = {1, 0, 0x5e, 54, 12, 111, 2,   0,
                                              0, 0, 0,    1,  8,  0,   0x45};
    store_u16_be(f + 16, (uint16_t)(28 + n));
    f[22] = 16;
    f[23] = 17;
    store_u32_be(f + 26, 0x0a000001);
    store_u32_be(f + 30, 0xe9360c6f);
    store_u16_be(f + 34, 40000);
    store_u16_be(f + 36, 26477);
    store_u16_be(f + 38, (uint16_t)(8 + n));
    memcpy(f + FUZZ_HEADERS, payload, n);
    fuzz_push(e, f, (uint32_t)(FUZZ_HEADERS + n - cut), (uint32_t)(FUZZ_HEADERS + n), ts, 0);
}

/* Says that the input has ended and runs to the end, at most max_events events at a time. */
static inline void fuzz_finish(struct pn_engine *e, uint64_t max_events)
{
    pn_engine_finish(e);
    for (int turns = 0; turns < 1 << 20; turns++)
        if (fuzz_run(e, max_events))
            return;
    MUST(!"the run never ends");
}

/* Levels of one side: sorted, none empty, and the first of them is the top. */
static inline uint32_t fuzz_check_levels(struct pn_view *v, uint32_t i, uint32_t side,
                                         const struct pn_top *top, struct pn_level *level)
{
    int n = pn_view_levels(v, i, side, level, FUZZ_LEVELS);
    MUST(n >= 0 && n < FUZZ_LEVELS);
    for (int k = 0; k < n; k++) {
        MUST(level[k].size > 0);
        if (k)
            MUST(side == PN_BID ? level[k].px < level[k - 1].px : level[k].px > level[k - 1].px);
    }
    uint64_t size = side == PN_BID ? top->bid_size : top->ask_size;
    int32_t px = side == PN_BID ? top->bid_px : top->ask_px;
    if (!top->transition && !(top->stale_why & PN_STALE_OVERFLOW)) {
        MUST(size == (n ? level[0].size : 0));
        MUST(!n || px == level[0].px);
    }
    return (uint32_t)n;
}

/* Every level is the sum of its orders, which stand in price and time order. */
static inline uint64_t fuzz_check_orders(struct pn_engine *e, uint32_t i, uint32_t side,
                                         const struct pn_level *level, uint32_t n, int overflow)
{
    static struct pn_order order[FUZZ_ORDERS];
    uint64_t count = pn_engine_orders(e, i, side, order, FUZZ_ORDERS);
    MUST(count < FUZZ_ORDERS);
    if (overflow)
        return count;
    uint64_t at = 0;
    for (uint32_t k = 0; k < n; k++) {
        uint64_t size = 0, ahead = 0, place = 0;
        for (uint64_t first = at; at < count && order[at].px == level[k].px; at++) {
            MUST(pn_engine_queue(e, order[at].ref, i, &ahead, &place) == 0);
            MUST(ahead == size && place == at - first);
            size += order[at].size;
            MUST(level[k].orders > 0);
        }
        MUST(size == level[k].size);
    }
    MUST(at == count);
    return count;
}

static inline void fuzz_check(struct pn_engine *e)
{
    static struct pn_level level[FUZZ_LEVELS];
    struct pn_view *v = pn_engine_view(e);
    struct pn_counters c;
    pn_view_counters(v, &c);
    uint64_t live = 0, volume = 0, trades = 0;
    for (uint32_t i = 0; i < pn_view_header(v)->instruments; i++) {
        struct pn_top top;
        struct pn_instrument info;
        uint64_t t = 0, w = 0;
        if (!fuzz_named[i])
            continue; /* most of a thousand; what is left in one shows in the sums below */
        MUST(pn_view_top(v, i, &top) == 0);
        MUST(pn_view_instrument(v, i, &info) == 0);
        MUST(pn_view_traded(v, i, &t, &w) == 0);
        MUST(top.state <= PN_BOOK_STALE && (top.state != PN_BOOK_VALID || !top.stale_why));
        trades += t;
        volume += w;
        for (uint32_t side = 0; side < 2; side++) {
            uint32_t n = fuzz_check_levels(v, i, side, &top, level);
            if (info.feed == PN_FEED_ITCH50)
                live += fuzz_check_orders(e, i, side, level, n, top.stale_why & PN_STALE_OVERFLOW);
        }
    }
    MUST(live == c.live_orders);
    MUST(trades == c.trades && volume == c.volume);
    for (uint32_t i = 0; i < pn_view_header(v)->channels; i++) {
        struct pn_channel ch;
        MUST(pn_view_channel(v, i, &ch) == 0);
        MUST(!(ch.epoch & 1));
        if (!ch.restarts && !ch.session_changes && !ch.unsequenced && ch.messages)
            MUST(ch.first_seq + ch.messages + ch.lost == ch.next_seq);
    }
}

/* Opening engines costs a hundred times what parsing does, so only some inputs get them. */
static inline int fuzz_wants_engines(uint64_t hash)
{
    return hash >> 56 == 0;
}

/*
 * Runs `feed_input` against the parsers; and, for one input in 256, against two engines, one of
 * large bursts, one event by event: both hold what they promise, and end with the same digest.
 */
static inline void fuzz_parsers(uint32_t feed,
                                void (*feed_input)(struct pn_engine *, struct fuzz_input),
                                const uint8_t *data, size_t size)
{
    uint64_t hash = bytes_hash(size, data, size);
    direct_begin(feed, hash >> 32);
    feed_input(NULL, (struct fuzz_input){data, size});
    direct_end();
    if (!fuzz_wants_engines(hash))
        return;
    uint64_t digest[2][2];
    for (int k = 0; k < 2; k++) {
        struct pn_engine *e = fuzz_open(feed, k ? 1 : 64);
        feed_input(e, (struct fuzz_input){data, size});
        fuzz_finish(e, k ? 1 : 0);
        fuzz_check(e);
        pn_engine_digest(e, digest[k]);
        pn_engine_close(e);
    }
    MUST(memcmp(digest[0], digest[1], sizeof digest[0]) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
