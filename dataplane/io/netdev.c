/* netdev.c - see netdev.h. rtnetlink(7), netdevice(7), linux/ethtool.h. */
#include "io/netdev.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REPLY_BYTES = 32768, SPEED_WORDS = 128 * 3 };

static int ethtool(const struct netdev *d, void *command)
{
    struct ifreq r = {.ifr_data = command};
    memcpy(r.ifr_name, d->name, sizeof r.ifr_name);
    return ioctl(d->control, SIOCETHTOOL, &r) ? -errno : 0;
}

/* Names of the driver's own statistics; a device without any is as good. */
static void read_stat_names(struct netdev *d)
{
    struct {
        struct ethtool_sset_info info;
        uint32_t count;
    } set = {.info = {.cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1ull << ETH_SS_STATS}};
    if (ethtool(d, &set) != 0 || !set.info.sset_mask || !set.count || set.count > NETDEV_STATS_MAX)
        return;
    struct ethtool_gstrings *names = calloc(1, sizeof *names + (size_t)set.count * ETH_GSTRING_LEN);
    d->stat_name = calloc(set.count, sizeof *d->stat_name);
    d->stat_buffer = calloc(1, sizeof(struct ethtool_stats) + NETDEV_STATS_MAX * sizeof(uint64_t));
    if (names && d->stat_name && d->stat_buffer) {
        names->cmd = ETHTOOL_GSTRINGS;
        names->string_set = ETH_SS_STATS;
        names->len = set.count;
        if (ethtool(d, names) == 0 && names->len <= set.count)
            d->names = names->len;
        for (uint32_t i = 0; i < d->names; i++)
            snprintf(d->stat_name[i], sizeof *d->stat_name, "%.*s", NETDEV_NAME_LEN - 1,
                     (char *)names->data + (size_t)i * ETH_GSTRING_LEN);
    }
    free(names);
}

int netdev_open(struct netdev *d, const char *name, struct error *e)
{
    *d = (struct netdev){.route = -1, .control = -1, .promiscuous = -1};
    if (!name[0] || strlen(name) >= sizeof d->name)
        return error_set(e, -ENODEV, "no network interface \"%s\"; ip link shows what there is",
                         name);
    memcpy(d->name, name, strlen(name) + 1);
    if (!if_nametoindex(name))
        return error_set(e, -ENODEV, "no network interface \"%s\"; ip link shows what there is",
                         name);
    d->route = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    d->control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (d->route < 0 || d->control < 0) {
        int err = errno;
        netdev_close(d);
        return error_set(e, -err, "cannot open a socket: %s", strerror(err));
    }
    read_stat_names(d);
    return 0;
}

void netdev_close(struct netdev *d)
{
    if (d->old_mtu)
        (void)netdev_set_mtu(d, 0, d->old_mtu, NULL);
    for (uint32_t i = 0; i < d->group_sockets; i++)
        close(d->groups[i]);
    if (d->promiscuous >= 0)
        close(d->promiscuous);
    if (d->route >= 0)
        close(d->route);
    if (d->control >= 0)
        close(d->control);
    free(d->stat_name);
    free(d->stat_buffer);
    *d = (struct netdev){.route = -1, .control = -1, .promiscuous = -1};
}

static void read_attributes(const struct nlmsghdr *h, struct netdev_info *out)
{
    const struct ifinfomsg *link = NLMSG_DATA(h);
    uint32_t left = IFLA_PAYLOAD(h);
    out->ifindex = (uint32_t)link->ifi_index;
    out->flags = link->ifi_flags;
    for (const struct rtattr *a = IFLA_RTA(link); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
        size_t have = RTA_PAYLOAD(a);
        if (a->rta_type == IFLA_MTU && have == sizeof out->mtu)
            memcpy(&out->mtu, RTA_DATA(a), have);
        else if (a->rta_type == IFLA_NUM_RX_QUEUES && have == sizeof out->queues)
            memcpy(&out->queues, RTA_DATA(a), have);
        else if (a->rta_type == IFLA_STATS64)
            memcpy(&out->stats, RTA_DATA(a), have < sizeof out->stats ? have : sizeof out->stats);
    }
}

static int ask_link(const struct netdev *d, struct netdev_info *out)
{
    struct {
        struct nlmsghdr head;
        struct ifinfomsg link;
        struct rtattr attribute;
        char name[sizeof d->name];
    } ask = {
        .head = {.nlmsg_len = sizeof ask, .nlmsg_type = RTM_GETLINK, .nlmsg_flags = NLM_F_REQUEST},
        .attribute = {.rta_len = sizeof ask.attribute + sizeof ask.name, .rta_type = IFLA_IFNAME}};
    _Alignas(8) char reply[REPLY_BYTES];
    memcpy(ask.name, d->name, sizeof ask.name);
    if (send(d->route, &ask, sizeof ask, 0) < 0)
        return -errno;
    ssize_t got = recv(d->route, reply, sizeof reply, 0);
    if (got < 0)
        return -errno;
    const struct nlmsghdr *h = (const struct nlmsghdr *)reply;
    if (!NLMSG_OK(h, got))
        return -EPROTO;
    if (h->nlmsg_type == NLMSG_ERROR)
        return ((const struct nlmsgerr *)NLMSG_DATA(h))->error;
    if (h->nlmsg_type != RTM_NEWLINK)
        return -EPROTO;
    read_attributes(h, out);
    return 0;
}

/* Speed in Mb/s; the kernel first says how long its masks are. */
static uint32_t read_speed(const struct netdev *d)
{
    struct {
        struct ethtool_link_settings s;
        uint32_t words[SPEED_WORDS];
    } ask = {.s = {.cmd = ETHTOOL_GLINKSETTINGS}};
    if (ethtool(d, &ask) != 0 || ask.s.link_mode_masks_nwords >= 0)
        return 0;
    ask.s.link_mode_masks_nwords = (int8_t)-ask.s.link_mode_masks_nwords;
    ask.s.cmd = ETHTOOL_GLINKSETTINGS;
    if (ethtool(d, &ask) != 0 || ask.s.speed == (uint32_t)SPEED_UNKNOWN)
        return 0;
    return ask.s.speed;
}

int netdev_read(struct netdev *d, struct netdev_info *out, struct error *e)
{
    memset(out, 0, sizeof *out);
    int rc = ask_link(d, out);
    if (rc != 0)
        return error_set(e, rc, "cannot read interface %s: %s", d->name, strerror(-rc));
    struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};
    if (ethtool(d, &channels) == 0 && channels.rx_count + channels.combined_count)
        out->queues = channels.rx_count + channels.combined_count;
    struct ethtool_drvinfo driver = {.cmd = ETHTOOL_GDRVINFO};
    if (ethtool(d, &driver) == 0)
        snprintf(out->driver, sizeof out->driver, "%.*s", (int)sizeof out->driver - 1,
                 driver.driver);
    out->speed_mbps = read_speed(d);
    return 0;
}

int netdev_set_mtu(struct netdev *d, uint32_t now, uint32_t mtu, struct error *e)
{
    struct ifreq r = {.ifr_mtu = (int)mtu};
    memcpy(r.ifr_name, d->name, sizeof r.ifr_name);
    if (ioctl(d->control, SIOCSIFMTU, &r) != 0)
        return error_set(e, -errno, "cannot set the MTU of %s to %u: %s", d->name, mtu,
                         strerror(errno));
    d->old_mtu = now;
    return 0;
}

/* The kernel limits the groups of one socket (net.ipv4.igmp_max_memberships), so some are used. */
int netdev_join(struct netdev *d, uint32_t ifindex, uint32_t group_be, struct error *e)
{
    struct ip_mreqn join = {.imr_multiaddr.s_addr = group_be, .imr_ifindex = (int)ifindex};
    const int off = 0;
    int err = ENOBUFS;
    for (uint32_t tries = 0; tries < 2 && err == ENOBUFS; tries++) {
        if (tries || !d->group_sockets) {
            int fd = d->group_sockets < NETDEV_GROUP_SOCKETS
                         ? socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)
                         : -1;
            if (fd < 0)
                break;
            (void)setsockopt(fd, IPPROTO_IP, IP_MULTICAST_ALL, &off, sizeof off);
            d->groups[d->group_sockets++] = fd;
        }
        err = setsockopt(d->groups[d->group_sockets - 1], IPPROTO_IP, IP_ADD_MEMBERSHIP, &join,
                         sizeof join)
                  ? errno
                  : 0;
    }
    if (!err || err == EADDRINUSE)
        return 0;
    char text[INET_ADDRSTRLEN] = "?";
    (void)inet_ntop(AF_INET, &group_be, text, sizeof text);
    return error_set(e, -err, "cannot join group %s on %s: %s", text, d->name, strerror(err));
}

int netdev_promiscuous(struct netdev *d, uint32_t ifindex, struct error *e)
{
    struct packet_mreq mode = {.mr_ifindex = (int)ifindex, .mr_type = PACKET_MR_PROMISC};
    d->promiscuous = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (d->promiscuous < 0 ||
        setsockopt(d->promiscuous, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &mode, sizeof mode) != 0)
        return error_set(e, -errno, "cannot make %s promiscuous: %s", d->name, strerror(errno));
    return 0;
}

void netdev_add_xstat(struct pn_port_status *out, const char *name, uint64_t value)
{
    if (out->xstats >= PN_XSTATS_MAX)
        return;
    struct pn_xstat *x = &out->xstat[out->xstats++];
    snprintf(x->name, sizeof x->name, "%s", name);
    x->value = value;
}

/* Whether a driver's statistic tells of frames lost, or of what XDP did. */
static int tells_of_loss(const char *name)
{
    static const char *const words[] = {"drop", "discard", "miss", "err",     "xdp",
                                        "full", "no_buf",  "xsk",  "overrun", "fifo"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strstr(name, words[i]))
            return 1;
    return 0;
}

void netdev_xstats(struct netdev *d, const struct netdev_info *info, struct pn_port_status *out)
{
    const struct rtnl_link_stats64 *s = &info->stats;
    netdev_add_xstat(out, "link_rx_packets", s->rx_packets);
    netdev_add_xstat(out, "link_rx_errors", s->rx_errors);
    netdev_add_xstat(out, "link_rx_dropped", s->rx_dropped);
    netdev_add_xstat(out, "link_rx_missed", s->rx_missed_errors);
    netdev_add_xstat(out, "link_rx_fifo", s->rx_fifo_errors);
    netdev_add_xstat(out, "link_rx_over", s->rx_over_errors);
    netdev_add_xstat(out, "link_rx_crc", s->rx_crc_errors);
    netdev_add_xstat(out, "link_tx_packets", s->tx_packets);
    netdev_add_xstat(out, "link_tx_dropped", s->tx_dropped);
    if (!d->names)
        return;
    struct {
        struct ethtool_sset_info info;
        uint32_t count;
    } set = {.info = {.cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1ull << ETH_SS_STATS}};
    struct ethtool_stats *stats = (struct ethtool_stats *)d->stat_buffer;
    stats->cmd = ETHTOOL_GSTATS;
    stats->n_stats = d->names;
    /* Names and numbers belong together only as long as the device has as many of both. */
    if (ethtool(d, &set) != 0 || set.count != d->names || ethtool(d, stats) != 0)
        return;
    for (uint32_t i = 0; i < d->names && i < stats->n_stats; i++)
        if (tells_of_loss(d->stat_name[i]))
            netdev_add_xstat(out, d->stat_name[i], stats->data[i]);
}
