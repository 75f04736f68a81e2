/*
 * session.c - see session.h: an OUCH 5.0 session over SoupBinTCP, the member's side.
 *
 *   DOWN -connected-> LOGIN -accepted-> RECOVER -query answered-> UP
 *
 * The venue repeats what was missed right after the login, in sequence; the answer to an account
 * query sent then comes behind all of that, and says which orders ever arrived.
 */
#include "order/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "order/session_state.h"
#include "shm/seqlock.h"

enum { OUT_SPARE = 256 }; /* room that heartbeats and logouts always have */

static void set_state(struct session *s, enum pn_session_state state)
{
    seqlock_begin(&s->status->seq);
    s->status->state = state;
    seqlock_end(&s->status->seq);
}

int session_open(struct session **out, const struct pn_session_config *cfg, uint32_t number,
                 const struct pn_trade_config *trade, struct pn_session_status *status,
                 struct error *e)
{
    struct session *s = calloc(1, sizeof *s);
    *out = s;
    if (s)
        s->template = calloc(trade->traded, sizeof *s->template);
    if (!s || !s->template)
        return error_set(e, -ENOMEM, "no memory for order session %u", number);
    s->cfg = *cfg;
    s->cfg.user[sizeof s->cfg.user - 1] = s->cfg.password[sizeof s->cfg.password - 1] = 0;
    s->number = number;
    s->status = status;
    s->beat_ns = (cfg->heartbeat_ms ? cfg->heartbeat_ms : 1000u) * 1000000ull;
    for (uint32_t i = 0; i < trade->traded; i++)
        if (trade->instrument[i].session == number)
            ouch_prepare(&s->template[i], &trade -> instrument[i]);
    memset(status, 0, sizeof *status);
    memcpy(status->name, cfg->name, sizeof status->name - 1);
    status->kind = cfg->kind;
    status->next_seq = 1;
    status->next_ref = 1;
    return 0;
}

void session_close(struct session *s)
{
    if (!s)
        return;
    free(s->template);
    explicit_bzero(&s->cfg, sizeof s->cfg);
    free(s);
}

void session_resume(struct session *s, const char venue_session[16], uint64_t next_seq,
                    uint32_t next_ref)
{
    memcpy(s->status->session, venue_session, sizeof s->status->session - 1);
    s->status->next_seq = next_seq;
    s->status->next_ref = next_ref;
    s->queries_open = 1; /* that run may have asked as it ended */
}

static uint8_t *room(struct session *s, uint32_t n)
{
    if (s->out_tail + n > sizeof s->out) {
        memmove(s->out, s->out + s->out_head, s->out_tail - s->out_head);
        s->out_tail -= s->out_head;
        s->out_head = 0;
    }
    return s->out_tail + n > sizeof s->out ? NULL : s->out + s->out_tail;
}

static void put(struct session *s, uint32_t n, uint64_t now_ns)
{
    s->out_tail += n;
    s->said_ns = now_ns;
    s->status->last_tx_ns = now_ns;
}

static void query(struct session *s, uint64_t now_ns)
{
    uint8_t *to = room(s, OUT_SPARE);
    if (!to)
        return;
    put(s, ouch_put_query(to), now_ns);
    s->queries_open++;
    s->since_ns = now_ns;
}

void session_connected(struct session *s, uint64_t now_ns)
{
    s->in_bytes = s->in_at = s->out_head = s->out_tail = 0;
    s->connected = 1;
    s->heard_ns = s->since_ns = now_ns;
    s->status->connects++;
    /* No session is named before one was heard of: the venue's present one, from its beginning. */
    put(s,
        soup_put_login(s->out, s->cfg.user, s->cfg.password, s->status->session,
                       s->status->next_seq),
        now_ns);
    set_state(s, PN_SS_LOGIN);
}

void session_disconnected(struct session *s, uint64_t now_ns)
{
    (void)now_ns;
    if (s->connected)
        s->status->disconnects++;
    s->connected = 0;
    s->in_bytes = s->in_at = s->out_head = s->out_tail = 0;
    if (s->status->state != PN_SS_REFUSED && s->status->state != PN_SS_CLOSED)
        set_state(s, PN_SS_DOWN);
}

void session_logout(struct session *s, uint64_t now_ns)
{
    uint8_t *to = room(s, OUT_SPARE);
    if (!s->connected || !to)
        return;
    put(s, soup_put_empty(to, SOUP_LOGOUT_REQUEST), now_ns);
    set_state(s, PN_SS_CLOSED);
}

int session_tick(struct session *s, uint64_t now_ns)
{
    enum pn_session_state state = s->status->state;
    if (!s->connected)
        return 0;
    if (state == PN_SS_LOGIN && now_ns - s->since_ns > SESSION_LOGIN_NS)
        return 1;
    if (now_ns - s->heard_ns > s->beat_ns * SESSION_SILENT_BEATS)
        return 1;
    if (state == PN_SS_RECOVER && now_ns - s->since_ns > SESSION_QUERY_NS)
        query(s, now_ns);
    if (state != PN_SS_LOGIN && now_ns - s->said_ns >= s->beat_ns) {
        uint8_t *to = room(s, SOUP_HEADER);
        if (to)
            put(s, soup_put_empty(to, SOUP_CLIENT_HEARTBEAT), now_ns);
    }
    return 0;
}

static int accepted(struct session *s, const struct soup_frame *f, uint64_t now_ns)
{
    char name[SOUP_SESSION + 1];
    uint64_t sequence;
    if (s->status->state != PN_SS_LOGIN || soup_read_accepted(f, name, &sequence) != 0)
        return -EPROTO;
    if (strncmp(name, s->status->session, sizeof s->status->session) != 0) {
        /* Another day: its numbers are its own. */
        memset(s->status->session, 0, sizeof s->status->session);
        memcpy(s->status->session, name, sizeof name);
        s->queries_open = 0;
    }
    s->status->next_seq = sequence;
    s->answers_owed = s->queries_open;
    s->queries_open = 0;
    set_state(s, PN_SS_RECOVER);
    query(s, now_ns);
    return 0;
}

/* The answer that counts opens the session; all others are news of no meaning. */
static void answered(struct session *s, struct pn_reply *r, uint64_t now_ns)
{
    if (s->answers_owed && s->status->state == PN_SS_RECOVER) {
        s->answers_owed--;
        r->kind = PN_RE_SYSTEM;
        query(s, now_ns);
        return;
    }
    s->queries_open -= s->queries_open != 0;
    if (s->status->state != PN_SS_RECOVER) {
        r->kind = PN_RE_SYSTEM;
        return;
    }
    if (r->user_ref > s->status->next_ref)
        s->status->next_ref = r->user_ref;
    s->queries_open = 0;
    set_state(s, PN_SS_UP);
}

/* One frame. 1: a reply was decoded; 0: nothing for others; negative: drop the connection. */
static int take(struct session *s, const struct soup_frame *f, uint64_t now_ns, struct pn_reply *r)
{
    switch (f->type) {
    case SOUP_SEQUENCED:
    case SOUP_UNSEQUENCED:
        if (s->status->state == PN_SS_LOGIN)
            return -EPROTO;
        memset(r, 0, sizeof *r);
        if (ouch_decode(f->payload, f->payload_bytes, r) != 0) {
            /* It still has its number: what follows must not be taken for it. */
            s->status->malformed++;
            memset(r, 0, sizeof *r);
            r->kind = PN_RE_SYSTEM;
        }
        r->session = (uint8_t)s->number;
        if (f->type == SOUP_SEQUENCED)
            r->seq = s->status->next_seq++;
        s->status->received++;
        if (r->kind == PN_RE_NEXT_REF)
            answered(s, r, now_ns);
        return 1;
    case SOUP_LOGIN_ACCEPTED:
        return accepted(s, f, now_ns);
    case SOUP_LOGIN_REJECTED:
        set_state(s, PN_SS_REFUSED);
        return -EACCES;
    case SOUP_END_OF_SESSION:
        set_state(s, PN_SS_CLOSED);
        return -ESHUTDOWN;
    case SOUP_SERVER_HEARTBEAT:
    case SOUP_DEBUG:
        return 0;
    default:
        s->status->malformed++;
        return -EPROTO;
    }
}

int session_receive(struct session *s, const uint8_t *bytes, uint32_t n, uint64_t now_ns,
                    uint32_t *used, struct pn_reply *out, uint32_t cap)
{
    uint32_t replies = 0;
    if (s->in_at) {
        memmove(s->in, s->in + s->in_at, s->in_bytes - s->in_at);
        s->in_bytes -= s->in_at;
        s->in_at = 0;
    }
    *used = n < sizeof s->in - s->in_bytes ? n : (uint32_t)sizeof s->in - s->in_bytes;
    memcpy(s->in + s->in_bytes, bytes, *used);
    s->in_bytes += *used;
    if (*used)
        s->heard_ns = s->status->last_rx_ns = now_ns;
    while (replies < cap) {
        struct soup_frame f;
        int got = soup_next(s->in + s->in_at, s->in_bytes - s->in_at, &f);
        if (got < 0) {
            s->status->malformed++;
            return -EPROTO;
        }
        if (!got)
            break;
        s->in_at += f.bytes;
        int rc = take(s, &f, now_ns, &out[replies]);
        if (rc < 0)
            return rc;
        replies += (uint32_t)rc;
    }
    return (int)replies;
}

uint32_t session_pending(const struct session *s, const uint8_t **bytes)
{
    *bytes = s->out + s->out_head;
    return s->out_tail - s->out_head;
}

void session_sent(struct session *s, uint32_t n)
{
    s->out_head += n;
    if (s->out_head == s->out_tail)
        s->out_head = s->out_tail = 0;
}

void session_replay(struct session *s, uint32_t state, uint32_t next_ref)
{
    s->status->state = state;
    s->connected = state != PN_SS_DOWN;
    if (next_ref > s->status->next_ref)
        s->status->next_ref = next_ref;
    s->out_head = s->out_tail = 0;
}

uint32_t session_next_ref(const struct session *s)
{
    return s->status->state == PN_SS_UP ? s->status->next_ref : 0;
}

/* 0 with room for a frame, or why not. */
static int ready(struct session *s, uint8_t **to)
{
    if (PN_UNLIKELY(s->status->state != PN_SS_UP))
        return -ENOTCONN;
    *to = room(s, OUCH_FRAME_MAX + OUT_SPARE);
    return PN_LIKELY(*to != NULL) ? 0 : -ENOBUFS;
}

static int sent(struct session *s, uint32_t n, uint64_t now_ns)
{
    put(s, n, now_ns);
    s->status->sent++;
    return 0;
}

int session_new(struct session *s, uint32_t slot, const struct pn_own_order *o, uint64_t now_ns)
{
    uint8_t *to;
    int rc = ready(s, &to);
    if (PN_UNLIKELY(rc != 0))
        return rc;
    s->status->next_ref = o->user_ref + 1;
    return sent(s, ouch_put_enter(to, &s->template[slot], o), now_ns);
}

int session_replace(struct session *s, uint32_t slot, const struct pn_own_order *old,
                    const struct pn_own_order *o, uint32_t filled, uint64_t now_ns)
{
    uint8_t *to;
    (void)slot;
    int rc = ready(s, &to);
    if (PN_UNLIKELY(rc != 0))
        return rc;
    s->status->next_ref = o->user_ref + 1;
    return sent(s, ouch_put_replace(to, old, o, filled), now_ns);
}

int session_cancel(struct session *s, const struct pn_own_order *o, uint64_t now_ns)
{
    uint8_t *to;
    int rc = ready(s, &to);
    return PN_UNLIKELY(rc != 0) ? rc : sent(s, ouch_put_cancel(to, o->user_ref, 0), now_ns);
}
