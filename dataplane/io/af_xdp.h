/* af_xdp.h - inside of the af_xdp port: its structure, shared by the af_xdp files. */
#ifndef PN_IO_AF_XDP_H
#define PN_IO_AF_XDP_H

#include "io/io.h"
#include "io/netdev.h"
#include "io/steer_device.h"
#include "io/xsk.h"

struct af_xdp {
    struct io_port port;
    struct xsk *queue;
    uint32_t queues; /* opened so far */
    uint32_t next;   /* which is polled first */
    uint64_t rx_frames, rx_bytes, tx_frames, tx_bytes, tx_too_long;
    uint64_t polls, empty_polls;

    uint64_t queue_mask;
    uint64_t lost_between; /* see find_lost */
    uint64_t steered_seen, steered_ns;
    struct steer_device *device;
    uint32_t first_on_device; /* this port answers for what is left to the kernel */
    uint64_t base_steered;    /* before it was opened */
    struct rtnl_link_stats64 base_link;
    struct netdev netdev;
    struct pn_port_config cfg;
};

int af_xdp_open(struct io_port **out, const struct pn_port_config *cfg, uint16_t input,
                struct error *e);
void af_xdp_status(struct io_port *port, struct pn_port_status *out);
/* What the program steered to this port and, for the first one on a device, what it left to the
 * kernel; and the drops by reason. */
void af_xdp_count(struct af_xdp *a, struct steer_counters *seen, uint64_t drops[]);

extern const struct io_ops af_xdp_ops;

#endif
