/* xsk.c - the path of xsk.h: receive, recycle, send, and the kicks. */
#include "io/xsk.h"

#include <errno.h>
#include <sys/socket.h>

/* Tries of one xsk_send to have the kernel take what is in the ring, some 32 frames at a time. */
enum { KICKS_MAX = 16 };

PN_HOT uint32_t load_acquire(const uint32_t *p)
{
    return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

PN_HOT void store_release(uint32_t *p, uint32_t v)
{
    __atomic_store_n(p, v, __ATOMIC_RELEASE);
}

PN_HOT int wants_kick(const struct xsk_ring *r)
{
    return (__atomic_load_n(r->flags, __ATOMIC_RELAXED) & XDP_RING_NEED_WAKEUP) != 0;
}

/* Asks the driver for frames; with busy polling this is where they are fetched. */
static void kick_receive(struct xsk *x)
{
    (void)recvfrom(x->fd, NULL, 0, MSG_DONTWAIT, NULL, NULL);
}

/* Our end of the ring is the number received, modulo 2^32: one reading of it, then the kernel's. */
uint64_t xsk_arrived(const struct xsk *x)
{
    uint64_t received = __atomic_load_n(&x->received, __ATOMIC_ACQUIRE);
    return received + (uint32_t)(load_acquire(x->rx.producer) - (uint32_t)received);
}

uint32_t xsk_waiting(const struct xsk *x)
{
    uint32_t received = (uint32_t)__atomic_load_n(&x->received, __ATOMIC_ACQUIRE);
    return load_acquire(x->rx.producer) - received;
}

uint32_t xsk_receive(struct xsk *x, struct io_frame *out, uint32_t n)
{
    uint32_t at = x->rx.at, mask = x->rx.mask;
    uint32_t there = load_acquire(x->rx.producer) - at; /* releases: the kernel's descriptors */
    if (there < n) {
        if (PN_UNLIKELY(x->busy_poll || wants_kick(&x->fill))) {
            kick_receive(x);
            there = load_acquire(x->rx.producer) - at;
        }
        if (there < n)
            n = there;
    }
    const struct xdp_desc *desc = x->rx.entry;
    uint64_t bytes = x->buffer_bytes;
    for (uint32_t i = 0; i < n; i++) {
        const struct xdp_desc *d = &desc[(at + i) & mask];
        const uint8_t *data = x->area + d->addr;
        __builtin_prefetch(data);
        __builtin_prefetch(data + 64);
        out[i].data = data;
        out[i].caplen = d->len;
        out[i].len = d->len;
        out[i].link = IO_LINK_ETHERNET;
        out[i].reserved = 0;
        x->held_at[x->held + i] = d->addr & ~(bytes - 1);
    }
    x->held += n;
    x->rx.at = at + n;
    __atomic_store_n(&x->received, x->received + n, __ATOMIC_RELEASE);
    if (n)
        store_release(x->rx.consumer, x->rx.at);
    return n;
}

void xsk_recycle(struct xsk *x)
{
    uint32_t n = x->held;
    if (!n)
        return;
    /* There is always room: the ring has a place for every buffer that is ever put into it. */
    uint64_t *place = x->fill.entry;
    for (uint32_t i = 0; i < n; i++)
        place[(x->fill.at + i) & x->fill.mask] = x->held_at[i];
    x->fill.at += n;
    x->held = 0;
    store_release(x->fill.producer, x->fill.at);
}

/* Buffers that the kernel has sent can be used again. */
static void reap(struct xsk *x)
{
    const uint64_t *place = x->done.entry;
    uint32_t n = load_acquire(x->done.producer) - x->done.at;
    if (!n)
        return;
    for (uint32_t i = 0; i < n; i++)
        x->tx_buffer[x->tx_free++] = place[(x->done.at + i) & x->done.mask];
    x->done.at += n;
    store_release(x->done.consumer, x->done.at);
}

static void kick_send(struct xsk *x)
{
    for (uint32_t i = 0; i < KICKS_MAX; i++) {
        if (sendto(x->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) >= 0 || errno != EAGAIN)
            return;
        if (load_acquire(x->tx.consumer) == x->tx.at)
            return;
    }
}

uint32_t xsk_send(struct xsk *x, const struct io_frame *in, uint32_t n, uint64_t *too_long)
{
    uint32_t taken = 0, put = 0;
    reap(x);
    struct xdp_desc *desc = x->tx.entry;
    uint32_t room = x->tx.mask + 1 - (x->tx.at - load_acquire(x->tx.consumer));
    for (; taken < n; taken++) {
        const struct io_frame *f = &in[taken];
        if (PN_UNLIKELY(f->caplen > x->buffer_bytes || !f->caplen)) {
            (*too_long)++;
            continue;
        }
        if (put == room || !x->tx_free)
            break;
        uint64_t at = x->tx_buffer[--x->tx_free];
        memcpy(x->area + at, f->data, f->caplen);
        desc[(x->tx.at + put++) & x->tx.mask] = (struct xdp_desc){.addr = at, .len = f->caplen};
    }
    x->tx.at += put;
    x->sent += put;
    if (put)
        store_release(x->tx.producer, x->tx.at);
    if (load_acquire(x->tx.consumer) != x->tx.at && wants_kick(&x->tx))
        kick_send(x);
    return taken;
}
