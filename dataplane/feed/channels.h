/*
 * channels.h - which channel and line a datagram belongs to.
 *
 * A flow is (input, group, port). The user may declare channels; where he has declared none,
 * a flow is recognised by content, and flows of one feed with the same session (MoldUDP64) or the
 * same channel id (IEX-TP) become lines of one channel.
 */
#ifndef PN_FEED_CHANNELS_H
#define PN_FEED_CHANNELS_H

#include "feed/decode.h"
#include "feed/sequence.h"

enum { FLOWS_MAX = 256 };

struct channel {
    struct pn_channel *pub;
    struct sequencer seq;
    struct decode_ctx decode;
    struct instrument_map map;
    struct pn_channel_config cfg; /* of a declared channel; lines 0 otherwise */
    uint64_t iex_channel;
    uint64_t digest;
};

struct flow {
    uint64_t key;
    uint8_t channel;
    uint8_t line;
    uint8_t used;
};

struct channels {
    struct channel *channel; /* [PN_CHANNELS_MAX] */
    struct pn_channel *pub;
    struct instruments instruments;
    struct pn_counters *counters;
    struct pn_region_header *header;
    uint8_t *sequence_memory;
    uint64_t sequence_bytes; /* of one channel */
    uint64_t bytes;          /* of all channels, mapped */
    uint32_t held_max;
    uint64_t reorder_ns;
    uint32_t count;
    uint32_t declared;
    uint32_t recognise;
    uint32_t default_feed;
    struct flow flow[FLOWS_MAX];
    struct flow *last;
};

/* Takes all memory. 0 or a negative errno. */
int channels_init(struct channels *c, const struct region *r, const struct pn_config *cfg,
                  struct error *e);
void channels_free(struct channels *c);
/* A channel that the user has declared. */
int channels_declare(struct channels *c, const struct pn_channel_config *cfg, struct error *e);
/*
 * After all channels are declared, over a region that an earlier run has left: each goes on where
 * it was. 0, or -ESTALE when the region's channels are others or one of them cannot go on.
 */
int channels_resume(struct channels *c, uint32_t channels_before, struct error *e);
/* Cold half of channels_find: decides about a flow; NULL with the drop counted. */
struct flow *channels_decide(struct channels *c, const struct net_datagram *d, uint64_t key);

PN_HOT uint64_t flow_key(const struct net_datagram *d)
{
    return (uint64_t)d->group_be << 32 | (uint64_t)d->port << 16 | d->input;
}

/* The flow of a datagram, decided; NULL with the drop counted. */
PN_HOT struct flow *channels_find(struct channels *c, const struct net_datagram *d)
{
    uint64_t key = flow_key(d);
    if (PN_LIKELY(c->last && c->last->key == key))
        return c->last;
    return channels_decide(c, d, key);
}

#endif
