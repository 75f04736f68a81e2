/*
 * dpdk_device.c - devices: found by name or made, set up for all ports that will use them, started,
 * and stopped with the last of these. A stopped device stays with us, so that its ports can be
 * opened again, and is given back by io_dpdk_stop.
 */
#include <errno.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_flow.h>
#include <stdio.h>
#include <string.h>

#include "io/dpdk_internal.h"

enum { RING_DEFAULT = 1024, TX_RING_DEFAULT = 512, POOL_CACHE = 256, ROOM_MIN = 2048 };

static struct dpdk_device devices[DPDK_DEVICES_MAX];
static uint32_t device_count;
static struct rte_mempool *all_pools[DPDK_DEVICES_MAX * DPDK_QUEUES_MAX * 4];
static uint32_t all_pools_count;

/* What a device is set up for. */
struct setup {
    const struct pn_port_config *port[PN_PORTS_MAX];
    uint32_t ports;
    uint32_t queues;
    uint32_t rx_ring, tx_ring;
    uint32_t mtu;
    bool hw_time;
    struct rte_eth_dev_info info;
    struct rte_eth_conf conf;
};

static const struct pn_port_config *port_of(const struct setup *s, uint32_t queue)
{
    for (uint32_t i = 0; i < s->ports; i++) {
        uint32_t queues = s->port[i]->queues ? s->port[i]->queues : 1;
        if (queue >= s->port[i]->queue && queue < s->port[i]->queue + queues)
            return s->port[i];
    }
    return s->port[0];
}

/* What the driver has said, or else what its code means. */
static const char *detail(int rc)
{
    const char *line = dpdk_heard("(): ");
    return *line ? line : rte_strerror(-rc);
}

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* The ports of this device: those that io_dpdk_start was told of, or the one alone. */
static int gather(struct setup *s, const struct pn_port_config *cfg, struct error *e)
{
    uint32_t planned;
    const struct pn_port_config *plan = dpdk_plan(&planned);
    for (uint32_t i = 0; i < planned; i++)
        if (plan[i].kind == PN_PORT_DPDK && strcmp(plan[i].device, cfg->device) == 0)
            s->port[s->ports++] = &plan[i];
    if (!s->ports)
        s->port[s->ports++] = cfg;
    for (uint32_t i = 0; i < s->ports; i++) {
        const struct pn_port_config *p = s->port[i];
        s->queues = larger(s->queues, p->queue + (p->queues ? p->queues : 1u));
        s->rx_ring = larger(s->rx_ring, p->rx_ring);
        s->tx_ring = larger(s->tx_ring, p->tx_ring);
        s->mtu = larger(s->mtu, p->mtu);
        s->hw_time |= p->hw_time != 0;
        for (uint32_t k = 0; k < i; k++)
            if (p->queue < s->port[k]->queue + larger(s->port[k]->queues, 1) &&
                s->port[k]->queue < p->queue + larger(p->queues, 1))
                return error_set(e, -EINVAL, "port %s: its queues of %s are those of port %s too",
                                 p->name, p->device, s->port[k]->name);
    }
    return 0;
}

/* Buffers for frames of an MTU of so many bytes. */
static struct rte_mempool *new_pool(struct dpdk_device *d, const char *what, uint32_t count,
                                    uint32_t bytes)
{
    char name[RTE_MEMPOOL_NAMESIZE];
    if (all_pools_count == sizeof all_pools / sizeof *all_pools) {
        rte_errno = ENOSPC;
        return NULL;
    }
    snprintf(name, sizeof name, "pn%u_%s%u", (unsigned)(d - devices), what, d->pools++);
    uint32_t room = larger(bytes + DPDK_OVERHEAD, ROOM_MIN) + RTE_PKTMBUF_HEADROOM;
    room = (room - RTE_PKTMBUF_HEADROOM + 1023) / 1024 * 1024 + RTE_PKTMBUF_HEADROOM;
    uint32_t cache = count / 4 < POOL_CACHE ? count / 4 : POOL_CACHE;
    struct rte_mempool *pool = rte_pktmbuf_pool_create(name, count, cache, 0, (uint16_t)room,
                                                       rte_eth_dev_socket_id(d->id));
    if (pool)
        all_pools[all_pools_count++] = pool;
    return pool;
}

static int no_pool(const struct pn_port_config *cfg, uint32_t count, struct error *e)
{
    return error_set(e, -rte_errno,
                     "port %s: no memory for %u buffers (%s); reserve more hugepages with sudo "
                     "scripts/setup_host.sh, or lower its buffers",
                     cfg->name, count, rte_strerror(rte_errno));
}

static int check(struct dpdk_device *d, struct setup *s, struct error *e)
{
    const struct rte_eth_dev_info *info = &s->info;
    const char *name = s->port[0]->name;
    uint16_t rx = (uint16_t)(s->rx_ring ? s->rx_ring : RING_DEFAULT);
    uint16_t tx = (uint16_t)(s->tx_ring ? s->tx_ring : TX_RING_DEFAULT), mtu = 0;
    if (s->queues > info->max_rx_queues || s->queues > DPDK_QUEUES_MAX)
        return error_set(e, -EINVAL, "port %s: %s has %u receive queues, not %u", name, d->name,
                         info->max_rx_queues, s->queues);
    d->queues = (uint16_t)s->queues;
    d->tx_queues = info->max_tx_queues < d->queues ? info->max_tx_queues : d->queues;
    if (s->mtu && (s->mtu < info->min_mtu || (info->max_mtu && s->mtu > info->max_mtu)))
        return error_set(e, -EINVAL, "port %s: %s allows an MTU of %u to %u, not %u", name, d->name,
                         info->min_mtu, info->max_mtu, s->mtu);
    if (!s->mtu && rte_eth_dev_get_mtu(d->id, &mtu) == 0)
        s->mtu = info->max_mtu && mtu > info->max_mtu ? info->max_mtu : mtu;
    if (!s->mtu)
        s->mtu = RTE_ETHER_MTU;
    if (rte_eth_dev_adjust_nb_rx_tx_desc(d->id, &rx, &tx) != 0)
        return error_set(e, -EINVAL, "port %s: %s has no rings of %u and %u descriptors", name,
                         d->name, rx, tx);
    s->rx_ring = rx;
    s->tx_ring = tx;
    return 0;
}

static int configure(struct dpdk_device *d, struct setup *s, struct error *e)
{
    const struct rte_eth_dev_info *info = &s->info;
    struct rte_eth_conf *conf = &s->conf;
    memset(&d->clock, 0, sizeof d->clock);
    if (s->hw_time)
        dpdk_clock_ask(d, info, conf);
    conf->rxmode.mtu = s->mtu;
    d->rss = s->queues > 1 && s->ports == 1 && info->flow_type_rss_offloads;
    if (d->rss) {
        conf->rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
        conf->rx_adv_conf.rss_conf.rss_hf =
            info->flow_type_rss_offloads & (RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP);
    }
    /* A driver with kernel traffic beside ours takes only what its rules say. */
    if (strncmp(info->driver_name, "mlx5", 4) == 0) {
        struct rte_flow_error why;
        d->isolated = rte_flow_isolate(d->id, 1, &why) == 0;
    }
    int rc = rte_eth_dev_configure(d->id, d->queues, d->tx_queues, conf);
    if (rc)
        return error_set(e, rc, "port %s: %s cannot be set up with %u queues: %s", s->port[0]->name,
                         d->name, d->queues, detail(rc));
    d->mtu = s->mtu;
    d->tx_ring = s->tx_ring;
    return 0;
}

/* A pool that is there already is used again where it is of the right size. */
static int make_pool(struct dpdk_device *d, const struct setup *s, uint16_t queue, struct error *e)
{
    const struct pn_port_config *cfg = port_of(s, queue);
    uint32_t least = s->rx_ring + 2 * IO_BURST_MAX, bytes = larger(s->mtu, cfg->buffer_bytes);
    uint32_t count = cfg->buffers ? cfg->buffers : 2 * least;
    struct rte_mempool *pool = d->pool[queue];
    if (count < least)
        return error_set(e, -EINVAL,
                         "port %s: %u buffers are too few for a ring of %u; at least "
                         "%u",
                         cfg->name, count, s->rx_ring, least);
    if (pool && pool->size == count && rte_pktmbuf_data_room_size(pool) >= bytes + DPDK_OVERHEAD)
        return 0;
    d->pool[queue] = new_pool(d, "rx", count, bytes);
    return d->pool[queue] ? 0 : no_pool(cfg, count, e);
}

struct rte_mempool *dpdk_tx_pool(struct dpdk_device *d, uint16_t queue)
{
    uint32_t count = 2 * (d->tx_ring + IO_BURST_MAX);
    struct rte_mempool *pool = d->tx_pool[queue];
    if (!pool || pool->size < count || rte_pktmbuf_data_room_size(pool) < d->mtu + DPDK_OVERHEAD)
        d->tx_pool[queue] = new_pool(d, "tx", count, d->mtu);
    return d->tx_pool[queue];
}

static int set_queues(struct dpdk_device *d, const struct setup *s, struct error *e)
{
    int socket = rte_eth_dev_socket_id(d->id), rc = 0;
    struct rte_eth_rxconf rx = s->info.default_rxconf;
    struct rte_eth_txconf tx = s->info.default_txconf;
    rx.offloads = s->conf.rxmode.offloads;
    tx.offloads = s->conf.txmode.offloads;
    for (uint16_t q = 0; q < d->queues; q++) {
        rc = make_pool(d, s, q, e);
        if (rc)
            return rc;
        rc = rte_eth_rx_queue_setup(d->id, q, (uint16_t)s->rx_ring, (unsigned)socket, &rx,
                                    d->pool[q]);
        if (rc)
            return error_set(e, rc, "port %s: receive queue %u of %s: %s", s->port[0]->name, q,
                             d->name, detail(rc));
    }
    for (uint16_t q = 0; q < d->tx_queues; q++) {
        rc = rte_eth_tx_queue_setup(d->id, q, (uint16_t)s->tx_ring, (unsigned)socket, &tx);
        if (rc)
            return error_set(e, rc, "port %s: send queue %u of %s: %s", s->port[0]->name, q,
                             d->name, detail(rc));
    }
    return 0;
}

static int set_up(struct dpdk_device *d, const struct pn_port_config *cfg, struct error *e)
{
    struct setup s = {0};
    int rc = rte_eth_dev_info_get(d->id, &s.info);
    if (rc)
        return error_set(e, rc, "port %s: %s says nothing of itself: %s", cfg->name, d->name,
                         detail(rc));
    d->driver = s.info.driver_name;
    rc = gather(&s, cfg, e);
    rc = rc ? rc : check(d, &s, e);
    rc = rc ? rc : configure(d, &s, e);
    rc = rc ? rc : set_queues(d, &s, e);
    if (rc)
        return rc;
    rc = rte_eth_dev_start(d->id);
    if (rc)
        return error_set(e, rc, "port %s: %s does not start: %s", cfg->name, d->name, detail(rc));
    rc = dpdk_steer(d, s.port, s.ports, e);
    if (rc) {
        rte_eth_dev_stop(d->id);
        return rc;
    }
    dpdk_clock_start(d);
    rte_eth_stats_reset(d->id);
    return 0;
}

/* Finds the device with DPDK, or has it made or probed. */
static int attach(struct dpdk_device *d, const struct pn_port_config *cfg, struct error *e)
{
    char name[PN_DEVICE_LEN];
    snprintf(name, sizeof name, "%s%.*s",
             dpdk_is_pci(cfg->device) && strcspn(cfg->device, ",") < 12 ? "0000:" : "",
             (int)strcspn(cfg->device, ","), cfg->device);
    int rc = 0;
    if (rte_eth_dev_get_port_by_name(name, &d->id) != 0) {
        rc = rte_dev_probe(cfg->device);
        if (rc != 0 || rte_eth_dev_get_port_by_name(name, &d->id) != 0)
            return dpdk_why_no_device(cfg, rc, e);
        d->made = !dpdk_is_pci(cfg->device);
    }
    d->gone = false;
    return 0;
}

static int find(struct dpdk_device **out, const struct pn_port_config *cfg, struct error *e)
{
    for (uint32_t i = 0; i < device_count; i++) {
        if (strcmp(devices[i].name, cfg->device) == 0) {
            *out = &devices[i];
            return devices[i].gone ? attach(&devices[i], cfg, e) : 0;
        }
    }
    if (device_count == DPDK_DEVICES_MAX)
        return error_set(e, -ENOSPC, "port %s: more than %d DPDK devices", cfg->name,
                         DPDK_DEVICES_MAX);
    struct dpdk_device *d = &devices[device_count];
    memset(d, 0, sizeof *d);
    int rc = attach(d, cfg, e);
    if (rc)
        return rc;
    snprintf(d->name, sizeof d->name, "%s", cfg->device);
    device_count++;
    *out = d;
    return 0;
}

int dpdk_device_get(struct dpdk_device **out, const struct pn_port_config *cfg, struct error *e)
{
    struct dpdk_device *d = NULL;
    dpdk_listen_begin();
    int rc = find(&d, cfg, e);
    if (rc == 0 && d->users == 0)
        rc = set_up(d, cfg, e);
    dpdk_listen_end();
    if (rc)
        return rc;
    if (cfg->queue + (cfg->queues ? cfg->queues : 1u) > d->queues) {
        if (d->users == 0)
            rte_eth_dev_stop(d->id);
        return error_set(e, -EBUSY, "port %s: %s runs with %u queues already", cfg->name, d->name,
                         d->queues);
    }
    d->users++;
    *out = d;
    return 0;
}

/* What a device still holds of frames is given back, so that the next user does not get it. */
static void drain(const struct dpdk_device *d)
{
    enum { BURST = 32, BURSTS_MAX = 4096 };
    struct rte_mbuf *mbuf[BURST];
    for (uint16_t queue = 0; queue < d->queues; queue++) {
        for (uint32_t i = 0, n = BURST; i < BURSTS_MAX && n; i++) {
            n = rte_eth_rx_burst(d->id, queue, mbuf, BURST);
            rte_pktmbuf_free_bulk(mbuf, n);
        }
    }
}

/* Stopped; a virtual device goes altogether, since not each can be set up a second time. */
void dpdk_device_put(struct dpdk_device *d)
{
    struct rte_eth_dev_info info;
    if (--d->users)
        return;
    if (d->made)
        drain(d);
    rte_eth_dev_stop(d->id);
    if (!d->made || rte_eth_dev_info_get(d->id, &info) != 0)
        return;
    rte_eth_dev_close(d->id);
    (void)rte_dev_remove(info.device);
    d->gone = true;
}

void dpdk_devices_close(void)
{
    for (uint32_t i = 0; i < device_count; i++) {
        if (devices[i].gone)
            continue;
        if (devices[i].users)
            rte_eth_dev_stop(devices[i].id);
        rte_eth_dev_close(devices[i].id);
    }
    for (uint32_t i = 0; i < all_pools_count; i++)
        rte_mempool_free(all_pools[i]);
    device_count = all_pools_count = 0;
}
