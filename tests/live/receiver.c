/*
 * receiver.c - one shard without a daemon around it: AF_XDP ports, recovery ring, tap, recorder and
 * pipeline, put together as the daemon does it. Runs until the session has ended on all lines and
 * nothing is missing, or its time is up, and prints what became of it as one JSON object.
 *
 * usage: receiver SECONDS RECORD SERVER-ADDRESS SERVER-PORT FROM-START REORDER-MS
 *                 (IFACE GROUP PORT)...        RECORD "-": none; SERVER-PORT 0: no server
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/ticks.h"
#include "digest.h"
#include "live/recorder.h"
#include "live/recovery.h"
#include "pipeline.h"
#include "shm/region.h"

enum { LINGER_MS = 300 };

static void fail(const char *what, const struct error *e)
{
    fprintf(stderr, "receiver: %s: %s\n", what, e->text);
    exit(1);
}

/* Several ports in turn, as one. */
struct round {
    struct io_port port;
    struct io_port *of[PN_PORTS_MAX + 1];
    uint32_t ports, next;
};

static uint32_t round_rx(struct io_port *port, struct io_frame *out, uint32_t n)
{
    struct round *r = (struct round *)port;
    struct io_port *one = r->of[r->next++ % r->ports];
    one->now_ns = port->now_ns;
    return one->ops->rx_burst(one, out, n);
}

static void round_stats(struct io_port *port, struct io_stats *out)
{
    memset(out, 0, sizeof *out);
}

static void round_close(struct io_port *port)
{
    struct round *r = (struct round *)port;
    for (uint32_t i = 0; i < r->ports; i++)
        r->of[i]->ops->close(r->of[i]);
}

static const struct io_ops round_ops = {
    .name = "round", .rx_burst = round_rx, .stats = round_stats, .close = round_close};

struct shard {
    struct pn_live_config cfg;
    struct round round;
    struct region region;
    struct pipeline pipeline;
    struct pn_daemon daemon;
    struct io_port *ring;
    struct recorder *recorder;
    struct recovery *recovery;
};

static void configure(struct shard *s, char **argv, int argc)
{
    struct pn_live_config *c = &s->cfg;
    struct pn_channel_config *ch = &c->channel[0];
    c->shards = c->channels = 1;
    snprintf(ch->name, sizeof ch->name, "itch");
    ch->feed = PN_FEED_ITCH50;
    for (int i = 7; i + 2 < argc; i += 3) {
        struct pn_port_config *p = &c->port[c->ports];
        snprintf(p->name, sizeof p->name, "line-%c", 'a' + (int)c->ports);
        snprintf(p->device, sizeof p->device, "%s", argv[i]);
        p->kind = PN_PORT_AF_XDP;
        p->queues = 1;
        p->mode = PN_XDP_COPY;
        p->rx_ring = p->tx_ring = 2048;
        p->buffers = 8192;
        p->buffer_bytes = 2048;
        p->steers = 1;
        p->steer[0].port = (uint16_t)atoi(argv[i + 2]);
        p->steer[0].multicast = 1;
        inet_pton(AF_INET, argv[i + 1], &p->steer[0].group_be);
        ch->group_be[ch->lines] = p->steer[0].group_be;
        ch->port[ch->lines] = p->steer[0].port;
        ch->input[ch->lines++] = (int32_t)c->ports++;
    }
    if (atoi(argv[4])) {
        c->servers = 1;
        c->server[0].rate = 20000;
        c->server[0].port = (uint16_t)atoi(argv[4]);
        inet_pton(AF_INET, argv[3], &c->server[0].address_be);
        ch->recovery = atoi(argv[5]) ? PN_RECOVERY_FROM_START : PN_RECOVERY_GAPS;
    }
}

static void open_shard(struct shard *s, const char *record, uint64_t reorder_ns)
{
    struct pn_config cfg = {.max_orders = 1 << 18,
                            .max_instruments = 4096,
                            .max_pages = 1 << 16,
                            .max_trades = 1 << 16,
                            .burst = 64,
                            .reorder_datagrams = 64,
                            .reorder_ns = reorder_ns};
    struct error e = {0};
    if (region_create(&s->region, &cfg, NULL, &e) ||
        pipeline_init(&s->pipeline, &s->region, &cfg, &e) ||
        channels_declare(&s->pipeline.channels, &s->cfg.channel[0], &e))
        fail("engine", &e);
    s->round.port.ops = &round_ops;
    for (uint32_t i = 0; i < s->cfg.ports; i++, s->round.ports++)
        if (io_open(&s->round.of[i], &s->cfg.port[i], (uint16_t)i, &e))
            fail("port", &e);
    if (io_ring_open(&s->ring, RECOVERY_RING_BYTES, RECOVERY_RING_FRAMES, IO_INPUT_RECOVERY, &e))
        fail("ring", &e);
    s->round.of[s->round.ports++] = s->ring;
    struct recovery_shard shard[PN_SHARDS_MAX] = {
        {.channel = region_section(&s->region, PN_SEC_CHANNELS),
         .daemon = &s->daemon,
         .ring = s->ring}};
    if (recorder_open(&s->recorder, &s->cfg, &e) ||
        recorder_tap(s->recorder, 0, &s->round.port, &s->daemon, &s->pipeline.port, &e) ||
        recovery_start(&s->recovery, &s->cfg, shard, &e))
        fail("threads", &e);
    if (strcmp(record, "-") != 0 && recorder_begin(s->recorder, 0, record, &e))
        fail("recorder", &e);
}

static uint64_t wall_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void run(struct shard *s, uint64_t seconds)
{
    const struct pn_channel *ch = region_section(&s->region, PN_SEC_CHANNELS);
    struct pipeline_limits limits = {.until_ns = UINT64_MAX};
    uint64_t end = ticks_wall_ns() + seconds * 1000000000u, ended = 0, now;
    while ((now = ticks_wall_ns()) < end) {
        s->pipeline.port->now_ns = wall_ns();
        if (pipeline_fill(&s->pipeline)) {
            pipeline_apply(&s->pipeline, &limits);
            continue;
        }
        /* The end is repeated, and lines may be apart: what still comes is waited for. */
        if (!ch->ended || ch->epoch & 1)
            ended = 0;
        else if (!ended)
            ended = now;
        else if (now - ended > LINGER_MS * 1000000ull)
            return;
    }
}

static void print_number(const char *name, uint64_t value)
{
    printf("\"%s\": %" PRIu64 ", ", name, value);
}

static void report(struct shard *s)
{
    const struct pn_channel *ch = region_section(&s->region, PN_SEC_CHANNELS);
    const struct pn_counters *c = s->pipeline.counters;
    printf("{");
    print_number("frames", c->frames);
    print_number("messages", ch->messages);
    print_number("lost", ch->lost);
    print_number("gaps", ch->gaps);
    print_number("recovered", ch->recovered);
    print_number("duplicates", ch->duplicates);
    print_number("ended", ch->ended);
    print_number("late_join", ch->late_join);
    print_number("waiting", ch->epoch & 1);
    print_number("rerequests", s->daemon.rerequests);
    print_number("hits", s->daemon.rerequest_hits);
    print_number("late", s->daemon.rerequest_late);
    print_number("captured", s->daemon.captured);
    print_number("capture_drops", s->daemon.capture_drops);
    for (uint32_t i = 0; i < s->cfg.channel[0].lines; i++) {
        printf("\"first_on_%c\": %" PRIu64 ", ", 'a' + (int)i, ch->line[i].messages);
        printf("\"datagrams_%c\": %" PRIu64 ", ", 'a' + (int)i, ch->line[i].datagrams);
    }
    printf("\"digest\": \"%016" PRIx64 "%016" PRIx64 "\"}\n", digest_channels(ch, 1),
           book_digest(&s->pipeline.books));
}

int main(int argc, char **argv)
{
    static struct shard s;
    struct error e = {0};
    if (argc < 10 || (argc - 7) % 3) {
        fprintf(stderr, "receiver: wrong arguments\n");
        return 2;
    }
    configure(&s, argv, argc);
    open_shard(&s, argv[2], strtoull(argv[6], NULL, 10) * 1000000);
    printf("ready\n");
    fflush(stdout);
    run(&s, strtoull(argv[1], NULL, 10));
    recovery_stop(s.recovery);
    if (strcmp(argv[2], "-") != 0 && recorder_end(s.recorder, 0, &e))
        fail("recorder", &e);
    report(&s);
    recorder_close(s.recorder);
    s.pipeline.port->ops->close(s.pipeline.port);
    pipeline_free(&s.pipeline);
    region_close(&s.region);
    return 0;
}
