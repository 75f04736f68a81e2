/*
 * ring.c - a port fed by another thread: one producer pushes copies of frames, one consumer takes
 * them by rx_burst. Neither ever waits for the other or calls the system; a full ring refuses.
 *
 * Bytes and slots are two rings with one pair of counters: `tail` is released by the producer after
 * the frame is in place and acquired by the consumer before it looks; `freed` is released by the
 * consumer after it is done with a frame (at its next rx_burst) and acquired by the producer before
 * it writes over it. Each side's own counters are on lines of their own.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "io/io.h"

enum { RING_ALIGN = 16, RING_LINE = 64 };

/* end is a position in the stream of all bytes ever stored, holes at the wrap included. */
struct slot {
    struct io_frame frame;
    uint64_t end;
};

struct ring {
    struct io_port port;
    uint8_t *bytes;
    struct slot *slot;
    uint64_t byte_mask;
    uint64_t slot_mask;

    /* Producer. */
    _Alignas(RING_LINE) _Atomic uint64_t tail; /* frames pushed */
    uint64_t freed_seen;                       /* of freed, as last looked at */
    uint64_t byte_tail;
    uint64_t byte_freed; /* as of freed_seen */
    _Atomic uint64_t full;
    _Atomic uint64_t huge;

    /* Consumer. */
    _Alignas(RING_LINE) _Atomic uint64_t freed; /* frames whose room may be used again */
    _Atomic uint64_t head;                      /* frames handed out */
    _Atomic uint64_t rx_bytes;
    _Atomic uint64_t polls;
    _Atomic uint64_t empty_polls;
};

static uint64_t get(const _Atomic uint64_t *v)
{
    return atomic_load_explicit(v, memory_order_relaxed);
}

/* One writer: no read-modify-write is needed. */
static void add(_Atomic uint64_t *v, uint64_t n)
{
    atomic_store_explicit(v, get(v) + n, memory_order_relaxed);
}

static uint32_t ring_rx(struct io_port *port, struct io_frame *out, uint32_t n)
{
    struct ring *r = (struct ring *)port;
    uint64_t head = get(&r->head), bytes = 0;
    add(&r->polls, 1);
    if (get(&r->freed) != head)
        atomic_store_explicit(&r->freed, head, memory_order_release); /* seen by make_room */
    uint64_t ready = atomic_load_explicit(&r->tail, memory_order_acquire) - head; /* by push */
    if (PN_LIKELY(ready == 0)) {
        add(&r->empty_polls, 1);
        return 0;
    }
    if (n > ready)
        n = (uint32_t)ready;
    for (uint32_t i = 0; i < n; i++) {
        out[i] = r->slot[(head + i) & r->slot_mask].frame;
        if (!out[i].ts_ns)
            out[i].ts_ns = port->now_ns;
        bytes += out[i].caplen;
    }
    add(&r->head, n);
    add(&r->rx_bytes, bytes);
    return n;
}

/* Whether a frame of that many stored bytes fits between byte_tail and what is still in use. */
static int make_room(struct ring *r, uint64_t tail, uint64_t start, uint64_t size)
{
    for (int looked = 0;; looked = 1) {
        if (tail - r->freed_seen <= r->slot_mask &&
            start + size - r->byte_freed <= r->byte_mask + 1)
            return 1;
        if (looked)
            return 0;
        uint64_t freed = atomic_load_explicit(&r->freed, memory_order_acquire); /* of ring_rx */
        if (freed == r->freed_seen)
            return 0;
        r->freed_seen = freed;
        r->byte_freed = r->slot[(freed - 1) & r->slot_mask].end; /* not yet written over */
    }
}

int io_ring_push(struct io_port *port, const struct io_frame *frame)
{
    struct ring *r = (struct ring *)port;
    uint64_t size = ((uint64_t)frame->caplen + RING_ALIGN - 1) & ~(uint64_t)(RING_ALIGN - 1);
    uint64_t capacity = r->byte_mask + 1, at = r->byte_tail & r->byte_mask;
    if (size > capacity / 2 || frame->caplen > IO_FRAME_MAX) {
        add(&r->huge, 1);
        return -EMSGSIZE;
    }
    uint64_t start = r->byte_tail + (at + size > capacity ? capacity - at : 0);
    uint64_t tail = get(&r->tail);
    if (!make_room(r, tail, start, size)) {
        add(&r->full, 1);
        return -ENOSPC;
    }
    struct slot *s = &r->slot[tail & r->slot_mask];
    uint8_t *to = r->bytes + (start & r->byte_mask);
    if (frame->caplen)
        memcpy(to, frame->data, frame->caplen);
    s->frame = *frame;
    s->frame.data = to;
    s->end = r->byte_tail = start + size;
    atomic_store_explicit(&r->tail, tail + 1, memory_order_release); /* seen by ring_rx */
    return 0;
}

uint64_t io_ring_waiting(const struct io_port *port)
{
    const struct ring *r = (const struct ring *)port;
    uint64_t head = get(&r->head); /* first, so that the difference cannot be negative */
    return get(&r->tail) - head;
}

static void ring_stats(struct io_port *port, struct io_stats *out)
{
    const struct ring *r = (const struct ring *)port;
    *out = (struct io_stats){.rx_frames = get(&r->head), .rx_bytes = get(&r->rx_bytes)};
    out->drops[PN_R_RECOVERY_FULL] = get(&r->full);
    out->drops[PN_R_IO_FRAME_HUGE] = get(&r->huge);
}

static void ring_status(struct io_port *port, struct pn_port_status *out)
{
    const struct ring *r = (const struct ring *)port;
    memset(out, 0, sizeof *out);
    memcpy(out->driver, "ring", 5);
    out->kind = PN_PORT_MEMORY;
    out->queues = 1;
    out->link_up = 1;
    out->rx_frames = get(&r->head);
    out->rx_bytes = get(&r->rx_bytes);
    out->polls = get(&r->polls);
    out->empty_polls = get(&r->empty_polls);
    out->drops[PN_R_RECOVERY_FULL] = get(&r->full);
    out->drops[PN_R_IO_FRAME_HUGE] = get(&r->huge);
}

static void ring_close(struct io_port *port)
{
    struct ring *r = (struct ring *)port;
    free(r->bytes);
    free(r->slot);
    free(r);
}

static const struct io_ops ring_ops = {.name = "ring",
                                       .rx_burst = ring_rx,
                                       .stats = ring_stats,
                                       .status = ring_status,
                                       .close = ring_close};

int io_ring_open(struct io_port **out, uint64_t bytes, uint32_t frames, uint16_t input,
                 struct error *e)
{
    if (frames == 0 || bytes < 2 * RING_ALIGN || (frames & (frames - 1)) || (bytes & (bytes - 1)))
        return error_set(e, -EINVAL, "ring: %u frames and %llu bytes, both must be powers of two",
                         frames, (unsigned long long)bytes);
    struct ring *r = aligned_alloc(RING_LINE, sizeof *r);
    if (!r)
        return error_set(e, -ENOMEM, "ring: out of memory");
    memset(r, 0, sizeof *r);
    r->port.ops = &ring_ops;
    r->port.input = input;
    r->byte_mask = bytes - 1;
    r->slot_mask = frames - 1;
    r->bytes = aligned_alloc(RING_LINE, bytes < RING_LINE ? RING_LINE : bytes);
    r->slot = calloc(frames, sizeof *r->slot);
    if (!r->bytes || !r->slot) {
        ring_close(&r->port);
        return error_set(e, -ENOMEM, "ring: no memory for %llu bytes and %u frames",
                         (unsigned long long)bytes, frames);
    }
    memset(r->bytes, 0, bytes); /* so that the path takes no page faults */
    *out = &r->port;
    return 0;
}
