/*
 * bench_tick.c - tick to order: a frame with one ITCH add that moves the market waits in a memory
 * port; timed is everything from asking the port to finished OUCH bytes in the session's buffer:
 * headers, sequencing, book, signals, quoter, gate, order table, journal, encoding. The venue's
 * replies come between the timed parts, as real SoupBinTCP bytes.
 *
 *   bench_tick ROUNDS TICKS SIDES JOURNAL_DIR
 *
 * Every tick improves the best bid by two cents, so that fair value and with it every quote
 * moves by one: one replace with SIDES 1 (bid only), two with 3 (both).
 */
#include <stdlib.h>
#include <string.h>

#include "base/ticks.h"
#include "bench.h"
#include "config.h"
#include "desk_internal.h"
#include "net/build.h"
#include "net/net.h"

enum { LOCATE = 1, PX = 1000000, CENT = 100, FRAME = 256, DAY = 1000000000 };

struct bench {
    struct pn_config cfg;
    struct pn_trade_control *control;
    struct region region;
    struct pipeline *p;
    struct io_port *port;
    struct desk *desk;
    uint64_t seq, now_ns, next_ref;
    uint64_t order_ref;
    uint32_t replied; /* bytes of orders that were answered */
};

static void put_u48(uint8_t *p, uint64_t v)
{
    store_u16_be(p, (uint16_t)(v >> 32));
    store_u32_be(p + 2, (uint32_t)v);
}

static void put_u64(uint8_t *p, uint64_t v)
{
    store_u32_be(p, (uint32_t)(v >> 32));
    store_u32_be(p + 4, (uint32_t)v);
}

/* One message in a MoldUDP64 packet in a frame, into the port. */
static void push(struct bench *b, const uint8_t *m, uint32_t len)
{
    uint8_t frame[FRAME];
    struct net_headers h = {.to_be = __builtin_bswap32(0xe9360c6f),
                            .from_be = 1,
                            .port_to = 26477,
                            .port_from = 1,
                            .ttl = 1};
    uint8_t *p = frame + NET_HEADERS;
    memcpy(p, "BENCH     ", 10);
    put_u64(p + 10, b->seq++);
    store_u16_be(p + 18, 1);
    store_u16_be(p + 20, (uint16_t)len);
    memcpy(p + 22, m, len);
    net_build_udp(frame, 22 + len, &h);
    uint32_t all = NET_HEADERS + 22 + len;
    b->now_ns += 40000;
    if (io_memory_push(b->port, frame, all, all, b->now_ns, IO_LINK_ETHERNET, 0) != 0)
        bench_fail("port", "is full");
}

static void head(uint8_t *m, char type)
{
    memset(m, 0, 64);
    m[0] = (uint8_t)type;
    store_u16_be(m + 1, LOCATE);
}

static void add(struct bench *b, char side, uint32_t shares, int32_t px)
{
    uint8_t m[64];
    head(m, 'A');
    put_u48(m + 5, b->now_ns % 86400000000000u);
    put_u64(m + 11, ++b->order_ref);
    m[19] = (uint8_t)side;
    store_u32_be(m + 20, shares);
    memcpy(m + 24, "TEST    ", 8);
    store_u32_be(m + 32, (uint32_t)px);
    push(b, m, 36);
}

static void delete_last(struct bench *b)
{
    uint8_t m[64];
    head(m, 'D');
    put_u64(m + 11, b->order_ref);
    push(b, m, 19);
}

static void open_session(struct bench *b)
{
    uint8_t m[64];
    head(m, 'R');
    memcpy(m + 11, "TEST    ", 8);
    m[19] = 'Q';
    m[20] = 'N';
    store_u32_be(m + 21, 100);
    m[25] = 'N';
    push(b, m, 39);
    head(m, 'H');
    memcpy(m + 11, "TEST    ", 8);
    m[19] = 'T';
    push(b, m, 25);
    for (uint32_t i = 0; i < 20; i++) {
        add(b, 'B', 300, PX - 5 * CENT - (int32_t)i * CENT);
        add(b, 'S', 300, PX + 5 * CENT + (int32_t)i * CENT);
    }
}

/* Frames to orders, untimed. */
static void settle(struct bench *b)
{
    struct pipeline_limits limits = {.until_ns = UINT64_MAX};
    while (pipeline_fill(b->p)) {
        desk_watch(b->desk, &limits);
        pipeline_apply(b->p, &limits);
        desk_books(b->desk, &limits);
    }
    desk_step(b->desk, b->now_ns);
    desk_tend(b->desk);
}

/* The venue says yes to whatever was sent. */
static void reply(struct bench *b)
{
    const uint8_t *bytes;
    uint32_t n = desk_pending(b->desk, 0, &bytes);
    uint8_t in[4096], out[8192];
    uint32_t outs = 0;
    if (n > sizeof in)
        bench_fail("session", "sent more than expected");
    memcpy(in, bytes, n);
    desk_sent(b->desk, 0, n);
    for (uint32_t at = 0; at + 2 <= n; at += 2 + load_u16_be(in + at)) {
        const uint8_t *m = in + at + 3;
        uint8_t *o = out + outs;
        if (in[at + 2] == 'L') {
            memcpy(out + outs, "\0\37ABENCH     ", 13);
            memset(o + 13, ' ', 20);
            o[32] = '1';
            outs += 33;
            continue;
        }
        if (in[at + 2] != 'U')
            continue;
        memset(o, 0, 80);
        o[2] = 'S';
        if (m[0] == 'Q') {
            o[3] = 'Q';
            store_u32_be(o + 3 + 9, 1);
            store_u16_be(o, 1 + 13);
        } else if (m[0] == 'O') {
            o[3] = 'A';
            memcpy(o + 3 + 9, m + 1, 4);
            o[3 + 13] = m[5];
            memcpy(o + 3 + 14, m + 6, 4);
            memcpy(o + 3 + 18, m + 10, 16);
            o[3 + 34] = m[26];
            o[3 + 35] = m[27];
            put_u64(o + 3 + 36, 1000000000 + load_u32_be(m + 1));
            o[3 + 47] = 'L';
            store_u16_be(o, 1 + 64);
        } else if (m[0] == 'U') {
            o[3] = 'U';
            memcpy(o + 3 + 9, m + 1, 8);
            o[3 + 17] = 'B';
            memcpy(o + 3 + 18, m + 9, 4);
            memcpy(o + 3 + 30, m + 13, 8);
            o[3 + 38] = m[21];
            o[3 + 39] = m[22];
            put_u64(o + 3 + 40, 1000000000 + load_u32_be(m + 5));
            o[3 + 51] = 'L';
            store_u16_be(o, 1 + 68);
        } else if (m[0] == 'X') {
            o[3] = 'C';
            memcpy(o + 3 + 9, m + 1, 4);
            store_u32_be(o + 3 + 13, 100);
            o[3 + 17] = 'U';
            store_u16_be(o, 1 + 18);
        }
        outs += 2u + load_u16_be(o);
    }
    if (outs && desk_receive(b->desk, 0, out, outs, b->now_ns) < 0)
        bench_fail("session", "did not understand the reply");
}

static void set_up(struct bench *b, uint32_t sides, const char *journal)
{
    struct error e = {0};
    struct pn_trade_control *c = calloc(1, sizeof *c);
    pn_config_default(&b->cfg);
    b->cfg.traded = 1;
    b->cfg.own_orders = 4096;
    b->control = c;
    c->config.traded = c->config.sessions = 1;
    c->config.max_orders = 4096;
    c->config.journal_bytes = 64 << 20;
    snprintf(c->config.journal, sizeof c->config.journal, "%s", journal);
    c->config.session[0].kind = PN_SESSION_OUCH50;
    strcpy(c->config.session[0].name, "ouch");
    strcpy(c->config.session[0].user, "MEMBER");
    c->config.session[0].heartbeat_ms = 1000000;
    c->config.session[0].reply_timeout_ms = 1000000;
    struct pn_traded *t = &c->config.instrument[0];
    strcpy(t->name, "TEST");
    strcpy(t->symbol, "TEST");
    *t = (struct pn_traded){.name = "TEST",
                            .symbol = "TEST",
                            .tick = CENT,
                            .lot = 1,
                            .price_exp = -4,
                            .value_mul = 10000};
    c->params[0] = (struct pn_quote_params){.seq = 2,
                                            .sides = sides,
                                            .half_spread_q8 = 3 * CENT * 256,
                                            .size = 100,
                                            .layers = 1,
                                            .max_position = 10000,
                                            .widen_q16 = 65536};
    c->limits[0] = (struct pn_slot_limits){.seq = 2,
                                           .max_qty = 1000,
                                           .max_value = INT64_MAX / 4,
                                           .collar_ppm = 100000,
                                           .collar_ticks = 10000,
                                           .ref_age_ns = 10000000000,
                                           .repeat_max = 1000000,
                                           .repeat_ns = 1000,
                                           .fills_max = 1000000,
                                           .max_long = 100000,
                                           .max_short = 100000,
                                           .max_working = 16,
                                           .allowed = UINT32_MAX};
    c->firm = (struct pn_group_limits){.seq = 2, .max_gross = INT64_MAX / 4};
    c->account[0] = c->strategy[0] = c->firm;
    c->session[0] =
        (struct pn_rate_limits){.seq = 2, .per_second = 60000, .burst = 1000, .burst_ns = 1000000};
    c->epoch = 1;
    b->seq = 1;
    b->now_ns = DAY;
    b->p = aligned_alloc(64, (sizeof *b->p + 63) & ~(size_t)63);
    memset(b->p, 0, sizeof *b->p);
    if (config_check(&b->cfg, &e) != 0 || region_create(&b->region, &b->cfg, NULL, &e) != 0 ||
        pipeline_init(b->p, &b->region, &b->cfg, &e) != 0 ||
        io_memory_open(&b->port, 1 << 20, 1 << 10, 0, &e) != 0 ||
        desk_open(&b->desk, &b->region, b->p, c, &e) != 0 || desk_recover(b->desk, &e) != 0)
        bench_fail("set-up", e.text);
    b->p->port = b->port;
    open_session(b);
    settle(b);
    desk_connected(b->desk, 0, b->now_ns);
    for (uint32_t i = 0; i < 5; i++) {
        reply(b);
        b->now_ns += 2000000;
        settle(b);
    }
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void report(const char *what, uint64_t round, uint64_t *t, uint64_t n, double ns)
{
    qsort(t, n, sizeof *t, by_value);
    printf("{\"stage\": \"%s\", \"round\": %" PRIu64 ", \"count\": %" PRIu64
           ", \"p50\": %.1f, \"p99\": %.1f, \"p999\": %.1f, \"max\": %.1f}\n",
           what, round, n, (double)t[n / 2] * ns, (double)t[n * 99 / 100] * ns,
           (double)t[n * 999 / 1000] * ns, (double)t[n - 1] * ns);
    fflush(stdout);
}

static double tick_ns(void)
{
    uint64_t wall = ticks_wall_ns(), at = ticks_now();
    while (ticks_wall_ns() - wall < 50000000)
        ;
    return (double)(ticks_wall_ns() - wall) / (double)(ticks_now() - at);
}

/* One tick, timed at the borders of its parts. */
static void tick(struct bench *b, uint64_t *books, uint64_t *signals, uint64_t *orders,
                 uint64_t *all)
{
    struct pipeline_limits limits = {.until_ns = UINT64_MAX};
    uint64_t t0 = ticks_now();
    desk_watch(b->desk, &limits);
    if (!pipeline_fill(b->p))
        bench_fail("pipeline", "had nothing");
    pipeline_apply(b->p, &limits);
    uint64_t t1 = ticks_now();
    desk_books(b->desk, &limits);
    uint64_t t2 = ticks_now();
    desk_step(b->desk, b->now_ns);
    uint64_t t3 = ticks_now();
    desk_tend(b->desk);
    *books = t1 - t0;
    *signals = t2 - t1;
    *orders = t3 - t2;
    *all = t3 - t0;
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: bench_tick ROUNDS TICKS SIDES JOURNAL_DIR (- for memory)\n");
        return 2;
    }
    uint64_t rounds = bench_number(argv[1]), ticks = bench_number(argv[2]);
    struct bench b = {0};
    set_up(&b, (uint32_t)bench_number(argv[3]), strcmp(argv[4], "-") == 0 ? "" : argv[4]);
    uint64_t *t[4];
    for (uint32_t i = 0; i < 4; i++)
        t[i] = calloc(ticks, sizeof **t);
    double ns = tick_ns();
    uint64_t none = 0;
    for (uint64_t round = 0; round < rounds; round++) {
        for (uint64_t i = 0; i < ticks; i++) {
            uint64_t before = b.desk->status->orders_replace + b.desk->status->orders_new;
            add(&b, 'B', 300, PX - 3 * CENT);
            tick(&b, &t[0][i], &t[1][i], &t[2][i], &t[3][i]);
            none += b.desk->status->orders_replace + b.desk->status->orders_new == before;
            reply(&b);
            delete_last(&b);
            settle(&b);
            reply(&b);
        }
        report("frame to book", round, t[0], ticks, ns);
        report("book to signals", round, t[1], ticks, ns);
        report("signals to order bytes", round, t[2], ticks, ns);
        report("tick to order", round, t[3], ticks, ns);
    }
    printf("{\"ticks\": %" PRIu64 ", \"without_order\": %" PRIu64 ", \"new\": %" PRIu64
           ", \"replaced\": %" PRIu64 ", \"refused\": %" PRIu64 ", \"journal\": %" PRIu64 "}\n",
           rounds * ticks, none, b.desk->status->orders_new, b.desk->status->orders_replace,
           b.desk->gate_status->passed, b.desk->status->journal_seq);
    return 0;
}
