/*
 * dpdk_steer.c - what a device takes and where it puts it: multicast filters, or all of it where
 * it has too few; rules that lead each configured flow to the queue of its port, or hashing over
 * the queues of one port where there are no rules. The device has started.
 */
#include <errno.h>
#include <rte_errno.h>
#include <rte_flow.h>
#include <string.h>

#include "io/dpdk_internal.h"

static bool same_mac(const struct rte_ether_addr *a, const struct rte_ether_addr *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

/* The groups' addresses on Ethernet, each once (32 groups share one). */
static uint32_t group_macs(const struct pn_port_config *const *ports, uint32_t count,
                           struct rte_ether_addr *out, bool *any)
{
    uint32_t n = 0;
    for (uint32_t p = 0; p < count; p++) {
        for (uint32_t i = 0; i < ports[p]->steers && i < PN_STEERS_MAX; i++) {
            const struct pn_steer *s = &ports[p]->steer[i];
            uint32_t group = rte_be_to_cpu_32(s->group_be), k = 0;
            *any |= s->group_be == 0;
            if (!s->multicast || group >> 28 != 0xe)
                continue;
            struct rte_ether_addr mac = {
                {0x01, 0x00, 0x5e, (group >> 16) & 0x7f, (group >> 8) & 0xff, group & 0xff}};
            while (k < n && !same_mac(&out[k], &mac))
                k++;
            if (k == n)
                out[n++] = mac;
        }
    }
    return n;
}

static void take_multicast(struct dpdk_device *d, const struct pn_port_config *const *ports,
                           uint32_t count)
{
    struct rte_ether_addr mac[PN_PORTS_MAX * PN_STEERS_MAX];
    bool any = false;
    uint32_t n = group_macs(ports, count, mac, &any), steers = 0;
    for (uint32_t p = 0; p < count; p++)
        steers += ports[p]->steers;
    if (n && !any && rte_eth_dev_set_mc_addr_list(d->id, mac, n) == 0) {
        d->mc_filters = n;
        return;
    }
    if (steers && !n && !any)
        return; /* unicast alone */
    d->all_multicast = rte_eth_allmulticast_enable(d->id) == 0;
    if (!d->all_multicast) /* virtual devices take everything anyway */
        d->promiscuous |= rte_eth_promiscuous_enable(d->id) == 0;
}

static int lead(struct dpdk_device *d, const struct pn_steer *s, uint16_t queue, bool try,
                struct rte_flow_error *why)
{
    static const struct rte_flow_item_ipv4 address = {.hdr.dst_addr = UINT32_MAX};
    static const struct rte_flow_item_udp port = {.hdr.dst_port = UINT16_MAX};
    struct rte_flow_item_ipv4 ip = {.hdr.dst_addr = s->group_be};
    struct rte_flow_item_udp udp = {.hdr.dst_port = rte_cpu_to_be_16(s->port)};
    struct rte_flow_action_queue to = {.index = queue};
    const struct rte_flow_attr attr = {.ingress = 1};
    const struct rte_flow_item pattern[] = {
        {.type = RTE_FLOW_ITEM_TYPE_ETH},
        {.type = RTE_FLOW_ITEM_TYPE_IPV4,
         .spec = s->group_be ? &ip : NULL,
         .mask = s->group_be ? &address : NULL},
        {.type = RTE_FLOW_ITEM_TYPE_UDP,
         .spec = s->port ? &udp : NULL,
         .mask = s->port ? &port : NULL},
        {.type = RTE_FLOW_ITEM_TYPE_END},
    };
    const struct rte_flow_action actions[] = {
        {.type = RTE_FLOW_ACTION_TYPE_QUEUE, .conf = &to},
        {.type = RTE_FLOW_ACTION_TYPE_END},
    };
    if (try)
        return rte_flow_validate(d->id, &attr, pattern, actions, why);
    return rte_flow_create(d->id, &attr, pattern, actions, why) ? 0 : -rte_errno;
}

/* A rule for every flow, or none at all. */
static int lead_all(struct dpdk_device *d, const struct pn_port_config *const *ports,
                    uint32_t count, struct rte_flow_error *why)
{
    for (int try = 1; try >= 0; try--) {
        for (uint32_t p = 0; p < count; p++) {
            for (uint32_t i = 0; i < ports[p]->steers; i++) {
                uint16_t queues = ports[p]->queues ? ports[p]->queues : 1;
                uint16_t queue = (uint16_t)(ports[p]->queue + i % queues);
                int rc = lead(d, &ports[p]->steer[i], queue, try != 0, why);
                if (rc) {
                    struct rte_flow_error flushed;
                    rte_flow_flush(d->id, &flushed);
                    d->flow_rules = 0;
                    return rc;
                }
                d->flow_rules += !try;
            }
        }
    }
    return 0;
}

int dpdk_steer(struct dpdk_device *d, const struct pn_port_config *const *ports, uint32_t count,
               struct error *e)
{
    struct rte_flow_error why = {.message = "not supported"};
    uint32_t silent = 0;
    int rc = 0;
    d->flow_rules = d->mc_filters = 0;
    d->all_multicast = d->promiscuous = false;
    for (uint32_t p = 0; p < count; p++) {
        silent += ports[p]->steers == 0;
        d->promiscuous |= ports[p]->promiscuous != 0;
    }
    if (d->promiscuous && rte_eth_promiscuous_enable(d->id) != 0)
        return error_set(e, -ENOTSUP, "port %s: %s has no promiscuous mode", ports[0]->name,
                         d->name);
    take_multicast(d, ports, count);
    if (d->queues == 1 && !d->isolated)
        return 0; /* everything goes to the one queue */
    if (!silent)
        rc = lead_all(d, ports, count, &why);
    if (count > 1 && (silent || rc))
        return error_set(e, -ENOTSUP,
                         "port %s: %s cannot lead flows to queues (%s); give all its queues to "
                         "one port",
                         ports[0]->name, d->name, silent ? "a port names no flows" : why.message);
    return 0;
}
