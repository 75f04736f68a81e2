/*
 * af_xdp_open.c - opening an af_xdp port. Every refusal is one line that begins with the interface
 * and ends with what to do.
 */
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>

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
