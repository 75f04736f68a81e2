/*
 * config.c - defaults and bounds of an engine's configuration, and of a live instance's.
 *
 * A live configuration comes from a segment that another process writes: it is hostile until every
 * field of it has been looked at here. The caller hands in a copy that nobody else can change.
 */
#include "config.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "api.h"
#include "feed/instruments.h"
#include "io/io.h"
#include "live.h"

enum {
    PORT_RING_MAX = 1 << 16,
    PORT_BUFFERS_MAX = 1 << 22,
    PORT_BUFFER_MAX = 1 << 16,
    PORT_QUEUES_MAX = 64,
    PORT_MTU_MAX = 65535,
    SLEEP_MAX_US = 1000000,
    LOST_MAX_MS = 3600 * 1000,
    RATE_MAX = 1000000,
};

void pn_config_default(struct pn_config *cfg)
{
    *cfg = (struct pn_config){
        .max_orders = 1 << 22,
        .max_instruments = 1 << 16,
        .max_pages = 1 << 19,
        .max_trades = 1 << 20,
        .burst = 64,
        .reorder_datagrams = 64,
        .reorder_ns = 100 * 1000 * 1000,
        .hugepages = 1,
        .timing = 0,
        .recognise = 1,
    };
}

/* Bounds of every field; rounds max_instruments up to whole chunks. */
int config_check(struct pn_config *c, struct error *e)
{
    const struct {
        const char *name;
        uint64_t value, low, high;
    } bounds[] = {
        {"max_orders", c->max_orders, 1, 1 << 24},
        {"max_instruments", c->max_instruments, 1, 1 << 20},
        {"max_pages", c->max_pages, 1, 1 << 24},
        {"max_trades", c->max_trades, 1, 1 << 28},
        {"burst", c->burst, 1, IO_BURST_MAX},
        {"reorder_datagrams", c->reorder_datagrams, 1, 1024},
        {"reorder_ns", c->reorder_ns, 0, 3600ull * 1000000000},
        {"hugepages", c->hugepages, 0, 2},
        {"default_feed", c->default_feed, 0, PN_FEEDS - 1},
    };
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++)
        if (bounds[i].value < bounds[i].low || bounds[i].value > bounds[i].high)
            return error_set(e, -EINVAL, "%s must be %llu to %llu, not %llu", bounds[i].name,
                             (unsigned long long)bounds[i].low, (unsigned long long)bounds[i].high,
                             (unsigned long long)bounds[i].value);
    c->max_instruments = (c->max_instruments + INSTRUMENT_CHUNK - 1) & ~(INSTRUMENT_CHUNK - 1ull);
    return 0;
}

struct bound {
    const char *name;
    uint64_t value, low, high;
};

static int check_bounds(const char *what, const char *name, const struct bound *b, size_t n,
                        struct error *e)
{
    for (size_t i = 0; i < n; i++)
        if (b[i].value < b[i].low || b[i].value > b[i].high)
            return error_set(e, -EINVAL, "%s %s: %s must be %llu to %llu, not %llu", what, name,
                             b[i].name, (unsigned long long)b[i].low, (unsigned long long)b[i].high,
                             (unsigned long long)b[i].value);
    return 0;
}

#define CHECK_BOUNDS(what, name, bounds, e) \
    check_bounds(what, name, bounds, sizeof(bounds) / sizeof *(bounds), e)

/* Text in a fixed field: ended, and without anything that must not reach a terminal or a log. */
static int check_text(const char *what, const char *text, size_t room, int needed, struct error *e)
{
    size_t n = strnlen(text, room);
    if (n == room)
        return error_set(e, -EINVAL, "%s is not ended", what);
    if (needed && !n)
        return error_set(e, -EINVAL, "%s is missing", what);
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
            return error_set(e, -EINVAL, "%s has a control character", what);
    return 0;
}

static int is_pow2_or_0(uint64_t v)
{
    return (v & (v - 1)) == 0;
}

static int check_shard(const struct pn_live_config *c, uint32_t i, struct error *e)
{
    const struct pn_shard_config *s = &c->shard[i];
    struct pn_config engine = s->engine;
    char name[12];
    snprintf(name, sizeof name, "%u", i);
    int rc = check_text("a shard's state_path", s->state_path, sizeof s->state_path, 1, e);
    if (rc != 0)
        return rc;
    if (s->state_path[0] != '/')
        return error_set(e, -EINVAL, "shard %u: state_path must be absolute", i);
    for (uint32_t k = 0; k < i; k++)
        if (strcmp(c->shard[k].state_path, s->state_path) == 0)
            return error_set(e, -EINVAL, "shards %u and %u have one state_path", k, i);
    const struct bound bounds[] = {
        {"cpu", (uint64_t)((int64_t)s->cpu + 1), 0, CPU_SETSIZE},
        {"idle_sleep_us", s->idle_sleep_us, 0, SLEEP_MAX_US},
        {"engine.timing", engine.timing, 0, 1},
        {"engine.recognise", engine.recognise, 0, 1},
    };
    rc = CHECK_BOUNDS("shard", name, bounds, e);
    if (rc == 0)
        rc = config_check(&engine, e);
    for (uint32_t k = 0; k < c->ports && rc == 0; k++)
        if (c->port[k].shard == i)
            return 0;
    return rc ? rc : error_set(e, -EINVAL, "shard %u has no port", i);
}

static int check_port(const struct pn_live_config *c, uint32_t i, struct error *e)
{
    const struct pn_port_config *p = &c->port[i];
    int rc = check_text("a port's name", p->name, sizeof p->name, 1, e);
    if (rc == 0)
        rc = check_text("a port's device", p->device, sizeof p->device, 1, e);
    if (rc != 0)
        return rc;
    for (uint32_t k = 0; k < i; k++)
        if (strcmp(c->port[k].name, p->name) == 0)
            return error_set(e, -EINVAL, "two ports are named %s", p->name);
    const struct bound bounds[] = {
        {"kind", p->kind, PN_PORT_NONE + 1, PN_PORT_KINDS - 1},
        {"shard", p->shard, 0, c->shards - 1},
        {"queues", p->queues, 0, PORT_QUEUES_MAX},
        {"queue", (uint64_t)p->queue + p->queues, 0, UINT16_MAX},
        {"mode", p->mode, 0, PN_XDP_COPY},
        {"rx_ring", p->rx_ring, 0, PORT_RING_MAX},
        {"tx_ring", p->tx_ring, 0, PORT_RING_MAX},
        {"buffers", p->buffers, 0, PORT_BUFFERS_MAX},
        {"buffer_bytes", p->buffer_bytes, 0, PORT_BUFFER_MAX},
        {"busy_poll_us", p->busy_poll_us, 0, SLEEP_MAX_US},
        {"promiscuous", p->promiscuous, 0, 1},
        {"hw_time", p->hw_time, 0, 1},
        {"mtu", p->mtu, 0, PORT_MTU_MAX},
        {"need_hugepages", p->need_hugepages, 0, 1},
        {"steers", p->steers, 0, PN_STEERS_MAX},
    };
    rc = CHECK_BOUNDS("port", p->name, bounds, e);
    if (rc == 0 && !(is_pow2_or_0(p->rx_ring) && is_pow2_or_0(p->tx_ring) &&
                     is_pow2_or_0(p->buffers) && is_pow2_or_0(p->buffer_bytes)))
        return error_set(e, -EINVAL, "port %s: rings and buffers must be powers of two", p->name);
    for (uint32_t k = 0; k < p->steers && rc == 0; k++)
        if (p->steer[k].multicast > 1)
            return error_set(e, -EINVAL, "port %s: steer %u: multicast must be 0 or 1", p->name, k);
    return rc;
}

static int check_channel(const struct pn_live_config *c, uint32_t i, struct error *e)
{
    const struct pn_channel_config *ch = &c->channel[i];
    int rc = check_text("a channel's name", ch->name, sizeof ch->name, 0, e);
    if (rc != 0)
        return rc;
    const struct bound bounds[] = {
        {"feed", ch->feed, PN_FEED_NONE + 1, PN_FEEDS - 1},
        {"lines", ch->lines, 1, PN_LINES_MAX},
        {"recovery", ch->recovery, 0, PN_RECOVERY_FROM_START},
        {"shard", c->channel_shard[i], 0, c->shards - 1},
    };
    rc = CHECK_BOUNDS("channel", ch->name, bounds, e);
    for (uint32_t k = 0; k < ch->lines && rc == 0; k++) {
        int32_t input = ch->input[k];
        if (input < -1 || input >= (int32_t)c->ports)
            return error_set(e, -EINVAL, "channel %s: line %u names port %d, there are %u",
                             ch->name, k, input, c->ports);
        if (input >= 0 && c->port[input].shard != c->channel_shard[i])
            return error_set(e, -EINVAL, "channel %s: port %s is polled by another shard", ch->name,
                             c->port[input].name);
    }
    return rc;
}

static int check_server(const struct pn_live_config *c, uint32_t i, struct error *e)
{
    const struct pn_server_config *s = &c->server[i];
    char name[12];
    snprintf(name, sizeof name, "%u", i);
    const struct bound bounds[] = {
        {"channel", s->channel, 0, c->channels ? c->channels - 1 : 0},
        {"address", s->address_be, 1, UINT32_MAX},
        {"port", s->port, 1, UINT16_MAX},
        {"rate", s->rate, 0, RATE_MAX},
    };
    if (!c->channels)
        return error_set(e, -EINVAL, "server %u: there are no channels", i);
    return CHECK_BOUNDS("server", name, bounds, e);
}

/* EAL arguments are one a line; each line is text. */
static int check_eal(const struct pn_live_config *c, struct error *e)
{
    size_t n = strnlen(c->eal, sizeof c->eal);
    if (n == sizeof c->eal)
        return error_set(e, -EINVAL, "eal is not ended");
    for (size_t i = 0; i < n; i++)
        if (((unsigned char)c->eal[i] < ' ' && c->eal[i] != '\n') || c->eal[i] == 0x7f)
            return error_set(e, -EINVAL, "eal has a control character");
    return 0;
}

int config_check_live(const struct pn_live_config *c, struct error *e)
{
    int rc = check_text("instance", c->instance, sizeof c->instance, 1, e);
    if (rc == 0 && strchr(c->instance, '/'))
        rc = error_set(e, -EINVAL, "instance must not hold a slash");
    if (rc == 0)
        rc = check_text("user", c->user, sizeof c->user, 0, e);
    if (rc == 0)
        rc = check_text("run_dir", c->run_dir, sizeof c->run_dir, 0, e);
    if (rc == 0)
        rc = check_eal(c, e);
    if (rc != 0)
        return rc;
    const struct bound bounds[] = {
        {"shards", c->shards, 1, PN_SHARDS_MAX},
        {"ports", c->ports, 1, PN_PORTS_MAX},
        {"channels", c->channels, 0, PN_CHANNELS_MAX},
        {"servers", c->servers, 0, PN_SERVERS_MAX},
        {"seccomp", c->seccomp, 0, 1},
        {"heartbeat_lost_ms", c->heartbeat_lost_ms, 1, LOST_MAX_MS},
    };
    rc = CHECK_BOUNDS("instance", c->instance, bounds, e);
    for (uint32_t i = 0; i < PN_PORTS_MAX && rc == 0 && i < c->ports; i++)
        rc = check_port(c, i, e);
    for (uint32_t i = 0; rc == 0 && i < c->shards; i++)
        rc = check_shard(c, i, e);
    for (uint32_t i = 0; rc == 0 && i < c->channels; i++)
        rc = check_channel(c, i, e);
    for (uint32_t i = 0; rc == 0 && i < c->servers; i++)
        rc = check_server(c, i, e);
    return rc;
}

int pn_live_config_check(const struct pn_live_config *cfg, char *err, uint64_t err_len)
{
    struct error e = {0};
    int rc = config_check_live(cfg, &e);
    if (err && err_len)
        snprintf(err, err_len, "%s", e.text);
    return rc;
}
