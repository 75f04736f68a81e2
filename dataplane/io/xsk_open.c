/* xsk_open.c - the socket of xsk.h: buffers, rings, options, bind; each refusal says what to do. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/xsk.h"

/* Newer than the C library's headers. */
#ifndef SO_PREFER_BUSY_POLL
#define SO_PREFER_BUSY_POLL 69
#endif
#ifndef SO_BUSY_POLL_BUDGET
#define SO_BUSY_POLL_BUDGET 70
#endif

enum { HUGE_PAGE = 2 << 20, BUSY_POLL_BUDGET = 64, BIND_TRIES = 50, BIND_WAIT_US = 10000 };

/* Buffers for receiving, then for sending, in one area; hugepages where there are some. */
static int map_area(struct xsk *x, const struct xsk_config *cfg, struct error *e)
{
    uint64_t bytes = ((uint64_t)cfg->buffers + cfg->tx_ring) * cfg->buffer_bytes;
    x->area_bytes = (bytes + HUGE_PAGE - 1) & ~(uint64_t)(HUGE_PAGE - 1);
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE;
    void *area = mmap(NULL, x->area_bytes, PROT_READ | PROT_WRITE, flags | MAP_HUGETLB, -1, 0);
    x->hugepages = area != MAP_FAILED;
    if (!x->hugepages) {
        if (cfg->need_hugepages)
            return error_set(e, -ENOMEM,
                             "%s: no %llu hugepages of 2 MiB for the buffers; raise "
                             "vm.nr_hugepages or do not require them",
                             cfg->device, (unsigned long long)(x->area_bytes / HUGE_PAGE));
        area = mmap(NULL, x->area_bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
    }
    if (area == MAP_FAILED)
        return error_set(e, -ENOMEM, "%s: no memory for %llu MiB of buffers", cfg->device,
                         (unsigned long long)(x->area_bytes >> 20));
    x->area = area;
    return 0;
}

static int register_area(struct xsk *x, const struct xsk_config *cfg, struct error *e)
{
    struct xdp_umem_reg reg = {.addr = (uint64_t)(uintptr_t)x->area,
                               .len = x->area_bytes,
                               .chunk_size = cfg->buffer_bytes};
    if (setsockopt(x->fd, SOL_XDP, XDP_UMEM_REG, &reg, sizeof reg) == 0)
        return 0;
    if (errno == ENOBUFS)
        return error_set(e, -ENOBUFS,
                         "%s: %llu MiB of buffers are beyond the limit of locked memory; give the "
                         "program CAP_IPC_LOCK or raise ulimit -l",
                         cfg->device, (unsigned long long)(x->area_bytes >> 20));
    return error_set(e, -errno, "%s: the kernel refuses the buffers: %s", cfg->device,
                     strerror(errno));
}

static int size_ring(const struct xsk *x, int option, uint32_t entries)
{
    return setsockopt(x->fd, SOL_XDP, option, &entries, sizeof entries) ? -errno : 0;
}

static int map_ring(const struct xsk *x, struct xsk_ring *r, const struct xdp_ring_offset *off,
                    uint64_t page, uint32_t entries, uint32_t entry_bytes)
{
    r->map_bytes = off->desc + (uint64_t)entries * entry_bytes;
    r->map = mmap(NULL, r->map_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, x->fd,
                  (off_t)page);
    if (r->map == MAP_FAILED) {
        r->map = NULL;
        return -errno;
    }
    uint8_t *at = r->map;
    r->producer = (uint32_t *)(at + off->producer);
    r->consumer = (uint32_t *)(at + off->consumer);
    r->flags = (uint32_t *)(at + off->flags);
    r->entry = at + off->desc;
    r->mask = entries - 1;
    return 0;
}

static int make_rings(struct xsk *x, const struct xsk_config *cfg, struct error *e)
{
    struct xdp_mmap_offsets off;
    socklen_t bytes = sizeof off;
    int rc = size_ring(x, XDP_UMEM_FILL_RING, cfg->buffers);
    if (rc == 0)
        rc = size_ring(x, XDP_UMEM_COMPLETION_RING, cfg->tx_ring);
    if (rc == 0)
        rc = size_ring(x, XDP_RX_RING, cfg->rx_ring);
    if (rc == 0)
        rc = size_ring(x, XDP_TX_RING, cfg->tx_ring);
    if (rc == 0 && getsockopt(x->fd, SOL_XDP, XDP_MMAP_OFFSETS, &off, &bytes) != 0)
        rc = -errno;
    if (rc == 0 && bytes != sizeof off)
        rc = -EPROTO;
    if (rc == 0)
        rc = map_ring(x, &x->fill, &off.fr, XDP_UMEM_PGOFF_FILL_RING, cfg->buffers,
                      sizeof(uint64_t));
    if (rc == 0)
        rc = map_ring(x, &x->done, &off.cr, XDP_UMEM_PGOFF_COMPLETION_RING, cfg->tx_ring,
                      sizeof(uint64_t));
    if (rc == 0)
        rc = map_ring(x, &x->rx, &off.rx, XDP_PGOFF_RX_RING, cfg->rx_ring, sizeof(struct xdp_desc));
    if (rc == 0)
        rc = map_ring(x, &x->tx, &off.tx, XDP_PGOFF_TX_RING, cfg->tx_ring, sizeof(struct xdp_desc));
    if (rc != 0)
        error_set(e, rc, "%s: cannot make the rings: %s", cfg->device, strerror(-rc));
    return rc;
}

/* All receive buffers to the kernel, all others to us. */
static int share_out(struct xsk *x, const struct xsk_config *cfg, struct error *e)
{
    x->tx_buffer = calloc(cfg->tx_ring, sizeof *x->tx_buffer);
    if (!x->tx_buffer)
        return error_set(e, -ENOMEM, "%s: out of memory", cfg->device);
    uint64_t *place = x->fill.entry;
    for (uint32_t i = 0; i < cfg->buffers; i++)
        place[i] = (uint64_t)i * cfg->buffer_bytes;
    x->fill.at = cfg->buffers;
    __atomic_store_n(x->fill.producer, x->fill.at, __ATOMIC_RELEASE);
    for (uint32_t i = 0; i < cfg->tx_ring; i++)
        x->tx_buffer[x->tx_free++] = ((uint64_t)cfg->buffers + i) * cfg->buffer_bytes;
    return 0;
}

/* Fetches frames in our own calls instead of interrupts, where the kernel has that. */
static void prefer_busy_poll(struct xsk *x, uint32_t us)
{
    int on = 1, budget = BUSY_POLL_BUDGET, time = (int)us;
    if (!us)
        return;
    x->busy_poll = setsockopt(x->fd, SOL_SOCKET, SO_PREFER_BUSY_POLL, &on, sizeof on) == 0 &&
                   setsockopt(x->fd, SOL_SOCKET, SO_BUSY_POLL, &time, sizeof time) == 0 &&
                   setsockopt(x->fd, SOL_SOCKET, SO_BUSY_POLL_BUDGET, &budget, sizeof budget) == 0;
}

static int bind_queue(struct xsk *x, const struct xsk_config *cfg, struct error *e)
{
    struct sockaddr_xdp to = {.sxdp_family = AF_XDP,
                              .sxdp_flags = XDP_USE_NEED_WAKEUP,
                              .sxdp_ifindex = cfg->ifindex,
                              .sxdp_queue_id = cfg->queue};
    if (cfg->mode == PN_XDP_ZEROCOPY)
        to.sxdp_flags |= XDP_ZEROCOPY;
    else if (cfg->mode == PN_XDP_COPY)
        to.sxdp_flags |= XDP_COPY;
    /* A socket that was just closed gives its queue back a moment later. */
    int rc = bind(x->fd, (struct sockaddr *)&to, sizeof to);
    for (int tries = 0; rc != 0 && errno == EBUSY && tries < BIND_TRIES; tries++) {
        usleep(BIND_WAIT_US);
        rc = bind(x->fd, (struct sockaddr *)&to, sizeof to);
    }
    if (rc == 0)
        return 0;
    switch (errno) {
    case EBUSY:
        return error_set(e, -EBUSY,
                         "%s: queue %u has a socket of another program already; stop that program "
                         "or choose another queue",
                         cfg->device, cfg->queue);
    case EINVAL:
    case EOPNOTSUPP:
        if (cfg->mode == PN_XDP_ZEROCOPY)
            return error_set(e, -EOPNOTSUPP,
                             "%s: zero-copy required, but its driver does not offer it; set mode "
                             "to auto or copy",
                             cfg->device);
        break;
    case ENETDOWN:
        return error_set(e, -ENETDOWN, "%s is down; ip link set %s up", cfg->device, cfg->device);
    default:
        break;
    }
    return error_set(e, -errno, "%s: cannot bind to queue %u: %s", cfg->device, cfg->queue,
                     strerror(errno));
}

static int open_all(struct xsk *x, const struct xsk_config *cfg, struct error *e)
{
    struct xdp_options got = {0};
    socklen_t bytes = sizeof got;
    int rc = map_area(x, cfg, e);
    if (rc == 0)
        rc = register_area(x, cfg, e);
    if (rc == 0)
        rc = make_rings(x, cfg, e);
    if (rc == 0)
        rc = share_out(x, cfg, e);
    if (rc != 0)
        return rc;
    prefer_busy_poll(x, cfg->busy_poll_us);
    rc = bind_queue(x, cfg, e);
    if (rc == 0 && getsockopt(x->fd, SOL_XDP, XDP_OPTIONS, &got, &bytes) == 0)
        x->zero_copy = (got.flags & XDP_OPTIONS_ZEROCOPY) != 0;
    return rc;
}

int xsk_open(struct xsk *x, const struct xsk_config *cfg, struct error *e)
{
    memset(x, 0, sizeof *x);
    x->queue = cfg->queue;
    x->buffer_bytes = cfg->buffer_bytes;
    x->fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (x->fd < 0) {
        if (errno == EPERM)
            return error_set(e, -EPERM, "%s: an AF_XDP socket needs CAP_NET_RAW; run as root",
                             cfg->device);
        return error_set(e, -errno,
                         "%s: no AF_XDP sockets: %s; the kernel needs CONFIG_XDP_SOCKETS",
                         cfg->device, strerror(errno));
    }
    int rc = open_all(x, cfg, e);
    if (rc != 0)
        xsk_close(x);
    return rc;
}

void xsk_close(struct xsk *x)
{
    struct xsk_ring *rings[] = {&x->rx, &x->fill, &x->tx, &x->done};
    for (uint32_t i = 0; i < sizeof rings / sizeof *rings; i++)
        if (rings[i]->map)
            munmap(rings[i]->map, rings[i]->map_bytes);
    if (x->fd >= 0)
        close(x->fd);
    if (x->area)
        munmap(x->area, x->area_bytes);
    free(x->tx_buffer);
    memset(x, 0, sizeof *x);
    x->fd = -1;
}

void xsk_statistics(const struct xsk *x, struct xdp_statistics *out)
{
    socklen_t bytes = sizeof *out;
    memset(out, 0, sizeof *out);
    (void)getsockopt(x->fd, SOL_XDP, XDP_STATISTICS, out, &bytes);
}
