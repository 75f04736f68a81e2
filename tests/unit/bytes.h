/* bytes.h - for the tests of io and net: a growing byte string in either order, and what a port
 * made of a byte string. */
#ifndef PN_TESTS_BYTES_H
#define PN_TESTS_BYTES_H

#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "check.h"
#include "io/capture.h"

struct bytes {
    uint8_t *data;
    size_t len;
    size_t cap;
    bool be;
};

static inline void bytes_put(struct bytes *b, const void *p, size_t n)
{
    if (b->len + n > b->cap) {
        b->cap = (b->len + n) * 2 + 4096;
        b->data = realloc(b->data, b->cap);
        if (!b->data)
            abort();
    }
    memcpy(b->data + b->len, p, n);
    b->len += n;
}

static inline void bytes_u16(struct bytes *b, uint16_t v)
{
    v = b->be ? __builtin_bswap16(v) : v;
    bytes_put(b, &v, sizeof v);
}

static inline void bytes_u32(struct bytes *b, uint32_t v)
{
    v = b->be ? __builtin_bswap32(v) : v;
    bytes_put(b, &v, sizeof v);
}

/* n bytes that tell their place, so that a moved or mixed-up view shows. */
static inline void bytes_pattern(struct bytes *b, uint32_t seed, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint8_t v = (uint8_t)(seed * 31 + i);
        bytes_put(b, &v, 1);
    }
}

static inline bool is_pattern(const uint8_t *p, uint32_t seed, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] != (uint8_t)(seed * 31 + i))
            return false;
    return true;
}

static inline struct io_port *open_bytes(const struct bytes *b, size_t len, size_t chunk)
{
    struct source *src;
    struct io_port *port;
    struct error e;
    if (source_open_memory(&src, b->data, len, chunk, 0, &e))
        return NULL;
    if (capture_open(&port, src, 0, "memory", &e)) {
        source_close(src);
        return NULL;
    }
    return port;
}

/* Reads a port to its end. frames, if given, gets up to cap of the frames; data of frames of
 * earlier bursts is dead by then. Returns how many there were. */
static inline uint32_t drain(struct io_port *port, struct io_frame *frames, uint32_t cap,
                             uint32_t burst_len)
{
    struct io_frame burst[IO_BURST_MAX];
    uint32_t total = 0, got;
    do {
        got = port->ops->rx_burst(port, burst, burst_len);
        for (uint32_t i = 0; i < got; i++, total++)
            if (frames && total < cap)
                frames[total] = burst[i];
    } while (got || !port->at_end);
    return total;
}

static inline uint64_t dropped(struct io_port *port, enum pn_reason reason)
{
    struct io_stats s;
    port->ops->stats(port, &s);
    return s.drops[reason];
}

static inline uint64_t dropped_in_all(struct io_port *port)
{
    struct io_stats s;
    uint64_t sum = 0;
    port->ops->stats(port, &s);
    for (unsigned r = 0; r < PN_REASON_COUNT; r++)
        sum += s.drops[r];
    return sum;
}

/* Classic pcap. */
static inline void pcap_header(struct bytes *b, uint32_t magic, uint32_t snaplen, uint32_t link)
{
    bytes_u32(b, magic);
    bytes_u16(b, 2);
    bytes_u16(b, 4);
    bytes_u32(b, 0);
    bytes_u32(b, 0);
    bytes_u32(b, snaplen);
    bytes_u32(b, link);
}

static inline void pcap_record(struct bytes *b, uint32_t sec, uint32_t frac, uint32_t caplen,
                               uint32_t len, uint32_t seed)
{
    bytes_u32(b, sec);
    bytes_u32(b, frac);
    bytes_u32(b, caplen);
    bytes_u32(b, len);
    bytes_pattern(b, seed, caplen);
}

#endif
