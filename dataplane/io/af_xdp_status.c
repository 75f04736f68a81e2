/*
 * af_xdp_status.c - what an af_xdp port says of itself: drops by reason, and the statistics of
 * program, sockets, kernel and driver. May be asked by another thread than the one that polls.
 */
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "base/ticks.h"
#include "io/af_xdp.h"

/* Drops of one socket. In copy mode the kernel counts each frame without a buffer twice: as
 * dropped and as a look into an empty fill ring; what is dropped beyond that was too long. */
static void count_socket(const struct xsk *x, uint64_t drops[])
{
    struct xdp_statistics s;
    xsk_statistics(x, &s);
    uint64_t no_buffer = s.rx_fill_ring_empty_descs;
    if (x->zero_copy || no_buffer > s.rx_dropped)
        no_buffer = x->zero_copy ? 0 : s.rx_dropped;
    drops[PN_R_IO_RING_FULL] += s.rx_ring_full;
    drops[PN_R_IO_NO_BUFFER] += no_buffer;
    drops[PN_R_IO_FRAME_HUGE] += s.rx_dropped - no_buffer;
}

/*
 * Frames that went missing between program and sockets. Those of the kernel's present batch are
 * steered already and not yet in the ring, so what is missing counts as lost only when nothing was
 * steered for a while, or beyond what batches can hold.
 */
static void find_lost(struct af_xdp *a, uint64_t steered, uint64_t arrived)
{
    enum { QUIET_NS = 20000000, BATCH = 256 };
    uint64_t now = ticks_wall_ns(), missing = steered > arrived ? steered - arrived : 0;
    uint64_t on_the_way = (uint64_t)BATCH * a->queues;
    if (steered != a->steered_seen) {
        a->steered_seen = steered;
        a->steered_ns = now;
    }
    if (now - a->steered_ns < QUIET_NS)
        missing = missing > on_the_way ? missing - on_the_way : 0;
    if (missing > a->lost_between)
        a->lost_between = missing;
}

void af_xdp_count(struct af_xdp *a, struct steer_counters *seen, uint64_t drops[])
{
    struct steer_counters own;
    uint64_t arrived = 0;
    /* Steered frames first: none of them can then be missing from what is read later. */
    steer_device_count(a->device, a->queue_mask, &own);
    uint64_t steered = own.verdict[STEER_STEERED] - a->base_steered;
    for (uint32_t q = 0; q < a->queues; q++) {
        count_socket(&a->queue[q], drops);
        arrived += xsk_arrived(&a->queue[q]);
    }
    arrived += drops[PN_R_IO_RING_FULL] + drops[PN_R_IO_NO_BUFFER] + drops[PN_R_IO_FRAME_HUGE];
    find_lost(a, steered, arrived);
    drops[PN_R_IO_REDIRECT] = a->lost_between;
    *seen = (struct steer_counters){0};
    if (a->first_on_device) {
        steer_device_count(a->device, UINT64_MAX, seen);
        drops[PN_R_IO_NO_SOCKET] = seen->verdict[STEER_NO_SOCKET];
    }
    seen->verdict[STEER_STEERED] = steered;
}

static void add_program_xstats(const struct af_xdp *a, const struct steer_counters *seen,
                               struct pn_port_status *out)
{
    static const char *const names[STEER_VERDICTS] = {
        [STEER_STEERED] = "steered",           [STEER_NO_SOCKET] = "passed_no_socket",
        [STEER_OTHER_FLOW] = "passed_udp",     [STEER_NOT_UDP] = "passed_not_udp",
        [STEER_NOT_IP4] = "passed_not_ip4",    [STEER_FRAGMENT] = "passed_fragment",
        [STEER_MALFORMED] = "passed_malformed"};
    for (uint32_t v = 0; v < STEER_VERDICTS; v++) {
        if (names[v])
            netdev_add_xstat(out, names[v], seen->verdict[v]);
        if (v != STEER_STEERED)
            out->passed += seen->verdict[v];
    }
    netdev_add_xstat(out, "xdp_native", a->device->native);
    netdev_add_xstat(out, "xdp_native_errno", a->device->native_errno);
    netdev_add_xstat(out, "xdp_leftovers_removed", a->device->removed);
}

static void add_socket_xstats(const struct af_xdp *a, struct pn_port_status *out)
{
    struct xdp_statistics all = {0}, one;
    uint64_t waiting = 0, busy_poll = 1;
    for (uint32_t q = 0; q < a->queues; q++) {
        xsk_statistics(&a->queue[q], &one);
        all.rx_dropped += one.rx_dropped;
        all.rx_invalid_descs += one.rx_invalid_descs;
        all.tx_invalid_descs += one.tx_invalid_descs;
        all.rx_ring_full += one.rx_ring_full;
        all.rx_fill_ring_empty_descs += one.rx_fill_ring_empty_descs;
        all.tx_ring_empty_descs += one.tx_ring_empty_descs;
        waiting += xsk_waiting(&a->queue[q]);
        busy_poll &= a->queue[q].busy_poll;
    }
    netdev_add_xstat(out, "xsk_waiting", waiting);
    netdev_add_xstat(out, "xsk_rx_dropped", all.rx_dropped);
    netdev_add_xstat(out, "xsk_rx_ring_full", all.rx_ring_full);
    netdev_add_xstat(out, "xsk_rx_fill_ring_empty", all.rx_fill_ring_empty_descs);
    netdev_add_xstat(out, "xsk_rx_invalid_descs", all.rx_invalid_descs);
    netdev_add_xstat(out, "xsk_tx_invalid_descs", all.tx_invalid_descs);
    netdev_add_xstat(out, "xsk_tx_ring_empty", all.tx_ring_empty_descs);
    netdev_add_xstat(out, "xsk_tx_too_long", a->tx_too_long);
    netdev_add_xstat(out, "xsk_busy_poll", busy_poll);
}

/* What the device itself could not take in; the first port on it answers for that. */
static void count_device(const struct af_xdp *a, const struct rtnl_link_stats64 *s,
                         uint64_t drops[])
{
    const struct rtnl_link_stats64 *b = &a->base_link;
    if (!a->first_on_device)
        return;
    drops[PN_R_IO_DEVICE_MISSED] = s->rx_missed_errors - b->rx_missed_errors + s->rx_fifo_errors -
                                   b->rx_fifo_errors + s->rx_over_errors - b->rx_over_errors;
    drops[PN_R_IO_DEVICE_ERROR] = s->rx_crc_errors - b->rx_crc_errors + s->rx_frame_errors -
                                  b->rx_frame_errors + s->rx_length_errors - b->rx_length_errors;
}

void af_xdp_status(struct io_port *port, struct pn_port_status *out)
{
    struct af_xdp *a = (struct af_xdp *)port;
    struct netdev_info info = {0};
    struct steer_counters seen;
    memset(out, 0, sizeof *out);
    memcpy(out->name, a->cfg.name, sizeof out->name);
    memcpy(out->device, a->cfg.device, sizeof out->device);
    int rc = netdev_read(&a->netdev, &info, NULL);
    snprintf(out->driver, sizeof out->driver, "%.15s, %s XDP", info.driver,
             a->device->native ? "native" : "generic");
    out->kind = PN_PORT_AF_XDP;
    out->mode = PN_XDP_ZEROCOPY;
    out->hugepages = 1;
    for (uint32_t q = 0; q < a->queues; q++) {
        if (!a->queue[q].zero_copy)
            out->mode = PN_XDP_COPY;
        out->hugepages &= a->queue[q].hugepages;
    }
    out->queues = a->queues;
    out->link_up = (info.flags & (IFF_UP | IFF_RUNNING)) == (IFF_UP | IFF_RUNNING);
    out->speed_mbps = info.speed_mbps;
    out->mtu = info.mtu;
    out->rx_frames = a->rx_frames;
    out->rx_bytes = a->rx_bytes;
    out->tx_frames = a->tx_frames;
    out->tx_bytes = a->tx_bytes;
    out->polls = a->polls;
    out->empty_polls = a->empty_polls;
    af_xdp_count(a, &seen, out->drops);
    add_program_xstats(a, &seen, out);
    add_socket_xstats(a, out);
    if (rc == 0) {
        count_device(a, &info.stats, out->drops);
        netdev_xstats(&a->netdev, &info, out);
    }
}
