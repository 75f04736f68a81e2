/*
 * bench_capture.c - from a capture file in the page cache through the file port, Ethernet, IP,
 * UDP, MoldUDP64 and sequencing to published books, beside the books alone from memory. Writes the
 * captures into DIR and removes them.
 *
 *   bench_capture SYMBOLS MESSAGES LIVE_ORDERS ROUNDS DIR
 */
#include <fcntl.h>
#include <unistd.h>

#include "bench.h"
#include "sim/wire.h"

enum { BURST = 64, PER_FRAME = 40, READ_BYTES = 1 << 20 };

/* As the generator packs by default, with full datagrams, and with one message a datagram. */
static const struct packing {
    const char *name;
    uint32_t mean_messages;
} packings[] = {{"capture", 0}, {"capture_full", 40}, {"capture_single", 1}};
enum { PACKINGS = sizeof packings / sizeof *packings };

static void write_capture(const struct bench_stream *s, const struct packing *how, const char *path)
{
    char err[256];
    struct pn_wire_config cfg;
    struct pn_wire_stats stats;
    pn_wire_config_default(&cfg);
    if (how->mean_messages)
        cfg.mean_messages = how->mean_messages;
    struct pn_wire *w = pn_wire_open(&s->cfg, &cfg, path, NULL, err, sizeof err);
    if (!w)
        bench_fail(path, err);
    int more = 1;
    while (more > 0)
        more = pn_wire_step(w, err, sizeof err);
    pn_wire_stats(w, &stats);
    if (more < 0 || pn_wire_close(w, err, sizeof err) != 0)
        bench_fail(path, err);
    printf("{\"capture\": \"%s\", \"file_bytes\": %" PRIu64 ", \"datagrams\": %" PRIu64
           ", \"heartbeats\": %" PRIu64 "}\n",
           how->name, stats.file_bytes, stats.line[0].datagrams, stats.line[0].heartbeats);
    fflush(stdout);
}

/* Reads the file and does nothing with it: the page cache's own cost, and the warming. */
static uint64_t read_file(const char *path)
{
    static uint8_t buffer[READ_BYTES];
    uint64_t t = bench_cpu_ns();
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        bench_fail(path, "cannot be read");
    while (read(fd, buffer, sizeof buffer) > 0)
        continue;
    close(fd);
    return bench_cpu_ns() - t;
}

static void run(const struct bench_stream *s, struct io_port *port, const char *name,
                uint64_t round)
{
    struct bench_engine e;
    struct pn_config cfg;
    bench_config(&cfg, s, BURST);
    bench_engine_open(&e, &cfg, NULL);
    bench_print(name, passes_own.compiler, round, bench_engine_run(&e, port));
    bench_engine_check(&e, s, name);
    bench_engine_close(&e);
    port->ops->close(port);
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        fprintf(stderr, "usage: bench_capture SYMBOLS MESSAGES LIVE_ORDERS ROUNDS DIR\n");
        return 2;
    }
    struct bench_stream s;
    struct bench_port memory;
    char path[PACKINGS][512];
    bench_stream_make(&s, bench_number(argv[1]), bench_number(argv[2]), bench_number(argv[3]));
    for (uint32_t k = 0; k < PACKINGS; k++) {
        snprintf(path[k], sizeof path[k], "%s/%s.pcap", argv[5], packings[k].name);
        write_capture(&s, &packings[k], path[k]);
        read_file(path[k]);
    }
    bench_port_cut(&memory, s.begin, s.end, s.messages, PER_FRAME);
    for (uint64_t i = 0; i < bench_number(argv[4]); i++) {
        memory.at = 0;
        memory.port.at_end = 0;
        run(&s, &memory.port, "books", i);
        for (uint32_t k = 0; k < PACKINGS; k++) {
            struct io_port *port;
            struct error err;
            if (io_file_open(&port, path[k], 0, &err) != 0)
                bench_fail(path[k], err.text);
            run(&s, port, packings[k].name, i);
        }
        bench_print("read", "-", i, read_file(path[0]));
    }
    for (uint32_t k = 0; k < PACKINGS; k++)
        unlink(path[k]);
    pn_flow_close(s.flow);
    return 0;
}
