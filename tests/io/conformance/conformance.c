/*
 * conformance.c - what every port promises (io.h), tried on one kind of port after the other:
 *   conformance          lists the kinds that this build has
 *   conformance KIND     runs all tests on it; 0 passed, 1 failed, 77 cannot run here
 * All frames are UDP over IPv4 of one flow and carry their number, so that order, content and
 * completeness are seen from the frames alone.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bits.h"
#include "check.h"
#include "fixture.h"

enum { MANY = 2000, PATIENCE_MS = 2000 };

static const struct fixture *fix;
static struct test_frame frame;

static int has(uint32_t trait)
{
    return (fix->traits & trait) != 0;
}

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static struct test_frame *make(uint32_t i, uint32_t len)
{
    test_frame_make(&frame, i, len);
    return &frame;
}

static int is_frame(const uint8_t *data, uint32_t len, uint32_t i)
{
    const struct test_frame *want = make(i, len);
    return memcmp(data, want->data, len) == 0;
}

/* Lengths of a mixed stream: all sizes come, the extremes often. */
static uint32_t length(uint32_t i)
{
    uint32_t span = (fix->longest < 1514 ? fix->longest : 1514) - FRAME_SHORTEST + 1;
    return i % 5 == 0   ? FRAME_SHORTEST
           : i % 7 == 0 ? FRAME_SHORTEST + span - 1
                        : FRAME_SHORTEST + i * 37 % span;
}

static struct io_port *open_port(void)
{
    struct error e = {0};
    struct io_port *port = NULL;
    if (fix->open(fix, &port, &e) != 0) {
        fprintf(stderr, "open: %s\n", e.text);
        exit(1);
    }
    return port;
}

/* A port that is about to receive frames first to first + n - 1: stored ones are put now. */
static struct io_port *start(uint32_t first, uint32_t n)
{
    if (!has(FIX_STORED))
        return open_port();
    fix->end();
    CHECK_EQ(fix->begin(fix), 0);
    for (uint32_t i = first; i < first + n; i++)
        CHECK_EQ(fix->put(NULL, make(i, length(i))), 0);
    return open_port();
}

struct seen {
    uint32_t frames, wrong, next; /* next: number expected at least */
    uint64_t bytes;
};

/* Is it a time that the frame may have? */
static int is_time(const struct io_port *port, uint64_t ts_ns, uint32_t i)
{
    if (has(FIX_OWN_TIME))
        return ts_ns == T0 + (uint64_t)i * 1001;
    return has(FIX_AHEAD) ? ts_ns && ts_ns <= port->now_ns : ts_ns == port->now_ns;
}

static void look(struct seen *s, const struct io_port *port, const struct io_frame *f, int lossless)
{
    uint32_t i = load_u32_be(f->data + FRAME_HEADERS);
    int right = f->caplen == f->len && f->link == IO_LINK_ETHERNET && f->input == 3 &&
                (lossless ? i == s->next : i >= s->next) && f->len == length(i) &&
                is_frame(f->data, f->len, i) && is_time(port, f->ts_ns, i);
    s->wrong += !right;
    s->frames++;
    s->bytes += f->len;
    s->next = i + 1;
}

/* Receives until n frames have been seen or nothing has come for a while. */
static void receive(struct io_port *port, struct seen *s, uint32_t n, uint32_t burst, int lossless)
{
    struct io_frame out[IO_BURST_MAX];
    for (uint64_t last = now_ms(); s->frames < n && now_ms() - last < PATIENCE_MS;) {
        port->now_ns += 7;
        uint32_t got = port->ops->rx_burst(port, out, burst);
        if (got)
            CHECK(got <= burst);
        for (uint32_t i = 0; i < got; i++)
            look(s, port, &out[i], lossless);
        if (got)
            last = now_ms();
        if (port->at_end)
            break;
    }
}

/* n frames from the first on, put and received in turns. */
static void exchange(struct io_port *port, struct seen *s, uint32_t first, uint32_t n,
                     uint32_t burst)
{
    uint32_t step = fix->capacity / 4;
    s->next = first;
    if (has(FIX_STORED)) {
        receive(port, s, n, burst, 1);
        return;
    }
    for (uint32_t i = 0; i < n;) {
        for (uint32_t k = 0; k < step && i < n; k++, i++)
            CHECK_EQ(fix->put(port, make(first + i, length(first + i))), 0);
        receive(port, s, i, burst, 1);
        if (s->frames != i)
            break;
    }
}

static uint64_t drops(struct io_port *port, struct io_stats *s)
{
    uint64_t sum = 0;
    memset(s, 0xff, sizeof *s);
    port->ops->stats(port, s);
    for (uint32_t r = 0; r < PN_REASON_COUNT; r++)
        sum += s->drops[r];
    return sum;
}

static void check_all_came(struct io_port *port, const struct seen *s, uint32_t n)
{
    struct io_stats stats;
    CHECK_EQ(s->frames, n);
    CHECK_EQ(s->wrong, 0);
    CHECK_EQ(drops(port, &stats), 0);
    CHECK_EQ(stats.rx_frames, s->frames);
    CHECK_EQ(stats.rx_bytes, s->bytes);
}

/* Bursts of any size: order, content, times, counts. */
static void test_bursts(void)
{
    static const uint32_t bursts[] = {1, 7, 64, IO_BURST_MAX};
    for (uint32_t k = 0; k < sizeof bursts / sizeof *bursts; k++) {
        struct seen s = {0};
        struct io_port *port = start(100, MANY);
        CHECK(!port->at_end);
        exchange(port, &s, 100, MANY, bursts[k]);
        check_all_came(port, &s, MANY);
        struct io_frame none[4];
        CHECK_EQ(port->ops->rx_burst(port, none, 4), 0);
        CHECK_EQ(port->at_end, has(FIX_ENDS));
        port->ops->close(port);
    }
}

/* A frame is what it was until the next rx_burst, whatever comes in meanwhile. */
static void test_views(void)
{
    struct io_frame out[16];
    struct io_port *port = start(0, 200);
    uint32_t put = 0, seen = 0, wrong = 0;
    uint64_t until = now_ms() + PATIENCE_MS;
    while (seen < 200 && now_ms() < until) {
        for (uint32_t k = 0; k < 16 && put < 200 && !has(FIX_STORED); k++, put++)
            CHECK_EQ(fix->put(port, make(put, length(put))), 0);
        uint32_t got = port->ops->rx_burst(port, out, 16);
        for (uint32_t k = 0; k < 16 && put < 200 && !has(FIX_STORED) && put < seen + 32; k++, put++)
            CHECK_EQ(fix->put(port, make(put, length(put))), 0);
        for (uint32_t i = 0; i < got; i++, seen++)
            wrong += !is_frame(out[i].data, length(seen), seen);
    }
    CHECK_EQ(seen, 200);
    CHECK_EQ(wrong, 0);
    port->ops->close(port);
}

/* The shortest and the longest frame, byte by byte. */
static void test_sizes(void)
{
    const uint32_t sizes[] = {FRAME_SHORTEST,   fix->longest, FRAME_SHORTEST + 1,
                              fix->longest - 1, 512,          fix->longest};
    enum { SIZES = sizeof sizes / sizeof *sizes };
    struct io_frame out[SIZES];
    uint32_t seen = 0;
    if (has(FIX_STORED)) {
        fix->end();
        CHECK_EQ(fix->begin(fix), 0);
    }
    struct io_port *port = has(FIX_STORED) ? NULL : open_port();
    for (uint32_t i = 0; i < SIZES; i++)
        CHECK_EQ(fix->put(port, make(i, sizes[i])), 0);
    if (!port)
        port = open_port();
    for (uint64_t until = now_ms() + PATIENCE_MS; seen < SIZES && now_ms() < until;) {
        uint32_t got = port->ops->rx_burst(port, out, SIZES);
        for (uint32_t i = 0; i < got; i++, seen++) {
            CHECK_EQ(out[i].len, sizes[seen]);
            CHECK_EQ(out[i].caplen, sizes[seen]);
            CHECK(is_frame(out[i].data, out[i].caplen, seen));
        }
    }
    CHECK_EQ(seen, SIZES);
    port->ops->close(port);
}

/* Far more than fits while nobody reads: each is refused, received, or dropped and counted. */
static void test_slow_reader(void)
{
    enum { FLOOD = 5000 };
    struct seen s = {0};
    struct io_stats stats;
    uint32_t put = 0, refused = 0;
    struct io_port *port = start(0, FLOOD);
    for (uint32_t i = 0; i < FLOOD && !has(FIX_STORED); i++) {
        int rc = fix->put(port, make(i, length(i)));
        CHECK(rc == 0 || (has(FIX_REFUSES) && rc == -ENOSPC));
        put += rc == 0;
        refused += rc != 0;
    }
    if (has(FIX_STORED))
        put = FLOOD;
    receive(port, &s, put, 32, 0);
    uint64_t lost = drops(port, &stats);
    CHECK_EQ(s.wrong, 0);
    CHECK_EQ(s.frames + lost, put);
    CHECK_EQ(stats.rx_frames, s.frames);
    CHECK(s.frames >= fix->capacity);
    CHECK_EQ(refused > 0, has(FIX_REFUSES));
    CHECK_EQ(lost > 0, has(FIX_DROPS));
    if (has(FIX_DROPS))
        CHECK_EQ(stats.drops[PN_R_IO_RING_FULL] + stats.drops[PN_R_IO_NO_BUFFER] +
                     stats.drops[PN_R_IO_DEVICE_MISSED],
                 lost);
    /* And the port is as good as new. */
    if (!has(FIX_STORED)) {
        struct seen after = {0};
        exchange(port, &after, 10000, 500, 64);
        CHECK_EQ(after.frames, 500);
        CHECK_EQ(after.wrong, 0);
        CHECK_EQ(drops(port, &stats), lost);
    }
    port->ops->close(port);
}

static void test_reopen(void)
{
    for (uint32_t round = 0; round < 8; round++) {
        struct seen s = {0};
        struct io_port *port = start(round * 1000, 300);
        exchange(port, &s, round * 1000, 300, 64);
        check_all_came(port, &s, 300);
        port->ops->close(port);
    }
    struct io_port *port = start(0, 1);
    port->ops->close(port);
}

/* Frames in flight are nobody's problem at close. */
static void test_close_with_frames(void)
{
    struct io_frame out[8];
    struct io_port *port = start(0, 100);
    for (uint32_t i = 0; i < fix->capacity && i < 100 && !has(FIX_STORED); i++)
        CHECK_EQ(fix->put(port, make(i, length(i))), 0);
    (void)port->ops->rx_burst(port, out, 8);
    port->ops->close(port);
}

static void test_tx(void)
{
    static uint8_t got[FRAME_LONGEST];
    static struct test_frame frames[64];
    struct io_frame out[64];
    struct io_stats stats;
    uint32_t sent = 0, wrong = 0, taken = 0;
    uint64_t bytes = 0;
    struct io_port *port = open_port();
    CHECK_EQ(port->ops->tx_burst != NULL, has(FIX_TX | FIX_LOOPS));
    for (uint64_t last = now_ms(); sent < MANY && has(FIX_TX) && now_ms() - last < PATIENCE_MS;) {
        uint32_t n = MANY - sent < 64 ? MANY - sent : 64;
        for (uint32_t i = 0; i < n; i++) {
            frames[i] = *make(sent + i, length(sent + i));
            out[i] = (struct io_frame){
                .data = frames[i].data, .caplen = frames[i].len, .len = frames[i].len};
        }
        uint32_t went = port->ops->tx_burst(port, out, n);
        CHECK(went <= n);
        for (uint32_t i = 0; i < went; i++, sent++, taken++) {
            int len = fix->take(port, got, sizeof got);
            wrong += len != (int)length(sent) || !is_frame(got, (uint32_t)len, sent);
            bytes += length(sent);
            last = now_ms();
        }
    }
    if (has(FIX_TX)) {
        CHECK_EQ(taken, MANY);
        CHECK_EQ(wrong, 0);
        CHECK_EQ(drops(port, &stats), 0);
        CHECK_EQ(stats.tx_frames, MANY);
        CHECK_EQ(stats.tx_bytes, bytes);
    }
    port->ops->close(port);
}

/* Another port, group or protocol is not ours: it does not come and is counted as passed. */
static void test_steering(void)
{
    struct seen s = {0};
    struct pn_port_status status;
    struct io_stats stats;
    struct io_port *port = open_port();
    for (uint32_t i = 0; i < 90; i++) {
        struct test_frame *f = make(i, 100);
        if (i % 3 == 0)
            f->data[37]++; /* port */
        else if (i % 3 == 1)
            f->data[33]++; /* group */
        else
            f->data[23] = 6; /* TCP */
        CHECK_EQ(fix->put(port, f), 0);
    }
    exchange(port, &s, 0, 100, 64);
    check_all_came(port, &s, 100);
    CHECK_EQ(drops(port, &stats), 0);
    port->ops->status(port, &status);
    CHECK_EQ(status.passed, 90);
    CHECK_EQ(status.rx_frames, 100);
    port->ops->close(port);
}

static void test_status(void)
{
    struct seen s = {0};
    struct pn_port_status status;
    struct io_stats stats;
    struct io_port *port = start(0, 500);
    CHECK(port->ops->status != NULL);
    exchange(port, &s, 0, 500, 64);
    (void)drops(port, &stats);
    port->ops->status(port, &status);
    CHECK(status.name[0] && status.device[0] && status.driver[0]);
    CHECK(status.kind > PN_PORT_NONE && status.kind < PN_PORT_KINDS);
    CHECK(status.queues >= 1);
    CHECK_EQ(status.link_up, 1);
    CHECK(status.mtu >= 1500);
    CHECK(status.polls > status.empty_polls);
    CHECK_EQ(status.rx_frames, stats.rx_frames);
    CHECK_EQ(status.rx_bytes, stats.rx_bytes);
    CHECK(status.xstats > 0 && status.xstats <= PN_XSTATS_MAX);
    for (uint32_t r = 0; r < PN_REASON_COUNT; r++)
        CHECK_EQ(status.drops[r], stats.drops[r]);
    printf("%s: %s, mode %u, hugepages %u\n", fix->name, status.driver, status.mode,
           status.hugepages);
    for (uint32_t i = 0; i < status.xstats; i++)
        if (status.xstat[i].value)
            printf("  %s %llu\n", status.xstat[i].name, (unsigned long long)status.xstat[i].value);
    port->ops->close(port);
}

struct asker {
    struct io_port *port;
    int stop;
    uint32_t asked, wrong;
};

static void *ask(void *argument)
{
    static struct pn_port_status status;
    struct asker *a = argument;
    while (!__atomic_load_n(&a->stop, __ATOMIC_ACQUIRE)) {
        a->port->ops->status(a->port, &status);
        for (uint32_t r = 0; r < PN_REASON_COUNT; r++)
            a->wrong += status.drops[r] != 0;
        __atomic_store_n(&a->asked, a->asked + 1, __ATOMIC_RELAXED);
    }
    return NULL;
}

/* Another thread may ask at any time: it sees no loss where there is none. */
static void test_status_meanwhile(void)
{
    struct seen s = {0};
    struct asker a = {.port = start(0, MANY * 4)};
    pthread_t thread;
    CHECK_EQ(pthread_create(&thread, NULL, ask, &a), 0);
    while (!__atomic_load_n(&a.asked, __ATOMIC_RELAXED))
        continue;
    exchange(a.port, &s, 0, MANY * 4, 64);
    __atomic_store_n(&a.stop, 1, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
    check_all_came(a.port, &s, MANY * 4);
    CHECK_EQ(a.wrong, 0);
    a.port->ops->close(a.port);
}

int main(int argc, char **argv)
{
    for (fix = fixtures; fix->name; fix++) {
        if (argc == 1)
            printf("%s\n", fix->name);
        else if (!strcmp(argv[1], fix->name))
            break;
    }
    if (argc == 1)
        return 0;
    if (!fix->name)
        return 2;
    int rc = fix->begin(fix);
    if (rc != 0)
        return rc;
    test_bursts();
    test_views();
    test_sizes();
    test_slow_reader();
    test_reopen();
    test_close_with_frames();
    test_tx();
    if (has(FIX_STEERS))
        test_steering();
    if (has(FIX_STATUS)) {
        test_status();
        test_status_meanwhile();
    }
    fix->end();
    return check_done(fix->name);
}
