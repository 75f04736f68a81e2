/*
 * exchange_soup.c - SoupBinTCP 3.00/4.00, the server's side: logins, sequenced data from a member's
 * log or a snapshot, heartbeats, silence, logout. Bytes in, bytes out; a member's bytes may come
 * cut anywhere. What is not a packet is counted and ends the connection.
 */
#include "order/soup.h"
#include "sim/exchange_internal.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <strings.h>

enum { PORT_ORDERS = 0, PORT_SNAPSHOTS = 1 };

int soup_open(struct exchange *x)
{
    x->conn = calloc(EX_CONNECTIONS, sizeof *x->conn);
    x->input = calloc(EX_INPUTS, sizeof *x->input);
    if (!x->conn || !x->input)
        return -ENOMEM;
    for (uint32_t i = EX_INPUTS - 1; i; i--) { /* place 0 is none */
        x->input[i].next = x->input_free;
        x->input_free = i;
    }
    x->conn_next = EX_NEVER;
    for (uint32_t i = 0; i < x->cfg.members; i++) {
        struct ex_member *k = &x->member[i];
        k->connection = -1;
        if (ring_open(&k->log, EX_REPLY_BYTES, EX_REPLIES) != 0)
            return -ENOMEM;
    }
    return 0;
}

void soup_close(struct exchange *x)
{
    free(x->conn);
    free(x->input);
    for (uint32_t i = 0; i < PN_EXCHANGE_MEMBERS_MAX; i++)
        ring_close(&x->member[i].log);
    for (uint32_t i = 0; i < EX_SNAPSHOTS; i++)
        ring_close(&x->snapshot[i]);
}

static uint64_t beat_ns(const struct exchange *x)
{
    return x->cfg.heartbeat_ms * 1000000ull;
}

static uint64_t silence_ns(const struct exchange *x)
{
    return x->cfg.silence_ms * 1000000ull;
}

static void look_at(struct exchange *x, uint64_t ns)
{
    if (ns < x->conn_next)
        x->conn_next = ns;
    ex_reckon(x);
}

static int room(const struct ex_conn *c, uint32_t bytes)
{
    return c->out_to + bytes <= EX_OUT_BYTES || c->out_to - c->out_from + bytes <= EX_OUT_BYTES;
}

/* Appends to what leaves; there is room. */
static uint8_t *put(struct exchange *x, struct ex_conn *c, uint32_t bytes)
{
    if (c->out_to + bytes > EX_OUT_BYTES) {
        memmove(c->out, c->out + c->out_from, c->out_to - c->out_from);
        c->out_to -= c->out_from;
        c->out_from = 0;
    }
    uint8_t *out = c->out + c->out_to;
    c->out_to += bytes;
    c->last_tx = x->now;
    return out;
}

static void put_bare(struct exchange *x, struct ex_conn *c, uint8_t type)
{
    if (room(c, SOUP_HEADER))
        soup_put_empty(put(x, c, SOUP_HEADER), type);
}

/* The member is no longer connected. */
static void leave(struct exchange *x, struct ex_conn *c)
{
    int member = c->member;
    c->member = -1;
    c->source = 0;
    if (c->snapshot >= 0)
        x->snapshot_used[c->snapshot] = 0;
    c->snapshot = -1;
    if (member < 0 || c->port != PORT_ORDERS)
        return;
    x->member[member].connection = -1;
    x->stats.disconnects++;
    if (x->cfg.cancel_on_disconnect)
        orders_cancel_all(x, (uint32_t)member, UINT32_MAX, 'Z');
}

static void close_soon(struct exchange *x, struct ex_conn *c)
{
    leave(x, c);
    c->state = CONN_CLOSING;
}

int exchange_accept(struct exchange *x, uint32_t port, uint64_t now_ns)
{
    uint64_t now = now_ns > x->now ? now_ns : x->now;
    for (uint32_t i = 0; i < EX_CONNECTIONS; i++) {
        struct ex_conn *c = &x->conn[i];
        if (c->state != CONN_FREE)
            continue;
        uint32_t generation = c->generation + 1;
        memset(c, 0, offsetof(struct ex_conn, in));
        c->generation = generation;
        x->conn_top = i < x->conn_top ? x->conn_top : i + 1;
        c->state = CONN_LOGIN;
        c->port = (uint8_t)port;
        c->member = c->snapshot = -1;
        c->last_rx = c->last_tx = now;
        look_at(x, now + EX_LOGIN_NS);
        return (int)i;
    }
    return -ENOSPC;
}

void exchange_hangup(struct exchange *x, int connection, uint64_t now_ns)
{
    struct ex_conn *c = &x->conn[connection];
    uint64_t due = now_ns + x->cfg.faults.order_delay_ns;
    if (c->state == CONN_CLOSING) {
        c->state = CONN_FREE;
        return;
    }
    if (c->state == CONN_FREE || c->state == CONN_DEAD)
        return;
    /* What it sent before is still worked on; so it is not free yet. */
    c->out_from = c->out_to = 0;
    due = due < c->in_due ? c->in_due : due;
    c->state = CONN_DEAD;
    if (!heap_push(&x->due, due, DUE_HANGUP, (uint32_t)connection, c->generation))
        soup_hangup(x, (uint32_t)connection);
    ex_reckon(x);
}

void soup_hangup(struct exchange *x, uint32_t connection)
{
    struct ex_conn *c = &x->conn[connection];
    if (c->state != CONN_DEAD)
        return;
    leave(x, c);
    c->state = CONN_FREE;
}

/* A packet of a member goes on its way; 1: there is no room for it. */
static int queue(struct exchange *x, uint32_t connection, const uint8_t *frame, uint32_t len,
                 uint64_t now)
{
    struct ex_conn *c = &x->conn[connection];
    uint32_t index = x->input_free;
    uint64_t due = now + x->cfg.faults.order_delay_ns;
    if (x->cfg.faults.order_jitter_ns)
        due += rng_spread(&x->order_rng, x->cfg.faults.order_jitter_ns);
    due = due < c->in_due ? c->in_due : due;
    if (!index || !heap_push(&x->due, due, DUE_INPUT, index, 0)) {
        x->stats.overflow++;
        return 1;
    }
    struct ex_input *in = &x->input[index];
    x->input_free = in->next;
    c->in_due = due;
    x->inputs++;
    in->connection = connection;
    in->generation = c->generation;
    in->len = (uint16_t)len;
    memcpy(in->bytes, frame, len);
    ex_reckon(x);
    return 0;
}

/* One whole packet; 1: the connection ends. */
static int packet(struct exchange *x, uint32_t connection, const struct soup_frame *f, uint64_t now)
{
    switch (f->type) {
    case SOUP_CLIENT_HEARTBEAT:
    case SOUP_DEBUG:
        return 0;
    case SOUP_LOGIN_REQUEST:
    case SOUP_UNSEQUENCED:
    case SOUP_LOGOUT_REQUEST:
        if (f->bytes <= EX_INPUT_BYTES)
            return queue(x, connection, f->payload - SOUP_HEADER, f->bytes, now);
        break;
    default:
        break;
    }
    x->stats.malformed++;
    return 1;
}

int exchange_receive(struct exchange *x, int connection, const uint8_t *bytes, uint32_t n,
                     uint64_t now_ns)
{
    struct ex_conn *c = &x->conn[connection];
    uint64_t now = now_ns > x->now ? now_ns : x->now;
    c->last_rx = now;
    while (n && (c->state == CONN_LOGIN || c->state == CONN_UP)) {
        uint32_t want = c->in_len < 2 ? 2 : 2u + load_u16_be(c->in), take = want - c->in_len;
        struct soup_frame f;
        take = take < n ? take : n;
        memcpy(c->in + c->in_len, bytes, take);
        c->in_len += take;
        bytes += take;
        n -= take;
        int whole = soup_next(c->in, c->in_len, &f);
        if (whole < 0 || (c->in_len >= 2 && load_u16_be(c->in) > EX_FRAME_MAX)) {
            x->stats.malformed++;
            return 1;
        }
        if (!whole)
            continue;
        c->in_len = 0;
        if (packet(x, (uint32_t)connection, &f, now))
            return 1;
    }
    return 0;
}

/* As text of a field of so many bytes, capitals as small letters. */
static int same(const char *have, const char *given, uint32_t n)
{
    return strncasecmp(have, given, n) == 0;
}

static int find_member(const struct exchange *x, const struct soup_login *l)
{
    for (uint32_t i = 0; i < x->cfg.members; i++)
        if (same(x->cfg.member_user[i], l->user, SOUP_USER) &&
            same(x->cfg.member_password[i], l->password, SOUP_PASSWORD))
            return (int)i;
    return -1;
}

static void refuse(struct exchange *x, struct ex_conn *c, uint8_t why)
{
    if (room(c, sizeof(struct soup_login_rejected)))
        soup_put_rejected(put(x, c, sizeof(struct soup_login_rejected)), why);
    close_soon(x, c);
}

static void let_in(struct exchange *x, struct ex_conn *c, int member, uint64_t from)
{
    c->state = CONN_UP;
    c->member = member;
    c->cursor = from;
    c->ending |= x->stats.day == PN_DAY_OVER;
    x->member[member].seen |= c->port == PORT_ORDERS;
    soup_put_accepted(put(x, c, sizeof(struct soup_login_accepted)), x->cfg.session, from);
    x->stats.logins++;
    look_at(x, x->now);
}

static void login(struct exchange *x, struct ex_conn *c, const struct soup_frame *f)
{
    struct soup_login l;
    uint64_t unused, from;
    if (c->state != CONN_LOGIN || soup_read_login(f, &l) != 0) {
        x->stats.malformed++;
        close_soon(x, c);
        return;
    }
    int member = find_member(x, &l);
    from = l.sequence;
    if (member < 0) {
        refuse(x, c, SOUP_REFUSED_AUTH);
        return;
    }
    struct ex_member *k = &x->member[member];
    if ((l.session[0] && strncmp(l.session, x->cfg.session, SOUP_SESSION) != 0) ||
        (c->port == PORT_SNAPSHOTS && glimpse_take(x, c) != 0)) {
        refuse(x, c, SOUP_REFUSED_SESSION);
        return;
    }
    if (c->port == PORT_ORDERS) {
        /* A member that comes anew has lost its old connection, whether we saw that or not. */
        if (k->connection >= 0)
            close_soon(x, &x->conn[k->connection]);
        reply_release(x, (uint32_t)member);
        c->source = &k->log;
        k->connection = (int)(c - x->conn);
    }
    from = from == 0 || from > c->source->next ? c->source->next : from;
    if (from < c->source->next && !ring_get(c->source, from, &unused)) {
        k->connection = c->port == PORT_ORDERS ? -1 : k->connection;
        refuse(x, c, SOUP_REFUSED_SESSION);
        return;
    }
    let_in(x, c, member, from);
    const uint64_t mean = x->cfg.faults.disconnect_ns;
    if (mean && c->port == PORT_ORDERS)
        heap_push(&x->due, x->now + rng_spread(&x->order_rng, mean), DUE_DROP,
                  (uint32_t)(c - x->conn), c->generation);
    ex_reckon(x);
}

void soup_drop(struct exchange *x, uint32_t connection, uint32_t generation)
{
    struct ex_conn *c = &x->conn[connection];
    if (c->generation != generation || c->state != CONN_UP)
        return;
    x->stats.faults++;
    c->generation++; /* what is on its way from the member is lost */
    c->out_from = c->out_to = 0;
    close_soon(x, c);
}

void soup_input(struct exchange *x, uint32_t index)
{
    struct ex_input *in = &x->input[index];
    struct ex_conn *c = &x->conn[in->connection];
    struct soup_frame f;
    soup_next(in->bytes, in->len, &f);
    if (c->generation == in->generation && c->state != CONN_CLOSING && c->state != CONN_FREE) {
        if (f.type == SOUP_LOGIN_REQUEST && c->state != CONN_DEAD)
            login(x, c, &f);
        else if (f.type == SOUP_UNSEQUENCED && c->member >= 0 && c->port == PORT_ORDERS)
            ouch_message(x, (uint32_t)c->member, f.payload, f.payload_bytes);
        else if (f.type == SOUP_LOGOUT_REQUEST)
            close_soon(x, c);
        else if (c->state != CONN_DEAD) {
            x->stats.malformed++;
            close_soon(x, c);
        }
    }
    in->next = x->input_free;
    x->input_free = index;
    x->inputs--;
}

/* Moves what is due from the log to the bytes that leave. */
static void pump(struct exchange *x, struct ex_conn *c, uint64_t now)
{
    uint64_t due = 0;
    if (c->state != CONN_UP || !c->source)
        return;
    while (c->cursor < c->source->next) {
        const uint8_t *frame = ring_get(c->source, c->cursor, &due);
        if (!frame) { /* so slow that it was overwritten */
            x->stats.overflow++;
            close_soon(x, c);
            return;
        }
        uint32_t bytes = 2u + load_u16_be(frame);
        if (due > now || !room(c, bytes))
            return;
        memcpy(put(x, c, bytes), frame, bytes);
        c->cursor++;
    }
    if (c->ending) {
        put_bare(x, c, SOUP_END_OF_SESSION);
        close_soon(x, c);
    }
}

uint32_t exchange_pending(struct exchange *x, int connection, uint64_t now_ns,
                          const uint8_t **bytes)
{
    struct ex_conn *c = &x->conn[connection];
    pump(x, c, now_ns);
    *bytes = c->out + c->out_from;
    return c->out_to - c->out_from;
}

void exchange_sent(struct exchange *x, int connection, uint32_t n)
{
    struct ex_conn *c = &x->conn[connection];
    c->out_from += n;
    if (c->out_from == c->out_to)
        c->out_from = c->out_to = 0;
}

int exchange_wants_close(const struct exchange *x, int connection)
{
    return x->conn[connection].state == CONN_CLOSING;
}

/* When a connection is next to be looked at. */
static uint64_t conn_next_ns(const struct exchange *x, const struct ex_conn *c)
{
    uint64_t due = EX_NEVER, next = EX_NEVER;
    if (c->state == CONN_LOGIN)
        return c->last_rx + EX_LOGIN_NS;
    if (c->state != CONN_UP)
        return EX_NEVER;
    if (c->cursor < c->source->next && ring_get(c->source, c->cursor, &due) && due > x->now)
        next = due;
    uint64_t beat = c->last_tx + beat_ns(x), silence = c->last_rx + silence_ns(x);
    next = beat < next ? beat : next;
    return silence < next ? silence : next;
}

void soup_beat(struct exchange *x)
{
    x->conn_next = EX_NEVER;
    for (uint32_t i = 0; i < x->conn_top; i++) {
        struct ex_conn *c = &x->conn[i];
        if (c->state != CONN_LOGIN && c->state != CONN_UP)
            continue;
        uint64_t silent = x->now - c->last_rx;
        if (silent >= (c->state == CONN_LOGIN ? EX_LOGIN_NS : silence_ns(x))) {
            close_soon(x, c);
            continue;
        }
        pump(x, c, x->now);
        if (c->state == CONN_UP && x->now - c->last_tx >= beat_ns(x))
            put_bare(x, c, SOUP_SERVER_HEARTBEAT);
        uint64_t next = conn_next_ns(x, c);
        /* A buffer that is full of heartbeats is looked at again a heartbeat later. */
        if (next <= x->now)
            next = x->now + beat_ns(x);
        x->conn_next = next < x->conn_next ? next : x->conn_next;
    }
    ex_reckon(x);
}

void soup_end(struct exchange *x)
{
    for (uint32_t i = 0; i < EX_CONNECTIONS; i++)
        if (x->conn[i].state == CONN_UP)
            x->conn[i].ending = 1;
    look_at(x, x->now);
}

int exchange_quiet(const struct exchange *x)
{
    int quiet = x->inputs == 0 && x->stats.untold == 0;
    for (uint32_t i = 0; i < x->cfg.members && quiet; i++) {
        const struct ex_member *k = &x->member[i];
        const struct ex_conn *c = k->connection >= 0 ? &x->conn[k->connection] : 0;
        if (k->seen)
            quiet = c && c->cursor == k->log.next && c->out_from == c->out_to;
    }
    return quiet;
}
