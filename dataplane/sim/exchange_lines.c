/*
 * exchange_lines.c - datagrams on their way to the members, on two lines, with what happens to them
 * there: loss, doubling, delay, reordering, all from the seed. Also answers re-requests. The first
 * datagram of the day is never lost: a receiver without it could not know the day's session.
 */
#include "sim/exchange_internal.h"

#include <errno.h>
#include <stdlib.h>

enum { REORDER_MIN_NS = 50000, REORDER_NS = 450000, DUP_NS = 50000 };

int lines_open(struct exchange *x)
{
    x->packet = calloc(EX_PACKETS, sizeof *x->packet);
    x->packet_free = calloc(EX_PACKETS, sizeof *x->packet_free);
    if (!x->packet || !x->packet_free || heap_open(&x->queue, EX_PACKETS) != 0)
        return -ENOMEM;
    for (uint32_t i = 0; i < EX_PACKETS; i++)
        x->packet_free[i] = EX_PACKETS - 1 - i;
    x->packets_free = EX_PACKETS;
    x->line_rng = rng_seed(x->cfg.seed, 20);
    for (uint32_t i = 0; i < 2; i++)
        x->line[i].rng = rng_seed(x->cfg.seed, 21 + i);
    return ring_open(&x->store, x->cfg.store_bytes, x->cfg.store_bytes / 16);
}

void lines_close(struct exchange *x)
{
    free(x->packet);
    free(x->packet_free);
    heap_close(&x->queue);
    ring_close(&x->store);
}

/* Header and messages; all of them are in one piece of the store. */
static void fill(struct exchange *x, struct ex_packet *p, uint64_t first, uint32_t count,
                 uint32_t bytes)
{
    uint64_t due;
    memcpy(p->payload, x->session, sizeof x->session);
    store_u64_be(p->payload + 10, first);
    store_u16_be(p->payload + 18, (uint16_t)count);
    if (bytes > MOLD_BYTES)
        memcpy(p->payload + MOLD_BYTES, ring_get(&x->store, first, &due), bytes - MOLD_BYTES);
    p->len = bytes;
}

static struct ex_packet *take(struct exchange *x, uint32_t line, uint64_t due)
{
    if (!x->packets_free) {
        x->stats.overflow++;
        return 0;
    }
    uint32_t index = x->packet_free[--x->packets_free];
    x->packet[index].line = line;
    heap_push(&x->queue, due, 0, index, 0);
    return &x->packet[index];
}

static uint64_t due_ns(struct exchange *x, struct ex_line *l)
{
    uint64_t due = x->now + x->cfg.faults.md_delay_ns;
    if (x->cfg.faults.md_jitter_ns)
        due += rng_spread(&l->rng, x->cfg.faults.md_jitter_ns);
    if (due < l->last_due)
        due = l->last_due;
    l->last_due = due;
    return due;
}

static void send(struct exchange *x, uint32_t line, const struct ex_packet *made)
{
    const struct pn_exchange_faults *f = &x->cfg.faults;
    struct ex_line *l = &x->line[line];
    uint64_t due = due_ns(x, l), again = 0;
    if (rng_ppm(&l->rng, f->reorder_ppm)) {
        due += REORDER_MIN_NS + rng_below(&l->rng, REORDER_NS);
        x->stats.faults++;
    }
    if (rng_ppm(&l->rng, f->dup_ppm)) {
        again = due + 1 + rng_below(&l->rng, DUP_NS);
        x->stats.faults++;
    }
    for (int copies = 0; copies < 1 + (again != 0); copies++) {
        struct ex_packet *p = take(x, line, copies ? again : due);
        if (!p)
            return;
        memcpy(p->payload, made->payload, made->len);
        p->len = made->len;
        x->stats.datagrams[line]++;
    }
}

void lines_send(struct exchange *x, uint64_t first, uint32_t count, uint32_t bytes)
{
    struct ex_packet made;
    const struct pn_exchange_faults *f = &x->cfg.faults;
    fill(x, &made, first, count, bytes);
    x->stats.digest = ex_digest(x->stats.digest, made.payload, made.len);
    int keep = first == 1 || count == MOLD_OVER;
    int all = rng_ppm(&x->line_rng, f->loss_all_ppm);
    for (uint32_t line = 0; line < x->cfg.lines; line++) {
        int one = rng_ppm(&x->line[line].rng, f->loss_ppm[line]);
        if ((all | one) && !keep) {
            x->stats.lost[line]++;
            x->stats.faults++;
        } else
            send(x, line, &made);
    }
}

uint32_t exchange_market_data(struct exchange *x, uint64_t now_ns, struct exchange_packet *out,
                              uint32_t cap)
{
    uint32_t n = 0;
    while (x->takens)
        x->packet_free[x->packets_free++] = x->taken[--x->takens];
    for (; n < cap && n < EX_OUT_MAX && heap_next_ns(&x->queue) <= now_ns; n++) {
        struct due d = heap_pop(&x->queue);
        const struct ex_packet *p = &x->packet[d.index];
        x->taken[x->takens++] = d.index;
        out[n] = (struct exchange_packet){p->payload, p->len, p->line, d.ns};
    }
    return n;
}

uint32_t exchange_rerequest(struct exchange *x, const uint8_t *request, uint32_t len, uint8_t *out,
                            uint32_t cap)
{
    uint32_t used = MOLD_BYTES, count = 0;
    if (len != MOLD_BYTES || cap < MOLD_BYTES || memcmp(request, x->session, 10) != 0) {
        x->stats.malformed++;
        return 0;
    }
    uint64_t seq = load_u64_be(request + 10), due;
    uint32_t want = load_u16_be(request + 18);
    uint32_t most = cap < x->cfg.payload_max ? cap : x->cfg.payload_max;
    x->stats.rerequests++;
    if (rng_ppm(&x->line_rng, x->cfg.faults.rerequest_loss_ppm)) {
        x->stats.faults++;
        return 0;
    }
    /* What waits to be sent is not there yet. */
    uint64_t end = x->pack_count ? x->pack_first : x->store.next;
    for (; count < want && seq < end && count < end - seq; count++) {
        const uint8_t *frame = ring_get(&x->store, seq + count, &due);
        uint32_t bytes = frame ? 2u + load_u16_be(frame) : 0;
        if (!frame || used + bytes > most)
            break;
        memcpy(out + used, frame, bytes);
        used += bytes;
    }
    if (!count)
        return 0;
    memcpy(out, request, 18);
    store_u16_be(out + 18, (uint16_t)count);
    return used;
}
