/*
 * raw_itch.c - Nasdaq BinaryFILE of ITCH 5.0 messages: u16 big-endian length and message, back to
 * back, no packets. Whole blocks are grouped into frames of about a datagram's size; a frame's
 * time is the timestamp of its first message (ns since midnight), and a frame ends where the
 * timestamps leave its millisecond, so that stepping by time stays precise.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/bits.h"
#include "io/capture.h"

enum {
    BLOCK_HEADER = 2,
    TIME_OFFSET = 5, /* of the u48 timestamp in a message */
    TIMED_MIN = 11,  /* messages shorter than the common header carry no time */
    FRAME_BYTES = 1400,
    FRAME_SPAN_NS = 1000000,
    SNIFF_BLOCKS = 8,
    GROWTH_MAX = 64 /* bytes that a later revision may have added to a message */
};

#define DAY_NS 86400000000000ull

struct raw_itch {
    struct capture c;
    uint64_t last_ns;
};

/* Length of each ITCH 5.0 message type, 0 = no such type. */
static uint32_t type_length(uint8_t type)
{
    static const uint8_t lengths[128] = {
        ['S'] = 12, ['R'] = 39, ['H'] = 25, ['Y'] = 20, ['L'] = 26, ['V'] = 35,
        ['W'] = 12, ['K'] = 28, ['J'] = 35, ['h'] = 21, ['A'] = 36, ['F'] = 40,
        ['E'] = 31, ['C'] = 36, ['X'] = 23, ['D'] = 19, ['U'] = 35, ['P'] = 44,
        ['Q'] = 40, ['B'] = 19, ['I'] = 50, ['N'] = 20, ['O'] = 48,
    };
    return type < sizeof lengths ? lengths[type] : 0;
}

bool raw_itch_recognise(const uint8_t *p, size_t n)
{
    size_t at = 0;
    for (unsigned i = 0; i < SNIFF_BLOCKS; i++) {
        if (at == n)
            return i > 0;
        if (n - at < BLOCK_HEADER + TIMED_MIN)
            return i > 0;
        uint32_t len = load_u16_be(p + at), want = type_length(p[at + BLOCK_HEADER]);
        if (want == 0 || len < want || len > want + GROWTH_MAX)
            return false;
        if (load_u48_be(p + at + BLOCK_HEADER + TIME_OFFSET) >= DAY_NS)
            return false;
        if (n - at - BLOCK_HEADER < len)
            return true;
        at += BLOCK_HEADER + len;
    }
    return true;
}

/* A block of length zero as the very last is the format's end mark, not a message. */
static bool end_mark(const uint8_t *p, size_t n, bool at_end)
{
    return at_end && n == BLOCK_HEADER && load_u16_be(p) == 0;
}

static void finish(struct raw_itch *r)
{
    struct source *src = r->c.src;
    if (end_mark(source_at(src), source_left(src), src->at_end))
        source_take(src, BLOCK_HEADER);
    capture_end(&r->c);
}

/* Bytes of whole blocks at p that belong into one frame; 0 when not even one is whole. */
static size_t gather(struct raw_itch *r, const uint8_t *p, size_t n, uint64_t *ts_ns)
{
    size_t at = 0;
    uint64_t first = r->last_ns;
    while (n - at >= BLOCK_HEADER) {
        uint32_t len = load_u16_be(p + at);
        if (n - at - BLOCK_HEADER < len || end_mark(p + at, n - at, r->c.src->at_end))
            break;
        if (at && at + BLOCK_HEADER + len > FRAME_BYTES)
            break;
        if (len >= TIMED_MIN) {
            uint64_t t = load_u48_be(p + at + BLOCK_HEADER + TIME_OFFSET);
            if (at == 0)
                first = t;
            else if (t - first > FRAME_SPAN_NS)
                break;
        }
        at += BLOCK_HEADER + len;
    }
    *ts_ns = first;
    return at;
}

static uint32_t raw_itch_rx(struct io_port *port, struct io_frame *out, uint32_t n)
{
    struct raw_itch *r = (struct raw_itch *)port;
    struct source *src = r->c.src;
    uint32_t made = 0;

    while (made < n && !port->at_end) {
        const uint8_t *at = source_at(src);
        size_t left = source_left(src);
        size_t len = gather(r, at, left, &r->last_ns);
        /* A frame that more bytes could make longer waits for them: frames do not depend on how
         * the file was read. */
        bool open = left - len < BLOCK_HEADER + (size_t)UINT16_MAX && !src->at_end;
        if (len && (!open || len >= FRAME_BYTES)) {
            out[made++] = (struct io_frame){
                .data = at,
                .caplen = (uint32_t)len,
                .len = (uint32_t)len,
                .ts_ns = r->last_ns,
                .input = port->input,
                .link = IO_LINK_BLOCKS,
            };
            r->c.stats.rx_bytes += len;
            source_take(src, len);
            continue;
        }
        if (made)
            break;
        if (open)
            source_fill(src, len + BLOCK_HEADER + UINT16_MAX);
        else
            finish(r);
    }
    r->c.stats.rx_frames += made;
    return made;
}

static const struct io_ops raw_itch_ops = {
    .name = "raw_itch", .rx_burst = raw_itch_rx, .stats = capture_stats, .close = capture_close};

int raw_itch_open(struct io_port **out, struct source *src, uint16_t input, const char *name,
                  struct error *e)
{
    struct raw_itch *r = calloc(1, sizeof *r);
    if (!r)
        return error_set(e, -ENOMEM, "%s: out of memory", name);
    r->c.port.ops = &raw_itch_ops;
    r->c.port.input = input;
    r->c.src = src;
    *out = &r->c.port;
    return 0;
}
