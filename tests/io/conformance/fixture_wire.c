/*
 * fixture_wire.c - an af_xdp port at one end of a veth pair, and a packet socket at the other. Both
 * are in a network namespace that this process makes for itself and that ends with it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "fixture.h"

static int far_end = -1;

static int run(const char *format, uint32_t value)
{
    char command[256];
    snprintf(command, sizeof command, format, value);
    return system(command); /* NOLINT: a fixed text */
}

static int skip(const char *why)
{
    printf("skip: %s: %s\n", why, strerror(errno));
    return FIXTURE_SKIP;
}

/* Nobody else shall send on the wire: no router solicitations, no neighbour discovery. */
static void silence(void)
{
    int fd = open("/proc/sys/net/ipv6/conf/default/disable_ipv6", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)!write(fd, "1", 1);
    close(fd);
}

static int open_far_end(void)
{
    struct sockaddr_ll to = {.sll_family = AF_PACKET,
                             .sll_protocol = htons(ETH_P_ALL),
                             .sll_ifindex = (int)if_nametoindex("pn1")};
    struct timeval wait = {.tv_sec = 2};
    const int on = 1, bytes = 64 << 20;
    far_end = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
    if (far_end < 0 || bind(far_end, (struct sockaddr *)&to, sizeof to) != 0)
        return -errno;
    (void)setsockopt(far_end, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on);
    (void)setsockopt(far_end, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes);
    return setsockopt(far_end, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) ? -errno : 0;
}

int wire_begin(const struct fixture *f)
{
    const struct wire_how *how = f->how;
    if (far_end >= 0)
        return 0;
    if (unshare(CLONE_NEWNET) != 0)
        return skip("a network namespace of its own takes root");
    silence();
    /* As many queues on either side: in driver mode no fewer than the peer sends on. */
    if (run("ip link add pn0 numrxqueues %1$u numtxqueues %1$u type veth "
            "peer name pn1 numrxqueues %1$u numtxqueues %1$u",
            how->queues) != 0)
        return skip("ip link add ... type veth");
    if (run("ip link set pn1 mtu %1$u up && ip link set pn0 mtu %1$u up", how->mtu))
        return skip("ip link set up");
    return open_far_end() ? skip("packet socket") : 0;
}

int wire_open(const struct fixture *f, struct io_port **out, struct error *e)
{
    const struct wire_how *how = f->how;
    struct pn_port_config c = {.name = "feed",
                               .device = "pn0",
                               .kind = PN_PORT_AF_XDP,
                               .queues = (uint16_t)how->queues,
                               .rx_ring = f->capacity,
                               .tx_ring = 256,
                               .buffers = 1024,
                               .buffer_bytes = how->buffer_bytes,
                               .busy_poll_us = how->busy_poll_us,
                               .steers = 1,
                               .steer = {{.group_be = GROUP_BE, .port = PORT, .multicast = 1}}};
    return io_open(out, &c, 3, e);
}

int wire_put(struct io_port *port, const struct test_frame *frame)
{
    return send(far_end, frame->data, frame->len, 0) == (ssize_t)frame->len ? 0 : -errno;
}

int wire_take(struct io_port *port, uint8_t *data, uint32_t cap)
{
    enum { PROTOCOL_AT = 23, IGMP = 2 };
    ssize_t got;
    /* The kernel announces there too that the port has joined its group. */
    do
        got = recv(far_end, data, cap, MSG_TRUNC);
    while (got > PROTOCOL_AT && data[PROTOCOL_AT] == IGMP);
    return got < 0 ? -errno : (int)got;
}

void wire_end(void)
{
    if (far_end >= 0)
        close(far_end);
    far_end = -1;
}
