/*
 * bench_af_xdp.c - the af_xdp port on a veth pair in a namespace of its own, fed by the kernel's
 * live frames with one message a datagram: what a plain receive loop gets, what the whole engine
 * gets, whether anything is lost at 0.8 of that, and how long frames take to the published book.
 *
 *   bench_af_xdp SYMBOLS MESSAGES ROUNDS SECONDS
 * Prints {"skip": reason} where it cannot run.
 */
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/ticks.h"
#include "bench_xdp.h"
#include "io/steer_device.h"
#include "io/xsk.h"

enum { BURST = 64, IDLE_NS = 300000000, LATENCIES = 1 << 22 };

static const char near[] = "pn0", far[] = "pn1";
/* Descriptors and buffers: what is measured is the rate, whether a machine that gives the processor
 * to others for a while loses anything, or how long a frame takes with buffers that fit the
 * cache. */
enum { RING_RATE = 1 << 15, RING_STEADY = 1 << 17, RING_LATENCY = 1 << 12 };
static uint32_t ring = RING_RATE;

static uint32_t latency_wire[LATENCIES], latency_port[LATENCIES];

static _Noreturn void skip(const char *why)
{
    printf("{\"skip\": \"%s\"}\n", why);
    exit(0);
}

static void make_wire(void)
{
    cpu_set_t last;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    if (processors < 2)
        skip("one processor cannot send and receive at once");
    if (unshare(CLONE_NEWNET) != 0)
        skip("a network namespace takes root");
    if (system("ip link add pn0 numrxqueues 1 numtxqueues 1 type veth peer name pn1 "
               "numrxqueues 1 numtxqueues 1 && ip link set pn0 up && ip link set pn1 up") != 0)
        skip("no veth (iproute2)");
    CPU_ZERO(&last);
    CPU_SET((int)processors - 1, &last);
    (void)sched_setaffinity(0, sizeof last, &last);
}

/* Rates are those of the software, not of the neighbours' load: sender and receiver go first.
 * The kernel still gives others a twentieth of the time, which is all that a latency would show. */
static void go_first(int on)
{
    struct sched_param p = {.sched_priority = on};
    (void)sched_setscheduler(0, on ? SCHED_FIFO : SCHED_OTHER, &p);
}

static struct pn_steer flow(void)
{
    const uint8_t group[4] = {233, 54, 12, 111};
    struct pn_steer s = {.port = BENCH_PORT};
    memcpy(&s.group_be, group, sizeof group);
    return s;
}

/* What one run saw. */
struct result {
    uint64_t received, sent, dropped;
    uint64_t first_ns, last_ns;
};

static double rate_of(const struct result *r)
{
    return r->last_ns > r->first_ns ? (double)r->received * 1e9 / (double)(r->last_ns - r->first_ns)
                                    : 0;
}

/* Receives, gives the buffer back, and does nothing else: the kernel's own sample, rxdrop. */
static struct result run_plain(uint64_t frames, double rate)
{
    struct steer_device *device;
    struct error e;
    struct xsk x;
    struct result r = {0};
    const struct pn_steer steer = flow();
    const struct xsk_config c = {.device = near,
                                 .ifindex = if_nametoindex(near),
                                 .rx_ring = ring,
                                 .tx_ring = 64,
                                 .buffers = ring,
                                 .buffer_bytes = 2048};
    if (steer_device_get(&device, near, c.ifindex, &e) != 0 || xsk_open(&x, &c, &e) != 0 ||
        steer_device_socket(device, 0, x.fd, &e) != 0 ||
        steer_device_flows(device, &steer, 1, 1, 1, &e) != 0 ||
        steer_device_attach(device, &e) != 0)
        skip(e.text);
    inject_start(frames, rate);
    const struct xdp_desc *desc = x.rx.entry;
    uint64_t *place = x.fill.entry, now = ticks_wall_ns();
    for (uint64_t idle = now; now - idle < IDLE_NS || !r.received || inject_sent() < frames;) {
        uint32_t n = __atomic_load_n(x.rx.producer, __ATOMIC_ACQUIRE) - x.rx.at;
        now = ticks_wall_ns();
        if (!n)
            continue;
        n = n < BURST ? n : BURST;
        for (uint32_t i = 0; i < n; i++)
            place[(x.fill.at + i) & x.fill.mask] = desc[(x.rx.at + i) & x.rx.mask].addr & ~2047ull;
        x.rx.at += n;
        x.fill.at += n;
        __atomic_store_n(x.rx.consumer, x.rx.at, __ATOMIC_RELEASE);
        __atomic_store_n(x.fill.producer, x.fill.at, __ATOMIC_RELEASE);
        if (!r.received)
            r.first_ns = now;
        r.received += n;
        r.last_ns = idle = now;
    }
    inject_finish();
    r.sent = frames;
    xsk_close(&x);
    steer_device_put(device);
    return r;
}

/* In front of the port: when frames were handed over and when they had been sent. */
struct tap {
    struct io_port port;
    struct io_port *inner;
    uint32_t got;   /* at the last call */
    uint64_t total; /* at all of them */
    uint64_t at_ns;
    uint64_t stamp[IO_BURST_MAX];
};

static uint32_t tap_rx(struct io_port *port, struct io_frame *out, uint32_t n)
{
    struct tap *t = (struct tap *)port;
    t->inner->now_ns = t->at_ns = ticks_wall_ns();
    t->got = t->inner->ops->rx_burst(t->inner, out, n);
    t->total += t->got;
    for (uint32_t i = 0; i < t->got; i++)
        t->stamp[i] = load_u48_be(out[i].data + BENCH_STAMP_AT);
    return t->got;
}

static const struct io_ops tap_ops = {.name = "tap", .rx_burst = tap_rx};

static struct io_port *open_port(void)
{
    struct pn_port_config cfg = {.name = "feed",
                                 .kind = PN_PORT_AF_XDP,
                                 .queues = 1,
                                 .rx_ring = ring,
                                 .tx_ring = 64,
                                 .buffers = ring,
                                 .buffer_bytes = 2048,
                                 .steers = 1,
                                 .steer = {flow()}};
    struct io_port *port;
    struct error e;
    memcpy(cfg.device, near, sizeof near);
    if (io_open(&port, &cfg, 0, &e) != 0)
        skip(e.text);
    return port;
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void print_latency(const char *from, double rate, uint32_t *value, uint64_t count)
{
    qsort(value, count, sizeof *value, by_value);
    printf("{\"latency\": \"%s\", \"rate\": %.0f, \"frames\": %" PRIu64
           ", \"p50\": %u, \"p99\": %u, \"p99_9\": %u, \"max\": %u}\n",
           from, rate, count, value[count / 2], value[count * 99 / 100], value[count * 999 / 1000],
           value[count - 1]);
}

struct latencies {
    uint64_t count;
};

static void keep(struct latencies *l, const struct tap *t, uint64_t now)
{
    for (uint32_t i = 0; i < t->got && l->count < LATENCIES; i++, l->count++) {
        uint64_t wire = (now & 0xffffffffffffull) - t->stamp[i];
        latency_wire[l->count] = wire < UINT32_MAX ? (uint32_t)wire : UINT32_MAX;
        latency_port[l->count] = (uint32_t)(now - t->at_ns);
    }
}

/* The whole path: port, framing, sequencing, decoding, books, published. */
static struct result run_engine(const struct bench_stream *s, uint64_t frames, double rate,
                                struct latencies *l, const char *check)
{
    struct bench_engine e;
    struct pn_config cfg;
    struct result r = {0};
    struct pn_port_status status;
    bench_config(&cfg, s, BURST);
    bench_engine_open(&e, &cfg, NULL);
    struct tap tap = {.port = {.ops = &tap_ops}, .inner = open_port()};
    e.p->port = &tap.port;
    inject_start(frames, rate);
    uint64_t idle = ticks_wall_ns(), now = idle;
    while (now - idle < IDLE_NS || !r.received || inject_sent() < frames) {
        tap.got = 0;
        int any = bench_engine_step(e.p);
        now = ticks_wall_ns();
        if (tap.got) {
            if (l)
                keep(l, &tap, now);
            if (!r.received)
                r.first_ns = tap.at_ns;
        }
        r.received = tap.total;
        if (any || tap.got)
            r.last_ns = idle = now;
    }
    inject_finish();
    r.sent = frames;
    tap.inner->ops->status(tap.inner, &status);
    for (uint32_t i = 0; i < PN_REASON_COUNT; i++)
        r.dropped += status.drops[i];
    if (check)
        bench_engine_check(&e, s, check);
    tap.inner->ops->close(tap.inner);
    bench_engine_close(&e);
    return r;
}

static void print_result(const char *pass, uint64_t round, double rate, const struct result *r)
{
    printf("{\"pass\": \"%s\", \"round\": %" PRIu64 ", \"asked\": %.0f, \"sent\": %" PRIu64
           ", \"received\": %" PRIu64 ", \"dropped\": %" PRIu64 ", \"rate\": %.0f}\n",
           pass, round, rate, r->sent, r->received, r->dropped, rate_of(r));
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static const double rates[] = {10e3, 100e3, 200e3, 500e3};
    if (argc != 5) {
        fprintf(stderr, "usage: bench_af_xdp SYMBOLS MESSAGES ROUNDS SECONDS\n");
        return 2;
    }
    struct bench_stream s;
    struct result r;
    uint64_t rounds = bench_number(argv[3]);
    double seconds = (double)bench_number(argv[4]), plain = 0;
    make_wire();
    bench_stream_make(&s, bench_number(argv[1]), bench_number(argv[2]), 0);
    inject_open(&s, far);
    go_first(1);
    for (uint64_t i = 0; i < rounds; i++) {
        r = run_plain(s.messages, 0);
        print_result("plain", i, 0, &r);
        plain = rate_of(&r) > plain ? rate_of(&r) : plain;
        r = run_engine(&s, s.messages, 0, NULL, "engine");
        print_result("engine", i, 0, &r);
    }
    ring = RING_STEADY;
    double steady = 0.8 * plain;
    uint64_t passes = (uint64_t)(seconds * steady / (double)s.messages) + 1;
    r = run_engine(&s, passes * s.messages, steady, NULL, "steady");
    print_result("steady", 0, steady, &r);
    go_first(0);
    for (uint32_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        struct latencies l = {0};
        ring = RING_LATENCY;
        double time = seconds < 3 ? seconds : 3;
        if (rates[i] > steady)
            break;
        (void)run_engine(&s, (uint64_t)(rates[i] * time), rates[i], &l, NULL);
        if (!l.count)
            bench_fail("latency", "no frames came");
        print_latency("wire", rates[i], latency_wire, l.count);
        print_latency("port", rates[i], latency_port, l.count);
    }
    pn_flow_close(s.flow);
    return 0;
}
