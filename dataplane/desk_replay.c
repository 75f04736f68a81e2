/* desk_replay.c - see desk_replay.h. */
#include "desk_replay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "desk_internal.h"
#include "order/journal_blob.h"

enum { RECORDS = 4096 };

/* The journal as a queue: what is made again is compared with its head. */
struct desk_script {
    struct journal_reader *reader;
    const struct pn_journal_record *record;
    int64_t count, at;
    struct journal_blob blob;
    struct pn_desk_replay *out;
    struct error e;
    int failed;
};

static const struct pn_journal_record *head(struct desk_script *s)
{
    if (s->at == s->count) {
        s->count = journal_read(s->reader, &s->record, RECORDS, &s->e);
        s->at = 0;
        if (s->count <= 0)
            return NULL;
    }
    return &s->record[s->at];
}

static void next(struct desk_script *s)
{
    s->at++;
    s->out->records++;
}

static void differ(struct desk_script *s, const struct pn_journal_record *had,
                   const struct pn_journal_record *now, const char *what)
{
    static const struct pn_journal_record none;
    const struct pn_journal_record *a = had ? had : &none, *b = now ? now : &none;
    if (s->failed++)
        return;
    s->out->different = 1;
    s->out->at = a->seq;
    snprintf(s->out->text, sizeof s->out->text,
             "%s: recorded kind %d slot %d qty %u ref %u %llx %llx %llx; again kind %d slot %d qty "
             "%u ref %u %llx %llx %llx",
             what, a->kind, a->slot, a->qty, a->ref, (unsigned long long)a->u[0],
             (unsigned long long)a->u[1], (unsigned long long)a->u[2], b->kind, b->slot, b->qty,
             b->ref, (unsigned long long)b->u[0], (unsigned long long)b->u[1],
             (unsigned long long)b->u[2]);
}

/* A record is made again: it must be the next one there was. */
void desk_script_compare(struct desk_script *s, const struct pn_journal_record *now)
{
    const struct pn_journal_record *had = head(s);
    if (s->failed)
        return;
    if (!had || had->kind != now->kind || had->side != now->side || had->slot != now->slot ||
        had->qty != now->qty || had->ref != now->ref ||
        memcmp(had->u, now->u, sizeof now->u) != 0) {
        differ(s, had, now, "another record");
        return;
    }
    if (now->kind >= PN_JR_ORDER && now->kind <= PN_JR_CANCEL)
        s->out->orders++;
    else
        s->out->others++;
    next(s);
}

/* Feed up to the message that the record was made after. */
static void feed_until(struct desk *d, uint64_t pos)
{
    struct pipeline *p = d->p;
    while (p->counters->messages < pos && pipeline_fill(p)) {
        struct pipeline_limits limits = {.until_ns = UINT64_MAX};
        limits.max_messages = pos - p->counters->messages;
        desk_watch(d, &limits);
        pipeline_apply(p, &limits);
        desk_books(d, &limits);
    }
}

/* Takes a whole struct from its pieces; 0 when more must come. */
static int take_blob(struct desk_script *s, const struct pn_journal_record *r, void *out,
                     uint32_t bytes)
{
    int whole = journal_blob_add(&s->blob, r, out, bytes);
    next(s);
    if (whole)
        s->out->inputs++;
    return whole;
}

static void again_limits(struct desk *d, struct desk_script *s, const struct pn_journal_record *r)
{
    struct pn_trade_control *c = d->seen;
    const struct {
        void *at;
        uint32_t bytes, count, stride;
    } kinds[] = {{c->limits, sizeof c->limits[0], PN_TRADED_MAX, sizeof c->limits[0]},
                 {&c->firm, sizeof c->firm, 1, 0},
                 {c->account, sizeof c->account[0], PN_ACCOUNTS_MAX, sizeof c->account[0]},
                 {c->strategy, sizeof c->strategy[0], PN_STRATEGIES_MAX, sizeof c->strategy[0]},
                 {c->session, sizeof c->session[0], PN_SESSIONS_MAX, sizeof c->session[0]}};
    uint8_t copy[256];
    uint32_t which = r->side, index = r->slot;
    if (which >= 5 || index >= kinds[which].count) {
        next(s);
        return;
    }
    if (take_blob(s, r, copy, kinds[which].bytes))
        memcpy((uint8_t *)kinds[which].at + (size_t)index * kinds[which].stride, copy,
               kinds[which].bytes);
}

static void again_kill(struct desk *d, struct desk_script *s, const struct pn_journal_record *r)
{
    struct pn_kill_words *k = &d->seen->kill;
    uint32_t scope = (uint32_t)r->u[1], i = r->slot;
    if (r->u[2] != PN_BY_OPERATOR)
        gate_latch(d->gate, (enum pn_kill_scope)scope, i, (enum pn_kill)r->u[0], PN_BY_JOURNAL,
                   r->now_ns);
    else if (scope == PN_SCOPE_FIRM)
        k->firm = r->u[0];
    else if (scope == PN_SCOPE_VENUE && i < PN_VENUES_MAX)
        k->venue[i] = r->u[0];
    else if (scope == PN_SCOPE_STRATEGY && i < PN_STRATEGIES_MAX)
        k->strategy[i] = r->u[0];
    else if (scope == PN_SCOPE_INSTRUMENT && i < PN_TRADED_MAX)
        k->instrument[i] = r->u[0];
    else if (scope == PN_SCOPE_ACCOUNT && i < PN_ACCOUNTS_MAX)
        k->account[i] = r->u[0];
    next(s);
    s->out->inputs++;
}

static void again_session(struct desk *d, struct desk_script *s, const struct pn_journal_record *r)
{
    uint32_t i = r->side % PN_SESSIONS_MAX;
    uint32_t state = (uint32_t)r->u[0], before = d->session_state[i];
    next(s);
    s->out->inputs++;
    if (!d->session[i])
        return;
    d->session_state[i] = state;
    session_replay(d->session[i], state, r->qty);
    gate_session(d->gate, i, state == PN_SS_UP);
    if (before == PN_SS_UP || before == PN_SS_RECOVER)
        table_session_lost(d->table, i, d->now_ns);
}

/* Inputs are given again; outputs are asked for again and must come out the same. */
static void again(struct desk *d, struct desk_script *s, const struct pn_journal_record *r)
{
    struct pn_quote_params params;
    struct pn_order_request request;
    struct pn_reply reply;
    uint64_t records = s->out->records;
    uint32_t slot = r->slot;
    d->now_ns = r->now_ns;
    switch (r->kind) {
    case PN_JR_REPLY:
        if (take_blob(s, r, &reply, sizeof reply))
            desk_reply(d, &reply);
        return;
    case PN_JR_PARAMS:
        if (take_blob(s, r, &params, sizeof params) && slot < d->slots)
            desk_set_params(d, slot, &params);
        return;
    case PN_JR_REQUEST:
        if (take_blob(s, r, &request, sizeof request))
            (void)desk_do_request(d, &request);
        return;
    case PN_JR_LIMITS:
        again_limits(d, s, r);
        return;
    case PN_JR_KILL:
        again_kill(d, s, r);
        return;
    case PN_JR_SESSION:
        again_session(d, s, r);
        return;
    case PN_JR_RELEASE:
        d->seen->kill.release = r->u[0];
        break;
    case PN_JR_HEARTBEAT:
        d->lost = (uint32_t)r->u[0];
        d->seen->lost_ns = d->lost;
        break;
    case PN_JR_STATE:
        (void)table_expire(d->table, d->timeout_ns, d->now_ns);
        break;
    case PN_JR_ORDER:
    case PN_JR_REPLACE:
    case PN_JR_CANCEL:
    case PN_JR_REFUSED:
        (void)gate_refresh(d->gate, d->seen, d->now_ns);
        if (slot < d->slots)
            desk_decide(d, slot);
        if (s->out->records == records)
            differ(s, r, NULL, "nothing was decided");
        return;
    case PN_JR_MARK:
        desk_mark(d, slot);
        return;
    case PN_JR_DIGEST:
        s->out->recorded_digest = r->u[2];
        break;
    default: /* START, MARKOUT, END */
        next(s);
        return;
    }
    next(s);
    s->out->inputs++;
}

int pn_engine_replay_desk(struct pn_engine *engine, const struct pn_trade_control *control,
                          const char *journal, struct pn_desk_replay *out, char *err,
                          uint64_t err_len)
{
    struct desk_script s = {.out = out};
    struct pn_trade_control *copy = malloc(sizeof *copy);
    struct desk *d = NULL;
    const struct pn_journal_record *r;
    memset(out, 0, sizeof *out);
    int rc = copy ? 0 : error_set(&s.e, -ENOMEM, "no memory for a replay");
    if (rc == 0) {
        *copy = *control;
        copy->config.journal[0] = 0;
        copy->config.journal_bytes = 0;
        rc = engine_open_desk(engine, copy, &d, &s.e);
    }
    if (rc == 0)
        rc = journal_read_open(&s.reader, journal, &s.e);
    if (rc == 0) {
        d->script = &s;
        while ((r = head(&s)) != NULL && !s.failed) {
            feed_until(d, r->pos);
            again(d, &s, r);
        }
        rc = s.count < 0 ? (int)s.count : 0;
        out->messages = d->p->counters->messages;
        out->digest = d->status->digest;
        journal_read_close(s.reader);
    }
    if (err && err_len)
        snprintf(err, err_len, "%s", rc ? s.e.text : "");
    desk_close(d);
    free(copy);
    return rc;
}
