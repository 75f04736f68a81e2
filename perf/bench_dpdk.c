/*
 * bench_dpdk.c - frames a second that the DPDK port hands out on one device, or that the whole
 * engine behind it receives, parses and books, to be compared with the receive-only mode of testpmd
 * on the same device. The device is warm before the clock runs.
 *
 *   bench_dpdk port|books DEVICE SECONDS [EAL-LINE]...
 */
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "io/dpdk.h"

enum { BURST = 64, WARM_NS = 200000000 };

static uint64_t wall_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Frames received in so long. */
static uint64_t receive(struct io_port *port, uint64_t ns)
{
    struct io_frame frame[BURST];
    uint64_t frames = 0;
    for (uint64_t until = wall_ns() + ns, now = 0; now < until;)
        for (int i = 0; i < 64; i++) {
            port->now_ns = now = wall_ns();
            frames += port->ops->rx_burst(port, frame, BURST);
        }
    return frames;
}

/* The same with the engine behind the port. */
static void run_engine(struct pipeline *p, uint64_t ns)
{
    struct pipeline_limits all = {.until_ns = UINT64_MAX};
    for (uint64_t until = wall_ns() + ns, now = 0; now < until;)
        for (int i = 0; i < 64; i++) {
            p->port->now_ns = now = wall_ns();
            if (pipeline_fill(p))
                pipeline_apply(p, &all);
        }
}

static void time_port(struct io_port *port, uint64_t ns)
{
    (void)receive(port, WARM_NS);
    uint64_t start = wall_ns(), frames = receive(port, ns);
    printf("{\"pass\": \"port\", \"frames\": %" PRIu64 ", \"ns\": %" PRIu64 "}\n", frames,
           wall_ns() - start);
}

static void time_books(struct io_port *port, uint64_t ns)
{
    struct pn_config cfg;
    struct bench_engine e;
    pn_config_default(&cfg);
    bench_engine_open(&e, &cfg, NULL);
    e.p->port = port;
    run_engine(e.p, WARM_NS);
    uint64_t start = wall_ns(), frames = e.p->counters->frames, messages = e.p->counters->messages;
    run_engine(e.p, ns);
    printf("{\"pass\": \"books\", \"frames\": %" PRIu64 ", \"ns\": %" PRIu64
           ", \"messages\": %" PRIu64 "}\n",
           e.p->counters->frames - frames, wall_ns() - start, e.p->counters->messages - messages);
    bench_engine_close(&e);
}

int main(int argc, char **argv)
{
    static struct pn_port_config cfg = {
        .name = "bench", .kind = PN_PORT_DPDK, .rx_ring = 1024, .buffers = 32768};
    struct io_port *port;
    struct error e = {0};
    char eal[PN_EAL_LEN] = "";
    if (argc < 4) {
        fprintf(stderr, "usage: bench_dpdk port|books DEVICE SECONDS [EAL-LINE]...\n");
        return 2;
    }
    snprintf(cfg.device, sizeof cfg.device, "%s", argv[2]);
    for (int i = 4; i < argc; i++)
        snprintf(eal + strlen(eal), sizeof eal - strlen(eal), "%s\n", argv[i]);
    if (io_dpdk_start(eal, &cfg, 1, -1, &e) != 0 || io_open(&port, &cfg, 0, &e) != 0)
        bench_fail(argv[2], e.text);
    uint64_t ns = bench_number(argv[3]) * 1000000000u;
    strcmp(argv[1], "books") ? time_port(port, ns) : time_books(port, ns);
    port->ops->close(port);
    io_dpdk_stop();
    return 0;
}
