/*
 * af_xdp.c - the af_xdp port: queues of one network device, whose wanted flows the steering
 * program (bpf/) brings here past the kernel's network stack. Owns the sockets and their buffers;
 * shares the program with other ports of this process on the same device.
 *
 * Every steered frame is handed out, waits in a ring, or is counted under one reason, so that
 * steered = handed out + waiting + drops. Opening is af_xdp_open.c's, counting af_xdp_status.c's.
 *
 * rx_burst and tx_burst belong to one thread; another one may ask for stats and status meanwhile.
 */
#include "io/af_xdp.h"

#include <stdlib.h>

static uint32_t af_xdp_rx(struct io_port *port, struct io_frame *out, uint32_t n)
{
    struct af_xdp *a = (struct af_xdp *)port;
    uint32_t made = 0;
    if (PN_UNLIKELY(n > IO_BURST_MAX))
        n = IO_BURST_MAX;
    /* Queues take turns at being first, so that a busy one starves no other. */
    uint32_t q = a->next;
    for (uint32_t i = 0; i < a->queues; i++) {
        struct xsk *x = &a->queue[q];
        xsk_recycle(x);
        if (made < n)
            made += xsk_receive(x, out + made, n - made);
        q = q + 1 == a->queues ? 0 : q + 1;
    }
    a->next = a->next + 1 >= a->queues ? 0 : a->next + 1;
    uint64_t now = port->now_ns, bytes = 0;
    uint16_t input = port->input;
    for (uint32_t i = 0; i < made; i++) {
        out[i].ts_ns = now;
        out[i].input = input;
        bytes += out[i].len;
    }
    a->rx_frames += made;
    a->rx_bytes += bytes;
    a->polls++;
    a->empty_polls += made == 0;
    return made;
}

static uint32_t af_xdp_tx(struct io_port *port, const struct io_frame *in, uint32_t n)
{
    struct af_xdp *a = (struct af_xdp *)port;
    uint64_t too_long = a->tx_too_long;
    uint32_t taken = xsk_send(&a->queue[0], in, n, &a->tx_too_long);
    a->tx_frames += taken - (a->tx_too_long - too_long);
    for (uint32_t i = 0; i < taken; i++)
        if (in[i].caplen <= a->queue[0].buffer_bytes)
            a->tx_bytes += in[i].caplen;
    return taken;
}

static void af_xdp_stats(struct io_port *port, struct io_stats *out)
{
    struct af_xdp *a = (struct af_xdp *)port;
    struct steer_counters seen;
    *out = (struct io_stats){.rx_frames = a->rx_frames,
                             .rx_bytes = a->rx_bytes,
                             .tx_frames = a->tx_frames,
                             .tx_bytes = a->tx_bytes};
    af_xdp_count(a, &seen, out->drops);
}

static void af_xdp_close(struct io_port *port)
{
    struct af_xdp *a = (struct af_xdp *)port;
    if (a->device) {
        (void)steer_device_flows(a->device, a->cfg.steer, a->cfg.steers, a->queue_mask, 0, NULL);
        /* The program goes first: frames that come from here on belong to the kernel. */
        steer_device_put(a->device);
    }
    for (uint32_t q = 0; q < a->queues; q++)
        xsk_close(&a->queue[q]);
    netdev_close(&a->netdev);
    free(a->queue);
    free(a);
}

const struct io_ops af_xdp_ops = {
    .name = "af_xdp",
    .open = af_xdp_open,
    .rx_burst = af_xdp_rx,
    .tx_burst = af_xdp_tx,
    .stats = af_xdp_stats,
    .status = af_xdp_status,
    .close = af_xdp_close,
};
