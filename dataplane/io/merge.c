/*
 * merge.c - several ports as one, by receive time; equal times go by input number. Each port has
 * its own small buffer of frames. Reading a port on would invalidate the frames it gave before, so
 * a merged burst ends where a port that has already given to it runs dry.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "io/io.h"

struct lane {
    struct io_port *port;
    uint32_t head;
    uint32_t count;
    bool given; /* frames of this lane are in the burst under way */
    struct io_frame frame[IO_BURST_MAX];
};

struct merge {
    struct io_port port;
    uint64_t rx_frames; /* handed out; the lanes have read a little further */
    uint64_t rx_bytes;
    uint32_t lanes;
    struct lane lane[];
};

/* Whether frame a comes before frame b. */
PN_HOT bool before(const struct io_frame *a, const struct io_frame *b)
{
    return a->ts_ns != b->ts_ns ? a->ts_ns < b->ts_ns : a->input < b->input;
}

/* Reads on where a lane is empty. False when a frame of it cannot be had now. */
static bool refill(struct lane *l)
{
    if (l->given)
        return false;
    l->head = 0;
    l->count = 0;
    while (l->count == 0 && !l->port->at_end) {
        l->count = l->port->ops->rx_burst(l->port, l->frame, IO_BURST_MAX);
        if (l->count == 0 && !l->port->at_end)
            return false; /* a live port with nothing to give: what comes next is not known */
    }
    return true;
}

/*
 * The lane with the first frame, and the first frame of the others. NULL when no frame may be
 * taken now; *done is set when that is because all ports are at their end.
 */
static struct lane *choose(struct merge *m, const struct io_frame **next, bool *done)
{
    struct lane *best = NULL;
    *next = NULL;
    for (uint32_t i = 0; i < m->lanes; i++) {
        struct lane *l = &m->lane[i];
        if (l->head == l->count && !l->port->at_end && !refill(l))
            return NULL;
        if (l->head == l->count)
            continue;
        const struct io_frame *f = &l->frame[l->head];
        if (!best || before(f, &best->frame[best->head])) {
            if (best)
                *next = &best->frame[best->head];
            best = l;
        } else if (!*next || before(f, *next)) {
            *next = f;
        }
    }
    *done = best == NULL;
    return best;
}

static uint32_t merge_rx(struct io_port *port, struct io_frame *out, uint32_t n)
{
    struct merge *m = (struct merge *)port;
    uint32_t made = 0;
    for (uint32_t i = 0; i < m->lanes; i++)
        m->lane[i].given = false;
    while (made < n) {
        const struct io_frame *next;
        bool done = false;
        struct lane *l = choose(m, &next, &done);
        if (!l) {
            port->at_end = done;
            break;
        }
        l->given = true;
        do {
            m->rx_bytes += l->frame[l->head].caplen;
            out[made++] = l->frame[l->head++];
        } while (made < n && l->head < l->count && (!next || !before(next, &l->frame[l->head])));
    }
    m->rx_frames += made;
    return made;
}

static void merge_stats(struct io_port *port, struct io_stats *out)
{
    struct merge *m = (struct merge *)port;
    bool total_known = true;
    memset(out, 0, sizeof *out);
    out->rx_frames = m->rx_frames;
    out->rx_bytes = m->rx_bytes;
    for (uint32_t i = 0; i < m->lanes; i++) {
        struct io_stats s;
        m->lane[i].port->ops->stats(m->lane[i].port, &s);
        out->input_bytes += s.input_bytes;
        out->input_total += s.input_total;
        total_known &= s.input_total != 0;
        for (unsigned r = 0; r < PN_REASON_COUNT; r++)
            out->drops[r] += s.drops[r];
    }
    if (!total_known)
        out->input_total = 0;
}

static void merge_close(struct io_port *port)
{
    struct merge *m = (struct merge *)port;
    for (uint32_t i = 0; i < m->lanes; i++)
        m->lane[i].port->ops->close(m->lane[i].port);
    free(m);
}

static const struct io_ops merge_ops = {
    .name = "merge", .rx_burst = merge_rx, .stats = merge_stats, .close = merge_close};

int io_merge_open(struct io_port **out, struct io_port **ports, uint32_t count, struct error *e)
{
    if (count == 0 || count > IO_INPUTS_MAX)
        return error_set(e, -EINVAL, "%u inputs: give 1 to %d", count, IO_INPUTS_MAX);
    if (count == 1) { /* nothing to merge */
        *out = ports[0];
        return 0;
    }
    struct merge *m = calloc(1, sizeof *m + count * sizeof m->lane[0]);
    if (!m)
        return error_set(e, -ENOMEM, "merge: out of memory");
    m->port.ops = &merge_ops;
    m->lanes = count;
    for (uint32_t i = 0; i < count; i++)
        m->lane[i].port = ports[i];
    *out = &m->port;
    return 0;
}
