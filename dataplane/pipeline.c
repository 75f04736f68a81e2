/*
 * pipeline.c - the path, top to bottom:
 *
 *   port -> frames -> datagrams -> packets -> runs in sequence -> messages -> events -> books
 *
 * Nothing from pipeline_fill and pipeline_apply on down allocates, locks, logs or calls the system
 * (a file port refills its window, which is its own business). Each stage works on what the one
 * before has left for it and stops when its output is full, so any burst, of any shape, passes
 * through fixed memory.
 */
#include "pipeline.h"

#include <errno.h>
#include <stdlib.h>

#include "book/look_ahead.h"
#include "book/repair.h"
#include "feed/itch50.h"

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
    if (PN_LIKELY(sequence_push_next(&ch->seq, &packet, &p->runs)))
        return;
    sequence_push(&ch->seq, &packet, &p->runs);
    p->missing |= ch->seq.missing;
    p->arena_full |= sequence_is_full(&ch->seq);
    p->held |= ch->seq.arena_used;
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
    p->arena_full = 0;
    while (p->datagram_at < p->datagrams && p->runs.cap - p->runs.count >= runs_room(p) &&
           !p->arena_full)
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

/* Starts a data run: where its first block is, the ones had before stepped over. */
static void open_run(struct pipeline *p, const struct run *run, int big_endian)
{
    const uint8_t *at = run->blocks;
    for (uint32_t i = 0; i < run->skip; i++)
        at += 2 + block_length(at, big_endian);
    p->block = at;
    p->blocks_left = run->count;
}

/* Blocks of a data run become work, as far as there is room. */
PN_HOT void gather_blocks(struct pipeline *p, struct channel *ch, int big_endian, int by_locate)
{
    const uint8_t *at = p->block;
    uint64_t left = p->blocks_left;
    uint32_t n = p->works;
    while (left && n < PIPELINE_AHEAD) {
        uint32_t len = block_length(at, big_endian);
        struct work *w = &p->work[n++];
        w->m = at + 2;
        w->len = len;
        w->run = p->run_at;
        w->instrument = 0;
        w->hot = 0;
        if (by_locate && PN_LIKELY(len >= ITCH50_DELETE)) {
            uint32_t i = instrument_map_known(&ch->map, load_u16_be(at + 3));
            w->instrument = i;
            w->hot = i != INSTRUMENT_NONE;
            if (PN_LIKELY(w->hot))
                book_prefetch(&p->books, i, load_u64_be(at + 13));
        }
        at += 2 + len;
        left--;
    }
    p->block = at;
    p->blocks_left = left;
    p->works = n;
}

/* Runs to single messages, with the memory they will need asked for. */
static void gather(struct pipeline *p)
{
    uint64_t t = stage_begin(p);
    p->work_at = p->works = 0;
    while (p->run_at < p->runs.count && p->works < PIPELINE_AHEAD) {
        const struct run *run = &p->runs.run[p->run_at];
        struct channel *ch = &p->channels.channel[run->channel];
        if (run->kind != RUN_DATA) {
            p->work[p->works++] = (struct work){.run = p->run_at++};
            continue;
        }
        int big_endian = ch->pub->framing != PN_FRAMING_IEXTP;
        if (!p->block)
            open_run(p, run, big_endian);
        if (ch->pub->feed == PN_FEED_ITCH50)
            gather_blocks(p, ch, 1, 1);
        else
            gather_blocks(p, ch, 0, 0);
        if (p->blocks_left)
            break;
        p->block = NULL;
        p->run_at++;
    }
    stage_end(p, STAGE_BOOK, t);
}

/* All runs are applied: their list, and the memory of packets they point to, are free again. */
static void recycle_runs(struct pipeline *p)
{
    p->runs.count = 0;
    p->run_at = 0;
    p->apply_run = UINT32_MAX;
    if (PN_LIKELY(!p->held))
        return;
    p->held = 0;
    for (uint32_t i = 0; i < p->channels.count; i++) {
        sequence_recycle(&p->channels.channel[i].seq);
        p->held |= p->channels.channel[i].seq.arena_used;
    }
}

uint32_t pipeline_fill(struct pipeline *p)
{
    while (p->work_at == p->works) {
        if (p->run_at == p->runs.count) {
            recycle_runs(p);
            if (p->datagram_at == p->datagrams) {
                receive(p);
                parse(p);
            }
            if (p->frames)
                sequence_burst(p);
            else if (!p->port->at_end || p->flushed)
                return 0;
            else
                flush_channels(p);
        }
        gather(p);
    }
    return p->works - p->work_at;
}

int pipeline_init(struct pipeline *p, const struct region *r, const struct pn_config *cfg,
                  struct error *e)
{
    p->channels_before = region_header(r)->channels;
    int rc = channels_init(&p->channels, r, cfg, e);
    if (rc != 0)
        return rc;
    books_attach(&p->books, r, cfg);
    p->counters = region_section(r, PN_SEC_COUNTERS);
    p->stage = region_section(r, PN_SEC_STAGES);
    p->burst = cfg->burst;
    p->apply_run = UINT32_MAX;
    /* The worst case of one datagram with all channels in use. */
    p->runs.cap = (PN_CHANNELS_MAX + 2) * (2 * cfg->reorder_datagrams + SEQUENCE_RUNS_SPARE);
    p->runs.run = calloc(p->runs.cap, sizeof *p->runs.run);
    if (!p->runs.run) {
        channels_free(&p->channels);
        return error_set(e, -ENOMEM, "no memory for %u runs", p->runs.cap);
    }
    return 0;
}

int pipeline_resume(struct pipeline *p, const struct region *r, uint32_t *repaired, struct error *e)
{
    *repaired = 0;
    int rc = channels_resume(&p->channels, p->channels_before, e);
    if (rc == 0)
        *repaired = books_repair(&p->books, r);
    return rc;
}

void pipeline_free(struct pipeline *p)
{
    channels_free(&p->channels);
    free(p->runs.run);
    p->runs.run = NULL;
}
