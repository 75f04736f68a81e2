/*
 * test_recorder.c - the recorder behind a tap: every frame of a recording is in its files, in
 * order, rotated by size; what cannot be recorded is refused or counted, and the path goes on.
 */
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "bytes.h"
#include "live/recorder.h"

enum { FRAMES = 20000, BYTES = 120 };

static char folder[64];

static void path_of(char out[128], const char *name)
{
    snprintf(out, 128, "%s/%s", folder, name);
}

static void push(struct io_port *ring, uint32_t i)
{
    uint8_t data[BYTES];
    for (uint32_t k = 0; k < sizeof data; k++)
        data[k] = (uint8_t)(i * 31 + k);
    struct io_frame f = {.data = data, .caplen = BYTES, .len = BYTES, .ts_ns = i + 1, .input = 1};
    CHECK_EQ(io_ring_push(ring, &f), 0);
}

/* So many frames through the path; none is ever held up. */
static void pass(struct io_port *ring, struct io_port *tap, uint32_t from, uint32_t count)
{
    struct io_frame f[16];
    for (uint32_t i = 0; i < count; i += 16) {
        for (uint32_t k = 0; k < 16; k++)
            push(ring, from + i + k);
        CHECK_EQ(tap->ops->rx_burst(tap, f, 16), 16);
        CHECK(is_pattern(f[15].data, from + i + 15, BYTES));
    }
}

/* Frames of a file, which must go on with number `from`; returns the number behind the last. */
static uint32_t read_file(const char *name, uint32_t from)
{
    struct io_port *port;
    struct io_frame f[8];
    struct error e;
    char path[128];
    path_of(path, name);
    CHECK_EQ(io_file_open(&port, path, 0, &e), 0);
    while (!port->at_end) {
        uint32_t n = port->ops->rx_burst(port, f, 8);
        for (uint32_t i = 0; i < n; i++, from++) {
            CHECK_EQ(f[i].ts_ns, from + 1);
            CHECK_EQ(f[i].input, 1);
            CHECK(is_pattern(f[i].data, from, BYTES));
        }
    }
    port->ops->close(port);
    unlink(path);
    return from;
}

struct setup {
    struct pn_live_config cfg;
    struct pn_daemon daemon;
    struct io_port *ring, *tap;
    struct recorder *recorder;
};

static void open_setup(struct setup *s)
{
    struct error e;
    s->cfg.shards = 1;
    s->cfg.ports = 2;
    memcpy(s->cfg.port[0].name, "a", 2);
    memcpy(s->cfg.port[1].name, "b", 2);
    memcpy(s->cfg.run_dir, folder, sizeof folder);
    CHECK_EQ(io_ring_open(&s->ring, 1 << 16, 64, 1, &e), 0);
    CHECK_EQ(recorder_open(&s->recorder, &s->cfg, &e), 0);
    CHECK_EQ(recorder_tap(s->recorder, 0, s->ring, &s->daemon, &s->tap, &e), 0);
}

static void close_setup(struct setup *s)
{
    recorder_close(s->recorder);
    s->tap->ops->close(s->tap);
}

/* A counter that the recorder's thread writes. */
static uint64_t now(const uint64_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static void test_one_file(void)
{
    static struct setup s;
    struct error e;
    open_setup(&s);
    pass(s.ring, s.tap, 0, 160); /* not recorded */
    CHECK_EQ(recorder_begin(s.recorder, PN_SHARDS_MAX, "one.pcapng", &e), 0);
    CHECK_EQ(now(&s.daemon.capturing), 1);
    CHECK_EQ(recorder_begin(s.recorder, 0, "two.pcapng", &e), -EALREADY);
    pass(s.ring, s.tap, 160, FRAMES);
    CHECK_EQ(recorder_end(s.recorder, 0, &e), 0);
    pass(s.ring, s.tap, 160 + FRAMES, 160);
    CHECK_EQ(now(&s.daemon.capturing), 0);
    CHECK_EQ(now(&s.daemon.captured), FRAMES);
    CHECK_EQ(now(&s.daemon.capture_drops), 0);
    CHECK_EQ(recorder_end(s.recorder, 0, &e), -ENODATA);
    CHECK_EQ(read_file("one.pcapng", 160), 160 + FRAMES);
    close_setup(&s);
}

static void test_rotated(void)
{
    static struct setup s;
    struct error e;
    char name[32];
    uint32_t seen = 0, files = 0;
    open_setup(&s);
    CHECK_EQ(recorder_begin(s.recorder, 0, "part.pcapng\n200000", &e), 0);
    for (uint32_t i = 0; i < FRAMES; i += 160) {
        pass(s.ring, s.tap, i, 160);
        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
    }
    CHECK_EQ(recorder_end(s.recorder, 0, &e), 0);
    while (seen < FRAMES && files < 100) {
        snprintf(name, sizeof name, files ? "part.%u.pcapng" : "part.pcapng", files);
        uint32_t before = seen;
        seen = read_file(name, seen);
        CHECK(seen > before);
        files++;
    }
    CHECK_EQ(seen, FRAMES);
    CHECK(files > 4);
    /* The last frame may just have filled a file; the next one is then there and empty. */
    char path[128];
    snprintf(name, sizeof name, "part.%u.pcapng", files);
    path_of(path, name);
    unlink(path);
    close_setup(&s);
}

/* A disk that is full ends the recording while frames go on coming, and is told of once. */
static void test_full(void)
{
    enum { ROUNDS_MAX = 2000 };
    static struct setup s;
    struct rlimit before, tight;
    struct error e;
    char path[128];
    uint32_t rounds = 0;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    tight = before;
    tight.rlim_cur = 64 * 1024;
    open_setup(&s);
    CHECK_EQ(recorder_begin(s.recorder, 0, "full.pcapng", &e), 0);
    setrlimit(RLIMIT_FSIZE, &tight);
    for (; now(&s.daemon.capturing) && rounds < ROUNDS_MAX; rounds++) {
        pass(s.ring, s.tap, rounds * 160, 160);
        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
    }
    setrlimit(RLIMIT_FSIZE, &before);
    CHECK(rounds < ROUNDS_MAX);
    CHECK_EQ(recorder_end(s.recorder, 0, &e), -EFBIG);
    CHECK(strstr(e.text, "full.pcapng") != NULL);
    CHECK_EQ(recorder_end(s.recorder, 0, &e), -ENODATA);
    path_of(path, "full.pcapng");
    unlink(path);
    close_setup(&s);
}

static void test_refused(void)
{
    static struct setup s;
    struct error e;
    open_setup(&s);
    CHECK_EQ(recorder_begin(s.recorder, 0, "", &e), -EINVAL);
    CHECK_EQ(recorder_begin(s.recorder, 0, "x.pcapng\nmany", &e), -EINVAL);
    CHECK_EQ(recorder_begin(s.recorder, 3, "x.pcapng", &e), -EINVAL);
    CHECK_EQ(recorder_begin(s.recorder, 0, "no/such/x.pcapng", &e), -ENOENT);
    CHECK_EQ(recorder_begin(s.recorder, 0, "/dev/full", &e), -EEXIST);
    pass(s.ring, s.tap, 0, 160);
    close_setup(&s); /* also ends one under way: */
    open_setup(&s);
    CHECK_EQ(recorder_begin(s.recorder, 0, "last.pcapng", &e), 0);
    pass(s.ring, s.tap, 0, 160);
    close_setup(&s);
    CHECK_EQ(read_file("last.pcapng", 0), 160);
}

int main(void)
{
    snprintf(folder, sizeof folder, "/tmp/pinnacle-recorder-XXXXXX");
    CHECK(mkdtemp(folder) != NULL);
    test_one_file();
    test_rotated();
    test_full();
    test_refused();
    CHECK_EQ(rmdir(folder), 0);
    return check_done("recorder");
}
