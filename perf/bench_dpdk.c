/*
 * bench_dpdk.c - frames a second of the DPDK port on one device: by itself (the comparison with
 * testpmd's receive-only mode on the same device), and with the engine behind it where the device
 * has market data. The device is warm before the clock runs.
 *
 *   bench_dpdk DEVICE SECONDS engine|receive [EAL-LINE]...
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

static uint64_t book(struct bench_engine *e, struct io_port *port, uint64_t ns)
{
    uint64_t before = e->p->counters->frames;
    e->p->port = port;
    for (uint64_t until = wall_ns() + ns; (port->now_ns = wall_ns()) < until;)
        bench_engine_step(e->p);
    return e->p->counters->frames - before;
}

int main(int argc, char **argv)
{
    static struct pn_port_config cfg = {
        .name = "bench", .kind = PN_PORT_DPDK, .rx_ring = 1024, .buffers = 32768};
    struct bench_engine engine;
    struct pn_config config;
    struct io_port *port;
    struct error e = {0};
    char eal[PN_EAL_LEN] = "";
    if (argc < 4) {
        fprintf(stderr, "usage: bench_dpdk DEVICE SECONDS engine|receive [EAL-LINE]...\n");
        return 2;
    }
    snprintf(cfg.device, sizeof cfg.device, "%s", argv[1]);
    for (int i = 4; i < argc; i++)
        snprintf(eal + strlen(eal), sizeof eal - strlen(eal), "%s\n", argv[i]);
    if (io_dpdk_start(eal, &cfg, 1, -1, &e) != 0 || io_open(&port, &cfg, 0, &e) != 0)
        bench_fail(argv[1], e.text);
    int books = strcmp(argv[3], "engine") == 0;
    if (books) {
        pn_config_default(&config);
        bench_engine_open(&engine, &config, NULL);
    }
    uint64_t ns = bench_number(argv[2]) * 1000000000u, start, frames;
    (void)(books ? book(&engine, port, WARM_NS) : receive(port, WARM_NS));
    start = wall_ns();
    frames = books ? book(&engine, port, ns) : receive(port, ns);
    uint64_t took = wall_ns() - start;
    printf("{\"pass\": \"%s\", \"frames\": %" PRIu64 ", \"ns\": %" PRIu64 ", \"messages\": %" PRIu64
           "}\n",
           argv[3], frames, took, books ? engine.p->counters->messages : 0);
    port->ops->close(port);
    io_dpdk_stop();
    return 0;
}
