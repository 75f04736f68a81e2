/* channels.c - see channels.h. */
#include "feed/channels.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "feed/recognise.h"

static uint32_t framing_of(uint32_t feed)
{
    return feed == PN_FEED_ITCH50 ? PN_FRAMING_MOLDUDP64 : PN_FRAMING_IEXTP;
}

int channels_init(struct channels *c, const struct region *r, const struct pn_config *cfg,
                  struct error *e)
{
    memset(c, 0, sizeof *c);
    c->pub = region_section(r, PN_SEC_CHANNELS);
    c->counters = region_section(r, PN_SEC_COUNTERS);
    c->header = region_header(r);
    c->held_max = cfg->reorder_datagrams;
    c->reorder_ns = cfg->reorder_ns;
    c->recognise = cfg->recognise;
    c->default_feed = cfg->default_feed;
    c->sequence_bytes = (sequence_bytes(c->held_max) + 63) & ~63ull;
    instruments_attach(&c->instruments, r);
    /* Mapped, so that only what is used ever takes memory: most channels never wait. */
    uint64_t channels = PN_CHANNELS_MAX * sizeof *c->channel;
    uint64_t bytes = channels + PN_CHANNELS_MAX * c->sequence_bytes;
    uint8_t *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return error_set(e, -ENOMEM, "no memory for channels");
    c->channel = (struct channel *)memory;
    c->sequence_memory = memory + channels;
    c->bytes = bytes;
    return 0;
}

void channels_free(struct channels *c)
{
    if (c->channel)
        munmap(c->channel, c->bytes);
    c->channel = NULL;
    c->sequence_memory = NULL;
}

static const char *feed_names[PN_FEEDS] = {"none", "itch50", "deep10", "tops16"};

/* "itch50.0": digits by hand, since channels are also recognised while frames flow. */
static void name_channel(struct pn_channel *pub, uint32_t number)
{
    char *out = pub->name;
    memset(out, 0, sizeof pub->name);
    for (const char *in = feed_names[pub->feed]; *in; in++)
        *out++ = *in;
    *out++ = '.';
    if (number >= 10)
        *out++ = (char)('0' + number / 10 % 10);
    *out = (char)('0' + number % 10);
}

/* A new channel; NULL when there are too many. */
static struct channel *add_channel(struct channels *c, uint32_t feed, uint32_t framing)
{
    if (c->count == PN_CHANNELS_MAX)
        return NULL;
    uint32_t i = c->count++;
    struct channel *ch = &c->channel[i];
    ch->pub = &c->pub[i];
    ch->pub->feed = feed;
    ch->pub->framing = framing;
    name_channel(ch->pub, i);
    instrument_map_init(&ch->map, &c->instruments, i, feed);
    ch->decode = (struct decode_ctx){.map = &ch->map, .drops = c->counters->drops};
    sequence_init(&ch->seq, ch->pub, (uint8_t)i, c->counters->drops,
                  c->sequence_memory + i * c->sequence_bytes, c->held_max, c->reorder_ns);
    __atomic_store_n(&c->header->channels, c->count, __ATOMIC_RELEASE);
    return ch;
}

int channels_declare(struct channels *c, const struct pn_channel_config *cfg, struct error *e)
{
    if (cfg->feed == PN_FEED_NONE || cfg->feed >= PN_FEEDS)
        return error_set(e, -EINVAL, "channel %.24s: unknown feed %u", cfg->name, cfg->feed);
    if (cfg->recovery > PN_RECOVERY_FROM_START)
        return error_set(e, -EINVAL, "channel %.24s: unknown kind of recovery %u", cfg->name,
                         cfg->recovery);
    if (!cfg->lines || cfg->lines > PN_LINES_MAX)
        return error_set(e, -EINVAL, "channel %.24s: 1 to %d lines, not %u", cfg->name,
                         PN_LINES_MAX, cfg->lines);
    struct channel *ch = add_channel(c, cfg->feed, framing_of(cfg->feed));
    if (!ch)
        return error_set(e, -ENOSPC, "more than %d channels", PN_CHANNELS_MAX);
    ch->cfg = *cfg;
    ch->seq.recovery = (uint8_t)cfg->recovery;
    if (cfg->name[0])
        snprintf(ch->pub->name, sizeof ch->pub->name, "%.23s", cfg->name);
    ch->pub->lines = cfg->lines;
    for (uint32_t i = 0; i < cfg->lines; i++) {
        ch->pub->line[i].group_be = cfg->group_be[i];
        ch->pub->line[i].port = cfg->port[i];
        ch->pub->line[i].input = (uint16_t)(cfg->input[i] < 0 ? 0 : cfg->input[i]);
    }
    c->declared++;
    return 0;
}

int channels_resume(struct channels *c, uint32_t channels_before, struct error *e)
{
    if (channels_before != c->declared || c->declared != c->count)
        return error_set(e, -ESTALE, "the segment has %u channels, the configuration declares %u",
                         channels_before, c->declared);
    for (uint32_t i = 0; i < c->count; i++) {
        struct channel *ch = &c->channel[i];
        instrument_map_resume(&ch->map);
        if (!sequence_resume(&ch->seq))
            return error_set(e, -ESTALE, "channel %.24s was between two sessions", ch->pub->name);
    }
    return 0;
}

static struct flow *flow_slot(struct channels *c, uint64_t key)
{
    uint64_t i = (key * 0x9e3779b97f4a7c15ull >> 40) % FLOWS_MAX;
    for (uint32_t n = 0; n < FLOWS_MAX; n++, i = (i + 1) % FLOWS_MAX) {
        struct flow *f = &c->flow[i];
        if (!f->used || f->key == key)
            return f;
    }
    return NULL;
}

/* The declared channel and line that a datagram belongs to. */
static int find_declared(struct channels *c, const struct net_datagram *d, struct flow *f)
{
    for (uint32_t i = 0; i < c->count; i++) {
        const struct pn_channel_config *cfg = &c->channel[i].cfg;
        for (uint32_t line = 0; line < cfg->lines; line++) {
            if ((cfg->group_be[line] && cfg->group_be[line] != d->group_be) ||
                (cfg->port[line] && cfg->port[line] != d->port) ||
                (cfg->input[line] >= 0 && cfg->input[line] != d->input &&
                 d->input != IO_INPUT_RECOVERY))
                continue;
            f->channel = (uint8_t)i;
            f->line = (uint8_t)line;
            return 1;
        }
    }
    return 0;
}

/* A channel already known that this datagram's stream belongs to; feed may be unknown. */
static struct channel *find_sibling(struct channels *c, const struct net_datagram *d, uint32_t feed,
                                    uint32_t framing)
{
    for (uint32_t i = 0; i < c->count; i++) {
        struct channel *ch = &c->channel[i];
        if ((feed && ch->pub->feed != feed) || ch->pub->framing != framing)
            continue;
        if (framing == PN_FRAMING_IEXTP && ch->iex_channel == load_u32_le(d->payload + 4))
            return ch;
        if (framing == PN_FRAMING_MOLDUDP64 && ch->seq.started &&
            ch->seq.session[0] == load_u64_le(d->payload) &&
            ch->seq.session[1] == load_u16_le(d->payload + 8))
            return ch;
    }
    return NULL;
}

/* Recognises a flow by content. 0, or the reason + 1 for which it stays undecided. */
static uint32_t recognise_flow(struct channels *c, const struct net_datagram *d, struct flow *f)
{
    uint32_t framing = PN_FRAMING_NONE, feed = c->default_feed;
    if (d->link == IO_LINK_BLOCKS) {
        feed = PN_FEED_ITCH50;
        framing = PN_FRAMING_BLOCKS;
    } else if (feed) {
        framing = framing_of(feed);
        /* Told what to expect, but not everything on the wire need be it. */
        uint32_t seen = recognise_feed(d->payload, d->caplen, d->len, &framing);
        if (framing != framing_of(feed) || (seen && seen != feed))
            return PN_R_FLOW_UNKNOWN + 1;
    } else if (c->recognise) {
        feed = recognise_feed(d->payload, d->caplen, d->len, &framing);
    }
    struct channel *ch = NULL;
    /* A MoldUDP64 heartbeat does not say what it keeps alive, but its session may be known. */
    if (framing != PN_FRAMING_BLOCKS && (feed || framing == PN_FRAMING_MOLDUDP64))
        ch = find_sibling(c, d, feed, framing);
    if (!ch && !feed)
        return PN_R_FLOW_UNKNOWN + 1;
    if (!ch)
        ch = add_channel(c, feed, framing);
    if (!ch || ch->pub->lines == PN_LINES_MAX)
        return PN_R_CHANNELS_FULL + 1;
    if (framing == PN_FRAMING_IEXTP)
        ch->iex_channel = load_u32_le(d->payload + 4);
    f->channel = (uint8_t)(ch - c->channel);
    f->line = (uint8_t)ch->pub->lines++;
    ch->pub->line[f->line].group_be = d->group_be;
    ch->pub->line[f->line].port = d->port;
    ch->pub->line[f->line].input = d->input;
    return 0;
}

struct flow *channels_decide(struct channels *c, const struct net_datagram *d, uint64_t key)
{
    struct flow *f = flow_slot(c, key);
    if (!f) {
        c->counters->drops[PN_R_CHANNELS_FULL]++;
        return NULL;
    }
    /* Only flows that are decided take a place: a capture may hold any number of others. */
    if (!f->used) {
        struct flow fresh = {.key = key, .used = 1};
        int blocks = d->link == IO_LINK_BLOCKS;
        if (blocks || !find_declared(c, d, &fresh)) {
            uint32_t why = c->declared && !c->recognise && !blocks ? PN_R_FLOW_UNKNOWN + 1
                                                                   : recognise_flow(c, d, &fresh);
            if (why) {
                c->counters->drops[why - 1]++;
                return NULL;
            }
        }
        *f = fresh;
    }
    c->last = f;
    return f;
}
