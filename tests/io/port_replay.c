/*
 * port_replay.c - test helper: opens a live port, prints "ready", runs the engine over what comes
 * and prints one JSON object: digest, counters, what the port says of itself. Ends when so many
 * messages were delivered, when nothing came for a while, or when nothing came at all.
 *
 *   port_replay [OPTION VALUE]... --kind dpdk --device DEVICE
 *
 *   --eal LINE       an EAL argument; may be repeated
 *   --steer A.B.C.D:PORT, --queue, --queues, --rx-ring, --buffers, --mtu, --hw-time, --promiscuous
 *   --messages N, --frames N     ends after so many
 *   --idle MS        ends when nothing came for so long after the first frame (default 1000)
 *   --wait MS        ends when nothing came at all (default 20000)
 *   --burst N        frames a burst
 *   --raw 1          frames are received and counted, and go nowhere
 *   --send FILE      the same port sends this capture meanwhile (a device that loops back)
 *   --log FD         where DPDK's messages go
 *   --rounds N       closes the port and opens it again so often before the run
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api.h"
#include "io/io.h"
#include "pipeline.h"
#ifdef WITH_DPDK
#include "io/dpdk.h"
#endif

#define MS_NS 1000000ull

enum { SEND_BURST = 32 };

struct options {
    struct pn_port_config port;
    char eal[PN_EAL_LEN];
    const char *send;
    uint64_t messages, frames, idle_ns, wait_ns, rounds;
    uint32_t burst, raw;
    int log_fd;
};

static _Noreturn void fail(const char *text)
{
    fprintf(stderr, "port_replay: %s\n", text);
#ifdef WITH_DPDK
    io_dpdk_stop();
#endif
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void add_steer(struct pn_port_config *c, const char *text)
{
    char address[32];
    unsigned port;
    if (c->steers == PN_STEERS_MAX || sscanf(text, "%31[^:]:%u", address, &port) != 2)
        fail("--steer needs A.B.C.D:PORT");
    struct pn_steer *s = &c->steer[c->steers++];
    s->group_be = inet_addr(address);
    s->port = (uint16_t)port;
    s->multicast = ntohl(s->group_be) >> 28 == 0xe;
}

static void set(struct options *o, const char *name, const char *value)
{
    uint64_t n = strtoull(value, NULL, 10);
    struct pn_port_config *c = &o->port;
    size_t used = strlen(o->eal);
    if (strcmp(name, "--kind") == 0)
        c->kind = strcmp(value, "dpdk") == 0     ? PN_PORT_DPDK
                  : strcmp(value, "af_xdp") == 0 ? PN_PORT_AF_XDP
                                                 : PN_PORT_PCAP;
    else if (strcmp(name, "--device") == 0)
        snprintf(c->device, sizeof c->device, "%s", value);
    else if (strcmp(name, "--eal") == 0)
        snprintf(o->eal + used, sizeof o->eal - used, "%s\n", value);
    else if (strcmp(name, "--steer") == 0)
        add_steer(c, value);
    else if (strcmp(name, "--queue") == 0)
        c->queue = (uint16_t)n;
    else if (strcmp(name, "--queues") == 0)
        c->queues = (uint16_t)n;
    else if (strcmp(name, "--rx-ring") == 0)
        c->rx_ring = (uint32_t)n;
    else if (strcmp(name, "--buffers") == 0)
        c->buffers = (uint32_t)n;
    else if (strcmp(name, "--mtu") == 0)
        c->mtu = (uint32_t)n;
    else if (strcmp(name, "--hw-time") == 0)
        c->hw_time = (uint32_t)n;
    else if (strcmp(name, "--promiscuous") == 0)
        c->promiscuous = (uint32_t)n;
    else if (strcmp(name, "--messages") == 0)
        o->messages = n;
    else if (strcmp(name, "--frames") == 0)
        o->frames = n;
    else if (strcmp(name, "--raw") == 0)
        o->raw = (uint32_t)n;
    else if (strcmp(name, "--idle") == 0)
        o->idle_ns = n * MS_NS;
    else if (strcmp(name, "--wait") == 0)
        o->wait_ns = n * MS_NS;
    else if (strcmp(name, "--burst") == 0)
        o->burst = (uint32_t)n;
    else if (strcmp(name, "--log") == 0)
        o->log_fd = (int)n;
    else if (strcmp(name, "--send") == 0)
        o->send = value;
    else if (strcmp(name, "--rounds") == 0)
        o->rounds = n;
    else
        fail(name);
}

/* A sender on the side: one burst of the file at a time, as far as the port takes it. */
struct sender {
    struct io_port *file;
    struct io_frame frame[IO_BURST_MAX];
    uint32_t head, count;
};

static void send_some(struct sender *s, struct io_port *to)
{
    if (s->head == s->count && !s->file->at_end) {
        s->head = 0;
        s->count = s->file->ops->rx_burst(s->file, s->frame, SEND_BURST);
    }
    if (s->head < s->count)
        s->head += to->ops->tx_burst(to, s->frame + s->head, s->count - s->head);
}

static void run(struct pipeline *p, const struct options *o, struct sender *s)
{
    uint64_t last = now_ns(), had = 0;
    while ((!o->messages || p->counters->messages < o->messages) &&
           (!o->frames || p->counters->frames < o->frames)) {
        struct pipeline_limits all = {.until_ns = UINT64_MAX};
        uint64_t now = p->port->now_ns = now_ns();
        if (s->file)
            send_some(s, p->port);
        if (o->raw)
            p->counters->frames += p->port->ops->rx_burst(p->port, p->frame, o->burst);
        else if (pipeline_fill(p))
            pipeline_apply(p, &all);
        if (p->counters->frames != had) {
            had = p->counters->frames;
            last = now;
        } else if (now - last > (had ? o->idle_ns : o->wait_ns)) {
            break;
        }
    }
}

static void print_port(const struct pn_port_status *s)
{
    printf("\"port\": {\"driver\": \"%s\", \"queues\": %u, \"link_up\": %u, \"speed_mbps\": %u, "
           "\"mtu\": %u, \"hw_time\": %u, \"hugepages\": %u, \"rx_frames\": %" PRIu64
           ", \"rx_bytes\": %" PRIu64 ", \"tx_frames\": %" PRIu64 ", \"polls\": %" PRIu64
           ", \"xstats\": {",
           s->driver, s->queues, s->link_up, s->speed_mbps, s->mtu, s->hw_time, s->hugepages,
           s->rx_frames, s->rx_bytes, s->tx_frames, s->polls);
    for (uint32_t i = 0; i < s->xstats; i++)
        printf("%s\"%s\": %" PRIu64, i ? ", " : "", s->xstat[i].name, s->xstat[i].value);
    printf("}, \"drops\": {");
    const char *comma = "";
    for (uint32_t i = 0; i < PN_REASON_COUNT; i++) {
        if (s->drops[i]) {
            printf("%s\"%s\": %" PRIu64, comma, reason_label(i), s->drops[i]);
            comma = ", ";
        }
    }
    printf("}}");
}

static void print(struct pipeline *p, const struct region *r)
{
    static struct pn_port_status status;
    const struct pn_counters *c = p->counters;
    const char *comma = "";
    uint64_t digest[2], lost = 0;
    pipeline_digest(p, digest);
    for (uint32_t i = 0; i < p->channels.count; i++)
        lost += p->channels.pub[i].lost;
    p->port->ops->status(p->port, &status);
    printf("{\"digest\": \"%016" PRIx64 "%016" PRIx64 "\", \"frames\": %" PRIu64
           ", \"messages\": %" PRIu64 ", \"lost\": %" PRIu64 ", \"channels\": %u, "
           "\"instruments\": %u, \"first_ns\": %" PRIu64 ", \"last_ns\": %" PRIu64
           ", \"now_ns\": %" PRIu64 ", \"drops\": {",
           digest[0], digest[1], c->frames, c->messages, lost, p->channels.count,
           region_header(r)->instruments, c->first_ns, c->last_ns, now_ns());
    for (uint32_t i = 0; i < PN_REASON_COUNT; i++) {
        if (c->drops[i]) {
            printf("%s\"%s\": %" PRIu64, comma, reason_label(i), c->drops[i]);
            comma = ", ";
        }
    }
    printf("}, ");
    print_port(&status);
    printf("}\n");
}

static struct io_port *open_port(const struct options *o)
{
    struct io_port *port;
    struct error e = {0};
    for (uint64_t i = 0; i <= o->rounds; i++) {
        if (io_open(&port, &o->port, 0, &e) != 0)
            fail(e.text);
        if (i < o->rounds)
            port->ops->close(port);
    }
    return port;
}

static void wait_for_link(struct io_port *port)
{
    static struct pn_port_status s;
    for (int i = 0; i < 500; i++) {
        port->ops->status(port, &s);
        if (s.link_up)
            return;
        nanosleep(&(struct timespec){.tv_nsec = 20 * (long)MS_NS}, NULL);
    }
    fail("no link");
}

int main(int argc, char **argv)
{
    struct options o = {
        .idle_ns = 1000 * MS_NS, .wait_ns = 20000 * MS_NS, .burst = 64, .log_fd = -1};
    struct sender sender = {0};
    struct region region = {0};
    struct pn_config cfg;
    struct error e = {0};
    snprintf(o.port.name, sizeof o.port.name, "p0");
    for (int i = 1; i + 1 < argc; i += 2)
        set(&o, argv[i], argv[i + 1]);
#ifdef WITH_DPDK
    if (o.port.kind == PN_PORT_DPDK && io_dpdk_start(o.eal, &o.port, 1, o.log_fd, &e) != 0)
        fail(e.text);
#endif
    struct io_port *port = open_port(&o);
    if (o.send && io_file_open(&sender.file, o.send, 0, &e) != 0)
        fail(e.text);
    pn_config_default(&cfg);
    cfg.max_orders = 1 << 18;
    cfg.max_pages = 1 << 16;
    cfg.burst = o.burst;
    cfg.hugepages = 0;
    struct pipeline *p = aligned_alloc(64, (sizeof *p + 63) & ~(size_t)63);
    if (!p)
        fail("out of memory");
    memset(p, 0, sizeof *p);
    if (region_create(&region, &cfg, NULL, &e) != 0 || pipeline_init(p, &region, &cfg, &e) != 0)
        fail(e.text);
    p->port = port;
    wait_for_link(port);
    printf("ready\n");
    fflush(stdout);
    run(p, &o, &sender);
    print(p, &region);
    port->ops->close(port);
    if (sender.file)
        sender.file->ops->close(sender.file);
    pipeline_free(p);
    free(p);
    region_close(&region);
#ifdef WITH_DPDK
    io_dpdk_stop();
#endif
    return 0;
}
