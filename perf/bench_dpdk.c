/*
 * bench_dpdk.c - frames a second that the DPDK port hands out on one device, to be compared with
 * the receive-only mode of testpmd on the same device. The device is warm before the clock runs.
 *
 *   bench_dpdk DEVICE SECONDS [EAL-LINE]...
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

int main(int argc, char **argv)
{
    static struct pn_port_config cfg = {
        .name = "bench", .kind = PN_PORT_DPDK, .rx_ring = 1024, .buffers = 32768};
    struct io_port *port;
    struct error e = {0};
    char eal[PN_EAL_LEN] = "";
    if (argc < 3) {
        fprintf(stderr, "usage: bench_dpdk DEVICE SECONDS [EAL-LINE]...\n");
        return 2;
    }
    snprintf(cfg.device, sizeof cfg.device, "%s", argv[1]);
    for (int i = 3; i < argc; i++)
        snprintf(eal + strlen(eal), sizeof eal - strlen(eal), "%s\n", argv[i]);
    if (io_dpdk_start(eal, &cfg, 1, -1, &e) != 0 || io_open(&port, &cfg, 0, &e) != 0)
        bench_fail(argv[1], e.text);
    (void)receive(port, WARM_NS);
    uint64_t start = wall_ns(), frames = receive(port, bench_number(argv[2]) * 1000000000u);
    printf("{\"pass\": \"port\", \"frames\": %" PRIu64 ", \"ns\": %" PRIu64 "}\n", frames,
           wall_ns() - start);
    port->ops->close(port);
    io_dpdk_stop();
    return 0;
}
