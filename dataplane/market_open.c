/* market_open.c - the simulation in process: memory, parts, figures. */
#include "market_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "config.h"

enum { PORT_BYTES = 1 << 22, PORT_FRAMES = 1 << 12 };

static int open_engine(struct pn_market *m, struct error *e)
{
    struct pn_channel_config ch = {
        .name = "sim",
        .feed = PN_FEED_ITCH50,
        .lines = 2,
        .input = {-1, -1},
        .group_be = {__builtin_bswap32(0xe9360c6f), __builtin_bswap32(0xe931c46f)},
        .port = {26477, 26477},
        .recovery = PN_RECOVERY_FROM_START};
    m->engine.traded = m->control->config.traded;
    m->engine.own_orders = m->control->config.max_orders;
    int rc = config_check(&m->engine, e);
    if (rc == 0)
        rc = region_create(&m->region, &m->engine, NULL, e);
    if (rc == 0)
        rc = pipeline_init(&m->pipeline, &m->region, &m->engine, e);
    if (rc == 0)
        rc = channels_declare(&m->pipeline.channels, &ch, e);
    if (rc == 0)
        rc = io_memory_open(&m->port, PORT_BYTES, PORT_FRAMES, 0, e);
    if (rc != 0)
        return rc;
    m->pipeline.port = m->port;
    view_bind(&m->view, &m->region);
    return 0;
}

static int open_desk(struct pn_market *m, struct error *e)
{
    int rc = desk_open(&m->desk, &m->region, &m->pipeline, m->control, e);
    if (rc == 0)
        rc = desk_recover(m->desk, e);
    for (uint32_t i = 0; i < PN_SESSIONS_MAX; i++) {
        m->connection[i] = -1;
        m->connect_ns[i] = 0;
    }
    return rc;
}

struct pn_market *pn_market_open(const struct pn_exchange_config *exchange,
                                 const struct pn_config *engine, struct pn_trade_control *control,
                                 char *err, uint64_t err_len)
{
    struct error e = {0};
    struct pn_market *m = aligned_alloc(64, (sizeof *m + 63) & ~(size_t)63);
    int rc = m ? 0 : error_set(&e, -ENOMEM, "no memory for a simulation");
    if (rc == 0) {
        memset(m, 0, sizeof *m);
        m->config = *exchange;
        m->engine = *engine;
        m->control = control;
        m->now_ns = exchange->midnight_ns + exchange->start_ns;
        m->exchange = exchange_open(exchange, &e);
        rc = m->exchange ? open_engine(m, &e) : -EINVAL;
    }
    if (rc == 0)
        rc = open_desk(m, &e);
    if (rc != 0) {
        snprintf(err, err_len, "%s", e.text);
        pn_market_close(m);
        errno = -rc;
        return NULL;
    }
    return m;
}

void pn_market_close(struct pn_market *m)
{
    if (!m)
        return;
    desk_close(m->desk);
    if (m->port)
        m->port->ops->close(m->port);
    if (m->pipeline.runs.run)
        pipeline_free(&m->pipeline);
    if (m->region.base)
        region_close(&m->region);
    if (m->exchange)
        exchange_close(m->exchange);
    free(m);
}

int pn_market_crash(struct pn_market *m, char *err, uint64_t err_len)
{
    struct error e = {0};
    for (uint32_t i = 0; i < PN_SESSIONS_MAX; i++)
        if (m->connection[i] >= 0)
            exchange_hangup(m->exchange, m->connection[i], m->now_ns);
    desk_close(m->desk);
    m->desk = NULL;
    int rc = open_desk(m, &e);
    if (rc != 0)
        snprintf(err, err_len, "%s", e.text);
    return rc;
}

void pn_market_stats(const struct pn_market *m, struct pn_market_stats *out)
{
    uint64_t books[2];
    pn_view_digest(&m->view, books);
    *out = (struct pn_market_stats){
        .now_ns = m->now_ns,
        .messages = m->pipeline.counters->messages,
        .frames = m->frames,
        .steps = m->steps,
        .checks = m->checks,
        .breaches = m->breaches,
        .digest = {match_digest(exchange_match(m->exchange)), books[0] ^ books[1],
                   m->desk->status->digest},
    };
    memcpy(out->breach, m->breach, sizeof out->breach);
}

void pn_market_exchange(const struct pn_market *m, struct pn_exchange_stats *out)
{
    exchange_stats(m->exchange, out);
}

int pn_market_member(const struct pn_market *m, uint32_t instrument, struct pn_exchange_member *out)
{
    return exchange_member(m->exchange, m->desk->cfg->session[0].user, instrument, out);
}

struct pn_view *pn_market_view(struct pn_market *m)
{
    return &m->view;
}

int pn_market_instrument(const struct pn_market *m, uint32_t slot)
{
    if (slot >= m->desk->slots || m->desk->slot[slot].instrument == UINT32_MAX)
        return -ENOENT;
    return (int)m->desk->slot[slot].instrument;
}

void pn_trade_control_default(struct pn_trade_control *c)
{
    memset(c, 0, sizeof *c);
    c->config.max_orders = 4096;
    c->config.mark_ns = 100000000;
    c->config.markout_ns[0] = 100000000;
    c->config.markout_ns[1] = 1000000000;
    c->config.markout_ns[2] = 10000000000;
    c->config.cancel_on_disconnect = 1;
}
