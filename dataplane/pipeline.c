/*
 * pipeline.c - the path, top to bottom:
 *
 *   port -> frames -> datagrams -> packets -> runs in sequence -> events -> books -> readers
 *
 * Nothing from pipeline_fill and pipeline_apply on down allocates, locks, logs or calls the system
 * (a file port refills its window, which is its own business). Each stage works on what the one
 * before has left for it and stops when its output is full, so any burst, of any shape, passes
 * through fixed memory.
 */
#include "pipeline.h"

#include <errno.h>
#include <stdlib.h>

#include "feed/iex.h"
#include "feed/itch50.h"

PN_HOT uint64_t stage_begin(const struct pipeline *p)
{
    return PN_UNLIKELY(p->clock != NULL) ? p->clock() : 0;
}

PN_HOT uint64_t stage_end(struct pipeline *p, enum pipeline_stage stage, uint64_t since)
{
    if (PN_LIKELY(!p->clock))
        return 0;
    uint64_t now = p->clock();
    p->counters->stage[stage].calls++;
    p->counters->stage[stage].ticks += now - since;
    return now;
}

/* STAGE_IO: the next frames of the port. */
static void receive(struct pipeline *p)
{
    struct pn_counters *c = p->counters;
    uint64_t t = stage_begin(p);
    p->frames = p->port->ops->rx_burst(p->port, p->frame, p->burst);
    if (p->frames) {
        c->frames += p->frames;
        if (PN_UNLIKELY(!c->first_ns))
            c->first_ns = p->frame[0].ts_ns;
        c->last_ns = p->frame[p->frames - 1].ts_ns;
    }
    stage_end(p, STAGE_IO, t);
}

static uint32_t unframe(const struct channel *ch, const struct net_datagram *d, struct packet *p)
{
    switch (ch->pub->framing) {
    case PN_FRAMING_MOLDUDP64:
        return framing_mold(d, p);
    case PN_FRAMING_IEXTP:
        return framing_iextp(d, ch->pub->feed, p);
    default:
        return framing_blocks(d, p);
    }
}

/* STAGE_NET: frames to datagrams; what carries none is counted. */
static void parse(struct pipeline *p)
{
    uint64_t t = stage_begin(p);
    struct pn_counters *c = p->counters;
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->frames; i++) {
        c->bytes += p->frame[i].len;
        uint32_t why = net_parse_frame(&p->frame[i], &p->datagram[n]);
        if (PN_LIKELY(!why))
            n++;
        else
            c->drops[why - 1]++;
    }
    c->datagrams += n;
    p->datagrams = n;
    p->datagram_at = 0;
    stage_end(p, STAGE_NET, t);
}

/* Time goes on: channels that miss something look whether they have waited long enough. */
static __attribute__((noinline)) void tick_channels(struct pipeline *p, uint64_t now_ns)
{
    p->missing = 0;
    for (uint32_t i = 0; i < p->channels.count; i++) {
        struct sequencer *s = &p->channels.channel[i].seq;
        sequence_tick(s, now_ns, &p->runs);
        p->missing |= s->missing;
    }
}

/* One datagram: channel found, packet checked and put in sequence. */
PN_HOT void sequence_datagram(struct pipeline *p, const struct net_datagram *d)
{
    struct packet packet;
    struct pn_counters *c = p->counters;
    if (PN_UNLIKELY(p->missing))
        tick_channels(p, d->ts_ns);
    struct flow *flow = channels_find(&p->channels, d);
    if (PN_UNLIKELY(!flow))
        return;
    struct channel *ch = &p->channels.channel[flow->channel];
    uint32_t why = unframe(ch, d, &packet);
    if (PN_UNLIKELY(why)) {
        c->drops[why - 1]++;
        return;
    }
    if (PN_UNLIKELY(packet.truncated))
        c->drops[PN_R_FRAMING_TRUNCATED]++;
    packet.line = flow->line;
    sequence_push(&ch->seq, &packet, &p->runs);
    p->missing |= ch->seq.missing;
}

/* Runs that one datagram, and the time it brings, can add at most. */
static uint32_t runs_room(const struct pipeline *p)
{
    return (p->channels.count + 2) * (2 * p->channels.held_max + SEQUENCE_RUNS_SPARE);
}

/* STAGE_SEQUENCE: datagrams of the burst to runs, as far as there is room for runs. */
static void sequence_burst(struct pipeline *p)
{
    uint64_t t = stage_begin(p);
    while (p->datagram_at < p->datagrams && p->runs.cap - p->runs.count >= runs_room(p))
        sequence_datagram(p, &p->datagram[p->datagram_at++]);
    stage_end(p, STAGE_SEQUENCE, t);
}

/* The input has ended: what is held will not be completed any more. */
static void flush_channels(struct pipeline *p)
{
    for (uint32_t i = 0; i < p->channels.count; i++)
        sequence_flush(&p->channels.channel[i].seq, &p->runs);
    p->flushed = 1;
}

/*
 * Running digest of all that the wire said, in one 64 x 64 -> 128 multiply, folded. `who` are
 * bytes that name the instrument on the wire: its number here depends on who was heard of first.
 */
PN_HOT uint64_t event_digest(uint64_t h, const struct pn_event *ev, uint64_t who)
{
    uint64_t a = h ^ ev->ref ^ (ev->size << 40 | ev->size >> 24) ^ (uint64_t)(uint32_t)ev->px << 8;
    uint64_t b = ev->ts_ns ^ (ev->ref2 << 16 | ev->ref2 >> 48) ^ who << 24 ^
                 ((uint64_t)ev->aux << 32 | (uint32_t)load_u32_le(ev));
    unsigned __int128 m =
        (unsigned __int128)(a ^ 0xa0761d6478bd642full) * (b ^ 0xe7037ed1a0b428dbull);
    return (uint64_t)m ^ (uint64_t)(m >> 64) ^ h << 1;
}

/* Decodes blocks of a data run until it or the room for events ends. */
PN_HOT void decode_blocks(struct pipeline *p, const struct run *run, struct channel *ch,
                          uint32_t feed, int big_endian)
{
    uint64_t digest = ch->pub->digest, seq = p->block_seq, left = p->blocks_left;
    const uint8_t *at = p->block;
    uint32_t events = p->events, last = p->event_max - DECODE_EVENTS_MAX;
    while (left && events <= last) {
        uint32_t len = block_length(at, big_endian);
        const uint8_t *m = at + 2;
        struct pn_event *ev = &p->event[events];
        uint32_t n;
        if (feed == PN_FEED_ITCH50) {
            n = itch50_decode(&ch->decode, m, len, ev);
        } else {
            ev[0] = ev[1] = (struct pn_event){0};
            n = iex_decode(&ch->decode, m, len, ev);
        }
        if (PN_LIKELY(n)) {
            ev->seq = seq;
            ev->rx_ns = run->rx_ns;
            uint64_t who = feed == PN_FEED_ITCH50 ? load_u32_le(m + 1)
                           : len >= 18            ? load_u64_le(m + 10)
                                                  : 0;
            digest = event_digest(digest, ev, who);
        }
        if (feed != PN_FEED_ITCH50 && n == 2) {
            ev[1].seq = seq;
            ev[1].rx_ns = run->rx_ns;
            digest = event_digest(digest, &ev[1], load_u64_le(m + 10));
        }
        if (PN_LIKELY(len))
            ch->pub->by_type[m[0]]++;
        events += n;
        at += 2 + len;
        seq++;
        left--;
    }
    uint64_t done = p->blocks_left - left;
    ch->pub->messages += done;
    p->counters->messages += done;
    ch->pub->digest = digest;
    p->block = at;
    p->block_seq = seq;
    p->blocks_left = left;
    p->events = events;
}

/* What the sequencer has to say between messages, as an event in its place. */
static void decode_control(struct pipeline *p, const struct run *run, struct channel *ch)
{
    static const uint8_t kinds[] = {
        [RUN_GAP] = PN_EV_GAP, [RUN_RESET] = PN_EV_RESET, [RUN_END] = PN_EV_END};
    if (run->kind == RUN_RESET) {
        instrument_map_renew(&ch->map);
        ch->pub->late_join = (uint32_t)run->count;
    }
    p->event[p->events++] = (struct pn_event){
        .kind = kinds[run->kind],
        .instrument = run->channel,
        .rx_ns = run->rx_ns,
        .seq = run->seq,
        .size = run->kind == RUN_GAP ? run->count : 0,
        .aux = run->kind == RUN_RESET ? (uint32_t)run->count : 0,
    };
}

/* Starts a data run: where its first block is, the ones had before stepped over. */
static void open_run(struct pipeline *p, const struct run *run, int big_endian)
{
    const uint8_t *at = run->blocks;
    for (uint32_t i = 0; i < run->skip; i++)
        at += 2 + block_length(at, big_endian);
    p->block = at;
    p->block_seq = run->seq;
    p->blocks_left = run->count;
}

/* STAGE_DECODE: runs to events, as far as there is room for events. */
static void decode_runs(struct pipeline *p)
{
    uint64_t t = stage_begin(p);
    while (p->run_at < p->runs.count && p->events <= p->event_max - DECODE_EVENTS_MAX) {
        const struct run *run = &p->runs.run[p->run_at];
        if (PN_UNLIKELY(run->rx_ns > p->decode_until_ns))
            break;
        struct channel *ch = &p->channels.channel[run->channel];
        if (run->kind != RUN_DATA) {
            decode_control(p, run, ch);
            p->run_at++;
            continue;
        }
        int big_endian = ch->pub->framing != PN_FRAMING_IEXTP;
        if (!p->block)
            open_run(p, run, big_endian);
        if (ch->pub->feed == PN_FEED_ITCH50)
            decode_blocks(p, run, ch, PN_FEED_ITCH50, 1);
        else
            decode_blocks(p, run, ch, PN_FEED_NONE, 0);
        if (p->blocks_left)
            break;
        p->block = NULL;
        p->run_at++;
    }
    stage_end(p, STAGE_DECODE, t);
}

/* All runs are decoded: their list, and the memory of packets they point to, are free again. */
static void recycle_runs(struct pipeline *p)
{
    p->runs.count = 0;
    p->run_at = 0;
    for (uint32_t i = 0; i < p->channels.count; i++)
        sequence_recycle(&p->channels.channel[i].seq);
}

uint32_t pipeline_fill(struct pipeline *p)
{
    if (p->event_at < p->events)
        return p->events - p->event_at;
    p->event_at = p->events = 0;
    while (!p->events) {
        if (p->run_at == p->runs.count) {
            recycle_runs(p);
            if (p->datagram_at == p->datagrams) {
                receive(p);
                parse(p);
            }
            if (p->frames) {
                sequence_burst(p);
            } else if (!p->port->at_end || p->flushed) {
                return 0;
            } else {
                flush_channels(p);
            }
        }
        decode_runs(p);
        if (!p->events && pipeline_pending(p))
            break;
    }
    return p->events;
}

uint32_t pipeline_apply(struct pipeline *p, uint32_t n)
{
    uint64_t t = stage_begin(p);
    uint32_t done = book_apply(&p->books, &p->event[p->event_at], n);
    p->event_at += done;
    p->counters->events += done;
    stage_end(p, STAGE_BOOK, t);
    return done;
}

int pipeline_init(struct pipeline *p, const struct region *r, const struct pn_config *cfg,
                  struct error *e)
{
    int rc = channels_init(&p->channels, r, cfg, e);
    if (rc != 0)
        return rc;
    books_attach(&p->books, r, cfg);
    p->counters = region_section(r, PN_SEC_COUNTERS);
    p->burst = cfg->burst;
    p->event_max = PIPELINE_EVENTS;
    p->decode_until_ns = UINT64_MAX;
    /* The worst case of one datagram with all channels in use. */
    p->runs.cap = (PN_CHANNELS_MAX + 2) * (2 * cfg->reorder_datagrams + SEQUENCE_RUNS_SPARE);
    p->runs.run = calloc(p->runs.cap, sizeof *p->runs.run);
    if (!p->runs.run) {
        channels_free(&p->channels);
        return error_set(e, -ENOMEM, "no memory for %u runs", p->runs.cap);
    }
    return 0;
}

void pipeline_free(struct pipeline *p)
{
    channels_free(&p->channels);
    free(p->runs.run);
    p->runs.run = NULL;
}
