/*
 * test_io_ring.c - the ring between two threads, and the tap in front of it: order, wrap, full,
 * time of a frame without one, and all of it while both sides run. Also run under TSan
 * (test_threads.py).
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>

#include "bytes.h"
#include "io/io.h"

enum { LONGEST = 700, FRAMES = 60000 };

static int push(struct io_port *ring, uint32_t i, uint32_t caplen, uint64_t ts_ns)
{
    uint8_t data[LONGEST];
    for (uint32_t k = 0; k < caplen; k++)
        data[k] = (uint8_t)(i * 31 + k);
    struct io_frame f = {.data = data, .caplen = caplen, .len = caplen, .ts_ns = ts_ns, .input = 5};
    return io_ring_push(ring, &f);
}

static uint32_t length_of(uint32_t i)
{
    return i * 2654435761u % (LONGEST + 1);
}

static void test_limits(void)
{
    struct io_port *ring;
    struct io_frame f[16];
    struct error e;
    CHECK_EQ(io_ring_open(&ring, 1000, 4, 0, &e), -EINVAL);
    CHECK_EQ(io_ring_open(&ring, 1024, 3, 0, &e), -EINVAL);
    CHECK_EQ(io_ring_open(&ring, 1024, 0, 0, &e), -EINVAL);
    CHECK_EQ(io_ring_open(&ring, 1024, 4, 0, &e), 0);
    CHECK_EQ(push(ring, 0, 513, 1), -EMSGSIZE);
    for (uint32_t i = 0; i < 4; i++)
        CHECK_EQ(push(ring, i, 10, i ? i : 0), 0);
    CHECK_EQ(push(ring, 4, 0, 1), -ENOSPC);
    CHECK_EQ(io_ring_waiting(ring), 4);
    ring->now_ns = 77;
    CHECK_EQ(ring->ops->rx_burst(ring, f, 3), 3);
    CHECK_EQ(f[0].ts_ns, 77);
    CHECK_EQ(f[1].ts_ns, 1);
    CHECK_EQ(push(ring, 4, 0, 1), -ENOSPC); /* what was handed out is not free yet */
    CHECK_EQ(ring->ops->rx_burst(ring, f, 3), 1);
    CHECK_EQ(push(ring, 4, 512, 1), 0);
    CHECK_EQ(push(ring, 5, 512, 1), -ENOSPC); /* bytes: the frame handed out is in between */
    CHECK_EQ(ring->ops->rx_burst(ring, f, 3), 1);
    CHECK_EQ(dropped(ring, PN_R_RECOVERY_FULL), 3);
    CHECK_EQ(dropped(ring, PN_R_IO_FRAME_HUGE), 1);
    struct pn_port_status status;
    ring->ops->status(ring, &status);
    CHECK_EQ(status.rx_frames, 5);
    CHECK_EQ(status.drops[PN_R_RECOVERY_FULL], 3);
    ring->ops->close(ring);
}

struct producer {
    struct io_port *ring;
    uint64_t full;
};

static void *produce(void *arg)
{
    struct producer *p = arg;
    for (uint32_t i = 0; i < FRAMES;) {
        if (push(p->ring, i, length_of(i), i + 1) == 0)
            i++;
        else if (p->full++ % 16 == 0)
            sched_yield();
    }
    return NULL;
}

/* Takes all frames of a producer, checking each; returns how many came. */
static uint32_t consume(struct io_port *port, uint32_t want)
{
    struct io_frame f[32];
    uint32_t seen = 0, wrong = 0, round = 0;
    while (seen < want) {
        uint32_t n = port->ops->rx_burst(port, f, 1 + round++ % 32);
        for (uint32_t i = 0; i < n; i++, seen++)
            wrong += f[i].ts_ns != seen + 1 || f[i].caplen != length_of(seen) || f[i].input != 5 ||
                     !is_pattern(f[i].data, seen, f[i].caplen);
        if (!n)
            sched_yield();
    }
    CHECK_EQ(wrong, 0);
    return seen;
}

static void test_two_threads(uint64_t bytes, uint32_t frames)
{
    struct producer p = {0};
    struct error e;
    pthread_t thread;
    CHECK_EQ(io_ring_open(&p.ring, bytes, frames, 1, &e), 0);
    CHECK_EQ(pthread_create(&thread, NULL, produce, &p), 0);
    CHECK_EQ(consume(p.ring, FRAMES), FRAMES);
    pthread_join(thread, NULL);
    CHECK_EQ(io_ring_waiting(p.ring), 0);
    p.ring->ops->close(p.ring);
}

/* What goes past a tap is untouched; what is recorded are the frames while it was on, in order. */
struct recorder {
    struct io_port *ring;
    _Atomic uint32_t stop;
    uint64_t taken;
    uint64_t last_ts;
    uint32_t wrong;
};

static void *record(void *arg)
{
    struct recorder *r = arg;
    struct io_frame f[8];
    for (uint32_t n = 1, last = 0; !last || n;) {
        last = r->stop;
        n = r->ring->ops->rx_burst(r->ring, f, 8);
        for (uint32_t i = 0; i < n; i++) {
            r->wrong +=
                f[i].ts_ns <= r->last_ts || f[i].caplen != length_of((uint32_t)f[i].ts_ns - 1);
            r->wrong += !is_pattern(f[i].data, (uint32_t)f[i].ts_ns - 1, f[i].caplen);
            r->last_ts = f[i].ts_ns;
        }
        r->taken += n;
        if (!n)
            sched_yield();
    }
    return NULL;
}

static void test_tap(void)
{
    struct recorder r = {0};
    struct producer p = {0};
    struct io_port *tap;
    struct error e;
    pthread_t producer, recorder;
    uint64_t copied, lost;
    CHECK_EQ(io_ring_open(&p.ring, 1 << 15, 64, 5, &e), 0);
    CHECK_EQ(io_ring_open(&r.ring, 1 << 14, 32, 5, &e), 0); /* small: some are left out */
    CHECK_EQ(io_tap_open(&tap, p.ring, r.ring, &e), 0);
    CHECK_EQ(push(p.ring, 0, length_of(0), 1), 0);
    struct io_frame f;
    CHECK_EQ(tap->ops->rx_burst(tap, &f, 1), 1); /* off: nothing is copied */
    io_tap_counts(tap, &copied, &lost);
    CHECK_EQ(copied + lost, 0);
    io_tap_record(tap, 1);
    CHECK_EQ(pthread_create(&producer, NULL, produce, &p), 0);
    CHECK_EQ(pthread_create(&recorder, NULL, record, &r), 0);
    CHECK_EQ(consume(tap, FRAMES), FRAMES);
    pthread_join(producer, NULL);
    r.stop = 1;
    pthread_join(recorder, NULL);
    io_tap_counts(tap, &copied, &lost);
    CHECK_EQ(copied + lost, FRAMES);
    CHECK_EQ(r.taken, copied);
    CHECK_EQ(r.wrong, 0);
    CHECK(copied > 0);
    CHECK_EQ(dropped(tap, PN_R_TAP_FULL), lost);
    tap->ops->close(tap);
    r.ring->ops->close(r.ring);
}

int main(void)
{
    test_limits();
    test_two_threads(1 << 16, 64);
    test_two_threads(2048, 1024); /* bytes are the bound */
    test_two_threads(1 << 20, 2); /* frames are the bound */
    test_tap();
    return check_done("io_ring");
}
