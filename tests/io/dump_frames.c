/*
 * dump_frames.c - test helper: prints every frame of the given capture files, merged by time, as
 * "input ts_ns caplen len link crc32", then the non-zero counters as "label count". Burst size by
 * -b N. It shows what io makes of a file, for comparison with other readers.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "io/io.h"
#include "net/net.h"

static void print_frame(const struct io_frame *f)
{
    struct net_datagram d;
    uint32_t why = net_parse_frame(f, &d);
    printf("%u %" PRIu64 " %" PRIu32 " %" PRIu32 " %u %08lx ", f->input, f->ts_ns, f->caplen,
           f->len, f->link, crc32(0, f->data, f->caplen));
    if (why)
        printf("%s\n", reason_label(why - 1));
    else
        printf("%08" PRIx32 " %u %" PRIu32 " %" PRIu32 "\n", __builtin_bswap32(d.group_be), d.port,
               d.caplen, d.len);
}

int main(int argc, char **argv)
{
    struct io_port *ports[IO_INPUTS_MAX], *port;
    struct io_frame burst[IO_BURST_MAX];
    struct io_stats stats;
    struct error e;
    uint32_t count = 0, n = IO_BURST_MAX, got;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-b") == 0 && i + 1 < argc) {
            n = (uint32_t)atoi(argv[++i]);
            continue;
        }
        if (count == IO_INPUTS_MAX || io_file_open(&ports[count], argv[i], (uint16_t)count, &e)) {
            fprintf(stderr, "%s\n", count == IO_INPUTS_MAX ? "too many files" : e.text);
            return 1;
        }
        count++;
    }
    if (n == 0 || n > IO_BURST_MAX || io_merge_open(&port, ports, count, &e)) {
        fprintf(stderr, "usage: dump_frames [-b 1..%d] FILE...\n", IO_BURST_MAX);
        return 2;
    }
    do {
        got = port->ops->rx_burst(port, burst, n);
        for (uint32_t i = 0; i < got; i++)
            print_frame(&burst[i]);
    } while (got || !port->at_end);
    port->ops->stats(port, &stats);
    printf("rx_frames %" PRIu64 "\nrx_bytes %" PRIu64 "\n", stats.rx_frames, stats.rx_bytes);
    for (unsigned r = 0; r < PN_REASON_COUNT; r++)
        if (stats.drops[r])
            printf("%s %" PRIu64 "\n", reason_label(r), stats.drops[r]);
    port->ops->close(port);
    return 0;
}
