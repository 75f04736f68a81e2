/*
 * exchange.c - see exchange.h: opens and closes it, and runs time: whatever is due next happens, in
 * order, each at its own time.
 */
#include "sim/exchange_internal.h"

#include <errno.h>
#include <stdlib.h>

enum { RESTING_MAX = 4096, AGENT_OWNERS = 2 };

static void defaults(struct pn_exchange_config *c)
{
    c->store_bytes = c->store_bytes ? c->store_bytes : 64ull << 20;
    c->payload_max = c->payload_max ? c->payload_max : 1400;
    c->lines = c->lines ? c->lines : 2;
    c->heartbeat_ms = c->heartbeat_ms ? c->heartbeat_ms : 1000;
    c->silence_ms = c->silence_ms ? c->silence_ms : 15000;
    c->max_orders = c->max_orders ? c->max_orders : 1 << 20;
}

static int check(const struct pn_exchange_config *c, struct error *e)
{
    if (c->symbols == 0 || c->symbols > PN_EXCHANGE_SYMBOLS_MAX)
        return error_set(e, -EINVAL, "exchange: %u symbols; use 1 to %d", c->symbols,
                         PN_EXCHANGE_SYMBOLS_MAX);
    if (c->members > PN_EXCHANGE_MEMBERS_MAX)
        return error_set(e, -EINVAL, "exchange: %u members; use up to %d", c->members,
                         PN_EXCHANGE_MEMBERS_MAX);
    if (c->start_ns > c->open_ns || c->open_ns >= c->close_ns || c->close_ns > c->end_ns ||
        c->end_ns >= 2 * 86400 * EX_SECOND)
        return error_set(e, -EINVAL, "exchange: start, open, close and end are not in order");
    if (c->payload_max < 100 || c->payload_max > EX_PAYLOAD)
        return error_set(e, -EINVAL, "exchange: payload_max %u; use 100 to %d", c->payload_max,
                         EX_PAYLOAD);
    if (c->lines > 2 || c->store_bytes < 1 << 20 || c->store_bytes & (c->store_bytes - 1))
        return error_set(e, -EINVAL,
                         "exchange: 1 or 2 lines; store_bytes a power of two from "
                         "1 MiB on");
    for (uint32_t i = 0; i < c->symbols; i++)
        if (!c->symbol[i].tick || c->symbol[i].start_px <= 0 ||
            (!c->no_agents && c->symbol[i].flow >= c->flows))
            return error_set(e, -EINVAL, "exchange: symbol %.12s: tick, start_px or flow",
                             c->symbol[i].name);
    return 0;
}

static int open_match(struct exchange *x, struct error *e)
{
    const struct pn_exchange_config *c = &x->cfg;
    struct match_config cfg = {.instruments = c->symbols,
                               .max_orders = c->max_orders,
                               .owners = c->members + AGENT_OWNERS,
                               .stp = c->stp,
                               .maker_fee = c->maker_fee,
                               .taker_fee = c->taker_fee};
    struct match_instrument *of = calloc(c->symbols, sizeof *of);
    if (!of)
        return -ENOMEM;
    for (uint32_t i = 0; i < c->symbols; i++) {
        const struct pn_exchange_symbol *s = &c->symbol[i];
        of[i] = (struct match_instrument){
            .tick = s->tick, .lot = s->lot, .start_px = s->start_px, .band_ppm = s->band_ppm};
        memcpy(of[i].name, s->name, sizeof of[i].name);
        memset(x->symbol[i].name, ' ', 8);
        memcpy(x->symbol[i].name, s->name, strnlen(s->name, 8));
    }
    int rc = match_open(&x->match, &cfg, of, e);
    free(of);
    if (rc == 0 && !c->no_agents)
        rc = agents_open(&x->agents, c, x->match, c->members, e);
    return rc;
}

static int open_parts(struct exchange *x, struct error *e)
{
    uint64_t accounts = (uint64_t)(x->cfg.members + 1) * x->cfg.symbols;
    x->symbol = calloc(x->cfg.symbols, sizeof *x->symbol);
    x->account = calloc(accounts, sizeof *x->account);
    x->late = calloc(EX_LATE, sizeof *x->late);
    x->resting = calloc(RESTING_MAX, sizeof *x->resting);
    if (!x->symbol || !x->account || !x->late || !x->resting || heap_open(&x->due, EX_DUES) != 0 ||
        orders_open(x) != 0 || lines_open(x) != 0 || soup_open(x) != 0)
        return error_set(e, -ENOMEM, "exchange: no memory for it");
    for (uint32_t i = EX_LATE - 1; i; i--) {
        x->late[i].next = x->late_free;
        x->late_free = i;
    }
    return open_match(x, e);
}

struct exchange *exchange_open(const struct pn_exchange_config *cfg, struct error *e)
{
    struct exchange *x = calloc(1, sizeof *x);
    if (!x) {
        error_set(e, -ENOMEM, "exchange: no memory for it");
        return 0;
    }
    x->cfg = *cfg;
    defaults(&x->cfg);
    x->order_rng = rng_seed(x->cfg.seed, 30);
    memset(x->session, ' ', sizeof x->session);
    memcpy(x->session, cfg->session, strnlen(cfg->session, sizeof x->session));
    x->beat_ns = EX_NEVER;
    x->act_next = EX_NEVER;
    if (check(&x->cfg, e) != 0 || open_parts(x, e) != 0) {
        exchange_close(x);
        return 0;
    }
    day_begin(x);
    x->rest_next = x->day_next;
    return x;
}

void exchange_close(struct exchange *x)
{
    if (!x)
        return;
    if (x->agents)
        agents_close(x->agents);
    if (x->match)
        match_close(x->match);
    soup_close(x);
    lines_close(x);
    orders_close(x);
    heap_close(&x->due);
    free(x->symbol);
    free(x->account);
    free(x->late);
    free(x->resting);
    free(x);
}

void ex_publish(struct exchange *x)
{
    uint32_t n;
    const struct match_event *e = match_events(x->match, &n);
    for (uint32_t i = 0; i < n; i++)
        if (e[i].kind < ME_ACCEPTED)
            feed_event(x, &e[i]);
        else if (e[i].owner < x->cfg.members)
            reply_event(x, &e[i]);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

void ex_reckon(struct exchange *x)
{
    uint64_t next = earlier(x->day_next, feed_next_ns(x));
    next = earlier(next, x->conn_next);
    x->rest_next = earlier(next, heap_next_ns(&x->due));
}

static uint64_t next_ns(const struct exchange *x)
{
    return earlier(x->act_next, x->rest_next);
}

uint64_t exchange_next_ns(const struct exchange *x)
{
    uint64_t next = earlier(next_ns(x), heap_next_ns(&x->queue));
    return next != EX_NEVER && next < x->now ? x->now : next;
}

static void happen(struct exchange *x, const struct due *d)
{
    switch (d->what) {
    case DUE_INPUT:
        soup_input(x, d->index);
        break;
    case DUE_HANGUP:
        soup_hangup(x, d->index);
        break;
    case DUE_FILL:
        reply_late(x, d->index);
        break;
    case DUE_BREAK:
        if (match_break(x->match, d->arg) == 0)
            ex_publish(x);
        break;
    case DUE_EXPIRE:
        ouch_expire(x, d->index, d->arg);
        break;
    case DUE_DROP:
        soup_drop(x, d->index, (uint32_t)d->arg);
        break;
    default:
        break;
    }
}

/* Whatever but the agents is due at x->now, one thing. */
static void rest(struct exchange *x)
{
    if (x->pack_count && x->pack_ns + x->cfg.gather_ns < x->now)
        feed_flush(x);
    if (heap_next_ns(&x->due) <= x->now) {
        struct due d = heap_pop(&x->due);
        happen(x, &d);
    } else if (x->day_next <= x->now)
        day_step(x);
    else if (x->conn_next <= x->now)
        soup_beat(x);
    else if (x->pack_count && x->pack_ns + x->cfg.gather_ns <= x->now)
        feed_flush(x);
    else if (x->beat_ns <= x->now)
        feed_beat(x);
    ex_reckon(x);
}

static void act(struct exchange *x)
{
    if (agents_act(x->agents, x->now)) {
        ex_publish(x);
        x->stats.agent_orders++;
    }
}

uint64_t exchange_run(struct exchange *x, uint64_t now_ns)
{
    uint64_t next;
    while ((next = next_ns(x)) <= now_ns) {
        if (x->packets_free < EX_PACKETS_SPARE)
            return x->now;
        x->now = next > x->now ? next : x->now;
        if (x->rest_next <= x->act_next)
            rest(x);
        else
            act(x);
        if (x->stats.day == PN_DAY_OPEN)
            x->act_next = x->agents ? agents_next_ns(x->agents) : EX_NEVER;
        else
            x->act_next = EX_NEVER;
    }
    x->now = now_ns > x->now ? now_ns : x->now;
    return x->now;
}

struct match *exchange_match(struct exchange *x)
{
    return x->match;
}

void exchange_stats(const struct exchange *x, struct pn_exchange_stats *out)
{
    *out = x->stats;
    out->now_ns = x->now;
    for (uint64_t i = 0; i < (uint64_t)x->cfg.members * x->cfg.symbols; i++)
        out->open_orders += x->account[i].open_orders;
    out->digest = ex_digest(x->stats.digest, (const uint8_t *)&x->stats.messages, 8);
}

int exchange_member(const struct exchange *x, const char *user, uint32_t instrument,
                    struct pn_exchange_member *out)
{
    for (uint32_t i = 0; i < x->cfg.members && instrument < x->cfg.symbols; i++) {
        if (strncmp(x->cfg.member_user[i], user, 8) != 0)
            continue;
        const struct ex_account *a = &x->account[(uint64_t)i * x->cfg.symbols + instrument];
        *out = (struct pn_exchange_member){a->position, a->cash, a->fees,        a->fills,
                                           a->bought,   a->sold, a->open_orders, a->untold};
        return 0;
    }
    return -ENOENT;
}
