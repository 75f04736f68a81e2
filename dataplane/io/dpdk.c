/*
 * dpdk.c - a port over queues of a DPDK device (see dpdk_device.c for the device itself). Owns the
 * buffers that it has handed out until the next rx_burst. One thread polls a port; the first poll
 * registers it with DPDK, so that it has a buffer cache of its own.
 */
#include <errno.h>
#include <rte_eal.h>
#include <rte_lcore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "io/dpdk.h"
#include "io/dpdk_internal.h"

struct dpdk {
    struct io_port port;
    struct dpdk_device *device;
    char name[24];
    uint16_t first, queues; /* of the device */
    uint16_t next;          /* queue to ask first */
    bool hw_time, known_thread, promiscuous, first_port;
    /* mbuf[freed..given) is with the caller, mbuf[given..count) is received and waits. */
    uint32_t freed, given, count;
    struct rte_mbuf *mbuf[IO_BURST_MAX];
    uint64_t filled_ns; /* when the waiting ones came */
    uint8_t *line;      /* frames of several buffers put together, one slot a frame */
    struct rte_mempool *tx_pool;
    uint64_t polls, empty_polls;
    struct io_stats stats;
    uint64_t before[3]; /* the device's drops when this port was opened */
};

static void meet_thread(struct dpdk *d)
{
    d->known_thread = true;
    if (rte_lcore_id() == LCORE_ID_ANY)
        (void)rte_thread_register(); /* without, it is only slower */
}

/* Asks every queue in turn; the next time begins with the next one. */
static void receive(struct dpdk *d, uint32_t n)
{
    n = n < DPDK_POLL_MIN ? DPDK_POLL_MIN : n;
    d->freed = d->given = d->count = 0;
    for (uint16_t i = 0; i < d->queues && d->count + DPDK_POLL_MIN <= n; i++) {
        uint16_t queue = (uint16_t)(d->first + d->next);
        d->next = (uint16_t)(d->next + 1 == d->queues ? 0 : d->next + 1);
        d->count +=
            rte_eth_rx_burst(d->device->id, queue, d->mbuf + d->count, (uint16_t)(n - d->count));
    }
    d->filled_ns = d->port.now_ns;
    d->polls++;
    d->empty_polls += d->count == 0;
}

/* A frame of several buffers as one; NULL when it is too long. */
static const uint8_t *put_together(struct dpdk *d, const struct rte_mbuf *m, uint32_t slot)
{
    uint8_t *to = d->line + (uint64_t)slot * DPDK_LINE_MAX;
    if (m->pkt_len > DPDK_LINE_MAX)
        return NULL;
    return rte_pktmbuf_read(m, 0, m->pkt_len, to);
}

/* Frames of several buffers, and device times: mbuf by mbuf. */
static uint32_t hand_out_any(struct dpdk *d, struct io_frame *out, uint32_t n)
{
    const struct dpdk_clock *clock = &d->device->clock;
    uint32_t made = 0;
    for (; made < n && d->given < d->count; d->given++) {
        const struct rte_mbuf *m = d->mbuf[d->given];
        const uint8_t *data = rte_pktmbuf_mtod(m, const uint8_t *);
        if (PN_UNLIKELY(m->nb_segs > 1)) {
            data = put_together(d, m, d->given);
            if (!data) {
                d->stats.drops[PN_R_IO_FRAME_HUGE]++;
                continue;
            }
        }
        out[made++] = (struct io_frame){
            .data = data,
            .caplen = m->pkt_len,
            .len = m->pkt_len,
            .ts_ns = d->hw_time ? dpdk_clock_ns(clock, m, d->filled_ns) : d->filled_ns,
            .input = d->port.input,
            .link = IO_LINK_ETHERNET,
        };
        d->stats.rx_bytes += m->pkt_len;
    }
    return made;
}

/* Most frames by far: one buffer, the time of the burst. Stops at the first other one. */
static uint32_t hand_out(struct dpdk *d, struct io_frame *restrict out, uint32_t n)
{
    struct rte_mbuf *const *mbuf = d->mbuf + d->given;
    const uint64_t ns = d->filled_ns;
    const uint16_t input = d->port.input;
    uint64_t bytes = 0;
    uint32_t i = 0;
    n = n < d->count - d->given ? n : d->count - d->given;
    for (; i < n; i++) {
        const struct rte_mbuf *m = mbuf[i];
        const uint8_t *data = rte_pktmbuf_mtod(m, const uint8_t *);
        uint32_t len = m->pkt_len;
        if (PN_UNLIKELY(m->nb_segs > 1))
            break;
        __builtin_prefetch(data);
        out[i] = (struct io_frame){
            .data = data,
            .caplen = len,
            .len = len,
            .ts_ns = ns,
            .input = input,
            .link = IO_LINK_ETHERNET,
        };
        bytes += len;
    }
    d->given += i;
    d->stats.rx_bytes += bytes;
    return i;
}

static uint32_t dpdk_rx(struct io_port *port, struct io_frame *out, uint32_t n)
{
    struct dpdk *d = (struct dpdk *)port;
    n = n < IO_BURST_MAX ? n : IO_BURST_MAX;
    if (PN_UNLIKELY(!d->known_thread))
        meet_thread(d);
    if (d->given > d->freed)
        rte_pktmbuf_free_bulk(d->mbuf + d->freed, d->given - d->freed);
    d->freed = d->given;
    if (d->given == d->count)
        receive(d, n);
    uint32_t made = d->hw_time ? 0 : hand_out(d, out, n);
    if (PN_UNLIKELY(made < n && d->given < d->count))
        made += hand_out_any(d, out + made, n - made);
    d->stats.rx_frames += made;
    return made;
}

static uint32_t dpdk_tx(struct io_port *port, const struct io_frame *in, uint32_t n)
{
    struct dpdk *d = (struct dpdk *)port;
    struct rte_mbuf *mbuf[IO_BURST_MAX];
    uint32_t bytes = d->device->mtu + DPDK_OVERHEAD;
    uint16_t ready = 0, sent;
    if (PN_UNLIKELY(!d->known_thread))
        meet_thread(d);
    if (!d->tx_pool)
        return 0;
    n = n < IO_BURST_MAX ? n : IO_BURST_MAX;
    for (; ready < n && in[ready].caplen <= bytes; ready++) {
        struct rte_mbuf *m = rte_pktmbuf_alloc(d->tx_pool);
        if (!m)
            break;
        memcpy(rte_pktmbuf_append(m, (uint16_t)in[ready].caplen), in[ready].data, in[ready].caplen);
        mbuf[ready] = m;
    }
    sent = rte_eth_tx_burst(d->device->id, d->first, mbuf, ready);
    for (uint16_t i = 0; i < sent; i++)
        d->stats.tx_bytes += in[i].caplen;
    d->stats.tx_frames += sent;
    if (sent < ready) {
        rte_pktmbuf_free_bulk(mbuf + sent, (unsigned)(ready - sent));
    } else if (sent < n && in[sent].caplen > bytes) { /* can never be sent: taken, and counted */
        d->stats.drops[PN_R_IO_FRAME_HUGE]++;
        return sent + 1u;
    }
    return sent;
}

/* The device counts its drops for all its ports; the first one shows them. */
static void ask_device(struct dpdk *d, uint64_t drops[3])
{
    struct rte_eth_stats s = {0};
    if (rte_eth_stats_get(d->device->id, &s) != 0)
        return;
    drops[0] = s.imissed;
    drops[1] = s.ierrors;
    drops[2] = s.rx_nombuf;
}

static void dpdk_stats(struct io_port *port, struct io_stats *out)
{
    struct dpdk *d = (struct dpdk *)port;
    static const uint32_t reason[3] = {PN_R_IO_DEVICE_MISSED, PN_R_IO_DEVICE_ERROR,
                                       PN_R_IO_NO_BUFFER};
    uint64_t drops[3] = {0};
    *out = d->stats;
    if (!d->first_port)
        return;
    ask_device(d, drops);
    for (int i = 0; i < 3; i++)
        out->drops[reason[i]] += drops[i] - d->before[i];
}

static void add_xstat(struct pn_port_status *out, const char *name, uint64_t value)
{
    if (out->xstats == PN_XSTATS_MAX)
        return;
    struct pn_xstat *x = &out->xstat[out->xstats++];
    snprintf(x->name, sizeof x->name, "%.*s", (int)sizeof x->name - 1, name);
    x->value = value;
}

/* How the device is steered, then what it counts itself, as far as it is not zero. */
static void device_xstats(const struct dpdk_device *v, struct pn_port_status *out)
{
    add_xstat(out, "steer_flow_rules", v->flow_rules);
    add_xstat(out, "steer_multicast_filters", v->mc_filters);
    add_xstat(out, "steer_all_multicast", v->all_multicast);
    add_xstat(out, "steer_promiscuous", v->promiscuous);
    add_xstat(out, "steer_hashed_queues", v->rss ? v->queues : 0);
    int n = rte_eth_xstats_get_names(v->id, NULL, 0);
    if (n <= 0)
        return;
    struct rte_eth_xstat_name *name = calloc((size_t)n, sizeof *name);
    struct rte_eth_xstat *value = calloc((size_t)n, sizeof *value);
    if (name && value && rte_eth_xstats_get_names(v->id, name, (unsigned)n) == n &&
        rte_eth_xstats_get(v->id, value, (unsigned)n) == n)
        for (int i = 0; i < n; i++)
            if (value[i].value && value[i].id < (uint64_t)n)
                add_xstat(out, name[value[i].id].name, value[i].value);
    free(name);
    free(value);
}

static void dpdk_status(struct io_port *port, struct pn_port_status *out)
{
    struct dpdk *d = (struct dpdk *)port;
    struct rte_eth_link link = {0};
    struct io_stats s;
    uint16_t mtu;
    dpdk_clock_follow(d->device);
    dpdk_stats(port, &s);
    snprintf(out->name, sizeof out->name, "%s", d->name);
    snprintf(out->device, sizeof out->device, "%s", d->device->name);
    snprintf(out->driver, sizeof out->driver, "%s", d->device->driver);
    out->kind = PN_PORT_DPDK;
    out->queues = d->queues;
    if (rte_eth_link_get_nowait(d->device->id, &link) == 0) {
        out->link_up = link.link_status;
        out->speed_mbps = link.link_speed == RTE_ETH_SPEED_NUM_UNKNOWN ? 0 : link.link_speed;
    }
    out->mtu = rte_eth_dev_get_mtu(d->device->id, &mtu) == 0 ? mtu : d->device->mtu;
    out->hw_time = d->hw_time;
    out->hugepages = rte_eal_has_hugepages() != 0;
    out->rx_frames = s.rx_frames;
    out->rx_bytes = s.rx_bytes;
    out->tx_frames = s.tx_frames;
    out->tx_bytes = s.tx_bytes;
    out->polls = d->polls;
    out->empty_polls = d->empty_polls;
    for (uint32_t i = 0; i < PN_REASON_COUNT; i++)
        out->drops[i] = s.drops[i];
    out->xstats = 0;
    device_xstats(d->device, out);
}

static void dpdk_close(struct io_port *port)
{
    struct dpdk *d = (struct dpdk *)port;
    rte_pktmbuf_free_bulk(d->mbuf + d->freed, d->count - d->freed);
    dpdk_device_put(d->device);
    free(d->line);
    free(d);
}

static int dpdk_open(struct io_port **out, const struct pn_port_config *cfg, uint16_t input,
                     struct error *e)
{
    if (!dpdk_started())
        return error_set(e, -EINVAL, "port %s: DPDK has not been started", cfg->name);
    struct dpdk *d = calloc(1, sizeof *d);
    if (!d)
        return error_set(e, -ENOMEM, "port %s: out of memory", cfg->name);
    d->line = malloc((size_t)IO_BURST_MAX * DPDK_LINE_MAX); /* touched when there are such frames */
    int rc = d->line ? dpdk_device_get(&d->device, cfg, e)
                     : error_set(e, -ENOMEM, "port %s: out of memory", cfg->name);
    if (rc) {
        free(d->line);
        free(d);
        return rc;
    }
    d->port.ops = &io_dpdk_ops;
    d->port.input = input;
    snprintf(d->name, sizeof d->name, "%s", cfg->name);
    d->first = cfg->queue;
    d->queues = cfg->queues ? cfg->queues : 1;
    d->hw_time = cfg->hw_time && d->device->clock.kind != DPDK_CLOCK_NONE;
    d->first_port = d->device->users == 1;
    if (d->first_port)
        ask_device(d, d->before);
    if (d->first < d->device->tx_queues)
        d->tx_pool = dpdk_tx_pool(d->device, d->first);
    *out = &d->port;
    return 0;
}

const struct io_ops io_dpdk_ops = {
    .name = "dpdk",
    .open = dpdk_open,
    .rx_burst = dpdk_rx,
    .tx_burst = dpdk_tx,
    .stats = dpdk_stats,
    .status = dpdk_status,
    .close = dpdk_close,
};
