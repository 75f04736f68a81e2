/*
 * fixture_dpdk.c - a DPDK port for the conformance test: net_ring, which hands out what it is sent.
 * net_af_xdp cannot be set up twice in one process (libxdp 1.3 leaves its program behind there), so
 * it is tried in processes of its own, by test_dpdk.py.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fixture.h"
#include "io/dpdk.h"

static int started;

static int start(const struct pn_port_config *port)
{
    struct error e;
    if (started)
        return 0;
    if (io_dpdk_start("--no-huge\n-m 256\n", port, 1, -1, &e) != 0) {
        printf("skip: %s\n", e.text);
        return FIXTURE_SKIP;
    }
    started = 1;
    return 0;
}

static struct pn_port_config ring_config(const struct fixture *f)
{
    return (struct pn_port_config){.name = "feed",
                                   .device = "net_ring0",
                                   .kind = PN_PORT_DPDK,
                                   .queues = 1,
                                   .rx_ring = 1024,
                                   .tx_ring = 1024,
                                   .buffers = 4096,
                                   .buffer_bytes = 2048};
}

int ring_begin(const struct fixture *f)
{
    struct pn_port_config c = ring_config(f);
    return start(&c);
}

int ring_open(const struct fixture *f, struct io_port **out, struct error *e)
{
    struct pn_port_config c = ring_config(f);
    return io_open(out, &c, 3, e);
}

/* The device loops back: what the port sends, it receives. */
int ring_put(struct io_port *port, const struct test_frame *frame)
{
    const struct io_frame f = {
        .data = frame->data, .caplen = frame->len, .len = frame->len, .link = IO_LINK_ETHERNET};
    return port->ops->tx_burst(port, &f, 1) == 1 ? 0 : -ENOSPC;
}

void dpdk_end(void)
{
    if (started)
        io_dpdk_stop();
    started = 0;
}
