/*
 * market.c - see market.h: simulated time goes on from one event to the next. Exchange first, then
 * the link to the appliance, then the appliance, then the link back.
 */
#include "market_internal.h"

#include <errno.h>

#include "feed/decode.h"

/* Addresses of the lines; nothing leaves the process. */
static const uint32_t groups[2] = {0xe9360c6f, 0xe931c46f};
enum { LINE_PORT = 26477 };

static void push_frame(struct pn_market *m, const uint8_t *payload, uint32_t len, uint32_t line,
                       uint64_t at_ns, uint16_t input)
{
    struct net_headers h = {
        .to_be = __builtin_bswap32(groups[line & 1]),
        .from_be = __builtin_bswap32(0x0a000001),
        .port_to = LINE_PORT,
        .port_from = LINE_PORT,
        .ttl = 1,
    };
    if (len > MARKET_FRAME_MAX - NET_HEADERS)
        return;
    memcpy(m->frame + NET_HEADERS, payload, len);
    net_build_udp(m->frame, len, &h);
    uint32_t all = len + NET_HEADERS;
    if (io_memory_push(m->port, m->frame, all, all, at_ns, IO_LINK_ETHERNET, input) == 0)
        m->frames++;
}

/* Missing messages are asked for again, as the asker of a live instance does. */
static void request_again(struct pn_market *m)
{
    uint8_t request[20], answer[MARKET_FRAME_MAX - NET_HEADERS];
    const struct pn_channel *ch = m->pipeline.channels.pub;
    if (!m->pipeline.missing || m->now_ns - m->requested_ns < MARKET_REQUEST_NS)
        return;
    m->requested_ns = m->now_ns;
    uint64_t count = ch->wanted_end > ch->next_seq ? ch->wanted_end - ch->next_seq : 0;
    if (!count)
        return;
    memset(request, ' ', 10);
    memcpy(request, ch->session, strnlen(ch->session, 10));
    for (uint32_t i = 0; i < 8; i++)
        request[10 + i] = (uint8_t)(ch->next_seq >> (56 - 8 * i));
    store_u16_be(request + 18,
                 (uint16_t)(count < MARKET_REQUEST_MESSAGES ? count : MARKET_REQUEST_MESSAGES));
    uint32_t len = exchange_rerequest(m->exchange, request, sizeof request, answer, sizeof answer);
    if (len)
        push_frame(m, answer, len, 0, m->now_ns, IO_INPUT_RECOVERY);
}

/* Market data that has arrived goes into the memory port. */
static void link_in(struct pn_market *m)
{
    struct exchange_packet p[MARKET_PACKETS];
    uint32_t n;
    do {
        n = exchange_market_data(m->exchange, m->now_ns, p, MARKET_PACKETS);
        for (uint32_t i = 0; i < n; i++)
            push_frame(m, p[i].payload, p[i].len, p[i].line, p[i].at_ns, 0);
    } while (n == MARKET_PACKETS);
}

/* What the strategies will be shown. 0: no room for another piece. */
static int show(struct pn_market *m, const struct pipeline_limits *limits)
{
    struct pn_market_run *run = m->run;
    struct desk *d = m->desk;
    uint64_t tops = m->pipeline.books.bbo_count;
    if (run->bbo) {
        memcpy(run->bbo + run->bbos, d->top, tops * sizeof *d->top);
        run->bbos += tops;
    }
    for (uint64_t i = 0; run->trade && i < limits->kept_count; i++) {
        uint8_t kind = d->kept[i].kind;
        if (kind == PN_EV_EXECUTE || kind == PN_EV_EXECUTE_AT || kind == PN_EV_TRADE)
            run->trade[run->trades++] = d->kept[i];
    }
    return !((run->bbo && run->bbo_cap - run->bbos < DESK_TOPS) ||
             (run->trade && run->trade_cap - run->trades < DESK_KEPT));
}

/* Frames to books to signals, to the last of them. */
static int take_books(struct pn_market *m)
{
    struct pipeline_limits limits = {.until_ns = UINT64_MAX};
    int room = 1;
    m->port->now_ns = m->now_ns;
    while (pipeline_fill(&m->pipeline)) {
        desk_watch(m->desk, &limits);
        pipeline_apply(&m->pipeline, &limits);
        desk_books(m->desk, &limits);
        room &= show(m, &limits);
    }
    m->pipeline.counters->now_ns = m->now_ns;
    return room;
}

static void show_fills(struct pn_market *m, uint64_t from)
{
    struct pn_market_run *run = m->run;
    struct desk *d = m->desk;
    for (; run->fill && from < d->fills && run->fills < run->fill_cap; from++)
        run->fill[run->fills++] = d->fill[from & (PN_FILLS_RING - 1)];
}

static void hang_up(struct pn_market *m, uint32_t i)
{
    exchange_hangup(m->exchange, m->connection[i], m->now_ns);
    m->connection[i] = -1;
    m->connect_ns[i] = m->now_ns + MARKET_CONNECT_NS;
    desk_disconnected(m->desk, i, m->now_ns);
}

/* Replies that have arrived, and a connection where there is none. */
static void take_replies(struct pn_market *m)
{
    const uint8_t *bytes;
    for (uint32_t i = 0; i < m->desk->cfg->sessions; i++) {
        if (m->connection[i] < 0) {
            uint32_t state = m->desk->session_status[i].state;
            if (m->now_ns < m->connect_ns[i] || state == PN_SS_REFUSED || state == PN_SS_CLOSED)
                continue;
            m->connection[i] = exchange_accept(m->exchange, 0, m->now_ns);
            m->connect_ns[i] = m->now_ns + MARKET_CONNECT_NS;
            if (m->connection[i] >= 0)
                desk_connected(m->desk, i, m->now_ns);
            continue;
        }
        int c = m->connection[i], rc = 0;
        uint32_t n;
        while ((n = exchange_pending(m->exchange, c, m->now_ns, &bytes)) != 0 && rc == 0) {
            if (n > sizeof m->pending)
                n = sizeof m->pending;
            memcpy(m->pending, bytes, n);
            exchange_sent(m->exchange, c, n);
            rc = desk_receive(m->desk, i, m->pending, n, m->now_ns);
        }
        if (rc < 0 || exchange_wants_close(m->exchange, c) || desk_wants_drop(m->desk, i))
            hang_up(m, i);
    }
}

/* Orders leave for the exchange. */
static void link_out(struct pn_market *m)
{
    const uint8_t *bytes;
    for (uint32_t i = 0; i < m->desk->cfg->sessions; i++) {
        uint32_t n = desk_pending(m->desk, i, &bytes);
        if (!n || m->connection[i] < 0)
            continue;
        int drop = exchange_receive(m->exchange, m->connection[i], bytes, n, m->now_ns);
        desk_sent(m->desk, i, n);
        if (drop)
            hang_up(m, i);
    }
}

int pn_market_run(struct pn_market *m, struct pn_market_run *run)
{
    m->run = run;
    run->bbos = run->trades = run->fills = run->end = 0;
    if ((run->bbo && run->bbo_cap < DESK_TOPS) || (run->trade && run->trade_cap < DESK_KEPT))
        return -EINVAL;
    int room = 1;
    while (m->now_ns < run->until_ns && room) {
        uint64_t next = exchange_next_ns(m->exchange);
        uint64_t timer = m->stepped_ns + MARKET_TIMER_NS, to = next < timer ? next : timer;
        if (next == UINT64_MAX) {
            run->end = 1;
            break;
        }
        to = to < m->now_ns ? m->now_ns : to;
        if (to > run->until_ns) {
            m->now_ns = run->until_ns;
            break;
        }
        m->now_ns = to + MARKET_QUANTUM_NS < run->until_ns ? to + MARKET_QUANTUM_NS : run->until_ns;
        exchange_run(m->exchange, m->now_ns);
        link_in(m);
        request_again(m);
        room = take_books(m);
        uint64_t fills = m->desk->fills;
        take_replies(m);
        desk_step(m->desk, m->now_ns);
        desk_tend(m->desk);
        show_fills(m, fills);
        if (run->fill && run->fill_cap - run->fills < DESK_REPLIES)
            room = 0;
        link_out(m);
        m->stepped_ns = m->now_ns;
        m->steps++;
        if (m->now_ns - m->checked_ns >= MARKET_CHECK_NS)
            market_check(m);
    }
    if (m->desk->journal)
        journal_keep(m->desk->journal);
    run->now_ns = m->now_ns;
    return 0;
}
