/*
 * tap.c - a port that hands on another port's frames and, while recording is on, copies each into
 * a ring that a writer thread empties. The copy is all that recording costs the path: nothing here
 * waits, allocates or calls the system. A frame that the ring has no room for is counted and left
 * out of the record, never of the path.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/bits.h"
#include "io/io.h"

struct tap {
    struct io_port port;
    struct io_port *inner;
    struct io_port *ring; /* not owned: its consumer outlives the path */
    _Atomic int on;
    _Atomic uint64_t copied;
    _Atomic uint64_t dropped;
};

static void copy_frames(struct tap *t, const struct io_frame *frame, uint32_t n)
{
    uint64_t dropped = 0;
    for (uint32_t i = 0; i < n; i++)
        dropped += io_ring_push(t->ring, &frame[i]) != 0;
    /* One writer: no read-modify-write is needed. */
    uint64_t copied = atomic_load_explicit(&t->copied, memory_order_relaxed) + n - dropped;
    atomic_store_explicit(&t->copied, copied, memory_order_relaxed);
    if (PN_UNLIKELY(dropped))
        atomic_store_explicit(&t->dropped,
                              atomic_load_explicit(&t->dropped, memory_order_relaxed) + dropped,
                              memory_order_relaxed);
}

static uint32_t tap_rx(struct io_port *port, struct io_frame *out, uint32_t n)
{
    struct tap *t = (struct tap *)port;
    t->inner->now_ns = port->now_ns;
    uint32_t made = t->inner->ops->rx_burst(t->inner, out, n);
    port->at_end = t->inner->at_end;
    if (PN_UNLIKELY(atomic_load_explicit(&t->on, memory_order_relaxed)) && made)
        copy_frames(t, out, made);
    return made;
}

static uint32_t tap_tx(struct io_port *port, const struct io_frame *in, uint32_t n)
{
    struct tap *t = (struct tap *)port;
    return t->inner->ops->tx_burst ? t->inner->ops->tx_burst(t->inner, in, n) : 0;
}

static void tap_stats(struct io_port *port, struct io_stats *out)
{
    struct tap *t = (struct tap *)port;
    t->inner->ops->stats(t->inner, out);
    out->drops[PN_R_TAP_FULL] += atomic_load_explicit(&t->dropped, memory_order_relaxed);
}

static void tap_status(struct io_port *port, struct pn_port_status *out)
{
    struct tap *t = (struct tap *)port;
    if (t->inner->ops->status)
        t->inner->ops->status(t->inner, out);
}

static void tap_close(struct io_port *port)
{
    struct tap *t = (struct tap *)port;
    t->inner->ops->close(t->inner);
    free(t);
}

static const struct io_ops tap_ops = {.name = "tap",
                                      .rx_burst = tap_rx,
                                      .tx_burst = tap_tx,
                                      .stats = tap_stats,
                                      .status = tap_status,
                                      .close = tap_close};

int io_tap_open(struct io_port **out, struct io_port *inner, struct io_port *ring, struct error *e)
{
    struct tap *t = calloc(1, sizeof *t);
    if (!t)
        return error_set(e, -ENOMEM, "tap: out of memory");
    t->port.ops = &tap_ops;
    t->port.input = inner->input;
    t->inner = inner;
    t->ring = ring;
    *out = &t->port;
    return 0;
}

void io_tap_record(struct io_port *tap, int on)
{
    atomic_store_explicit(&((struct tap *)tap)->on, on, memory_order_relaxed);
}

void io_tap_counts(const struct io_port *tap, uint64_t *copied, uint64_t *dropped)
{
    const struct tap *t = (const struct tap *)tap;
    *copied = atomic_load_explicit(&t->copied, memory_order_relaxed);
    *dropped = atomic_load_explicit(&t->dropped, memory_order_relaxed);
}
