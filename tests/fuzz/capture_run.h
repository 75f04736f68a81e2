/*
 * capture_run.h - for the fuzz targets of the capture readers: reads bytes from memory to their
 * end, checks what must hold for any input, and sums up what came out. Two runs that differ only
 * in how the bytes were handed over must give the same sum.
 */
#ifndef PN_FUZZ_CAPTURE_RUN_H
#define PN_FUZZ_CAPTURE_RUN_H

#include <stdlib.h>
#include <string.h>

#include "bytes_hash.h"
#include "io/capture.h"
#include "net/net.h"

/* Not assert: it must stay on whatever the build. */
#define MUST(cond) \
    do { \
        if (!(cond)) \
            abort(); \
    } while (0)

typedef int (*capture_open_fn)(struct io_port **out, struct source *src, uint16_t input,
                               const char *name, struct error *e);

struct capture_sum {
    uint64_t frames;
    uint64_t bytes;
    uint64_t hash;
    uint64_t datagrams;
    uint64_t drops[PN_REASON_COUNT];
};

static inline void capture_add(struct capture_sum *sum, const struct capture *c,
                               const struct io_frame *f)
{
    const struct source *src = c->src;
    struct net_datagram d;
    MUST(f->caplen <= f->len && f->caplen <= IO_FRAME_MAX);
    MUST(f->data >= src->window && f->data + f->caplen <= src->window + src->tail);
    MUST(f->link <= IO_LINK_UNKNOWN);
    MUST(f->input == c->port.input || f->input <= IO_INPUT_RECOVERY);
    uint32_t why = net_parse_frame(f, &d);
    MUST(why <= PN_REASON_COUNT);
    if (why == 0) {
        MUST(d.payload >= f->data && d.payload + d.caplen <= f->data + f->caplen);
        MUST(d.caplen <= d.len && d.len <= f->len);
        sum->datagrams++;
    }
    sum->frames++;
    sum->bytes += f->caplen;
    sum->hash = (sum->hash ^ f->ts_ns) * 0x9e3779b97f4a7c15u + f->len;
    sum->hash = bytes_hash(sum->hash, f->data, f->caplen);
}

/* Returns false when the reader would not open the bytes. */
static inline bool capture_run(struct capture_sum *sum, capture_open_fn open, const uint8_t *data,
                               size_t size, size_t chunk, uint32_t burst_len)
{
    struct source *src;
    struct io_port *port;
    struct error e;
    struct io_frame burst[IO_BURST_MAX];
    struct io_stats stats;
    uint32_t got;

    memset(sum, 0, sizeof *sum);
    MUST(source_open_memory(&src, data, size, chunk, 0, &e) == 0);
    if (open(&port, src, 7, "fuzz", &e)) {
        source_close(src);
        return false;
    }
    do {
        got = port->ops->rx_burst(port, burst, burst_len);
        MUST(got <= burst_len);
        for (uint32_t i = 0; i < got; i++)
            capture_add(sum, (struct capture *)port, &burst[i]);
    } while (got || !port->at_end);
    MUST(port->ops->rx_burst(port, burst, burst_len) == 0 && port->at_end);
    port->ops->stats(port, &stats);
    MUST(stats.rx_frames == sum->frames && stats.rx_bytes == sum->bytes);
    MUST(stats.input_bytes <= size);
    memcpy(sum->drops, stats.drops, sizeof sum->drops);
    port->ops->close(port);
    return true;
}

/* Runs twice, in one piece and in small ones; both must agree. */
static inline bool capture_run_both(struct capture_sum *sum, capture_open_fn open,
                                    const uint8_t *data, size_t size)
{
    struct capture_sum other;
    bool opened = capture_run(sum, open, data, size, 0, IO_BURST_MAX);
    MUST(capture_run(&other, open, data, size, 1 + size % 61, 1 + (uint32_t)size % 5) == opened);
    MUST(!opened || memcmp(sum, &other, sizeof other) == 0);
    return opened;
}

#endif
