/*
 * test_recovery.c - gaps recovered from real re-request servers over loopback. A pipeline reads a
 * damaged capture as a live port would give it, the recovery thread asks, and in the end the books
 * must be those of the undamaged stream. Faults of stream and servers come from seeds.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "api.h"
#include "base/ticks.h"
#include "bytes.h"
#include "live/recovery.h"
#include "pipeline.h"
#include "shm/region.h"
#include "sim/rerequest.h"
#include "sim/wire.h"

enum { MESSAGES = 60000, SERVERS = 2 };

#define PATIENCE_NS 60000000000ull /* of the test, when something does not work */

static char itch_path[64], clean_path[64], damaged_path[64];
static uint64_t truth[2];

struct faults {
    uint32_t loss, dup, reorder;   /* of the stream */
    uint32_t lose, refuse, damage; /* of the servers' answers */
    uint32_t doubled, late;
    uint32_t first_dead; /* 1: nobody answers at the first server's address */
    uint32_t skip;       /* frames left out at the beginning: joined in mid-session */
    uint32_t window;     /* reorder_datagrams */
};

static void pause_us(long us)
{
    nanosleep(&(struct timespec){.tv_nsec = us * 1000}, NULL);
}

static void make_file(const char *path, uint32_t format, const struct faults *f, uint64_t seed)
{
    struct pn_flow_config flow;
    struct pn_wire_config wire;
    char err[256] = "";
    pn_flow_config_default(&flow);
    flow.messages = MESSAGES;
    flow.symbols = 50;
    pn_wire_config_default(&wire);
    wire.format = format;
    wire.seed = seed;
    wire.lines = 1;
    memcpy(wire.session, "SIM0000001", 11);
    wire.line[0].loss_ppm = f->loss;
    wire.line[0].dup_ppm = f->dup;
    wire.line[0].reorder_ppm = f->reorder;
    struct pn_wire *w = pn_wire_open(&flow, &wire, path, NULL, err, sizeof err);
    CHECK(w != NULL);
    int more = w ? 1 : 0;
    while (more > 0)
        more = pn_wire_step(w, err, sizeof err);
    CHECK_EQ(w ? pn_wire_close(w, err, sizeof err) : -1, 0);
}

static void find_truth(void)
{
    struct pn_config cfg;
    struct pn_run run = {0};
    char err[256] = "";
    pn_config_default(&cfg);
    struct pn_engine *engine = pn_engine_open(&cfg, NULL, err, sizeof err);
    CHECK_EQ(pn_engine_add_file(engine, clean_path, err, sizeof err), 0);
    while (run.end != PN_RUN_DONE)
        CHECK_EQ(pn_engine_run(engine, &run), 0);
    pn_engine_digest(engine, truth);
    pn_engine_close(engine);
}

struct live {
    struct pn_live_config cfg;
    struct region region;
    struct pipeline pipeline;
    struct io_port *feed; /* the file, and what of it has arrived */
    struct io_port *wire;
    struct io_port *ring;
    struct pn_daemon daemon;
    struct recovery *recovery;
    struct pn_rerequest *server[SERVERS];
    pthread_t thread[SERVERS];
    _Atomic int stop;
};

static void *serve(void *arg)
{
    struct live *l = arg;
    static _Atomic uint32_t next;
    struct pn_rerequest *server = l->server[next++ % SERVERS];
    while (!l->stop)
        pn_rerequest_serve(server, 20);
    return NULL;
}

static void start_servers(struct live *l, const struct faults *f, uint64_t seed)
{
    char err[256] = "";
    for (uint32_t i = 0; i < SERVERS; i++) {
        struct pn_rerequest_config cfg;
        pn_rerequest_config_default(&cfg);
        cfg.seed = seed + i;
        cfg.lose_ppm = f->lose;
        cfg.refuse_ppm = f->refuse;
        cfg.damage_ppm = f->damage;
        cfg.double_ppm = f->doubled;
        cfg.late_ppm = f->late;
        l->server[i] = pn_rerequest_open(&cfg, itch_path, err, sizeof err);
        CHECK(l->server[i] != NULL);
        l->cfg.server[i] = (struct pn_server_config){.address_be = htonl(INADDR_LOOPBACK),
                                                     .port = pn_rerequest_port(l->server[i]),
                                                     .rate = 20000};
        if (i == 0 && f->first_dead)
            l->cfg.server[i].port = 9; /* discard: nobody there */
    }
    l->cfg.servers = SERVERS;
    for (uint32_t i = 0; i < SERVERS; i++)
        CHECK_EQ(pthread_create(&l->thread[i], NULL, serve, l), 0);
}

static void open_live(struct live *l, const struct faults *f, uint64_t seed)
{
    struct pn_config cfg;
    struct error e = {0};
    pn_config_default(&cfg);
    cfg.reorder_ns = UINT64_MAX / 4; /* the capture's day goes by in a second */
    cfg.reorder_datagrams = f->window ? f->window : 64;
    cfg.max_orders = 1 << 16;
    l->cfg.shards = 1;
    l->cfg.channels = 1;
    l->cfg.channel[0] = (struct pn_channel_config){.name = "itch",
                                                   .feed = PN_FEED_ITCH50,
                                                   .lines = 1,
                                                   .input = {3},
                                                   .recovery = PN_RECOVERY_GAPS};
    CHECK_EQ(inet_pton(AF_INET, "233.54.12.111", &l->cfg.channel[0].group_be[0]), 1);
    l->cfg.channel[0].port[0] = 26477;
    if (f->skip)
        l->cfg.channel[0].recovery = PN_RECOVERY_FROM_START;
    CHECK_EQ(region_create(&l->region, &cfg, NULL, &e), 0);
    CHECK_EQ(pipeline_init(&l->pipeline, &l->region, &cfg, &e), 0);
    CHECK_EQ(channels_declare(&l->pipeline.channels, &l->cfg.channel[0], &e), 0);
    CHECK_EQ(io_file_open(&l->feed, damaged_path, 3, &e), 0);
    CHECK_EQ(io_memory_open(&l->wire, 1 << 16, 32, 3, &e), 0);
    CHECK_EQ(
        io_ring_open(&l->ring, RECOVERY_RING_BYTES, RECOVERY_RING_FRAMES, IO_INPUT_RECOVERY, &e),
        0);
    start_servers(l, f, seed);
    struct recovery_shard shard[PN_SHARDS_MAX] = {
        {.channel = region_section(&l->region, PN_SEC_CHANNELS),
         .daemon = &l->daemon,
         .ring = l->ring}};
    CHECK_EQ(recovery_start(&l->recovery, &l->cfg, shard, &e), 0);
    CHECK(l->recovery != NULL);
}

static void poll_port(struct live *l, struct io_port *port)
{
    struct pipeline_limits limits = {.until_ns = UINT64_MAX};
    l->pipeline.port = port;
    while (pipeline_fill(&l->pipeline))
        pipeline_apply(&l->pipeline, &limits);
}

/* The next frames of the feed arrive. */
static void arrive(struct live *l, uint32_t n)
{
    struct io_frame frame[16];
    n = l->feed->ops->rx_burst(l->feed, frame, n);
    for (uint32_t i = 0; i < n; i++)
        CHECK_EQ(io_memory_push(l->wire, frame[i].data, frame[i].caplen, frame[i].len,
                                frame[i].ts_ns, frame[i].link, frame[i].input),
                 0);
    poll_port(l, l->wire);
}

static void close_live(struct live *l)
{
    recovery_stop(l->recovery);
    l->stop = 1;
    for (uint32_t i = 0; i < SERVERS; i++)
        pthread_join(l->thread[i], NULL);
    for (uint32_t i = 0; i < SERVERS; i++)
        pn_rerequest_close(l->server[i]);
    l->feed->ops->close(l->feed);
    l->wire->ops->close(l->wire);
    l->ring->ops->close(l->ring);
    pipeline_free(&l->pipeline);
    region_close(&l->region);
}

/* The damaged stream at a pace of the test's own, then what is still asked for. */
static void run_live(struct live *l, const struct faults *f)
{
    const struct pn_channel *ch = region_section(&l->region, PN_SEC_CHANNELS);
    struct io_frame dropped_frame;
    uint64_t end = ticks_wall_ns() + PATIENCE_NS;
    for (uint32_t i = 0; i < f->skip; i++)
        CHECK_EQ(l->feed->ops->rx_burst(l->feed, &dropped_frame, 1), 1);
    l->pipeline.burst = 16;
    while (ticks_wall_ns() < end) {
        if (!l->feed->at_end)
            arrive(l, 16);
        l->ring->now_ns = l->pipeline.counters->last_ns;
        poll_port(l, l->ring);
        if (ch->epoch & 1)
            pause_us(l->feed->at_end ? 100 : 30);
        else if (l->feed->at_end)
            break;
        if (ch->ended && !(ch->epoch & 1))
            break;
    }
}

static void check_recovered(const char *name, struct faults f, uint64_t seed)
{
    static struct live l;
    memset(&l, 0, sizeof l);
    make_file(damaged_path, PN_WIRE_PCAP, &f, seed);
    open_live(&l, &f, seed);
    run_live(&l, &f);
    const struct pn_channel *ch = region_section(&l.region, PN_SEC_CHANNELS);
    CHECK_EQ(ch->messages, MESSAGES);
    CHECK_EQ(ch->lost, 0);
    CHECK_EQ(ch->late_join, 0);
    CHECK_EQ(ch->ended, 1);
    CHECK_EQ(ch->wanted_end, 0);
    CHECK_EQ(ch->epoch & 1, 0);
    CHECK(book_digest(&l.pipeline.books) == truth[1]);
    CHECK(l.daemon.rerequests > 0);
    CHECK(l.daemon.rerequest_hits > 0);
    CHECK_EQ(l.daemon.rerequest_late, 0);
    uint64_t refused = 0;
    for (uint32_t why = PN_R_RECOVERY_BAD; why <= PN_R_RECOVERY_FULL; why++)
        refused += recovery_refused(l.recovery, why);
    CHECK_EQ(refused, l.daemon.rerequest_refused);
    if (f.damage)
        CHECK(recovery_refused(l.recovery, PN_R_RECOVERY_BAD) > 0);
    if (f.refuse)
        CHECK(recovery_refused(l.recovery, PN_R_RECOVERY_SESSION) > 0);
    if (f.doubled)
        CHECK(recovery_refused(l.recovery, PN_R_RECOVERY_UNASKED) > 0);
    printf("%s: %llu requests, %llu answers in, %llu refused, %llu held packets dropped\n", name,
           (unsigned long long)l.daemon.rerequests, (unsigned long long)l.daemon.rerequest_hits,
           (unsigned long long)l.daemon.rerequest_refused,
           (unsigned long long)l.pipeline.counters->drops[PN_R_SEQ_HELD_FULL]);
    close_live(&l);
}

/* A gap that no server can close is given up in time, counted, and the books are stale. */
static void test_given_up(void)
{
    static struct live l;
    struct faults f = {.loss = 2000, .lose = 1000000};
    memset(&l, 0, sizeof l);
    make_file(damaged_path, PN_WIRE_PCAP, &f, 5);
    open_live(&l, &f, 5);
    l.pipeline.channels.channel[0].seq.reorder_ns = 1000;
    const struct pn_channel *ch = region_section(&l.region, PN_SEC_CHANNELS);
    while (!l.feed->at_end && !ch->ended)
        arrive(&l, 16);
    for (int i = 0; i < 5000; i++) { /* the thread looks now and then */
        if (__atomic_load_n(&l.daemon.rerequest_late, __ATOMIC_RELAXED) == ch->gaps)
            break;
        pause_us(1000);
    }
    CHECK(ch->lost > 0);
    CHECK_EQ(ch->messages + ch->lost, MESSAGES);
    CHECK_EQ(l.daemon.rerequest_hits, 0);
    CHECK_EQ(__atomic_load_n(&l.daemon.rerequest_late, __ATOMIC_RELAXED), ch->gaps);
    close_live(&l);
}

static void test_refused_config(void)
{
    static struct pn_live_config cfg;
    struct recovery_shard shard[PN_SHARDS_MAX] = {{0}};
    struct recovery *r;
    struct error e;
    CHECK_EQ(recovery_start(&r, &cfg, shard, &e), 0);
    CHECK(r == NULL); /* no servers, no thread */
    recovery_stop(r);
    struct pn_channel channel = {0};
    shard[0].channel = &channel;
    cfg.servers = cfg.channels = 1;
    cfg.channel[0].feed = PN_FEED_DEEP10;
    CHECK_EQ(recovery_start(&r, &cfg, shard, &e), -EINVAL);
    CHECK(strstr(e.text, "MoldUDP64") != NULL);
}

int main(void)
{
    snprintf(itch_path, sizeof itch_path, "/tmp/pinnacle-recovery-%d.itch", getpid());
    snprintf(clean_path, sizeof clean_path, "/tmp/pinnacle-recovery-%d.pcap", getpid());
    snprintf(damaged_path, sizeof damaged_path, "/tmp/pinnacle-recovery-%d-d.pcap", getpid());
    make_file(itch_path, PN_WIRE_ITCH, &(struct faults){0}, 1);
    make_file(clean_path, PN_WIRE_PCAP, &(struct faults){0}, 1);
    find_truth();
    check_recovered("loss", (struct faults){.loss = 20000}, 1);
    check_recovered("loss, copies, disorder",
                    (struct faults){.loss = 10000, .dup = 10000, .reorder = 20000}, 2);
    check_recovered("servers lose", (struct faults){.loss = 5000, .lose = 100000}, 3);
    check_recovered(
        "servers misbehave",
        (struct faults){
            .loss = 5000, .refuse = 50000, .damage = 100000, .doubled = 100000, .late = 50000},
        4);
    check_recovered("first server dead", (struct faults){.loss = 5000, .first_dead = 1}, 5);
    check_recovered("small window", (struct faults){.loss = 5000, .window = 4}, 6);
    check_recovered("from the start", (struct faults){.loss = 1000, .skip = 9000}, 7);
    test_given_up();
    test_refused_config();
    unlink(itch_path);
    unlink(clean_path);
    unlink(damaged_path);
    return check_done("recovery");
}
