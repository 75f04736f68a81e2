/*
 * shard.c - see shard.h. The loop below is all that a polling core does: time, frames, books.
 */
#include "shard.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "config.h"
#include "live/log.h"
#include "shm/seqlock.h"

enum { SPINS_BEFORE_SLEEP = 64, PREFAULT_BYTES = 2 << 20 };

#define BEAT_NS 500000ull /* heartbeats are no further apart while the loop goes round */

/* What the books of a shard depend on: a segment made under another answer is not taken over. */
static uint32_t fingerprint(const struct pn_live_config *cfg, uint32_t shard)
{
    uint32_t h = 2166136261u;
    for (uint32_t i = 0; i < cfg->channels; i++) {
        if (cfg->channel_shard[i] != shard)
            continue;
        const uint8_t *b = (const uint8_t *)&cfg->channel[i];
        for (size_t k = 0; k < sizeof cfg->channel[i]; k++)
            h = (h ^ b[k]) * 16777619u;
    }
    return h;
}

static int declare_channels(struct shard *s, struct error *e)
{
    int rc = 0;
    for (uint32_t i = 0; i < s->cfg->channels && rc == 0; i++)
        if (s->cfg->channel_shard[i] == s->number)
            rc = channels_declare(&s->pipeline.channels, &s->cfg->channel[i], e);
    return rc;
}

/* Takes over what an earlier data plane has left, or makes the segment. */
static int open_state(struct shard *s, const struct pn_config *engine, struct error *e)
{
    const char *path = s->cfg->shard[s->number].state_path;
    uint32_t print = fingerprint(s->cfg, s->number);
    int rc = region_reopen(&s->region, engine, path, e);
    s->attached = rc == 0;
    if (rc == 0 && region_header(&s->region)->config != print) {
        region_leave(&s->region);
        return error_set(e, -ESTALE,
                         "%s was left behind by another configuration; remove it to start anew",
                         path);
    }
    if (rc == -ENOENT) {
        rc = region_create(&s->region, engine, path, e);
        if (rc == 0)
            region_header(&s->region)->config = print;
    }
    return rc;
}

/* Pipeline and channels on the segment; *repaired: books found in the middle of a change. */
static int open_pipeline(struct shard *s, const struct pn_config *engine, uint32_t *repaired,
                         struct error *e)
{
    int rc = pipeline_init(&s->pipeline, &s->region, engine, e);
    if (rc != 0)
        return rc;
    rc = declare_channels(s, e);
    if (rc == 0 && s->attached)
        rc = pipeline_resume(&s->pipeline, &s->region, repaired, e);
    if (rc != 0) {
        pipeline_free(&s->pipeline);
        memset(&s->pipeline, 0, sizeof s->pipeline);
    }
    return rc;
}

int shard_open(struct shard *s, const struct pn_live_config *cfg, uint32_t number,
               const struct clock *clock, struct error *e)
{
    struct pn_config engine = cfg->shard[number].engine;
    uint64_t began = ticks_wall_ns();
    uint32_t repaired = 0;
    s->cfg = cfg;
    s->clock = clock;
    s->number = number;
    int rc = config_check(&engine, e);
    if (rc == 0)
        rc = open_state(s, &engine, e);
    if (rc != 0)
        return rc;
    rc = open_pipeline(s, &engine, &repaired, e);
    if (rc == -ESTALE && s->attached) {
        /* Its writer died where no right book can be made of it. */
        LOG("warning", "state cannot be gone on with; made anew", LOG_TEXT("why", e->text));
        region_close(&s->region);
        rc = open_state(s, &engine, e);
        if (rc == 0)
            rc = open_pipeline(s, &engine, &repaired, e);
    }
    if (rc != 0) {
        s->attached ? region_leave(&s->region) : region_close(&s->region);
        return rc;
    }
    if (engine.timing)
        s->pipeline.clock = ticks_now;
    s->header = region_header(&s->region);
    s->daemon = region_section(&s->region, PN_SEC_DAEMON);
    s->latency = region_section(&s->region, PN_SEC_LATENCY);
    s->daemon->live = 0;
    s->daemon->prefaulted = 0;
    s->daemon->starts++;
    s->daemon->repaired += repaired;
    s->daemon->reattach_ns = s->attached ? ticks_wall_ns() - began : 0;
    s->header->start_ns = clock_now(clock, &s->last_ns);
    return 0;
}

int shard_open_ports(struct shard *s, struct error *e)
{
    struct io_port *ports[PN_PORTS_MAX + 1];
    uint32_t n = 0;
    int rc = 0;
    for (uint32_t i = 0; i < s->cfg->ports && rc == 0; i++) {
        const struct pn_port_config *cfg = &s->cfg->port[i];
        if (cfg->shard != s->number)
            continue;
        struct io_port *port = NULL;
        rc = io_open(&port, cfg, (uint16_t)i, e);
        if (rc != 0)
            break;
        s->input[i] = ports[n++] = port;
        s->live |= cfg->kind == PN_PORT_AF_XDP || cfg->kind == PN_PORT_DPDK;
    }
    if (s->ring)
        ports[n++] = s->ring;
    if (rc == 0)
        rc = io_poll_open(&s->port, ports, n, e);
    if (rc != 0) {
        while (n--)
            ports[n]->ops->close(ports[n]);
        memset(s->input, 0, sizeof s->input);
        s->ring = NULL;
    }
    return rc;
}

static void beat(struct shard *s, uint64_t now, uint64_t loops)
{
    s->daemon->loops += loops;
    s->pipeline.counters->now_ns = now;
    __atomic_store_n(&s->header->heartbeat_ns, now, __ATOMIC_RELEASE);
}

/* Receive time to published book, of the last frame of a burst. */
static void note_latency(struct shard *s)
{
    const struct pipeline *p = &s->pipeline;
    uint64_t now = clock_now(s->clock, &s->last_ns), ts = p->frame[p->frames - 1].ts_ns;
    if (now >= ts)
        histogram_record(s->latency, now - ts);
}

static void *run(void *arg)
{
    struct shard *s = arg;
    struct pipeline *p = &s->pipeline;
    const struct timespec pause = {.tv_nsec =
                                       1000l * s->cfg->shard[s->number].idle_sleep_us % 1000000000l,
                                   .tv_sec = s->cfg->shard[s->number].idle_sleep_us / 1000000};
    uint64_t beaten = 0, loops = 0, frames = p->counters->frames, idle = 0;
    struct pipeline_limits limits = {.until_ns = UINT64_MAX};
    if (s->desk)
        shard_trade_begin(s);
    for (;;) {
        uint64_t now = clock_now(s->clock, &s->last_ns);
        if (PN_UNLIKELY(__atomic_load_n(&s->stop, __ATOMIC_RELAXED)) &&
            (!s->desk || shard_trade_wind_down(s, now)))
            break;
        p->port->now_ns = now;
        loops++;
        uint64_t before = p->counters->frames;
        if (pipeline_fill(p)) {
            if (s->desk)
                desk_watch(s->desk, &limits);
            pipeline_apply(p, &limits);
            if (s->desk)
                desk_books(s->desk, &limits);
            idle = 0;
            if (s->live && p->counters->frames != frames)
                note_latency(s);
            frames = p->counters->frames;
        } else if (p->counters->frames != frames) {
            frames = p->counters->frames; /* nothing new in them */
        } else if (++idle > SPINS_BEFORE_SLEEP && (pause.tv_nsec | pause.tv_sec)) {
            nanosleep(&pause, NULL);
        }
        if (s->desk)
            shard_trade(s, now, p->counters->frames != before);
        if (PN_UNLIKELY(now - beaten >= BEAT_NS)) {
            beat(s, now, loops);
            beaten = now;
            loops = 0;
        }
    }
    beat(s, clock_now(s->clock, &s->last_ns), loops);
    return NULL;
}

int shard_start(struct shard *s, struct error *e)
{
    pthread_attr_t attr;
    sigset_t all, before;
    char name[16];
    int cpu = s->cfg->shard[s->number].cpu;
    s->pipeline.port = s->port;
    pthread_attr_init(&attr);
    if (cpu >= 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET((unsigned)cpu, &set);
        pthread_attr_setaffinity_np(&attr, sizeof set, &set);
    }
    sigfillset(&all); /* signals are the main thread's */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&s->thread, &attr, run, s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    if (rc != 0)
        return error_set(e, -rc, "shard %u: no thread%s%d: %s", s->number, " on cpu ", cpu,
                         rc == EINVAL ? "there is no such cpu for us" : strerror(rc));
    snprintf(name, sizeof name, "pn-shard-%u", s->number);
    pthread_setname_np(s->thread, name);
    s->started = 1;
    __atomic_store_n(&s->daemon->live, 1, __ATOMIC_RELEASE);
    return 0;
}

void shard_stop(struct shard *s)
{
    if (!s->started)
        return;
    __atomic_store_n(&s->stop, 1, __ATOMIC_RELAXED);
    pthread_join(s->thread, NULL);
    s->started = 0;
    s->daemon->live = 0;
}

void shard_close(struct shard *s, int keep)
{
    if (s->port)
        s->port->ops->close(s->port);
    s->port = NULL;
    if (!s->region.base)
        return;
    pipeline_free(&s->pipeline);
    if (keep)
        region_leave(&s->region);
    else
        region_close(&s->region);
}

static void status_of(struct shard *s, uint32_t i, struct pn_port_status *out)
{
    const struct pn_port_config *cfg = &s->cfg->port[i];
    struct io_port *port = s->input[i];
    memset(out, 0, sizeof *out);
    if (port->ops->status) {
        port->ops->status(port, out);
    } else {
        struct io_stats stats = {0};
        port->ops->stats(port, &stats);
        out->link_up = !port->at_end;
        out->queues = 1;
        out->rx_frames = stats.rx_frames;
        out->rx_bytes = stats.rx_bytes;
        out->tx_frames = stats.tx_frames;
        out->tx_bytes = stats.tx_bytes;
        memcpy(out->drops, stats.drops, sizeof stats.drops);
        snprintf(out->driver, sizeof out->driver, "%s", port->ops->name);
    }
    out->kind = cfg->kind;
    memcpy(out->name, cfg->name, sizeof out->name);
    memcpy(out->device, cfg->device, sizeof out->device);
}

void shard_publish_ports(struct shard *s)
{
    struct pn_port_status *to = region_section(&s->region, PN_SEC_PORTS), now;
    uint64_t drops[PN_R_NET_SHORT] = {0};
    for (uint32_t i = 0; i < s->cfg->ports; i++) {
        if (!s->input[i])
            continue;
        status_of(s, i, &now);
        for (uint32_t r = 0; r < PN_R_NET_SHORT; r++)
            drops[r] += now.drops[r];
        seqlock_begin(&to[i].seq);
        now.seq = to[i].seq;
        memcpy(&to[i], &now, sizeof now);
        seqlock_end(&to[i].seq);
    }
    /* Link types that are not decoded are counted by net, in the polling thread. */
    for (uint32_t r = 0; r < PN_R_NET_SHORT; r++)
        if (r != PN_R_IO_LINK_TYPE)
            __atomic_store_n(&s->pipeline.counters->drops[r], drops[r], __ATOMIC_RELAXED);
}

/* Reading is enough: no page of memory-backed files is written because it was looked at. */
void shard_prefault(struct shard *s)
{
#ifdef MADV_POPULATE_READ
    for (uint64_t at = 0; at < s->region.bytes; at += PREFAULT_BYTES) {
        uint64_t n = s->region.bytes - at < PREFAULT_BYTES ? s->region.bytes - at : PREFAULT_BYTES;
        if (madvise(s->region.base + at, n, MADV_POPULATE_READ) != 0)
            return;
    }
    s->daemon->prefaulted = 1;
#endif
}
