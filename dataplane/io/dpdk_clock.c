/*
 * dpdk_clock.c - receive times of the device. Drivers differ in what an mbuf carries: ns since
 * the epoch, us since the epoch (net_pcap), or a counter of the card. A counter that can be read is
 * held against the wall clock when the status is taken, and mapped; times of any other kind are not
 * used, and the port says that it has none.
 */
#include <rte_mbuf_dyn.h>
#include <string.h>
#include <time.h>

#include "io/dpdk_internal.h"

#define SECOND_NS 1000000000ull

enum { FIRST_MEASURE_NS = 20000000 };

static uint64_t wall_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * SECOND_NS + (uint64_t)t.tv_nsec;
}

void dpdk_clock_ask(struct dpdk_device *d, const struct rte_eth_dev_info *info,
                    struct rte_eth_conf *conf)
{
    struct dpdk_clock *c = &d->clock;
    bool pcap = strcmp(info->driver_name, "net_pcap") == 0; /* gives times without offering them */
    memset(c, 0, sizeof *c);
    if (!pcap && !(info->rx_offload_capa & RTE_ETH_RX_OFFLOAD_TIMESTAMP))
        return;
    if (rte_mbuf_dyn_rx_timestamp_register(&c->offset, &c->flag) != 0)
        return;
    c->kind = DPDK_CLOCK_EPOCH;
    c->unit = pcap ? 1000 : 1;
    if (!pcap)
        conf->rxmode.offloads |= RTE_ETH_RX_OFFLOAD_TIMESTAMP;
}

/* Counter and wall clock at one moment: the wall clock is read on both sides. */
static bool read_both(const struct dpdk_device *d, uint64_t *counter, uint64_t *ns)
{
    uint64_t before = wall_ns();
    if (rte_eth_read_clock(d->id, counter) != 0)
        return false;
    *ns = before + (wall_ns() - before) / 2;
    return true;
}

/* One that runs in ns since the epoch needs no mapping. */
static bool is_epoch(uint64_t counter, uint64_t ns)
{
    uint64_t apart = counter > ns ? counter - ns : ns - counter;
    return apart < 60 * SECOND_NS;
}

void dpdk_clock_start(struct dpdk_device *d)
{
    struct dpdk_clock *c = &d->clock;
    if (c->kind == DPDK_CLOCK_NONE || c->unit != 1)
        return;
    if (!read_both(d, &c->first, &c->first_ns)) {
        /* Only mlx5 in real-time mode gives the epoch and has no counter to read. */
        if (strncmp(d->driver, "mlx5", 4) != 0)
            c->kind = DPDK_CLOCK_NONE;
        return;
    }
    if (is_epoch(c->first, c->first_ns))
        return;
    nanosleep(&(struct timespec){.tv_nsec = FIRST_MEASURE_NS}, NULL);
    c->kind = DPDK_CLOCK_COUNTER;
    dpdk_clock_follow(d);
}

void dpdk_clock_follow(struct dpdk_device *d)
{
    struct dpdk_clock *c = &d->clock;
    uint64_t now, ns;
    if (c->kind != DPDK_CLOCK_COUNTER || !read_both(d, &now, &ns) || now == c->first ||
        ns <= c->first_ns)
        return;
    uint32_t next = !atomic_load_explicit(&c->present, memory_order_relaxed);
    c->rate[next] = (struct dpdk_rate){
        .base = now,
        .base_ns = ns,
        .mul = (uint64_t)(((unsigned __int128)(ns - c->first_ns) << 32) / (now - c->first)),
    };
    atomic_store_explicit(&c->present, next, memory_order_release);
}
