/*
 * exchange_glimpse.c - GLIMPSE 5.0: the book as it stands now, as ITCH 5.0 messages, and the number
 * of the live message from which on it is to be kept. Taken whole at login.
 */
#include "order/soup.h"
#include "sim/exchange_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { BATCH = 256, FRAME_MOST = 64, END_BYTES = 21 };

static uint8_t *message(struct exchange *x, struct ring *r, uint8_t type, uint32_t bytes,
                        uint32_t symbol)
{
    uint8_t *frame = ring_add(r, SOUP_HEADER + bytes, 0);
    frame[2] = SOUP_SEQUENCED;
    uint8_t *m = frame + SOUP_HEADER;
    m[0] = type;
    store_u16_be(m + 1, (uint16_t)(symbol + 1));
    store_u16_be(m + 3, 0);
    store_u48_be(m + 5, ex_midnight_ns(x, x->now));
    return m;
}

static void symbols(struct exchange *x, struct ring *r)
{
    for (uint32_t i = 0; i < x->cfg.symbols; i++) {
        uint8_t *m = message(x, r, 'R', 39, i);
        memcpy(m + 11, x->symbol[i].name, 8);
        feed_directory(x, m, i);
    }
    for (uint32_t i = 0; i < x->cfg.symbols; i++) {
        uint8_t *m = message(x, r, 'H', 25, i);
        memcpy(m + 11, x->symbol[i].name, 8);
        m[19] = x->symbol[i].state ? x->symbol[i].state : 'H';
        memset(m + 20, ' ', 5);
    }
}

static void orders(struct exchange *x, struct ring *r, uint32_t symbol)
{
    struct match_resting batch[BATCH];
    uint32_t at = 0, n;
    do {
        n = match_snapshot(x->match, symbol, batch, BATCH, at);
        for (uint32_t i = 0; i < n; i++) {
            uint8_t *m = message(x, r, 'A', 36, symbol);
            store_u64_be(m + 11, batch[i].ref);
            m[19] = batch[i].side ? 'S' : 'B';
            store_u32_be(m + 20, batch[i].qty);
            memcpy(m + 24, x->symbol[symbol].name, 8);
            store_u32_be(m + 32, (uint32_t)batch[i].px);
        }
        at += n;
    } while (n == BATCH);
}

int glimpse_take(struct exchange *x, struct ex_conn *c)
{
    char text[32];
    int place = 0;
    while (place < EX_SNAPSHOTS && x->snapshot_used[place])
        place++;
    if (place == EX_SNAPSHOTS)
        return -ENOSPC;
    struct ring *r = &x->snapshot[place];
    uint64_t most = round_pow2(x->cfg.max_orders + 2ull * x->cfg.symbols + 16);
    if (!r->bytes && ring_open(r, most * FRAME_MOST, most) != 0)
        return -ENOSPC;
    r->head = 0;
    r->next = 1;
    feed_flush(x);
    symbols(x, r);
    for (uint32_t i = 0; i < x->cfg.symbols; i++)
        orders(x, r, i);
    uint8_t *frame = ring_add(r, SOUP_HEADER + END_BYTES, 0);
    frame[2] = SOUP_SEQUENCED;
    frame[SOUP_HEADER] = 'G';
    snprintf(text, sizeof text, "%20llu", (unsigned long long)x->store.next);
    memcpy(frame + SOUP_HEADER + 1, text, 20);
    x->snapshot_used[place] = 1;
    c->snapshot = place;
    c->source = r;
    c->ending = 1;
    return 0;
}
