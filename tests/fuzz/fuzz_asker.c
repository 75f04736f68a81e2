/*
 * fuzz_asker.c - answers of a re-request server, and a channel that misses now this, now that.
 * Each step is a byte that says what happens, and what it needs: what is missing, how much time
 * passes, or an answer. No request may be outside of what is missing, no answer let in that was
 * not asked for.
 */
#include <stdlib.h>

#include "live/asker.h"

#define MUST(cond) \
    do { \
        if (!(cond)) \
            abort(); \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const uint8_t *at;
    size_t left;
};

static uint64_t take(struct input *in, size_t n)
{
    uint64_t v = 0;
    for (; n && in->left; n--, in->left--)
        v = v << 8 | *in->at++;
    return v;
}

static void send_due(struct asker *a, uint64_t now_ns)
{
    struct ask *ask;
    uint8_t request[ASKER_REQUEST];
    for (int sent = 0; (ask = asker_due(a, now_ns)) != NULL; sent++) {
        MUST(sent <= ASKER_ASKS); /* what was just sent is not due */
        MUST(ask->count && ask->count <= ASKER_CHUNK_MAX);
        MUST(ask->seq < a->end && ask->seq + ask->count > a->next);
        MUST(asker_write(a, ask, request) == ASKER_REQUEST);
        MUST(load_u64_be(request + 10) == ask->seq && load_u16_be(request + 18) == ask->count);
        asker_sent(ask, 0, now_ns);
    }
    MUST(a->asks <= ASKER_ASKS);
}

/* An answer to one of the requests, perhaps with something wrong. */
static void answer(struct asker *a, struct input *in, uint64_t now_ns)
{
    uint32_t how = (uint32_t)take(in, 1), count = (uint32_t)take(in, 1) % 40;
    size_t bytes = 20;
    uint8_t *p = malloc(20 + 40 * 2 + 256); /* exact below: a read beyond it is a finding */
    memcpy(p, how & 1 ? "SESSION-02" : "SESSION-01", 10);
    uint64_t seq = a->asks ? a->ask[how % a->asks].seq : 1;
    store_u64_be(p + 10, how & 2 ? seq + take(in, 1) : seq);
    store_u16_be(p + 18, (uint16_t)(how & 4 ? take(in, 2) : count));
    memset(p + bytes, 0, 2 * count);
    bytes += 2 * count;
    for (size_t n = how & 8 ? take(in, 1) : 0; n && in->left; n--)
        p[bytes++] = (uint8_t)take(in, 1);
    if (how & 16)
        bytes = bytes * take(in, 1) / 255;
    uint8_t *exact = malloc(bytes ? bytes : 1);
    memcpy(exact, p, bytes);
    free(p);
    struct packet packet;
    if (asker_answer(a, exact, (uint32_t)bytes, &packet) == 0) {
        MUST(packet.count && packet.kind == PACKET_DATA);
        MUST(packet.blocks >= exact && packet.blocks + packet.bytes == exact + bytes);
        uint32_t covered = 0;
        for (uint32_t i = 0; i < a->asks; i++)
            covered |= a->ask[i].seq == packet.seq && packet.count <= a->ask[i].count;
        MUST(covered);
        asker_taken(a, &packet, now_ns);
    }
    free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    struct asker a;
    uint64_t now_ns = 1, next = 1, end = 1;
    asker_init(&a);
    while (in.left) {
        uint32_t what = (uint32_t)take(&in, 1);
        if (what & 1)
            next += take(&in, what & 2 ? 1 : 2);
        if (what & 4)
            end = what & 8 ? next + take(&in, 2) : take(&in, 8);
        if (what & 16)
            now_ns += take(&in, 4);
        asker_update(&a, what & 32 ? "SESSION-02" : "SESSION-01", next, end, now_ns);
        send_due(&a, now_ns);
        if (what & 64)
            answer(&a, &in, now_ns);
    }
    return 0;
}
