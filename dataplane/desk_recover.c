/*
 * desk_recover.c - the journal of earlier runs becomes orders, positions, latches and session
 * numbers again, by the same code that made them: what was sent is entered into the table, what was
 * answered is applied to it. Nothing is sent and nothing is recorded meanwhile.
 *
 * What was in flight when the run ended is unknown until the venue has said what is true.
 */
#include <errno.h>

#include "desk_internal.h"
#include "order/journal_blob.h"

enum { RECORDS = 4096 };

struct recovery {
    struct desk *d;
    struct journal_blob blob; /* a struct that comes in pieces */
    uint32_t next_ref[PN_SESSIONS_MAX];
    uint64_t next_seq[PN_SESSIONS_MAX];
    char name[PN_SESSIONS_MAX][16];
    uint64_t releases;
};

static void redo_order(struct recovery *v, const struct pn_journal_record *r)
{
    struct desk *d = v->d;
    uint32_t session = d->cfg->instrument[r->slot].session;
    struct gate_order o = {
        .slot = r->slot,
        .side = r->side & 1,
        .px = (int64_t)r->u[1],
        .qty = r->qty,
    };
    gate_adopt(d->gate, o.slot, o.side, o.px, o.qty);
    if (r->kind == PN_JR_ORDER) {
        o.tif = (uint8_t)r->u[2];
        o.flags = (uint8_t)(r->u[2] >> 8);
        table_new(d->table, &o, r->ref, r->u[0], (uint8_t)(r->u[2] >> 16), r->u[2] >> 32,
                  d->now_ns);
    } else {
        uint32_t old = table_find_id(d->table, r->u[2]);
        if (old)
            table_replace(d->table, old, &o, r->ref, r->u[0], d->now_ns);
        else
            gate_release(d->gate, o.slot, o.side, o.px, o.qty);
    }
    if (r->u[0] >= d->next_id)
        d->next_id = r->u[0] + 1;
    if (r->ref >= v->next_ref[session])
        v->next_ref[session] = r->ref + 1;
}

static void redo_reply(struct recovery *v, const struct pn_journal_record *r)
{
    struct pn_reply reply;
    if (!journal_blob_add(&v->blob, r, &reply, sizeof reply) || reply.session >= PN_SESSIONS_MAX)
        return;
    if (reply.seq >= v->next_seq[reply.session])
        v->next_seq[reply.session] = reply.seq + 1;
    if (reply.kind == PN_RE_NEXT_REF && reply.user_ref > v->next_ref[reply.session])
        v->next_ref[reply.session] = reply.user_ref;
    desk_reply(v->d, &reply);
}

static void redo_session(struct recovery *v, const struct pn_journal_record *r)
{
    uint32_t i = r->side % PN_SESSIONS_MAX;
    if (r->u[0] == PN_SS_UP || r->u[0] == PN_SS_RECOVER) {
        if (memcmp(v->name[i], &r->u[2], sizeof r->u[2]) != 0 && r->u[1])
            v->next_seq[i] = r->u[1];
        memset(v->name[i], 0, sizeof v->name[i]);
        memcpy(v->name[i], &r->u[2], sizeof r->u[2]);
        memcpy(v->name[i] + sizeof r->u[2], &r->ref, sizeof r->ref);
        if (r->qty > v->next_ref[i])
            v->next_ref[i] = r->qty;
    } else {
        table_session_lost(v->d->table, i, v->d->now_ns);
    }
}

static void redo_kill(struct recovery *v, const struct pn_journal_record *r)
{
    if (r->u[2] == PN_BY_OPERATOR && r->u[1] <= PN_SCOPE_ACCOUNT)
        gate_word(v->d->gate, (enum pn_kill_scope)r->u[1], r->slot, r->u[0]);
    else if (r->u[2] == PN_BY_GATE && r->u[1] <= PN_SCOPE_ACCOUNT && r->u[0] <= PN_KILL_DISCONNECT)
        gate_latch(v->d->gate, (enum pn_kill_scope)r->u[1], r->slot, (enum pn_kill)r->u[0],
                   PN_BY_JOURNAL, r->now_ns);
}

static void redo(struct recovery *v, const struct pn_journal_record *r)
{
    struct desk *d = v->d;
    d->now_ns = r->now_ns;
    int slot_ok = r->slot < d->slots;
    switch (r->kind) {
    case PN_JR_ORDER:
    case PN_JR_REPLACE:
        if (slot_ok)
            redo_order(v, r);
        break;
    case PN_JR_CANCEL: {
        uint32_t place = table_find_id(d->table, r->u[0]);
        if (place)
            (void)table_cancel(d->table, place, d->now_ns);
        break;
    }
    case PN_JR_REPLY:
        redo_reply(v, r);
        break;
    case PN_JR_SESSION:
        redo_session(v, r);
        break;
    case PN_JR_STATE:
        (void)table_expire(d->table, d->timeout_ns, d->now_ns);
        break;
    case PN_JR_KILL:
        redo_kill(v, r);
        break;
    case PN_JR_RELEASE:
        v->releases = r->u[0];
        gate_release_latches(d->gate, r->u[0]);
        break;
    case PN_JR_REQUEST:
        if (r->ref == 0 && r->u[0] > d->status->requests)
            d->status->requests = r->u[0];
        break;
    default:
        break;
    }
}

static int read_all(struct recovery *v, struct error *e)
{
    struct journal_reader *reader;
    const struct pn_journal_record *r;
    int rc = journal_read_open(&reader, v->d->cfg->journal, e);
    if (rc != 0)
        return rc == -ENOENT ? 0 : rc;
    int64_t n;
    while ((n = journal_read(reader, &r, RECORDS, e)) > 0)
        for (int64_t i = 0; i < n; i++)
            redo(v, &r[i]);
    journal_read_close(reader);
    return (int)n;
}

int desk_recover(struct desk *d, struct error *e)
{
    struct recovery v = {.d = d};
    d->recovering = 1;
    int rc = d->cfg->journal[0] ? read_all(&v, e) : 0;
    for (uint32_t i = 0; i < d->cfg->sessions && rc == 0; i++) {
        table_session_lost(d->table, i, d->now_ns);
        if (v.next_ref[i])
            session_resume(d->session[i], v.name[i], v.next_seq[i] ? v.next_seq[i] : 1,
                           v.next_ref[i]);
    }
    d->recovering = 0;
    d->markouts_done = d->markouts; /* their moments have passed */
    d->seen->kill.release = v.releases;
    d->status->own_live = table_live(d->table);
    d->status->own_unknown = table_unknown(d->table);
    if (rc == 0 && d->journal) {
        struct pn_journal_record r = {
            .kind = PN_JR_START, .slot = UINT16_MAX, .u = {0, 0, d->next_id}};
        desk_record(d, &r);
        if (journal_append_config(d->journal, d->cfg) != 0)
            d->status->journal_failed = 1;
    }
    return rc;
}
