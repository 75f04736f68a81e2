/*
 * af_xdp_open.c - opening an af_xdp port, and what it says of itself. Every refusal is one line
 * that begins with the interface and ends with what to do.
 */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/af_xdp.h"

enum {
    ETHERNET_AND_TAGS = 14 + 2 * 4,
    RING_MAX = 1 << 17,
    BUFFER_SMALL = 2048,
    BUFFER_LARGE = 4096
};

static int is_power_of_2(uint32_t v)
{
    return v != 0 && (v & (v - 1)) == 0;
}

static int check_config(const struct pn_port_config *c, struct error *e)
{
    const struct {
        const char *name;
        uint32_t value;
    } rings[] = {{"rx_ring", c->rx_ring}, {"tx_ring", c->tx_ring}, {"buffers", c->buffers}};
    for (size_t i = 0; i < sizeof rings / sizeof *rings; i++)
        if (!is_power_of_2(rings[i].value) || rings[i].value > RING_MAX)
            return error_set(e, -EINVAL, "port %s: %s must be a power of two up to %d, not %u",
                             c->name, rings[i].name, RING_MAX, rings[i].value);
    if (c->buffer_bytes != BUFFER_SMALL && c->buffer_bytes != BUFFER_LARGE)
        return error_set(e, -EINVAL, "port %s: buffer_bytes must be %d or %d, not %u", c->name,
                         BUFFER_SMALL, BUFFER_LARGE, c->buffer_bytes);
    if (c->mode > PN_XDP_COPY)
        return error_set(e, -EINVAL, "port %s: unknown mode %u", c->name, c->mode);
    if (!c->queues || c->queue + c->queues > STEER_QUEUES)
        return error_set(e, -EINVAL, "port %s: queues must be 0 to %d, not %u to %d", c->name,
                         STEER_QUEUES - 1, c->queue, c->queue + c->queues - 1);
    if (!c->steers || c->steers > PN_STEERS_MAX)
        return error_set(e, -EINVAL, "port %s: give 1 to %d flows to take, not %u", c->name,
                         PN_STEERS_MAX, c->steers);
    return 0;
}

static int check_device(struct af_xdp *a, struct netdev_info *info, struct error *e)
{
    const struct pn_port_config *c = &a->cfg;
    const char *name = a->netdev.name;
    uint32_t longest = c->buffer_bytes - XSK_HEADROOM - ETHERNET_AND_TAGS;
    uint32_t mtu = c->mtu ? c->mtu : info->mtu;
    if (!(info->flags & IFF_UP))
        return error_set(e, -ENETDOWN, "%s is down; ip link set %s up", name, name);
    if (mtu > longest)
        return error_set(e, -EMSGSIZE,
                         "%s: an MTU of %u is too large for buffers of %u bytes, which hold %u; "
                         "%s",
                         name, mtu, c->buffer_bytes, longest,
                         c->buffer_bytes == BUFFER_SMALL ? "set buffer_bytes: 4096 or lower the MTU"
                                                         : "lower the MTU");
    if (info->queues && c->queue + c->queues > info->queues)
        return error_set(e, -EINVAL,
                         "%s has no queue %d, only 0 to %u; ethtool -L %s combined %d makes more "
                         "where the device can",
                         name, c->queue + c->queues - 1, info->queues - 1, name,
                         c->queue + c->queues);
    if (c->mtu && c->mtu != info->mtu)
        return netdev_set_mtu(&a->netdev, info->mtu, c->mtu, e);
    return 0;
}

static int open_queues(struct af_xdp *a, const struct netdev_info *info, struct error *e)
{
    const struct pn_port_config *c = &a->cfg;
    a->queue = calloc(c->queues, sizeof *a->queue);
    if (!a->queue)
        return error_set(e, -ENOMEM, "%s: out of memory", a->netdev.name);
    for (uint32_t q = 0; q < c->queues; q++) {
        const struct xsk_config x = {.device = a->netdev.name,
                                     .ifindex = info->ifindex,
                                     .queue = c->queue + q,
                                     .mode = c->mode,
                                     .rx_ring = c->rx_ring,
                                     .tx_ring = c->tx_ring,
                                     .buffers = c->buffers,
                                     .buffer_bytes = c->buffer_bytes,
                                     .busy_poll_us = c->busy_poll_us,
                                     .need_hugepages = c->need_hugepages};
        int rc = xsk_open(&a->queue[q], &x, e);
        if (rc != 0)
            return rc;
        a->queues++;
        a->queue_mask |= 1ull << x.queue;
        rc = steer_device_socket(a->device, x.queue, a->queue[q].fd, e);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int join_all(struct af_xdp *a, uint32_t ifindex, struct error *e)
{
    int rc = 0;
    for (uint32_t i = 0; i < a->cfg.steers && rc == 0; i++)
        if (a->cfg.steer[i].multicast && a->cfg.steer[i].group_be)
            rc = netdev_join(&a->netdev, ifindex, a->cfg.steer[i].group_be, e);
    if (rc == 0 && a->cfg.promiscuous)
        rc = netdev_promiscuous(&a->netdev, ifindex, e);
    return rc;
}

static void take_bases(struct af_xdp *a, const struct netdev_info *info)
{
    struct steer_counters before;
    steer_device_count(a->device, a->queue_mask, &before);
    a->base_steered = before.verdict[STEER_STEERED];
    a->base_link = info->stats;
    a->first_on_device = a->device->users == 1;
}

static int open_all(struct af_xdp *a, struct error *e)
{
    struct netdev_info info;
    int rc = check_config(&a->cfg, e);
    if (rc == 0)
        rc = netdev_open(&a->netdev, a->cfg.device, e);
    if (rc == 0)
        rc = netdev_read(&a->netdev, &info, e);
    if (rc == 0)
        rc = check_device(a, &info, e);
    if (rc == 0)
        rc = steer_device_get(&a->device, a->netdev.name, info.ifindex, e);
    if (rc == 0)
        rc = open_queues(a, &info, e);
    if (rc != 0)
        return rc;
    take_bases(a, &info);
    rc = steer_device_flows(a->device, a->cfg.steer, a->cfg.steers, a->queue_mask, 1, e);
    if (rc == 0)
        rc = steer_device_attach(a->device, e);
    if (rc == 0)
        rc = join_all(a, info.ifindex, e);
    return rc;
}

int af_xdp_open(struct io_port **out, const struct pn_port_config *cfg, uint16_t input,
                struct error *e)
{
    struct af_xdp *a = calloc(1, sizeof *a);
    if (!a)
        return error_set(e, -ENOMEM, "port %s: out of memory", cfg->name);
    a->port.ops = &af_xdp_ops;
    a->port.input = input;
    a->cfg = *cfg;
    a->netdev.route = a->netdev.control = a->netdev.promiscuous = -1;
    int rc = open_all(a, e);
    if (rc != 0) {
        af_xdp_ops.close(&a->port);
        return rc;
    }
    *out = &a->port;
    return 0;
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
