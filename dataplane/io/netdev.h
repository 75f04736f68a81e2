/*
 * netdev.h - what the kernel says of a network device: state, MTU, queues, driver, statistics; and
 * the memberships that a port needs (multicast groups, promiscuous). Cold; one system call or a
 * few each. Everything that is changed here is undone when the sockets are closed.
 */
#ifndef PN_IO_NETDEV_H
#define PN_IO_NETDEV_H

#include <linux/if_link.h>
#include <stdint.h>

#include "base/error.h"
#include "shm/abi_control.h"

enum { NETDEV_GROUP_SOCKETS = 16, NETDEV_STATS_MAX = 1024, NETDEV_NAME_LEN = 32 };

struct netdev_info {
    uint32_t ifindex;
    uint32_t flags; /* IFF_... */
    uint32_t mtu;
    uint32_t queues; /* that frames can come in on */
    uint32_t speed_mbps;
    char driver[32];
    struct rtnl_link_stats64 stats;
};

struct netdev {
    char name[16];
    int route;                        /* rtnetlink */
    int control;                      /* for ioctls */
    int promiscuous;                  /* packet socket, or -1 */
    int groups[NETDEV_GROUP_SOCKETS]; /* each holds as many groups as the kernel lets it */
    uint32_t group_sockets;
    uint32_t old_mtu; /* to go back to at close; 0 = not changed */
    uint32_t names;   /* of the driver's statistics */
    char (*stat_name)[NETDEV_NAME_LEN];
    uint64_t *stat_buffer;
};

/* Opens the handles for one device; -ENODEV when there is none of that name. */
int netdev_open(struct netdev *d, const char *name, struct error *e);
void netdev_close(struct netdev *d);
/* What the device is now. */
int netdev_read(struct netdev *d, struct netdev_info *out, struct error *e);
/* Sets the MTU until close. */
int netdev_set_mtu(struct netdev *d, uint32_t now, uint32_t mtu, struct error *e);
/* Joins a group until close, so that switches and the device's filter let it through. */
int netdev_join(struct netdev *d, uint32_t ifindex, uint32_t group_be, struct error *e);
int netdev_promiscuous(struct netdev *d, uint32_t ifindex, struct error *e);
/* Adds statistics to out: the kernel's own counters, then the driver's that tell of loss. */
void netdev_xstats(struct netdev *d, const struct netdev_info *info, struct pn_port_status *out);
void netdev_add_xstat(struct pn_port_status *out, const char *name, uint64_t value);

#endif
