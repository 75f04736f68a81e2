/*
 * xsk.h - one AF_XDP socket on one device queue: its buffers (UMEM), its four rings, and the calls
 * that move frames. linux/if_xdp.h and Documentation/networking/af_xdp.rst of the kernel.
 *
 * One thread. A received frame stays where the kernel put it until xsk_recycle gives its buffer
 * back. Nothing here allocates, locks or calls the system after xsk_open but the kicks, which ask
 * the kernel to go on where it says that it needs to be asked.
 */
#ifndef PN_IO_XSK_H
#define PN_IO_XSK_H

#include <linux/if_xdp.h>
#include <stdint.h>

#include "base/bits.h"
#include "io/io.h"

/* The kernel keeps this much in front of each frame (XDP_PACKET_HEADROOM). */
enum { XSK_HEADROOM = 256 };

struct xsk_ring {
    uint32_t *producer, *consumer, *flags; /* shared with the kernel */
    void *entry;
    uint32_t mask;
    uint32_t at; /* our own end */
    void *map;
    uint64_t map_bytes;
};

struct xsk_config {
    const char *device;
    uint32_t ifindex;
    uint32_t queue;
    uint32_t mode; /* enum pn_xdp_mode */
    uint32_t rx_ring, tx_ring, buffers, buffer_bytes;
    uint32_t busy_poll_us;
    uint32_t need_hugepages;
};

struct xsk {
    int fd;
    uint32_t queue;
    uint32_t buffer_bytes;
    uint32_t zero_copy; /* as obtained */
    uint32_t hugepages;
    uint32_t busy_poll;

    uint8_t *area;
    uint64_t area_bytes;
    struct xsk_ring rx, fill, tx, done;

    uint32_t held; /* frames that the caller still looks at */
    uint64_t held_at[IO_BURST_MAX];

    uint32_t tx_free; /* buffers that can be sent from */
    uint64_t *tx_buffer;

    uint64_t received; /* taken from the receive ring */
    uint64_t sent;
};

int xsk_open(struct xsk *x, const struct xsk_config *cfg, struct error *e);
void xsk_close(struct xsk *x);
/* What the kernel has counted; zeros when it does not say. */
void xsk_statistics(const struct xsk *x, struct xdp_statistics *out);
/* Frames that ever came into the receive ring, and those that are in it now; from any thread. */
uint64_t xsk_arrived(const struct xsk *x);
uint32_t xsk_waiting(const struct xsk *x);

/* Up to n frames; the time and input are the caller's to set. */
uint32_t xsk_receive(struct xsk *x, struct io_frame *out, uint32_t n);
/* Frames that were handed out are not looked at any more. */
void xsk_recycle(struct xsk *x);
/* Copies up to n frames into buffers and has them sent; returns how many had room. */
uint32_t xsk_send(struct xsk *x, const struct io_frame *in, uint32_t n, uint64_t *too_long);

#endif
