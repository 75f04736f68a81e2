/*
 * decode.h - what every decoder gets and gives: one message in, up to two events out.
 *
 * A decoder knows protocol facts only. It checks the length, then views; it never remembers a
 * message and never looks at a book.
 */
#ifndef PN_FEED_DECODE_H
#define PN_FEED_DECODE_H

#include "base/reasons.h"
#include "feed/instruments.h"

enum { DECODE_EVENTS_MAX = 2 };

struct decode_ctx {
    struct instrument_map *map;
    uint64_t *drops;
};

/* One message type of a feed, for tables and reports. */
struct message_type {
    uint8_t len;
    const char *label;
};

/*
 * A message that should have changed a book and cannot be used: nobody knows which book. The
 * whole channel is stale from here, as after a loss.
 */
PN_HOT uint32_t decode_lost(const struct decode_ctx *c, enum pn_reason reason, struct pn_event *ev)
{
    c->drops[reason]++;
    *ev = (struct pn_event){
        .kind = PN_EV_GAP,
        .flags = PN_EVF_REJECTED,
        .wire_type = ev->wire_type,
        .instrument = c->map->channel,
        .size = 1,
    };
    return 1;
}

#endif
