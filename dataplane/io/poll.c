/*
 * poll.c - the live ports of one shard as one port: asked in turn, each up to a burst, the next
 * call going on with the next port, so that a busy one cannot starve the others. Owns the ports.
 *
 * No order by time is made: live frames come as they come, and lines are put in order by sequence
 * number. A frame is valid until this port's next rx_burst, as that of its own port is: a port is
 * asked once in a call at most.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/bits.h"
#include "io/io.h"

/*
 * Bursts handed out between two changes of now_ns; then none, once. A caller that looks for
 * messages and gets only duplicates or strangers comes back to its other duties.
 */
enum { POLL_BURSTS_MAX = 8 };

struct poll {
    struct io_port port;
    uint64_t since_ns; /* now_ns of the first of ... */
    uint32_t bursts;   /* ... so many bursts */
    struct io_port *inner[IO_INPUTS_MAX + 1];
    uint32_t count;
    uint32_t next; /* which is asked first */
};

static uint32_t poll_rx(struct io_port *port, struct io_frame *out, uint32_t n)
{
    struct poll *p = (struct poll *)port;
    uint32_t got = 0, at_end = 0;
    if (port->now_ns != p->since_ns) {
        p->since_ns = port->now_ns;
        p->bursts = 0;
    } else if (PN_UNLIKELY(p->bursts == POLL_BURSTS_MAX)) {
        p->bursts = 0;
        return 0;
    }
    p->bursts++;
    for (uint32_t i = 0; i < p->count; i++) {
        uint32_t at = p->next + i;
        struct io_port *inner = p->inner[at < p->count ? at : at - p->count];
        inner->now_ns = port->now_ns;
        /* A full burst of one leaves nothing for the others in this call: they are first in the
         * next one, and a port that is not asked keeps its frames. */
        if (got == n)
            break;
        got += inner->ops->rx_burst(inner, out + got, n - got);
        at_end += inner->at_end;
    }
    p->next = p->next + 1 < p->count ? p->next + 1 : 0;
    if (!got && at_end == p->count)
        port->at_end = 1;
    return got;
}

static void poll_stats(struct io_port *port, struct io_stats *out)
{
    const struct poll *p = (const struct poll *)port;
    *out = (struct io_stats){0};
    for (uint32_t i = 0; i < p->count; i++) {
        struct io_stats s = {0};
        p->inner[i]->ops->stats(p->inner[i], &s);
        out->rx_frames += s.rx_frames;
        out->rx_bytes += s.rx_bytes;
        out->tx_frames += s.tx_frames;
        out->tx_bytes += s.tx_bytes;
        out->input_bytes += s.input_bytes;
        out->input_total += s.input_total;
        for (uint32_t r = 0; r < PN_REASON_COUNT; r++)
            out->drops[r] += s.drops[r];
    }
}

static void poll_close(struct io_port *port)
{
    struct poll *p = (struct poll *)port;
    for (uint32_t i = 0; i < p->count; i++)
        p->inner[i]->ops->close(p->inner[i]);
    free(p);
}

int io_poll_open(struct io_port **out, struct io_port **ports, uint32_t count, struct error *e)
{
    static const struct io_ops ops = {
        .name = "poll", .rx_burst = poll_rx, .stats = poll_stats, .close = poll_close};
    if (!count || count > IO_INPUTS_MAX + 1)
        return error_set(e, -EINVAL, "a shard polls 1 to %d ports, not %u", IO_INPUTS_MAX + 1,
                         count);
    struct poll *p = calloc(1, sizeof *p);
    if (!p)
        return error_set(e, -ENOMEM, "no memory for a port");
    p->port.ops = &ops;
    p->count = count;
    for (uint32_t i = 0; i < count; i++)
        p->inner[i] = ports[i];
    *out = &p->port;
    return 0;
}
