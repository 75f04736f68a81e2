/*
 * fuzz_direct.h - the parsers one after the other without an engine around them: framing,
 * sequencing and decoding of one channel, each input from a clean start. Cheap enough for
 * millions of inputs. Every payload ends where memory that ASan forbids begins, so that a read
 * beyond it is seen.
 */
#ifndef PN_TESTS_FUZZ_DIRECT_H
#define PN_TESTS_FUZZ_DIRECT_H

#include <sanitizer/asan_interface.h>

#include "feed/iex.h"
#include "feed/itch50.h"
#include "feed/recognise.h"
#include "feed/sequence.h"

enum {
    DIRECT_HELD = 4,
    DIRECT_RUNS = 64,
    DIRECT_INSTRUMENTS = 2 * INSTRUMENT_CHUNK,
    DIRECT_SYMBOLS = 64, /* half of them are handed out */
    DIRECT_MEMORY = 2 << 20,
    DIRECT_PAYLOAD = 1 << 16,
    DIRECT_FORBIDDEN = 4096
};

/* Bytes end at the end of `data`, without an allocation; nothing may be read behind it. */
struct direct_buffer {
    uint8_t data[DIRECT_PAYLOAD];
    uint8_t forbidden[DIRECT_FORBIDDEN];
} __attribute__((aligned(64)));

static struct {
    uint32_t feed;
    uint32_t framing;
    struct sequencer seq;
    struct pn_channel ch;
    struct run_list runs;
    struct run run[DIRECT_RUNS];
    uint8_t memory[DIRECT_MEMORY] __attribute__((aligned(64)));
    uint64_t drops[PN_REASONS_MAX];
    struct pn_region_header header;
    struct pn_instrument record[DIRECT_INSTRUMENTS];
    struct pn_book book[DIRECT_INSTRUMENTS];
    uint32_t symbol[DIRECT_SYMBOLS];
    struct instruments all;
    struct instrument_map map;
    struct decode_ctx decode;
    uint64_t next; /* number that the next run must begin with; 0 before the first session */
    uint64_t delivered;
    uint64_t lost;
    uint64_t hash; /* of the input */
    struct direct_buffer packet, message;
    int begun; /* once */
} direct;

static inline uint8_t *direct_copy(struct direct_buffer *b, const uint8_t *from, uint32_t n)
{
    MUST(n <= sizeof b->data);
    return memcpy(b->data + sizeof b->data - n, from, n);
}

/*
 * Handing out a chunk costs more than all else that a short input does, so 63 inputs in 64 begin
 * with both handed out: one to the small locates, one to a chunk of locates that the input chooses.
 */
static inline void direct_give_chunks(uint64_t hash)
{
    if (hash % 64 == 0)
        return;
    direct.map.chunk[0] = 0;
    direct.map.chunk[1 + (hash >> 6) % (LOCATE_CHUNKS - 1)] = INSTRUMENT_CHUNK;
    direct.header.instruments = DIRECT_INSTRUMENTS;
}

/* feed 0: by the content of the first payload that is of any. */
static inline void direct_begin(uint32_t feed, uint64_t hash)
{
    if (!direct.begun) {
        ASAN_POISON_MEMORY_REGION(direct.packet.forbidden, DIRECT_FORBIDDEN);
        ASAN_POISON_MEMORY_REGION(direct.message.forbidden, DIRECT_FORBIDDEN);
    }
    direct.begun = 1;
    direct.hash = hash;
    direct.feed = feed;
    direct.framing = feed == PN_FEED_ITCH50 ? PN_FRAMING_MOLDUDP64 : PN_FRAMING_IEXTP;
    MUST(sequence_bytes(DIRECT_HELD) <= sizeof direct.memory);
    memset(&direct.ch, 0, sizeof direct.ch);
    memset(direct.drops, 0, sizeof direct.drops);
    memset(direct.symbol, 0, sizeof direct.symbol);
    sequence_init(&direct.seq, &direct.ch, 0, direct.drops, direct.memory, DIRECT_HELD, 1000);
    direct.runs = (struct run_list){.run = direct.run, .cap = DIRECT_RUNS};
    direct.header.instruments = 0;
    direct.all = (struct instruments){.header = &direct.header,
                                      .record = direct.record,
                                      .book = direct.book,
                                      .symbol = direct.symbol,
                                      .symbol_mask = DIRECT_SYMBOLS - 1};
    direct.next = direct.delivered = direct.lost = 0;
}

static inline void direct_message(const uint8_t *m, uint32_t len)
{
    const uint8_t *exact = direct_copy(&direct.message, m, len);
    struct pn_event ev[DECODE_EVENTS_MAX] = {0};
    int itch = direct.feed == PN_FEED_ITCH50;
    uint32_t n = itch ? itch50_decode(&direct.decode, exact, len, ev)
                      : iex_decode(&direct.decode, exact, len, ev);
    MUST(n <= (itch ? 1 : DECODE_EVENTS_MAX));
    for (uint32_t i = 0; i < n; i++) {
        MUST(ev[i].kind > PN_EV_NONE && ev[i].kind < PN_EV_KINDS && ev[i].side <= PN_ASK);
        MUST(len && ev[i].wire_type == exact[0]);
        MUST(ev[i].kind == PN_EV_GAP || !direct.header.instruments ||
             ev[i].instrument < direct.header.instruments);
        MUST(ev[i].px >= 0 || ev[i].flags & PN_EVF_REJECTED || ev[i].kind == PN_EV_INFO);
    }
}

/* What the sequencer let go: without a hole, and every block inside what was received. */
static inline void direct_consume(void)
{
    MUST(direct.runs.count <= direct.runs.cap);
    for (uint32_t i = 0; i < direct.runs.count; i++) {
        const struct run *run = &direct.run[i];
        if (run->kind == RUN_RESET)
            direct.next = run->seq;
        MUST(direct.next == run->seq);
        if (run->kind == RUN_GAP) {
            direct.next += run->count;
            direct.lost += run->count;
        }
        if (run->kind != RUN_DATA)
            continue;
        const uint8_t *at = run->blocks, *end = at + run->bytes;
        int big_endian = direct.framing != PN_FRAMING_IEXTP;
        for (uint64_t k = 0; k < run->skip + run->count; k++) {
            MUST(end - at >= 2);
            uint32_t len = block_length(at, big_endian);
            MUST(len <= (size_t)(end - at) - 2);
            if (k >= run->skip)
                direct_message(at + 2, len);
            at += 2 + len;
        }
        direct.next += run->count;
        direct.delivered += run->count;
    }
    direct.runs.count = 0;
    sequence_recycle(&direct.seq);
}

static inline void direct_recognise(const struct net_datagram *d)
{
    if (!direct.feed) {
        direct.feed = recognise_feed(d->payload, d->caplen, d->len, &direct.framing);
        if (d->link == IO_LINK_BLOCKS) {
            direct.feed = PN_FEED_ITCH50;
            direct.framing = PN_FRAMING_BLOCKS;
        }
    }
    if (!direct.feed || direct.ch.feed)
        return;
    direct.ch.feed = direct.feed;
    direct.ch.framing = direct.framing;
    direct.all.max = direct.feed == PN_FEED_ITCH50 ? DIRECT_INSTRUMENTS : DIRECT_SYMBOLS / 2;
    instrument_map_init(&direct.map, &direct.all, 0, direct.feed);
    if (direct.feed == PN_FEED_ITCH50)
        direct_give_chunks(direct.hash);
    direct.decode = (struct decode_ctx){.map = &direct.map, .drops = direct.drops};
}

static inline void direct_push(const uint8_t *payload, uint32_t caplen, uint32_t len, uint64_t ts,
                               uint32_t link)
{
    const uint8_t *exact = direct_copy(&direct.packet, payload, caplen);
    struct net_datagram d = {
        .payload = exact, .caplen = caplen, .len = len, .ts_ns = ts, .link = (uint16_t)link};
    direct_recognise(&d);
    if (direct.feed) {
        struct packet p;
        uint32_t why = direct.framing == PN_FRAMING_MOLDUDP64 ? framing_mold(&d, &p)
                       : direct.framing == PN_FRAMING_IEXTP   ? framing_iextp(&d, direct.feed, &p)
                                                              : framing_blocks(&d, &p);
        MUST(why <= PN_REASON_COUNT);
        if (!why) {
            p.line = 0;
            sequence_tick(&direct.seq, ts, &direct.runs);
            sequence_push(&direct.seq, &p, &direct.runs);
            direct_consume();
        }
    }
}

static inline void direct_end(void)
{
    if (!direct.ch.feed)
        return;
    sequence_flush(&direct.seq, &direct.runs);
    direct_consume();
    MUST(!(direct.ch.epoch & 1) && direct.next == direct.ch.next_seq);
    MUST(direct.lost == direct.ch.lost && direct.ch.gaps <= direct.lost);
    MUST(direct.delivered == direct.ch.line[0].messages);
    MUST(direct.ch.duplicates == direct.ch.line[0].duplicates);
}

#endif
