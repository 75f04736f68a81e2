/*
 * wire_pack.c - packs messages into MoldUDP64 1.0 datagrams, a line at a time: session, sequence
 * number of the first message, count, then length and message each; heartbeats in silence; end of
 * session. A datagram is closed when it is full, long enough, or the next message comes too late.
 */
#include "sim/wire_internal.h"

enum { END_OF_SESSION = 0xffff, END_SPACING_NS = 1000000000 };

static void write_header(struct pn_wire *w, struct wire_line *l, uint32_t count)
{
    memset(l->payload, ' ', 10);
    memcpy(l->payload, w->cfg.session, strnlen(w->cfg.session, 10));
    store_u64_be(l->payload + 10, l->next_seq);
    store_u16_be(l->payload + 18, (uint16_t)count);
}

static void open_datagram(struct pn_wire *w, struct wire_line *l)
{
    l->count = 0;
    l->used = WIRE_MOLD;
    l->target = 1;
    if (w->cfg.mean_messages > 1)
        l->target += (uint32_t)rng_spread(&l->pack_rng, w->cfg.mean_messages - 1);
}

void wire_pack_begin(struct pn_wire *w)
{
    for (uint32_t i = 0; i < w->cfg.lines; i++) {
        struct wire_line *l = &w->line[i];
        l->cfg = w->cfg.line[i];
        l->pack_rng = rng_seed(w->cfg.seed, l->cfg.own_boundaries ? 2 + i : 1);
        l->next_seq = 1;
        open_datagram(w, l);
    }
}

void wire_pack_flush(struct pn_wire *w, uint32_t line)
{
    struct wire_line *l = &w->line[line];
    uint64_t send_ns = w->cfg.midnight_ns + l->last_ts;
    if (!l->count)
        return;
    write_header(w, l, l->count);
    if (l->next_seq == 1)
        wire_fault_send_safe(w, line, l->payload, l->used, l->count, send_ns);
    else
        wire_fault_send(w, line, l->payload, l->used, l->next_seq, l->count, send_ns);
    l->next_seq += l->count;
    l->sent_ns = l->last_ts;
    open_datagram(w, l);
}

/* Heartbeats between the last datagram and a message at ts. */
static void beat(struct pn_wire *w, uint32_t line, uint64_t ts)
{
    struct wire_line *l = &w->line[line];
    uint64_t every = w->cfg.heartbeat_ns, at = l->sent_ns + every;
    for (uint32_t n = 0; at < ts && (!w->cfg.heartbeats_max || n < w->cfg.heartbeats_max); n++) {
        write_header(w, l, 0);
        l->stats.heartbeats++;
        wire_fault_send(w, line, l->payload, WIRE_MOLD, l->next_seq, 0, w->cfg.midnight_ns + at);
        at += every;
    }
}

void wire_pack_message(struct pn_wire *w, uint32_t line, const uint8_t *framed, uint32_t bytes)
{
    struct wire_line *l = &w->line[line];
    uint64_t ts = load_u48_be(framed + 2 + 5);
    if (l->count && (l->used + bytes > w->cfg.payload_max || l->count >= l->target ||
                     ts - l->first_ts > w->cfg.gather_ns))
        wire_pack_flush(w, line);
    if (!l->count) {
        if (w->cfg.heartbeat_ns && l->next_seq > 1 && ts > l->sent_ns + w->cfg.heartbeat_ns)
            beat(w, line, ts);
        l->first_ts = ts;
    }
    memcpy(l->payload + l->used, framed, bytes);
    l->used += bytes;
    l->last_ts = ts;
    l->count++;
}

void wire_pack_end(struct pn_wire *w, uint32_t line)
{
    struct wire_line *l = &w->line[line];
    wire_pack_flush(w, line);
    wire_fault_release_all(w, line);
    for (uint32_t i = 1; i <= WIRE_END_REPEATS; i++) {
        write_header(w, l, END_OF_SESSION);
        wire_fault_send_safe(w, line, l->payload, WIRE_MOLD, 0,
                             w->cfg.midnight_ns + l->last_ts + (uint64_t)i * END_SPACING_NS);
    }
}
