/*
 * dpdk_internal.h - what the files of the DPDK backend share. A device may have several ports, each
 * with queues of its own; it is set up when its first port is opened and stopped with its last.
 * Nothing here is seen outside io.
 */
#ifndef PN_IO_DPDK_INTERNAL_H
#define PN_IO_DPDK_INTERNAL_H

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_mbuf_dyn.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "io/io.h"

enum dpdk_limits {
    DPDK_QUEUES_MAX = 32, /* of one device */
    DPDK_DEVICES_MAX = PN_PORTS_MAX,
    DPDK_LINE_MAX = 16384, /* longest frame that is put together from several buffers */
    DPDK_POLL_MIN = 32,    /* asked of a queue at least: vector drivers give nothing for less */
    DPDK_OVERHEAD = 26     /* of a frame beside its MTU: Ethernet, two VLAN tags, checksum */
};

/* How a time of the device becomes ns since the epoch: base_ns + (t - base) * mul / 2^32. */
struct dpdk_rate {
    uint64_t base;
    uint64_t base_ns;
    uint64_t mul;
};

enum dpdk_clock_kind {
    DPDK_CLOCK_NONE = 0, /* the device has no times, or they were not asked for */
    DPDK_CLOCK_EPOCH,    /* frames carry ns (or us) since the epoch */
    DPDK_CLOCK_COUNTER   /* a counter that can be read, and is held against the wall clock */
};

struct dpdk_clock {
    enum dpdk_clock_kind kind;
    int offset;    /* of the time in an mbuf */
    uint64_t flag; /* of mbufs that have one */
    uint64_t unit; /* ns, of DPDK_CLOCK_EPOCH */
    struct dpdk_rate rate[2];
    _Atomic uint32_t present; /* which rate is in use */
    uint64_t first, first_ns; /* where measuring began */
};

struct dpdk_device {
    char name[PN_DEVICE_LEN]; /* as the ports have it */
    uint16_t id;              /* of DPDK */
    uint16_t queues, tx_queues;
    uint32_t users; /* ports that are open */
    uint32_t mtu;
    uint32_t tx_ring;
    struct rte_mempool *pool[DPDK_QUEUES_MAX];
    struct rte_mempool *tx_pool[DPDK_QUEUES_MAX];
    uint32_t pools; /* made so far, those given up included; part of the next one's name */
    struct dpdk_clock clock;
    const char *driver;
    /* What steers frames, for the status. */
    uint32_t flow_rules;
    uint32_t mc_filters;
    bool rss, all_multicast, promiscuous, isolated;
    bool made; /* a virtual device, made for its ports */
    bool gone; /* removed with the last of them; made again for the next */
};

extern const struct io_ops io_dpdk_ops;

/* dpdk_eal.c */
bool dpdk_started(void);
/* The ports that io_dpdk_start was told of. */
const struct pn_port_config *dpdk_plan(uint32_t *count);
/* Between these two what DPDK says is kept, and output of its drivers is kept from the terminal. */
void dpdk_listen_begin(void);
void dpdk_listen_end(void);
/* The first and the last line with a text in what was kept; "" when there is none. */
const char *dpdk_heard(const char *text);
const char *dpdk_heard_last(const char *text);

/* dpdk_why.c: turns what was heard, and what sysfs says, into one line. */
int dpdk_why_not_started(int code, struct error *e);
int dpdk_why_no_device(const struct pn_port_config *cfg, int code, struct error *e);
bool dpdk_is_pci(const char *name);

/* dpdk_device.c */
int dpdk_device_get(struct dpdk_device **out, const struct pn_port_config *cfg, struct error *e);
void dpdk_device_put(struct dpdk_device *d);
void dpdk_devices_close(void);
/* Buffers to send from, for a port that sends on this queue; NULL when there is no memory. */
struct rte_mempool *dpdk_tx_pool(struct dpdk_device *d, uint16_t queue);

/* dpdk_steer.c: after the device has started. */
int dpdk_steer(struct dpdk_device *d, const struct pn_port_config *const *ports, uint32_t count,
               struct error *e);

/* dpdk_clock.c */
void dpdk_clock_ask(struct dpdk_device *d, const struct rte_eth_dev_info *info,
                    struct rte_eth_conf *conf);
void dpdk_clock_start(struct dpdk_device *d);
/* Measures the counter's rate anew; slow. */
void dpdk_clock_follow(struct dpdk_device *d);

/* Receive time of an mbuf; now_ns where it has none. */
static inline uint64_t dpdk_clock_ns(const struct dpdk_clock *c, const struct rte_mbuf *m,
                                     uint64_t now_ns)
{
    if (c->kind == DPDK_CLOCK_NONE || !(m->ol_flags & c->flag))
        return now_ns;
    uint64_t t = *RTE_MBUF_DYNFIELD(m, c->offset, const uint64_t *);
    if (c->kind == DPDK_CLOCK_EPOCH)
        return t * c->unit;
    uint32_t at = atomic_load_explicit(&c->present, memory_order_acquire);
    const struct dpdk_rate *r = &c->rate[at];
    return r->base_ns + (uint64_t)((__int128)(int64_t)(t - r->base) * (__int128)r->mul >> 32);
}

#endif
