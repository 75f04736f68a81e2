/*
 * desk_reply.c - what venues say: recorded first, then applied to orders, positions and limits.
 */
#include "desk_internal.h"
#include "shm/seqlock.h"

static void ring_fill(struct desk *d, const struct pn_fill *fill)
{
    struct pn_fill *to = &d->fill[d->fills & (PN_FILLS_RING - 1)];
    /* Readers see number 0 while a place is written over. */
    __atomic_store_n(&to->number, 0, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    uint64_t number = ++d->fills;
    *to = *fill;
    to->number = 0;
    __atomic_store_n(&to->number, number, __ATOMIC_RELEASE);
}

static void record_fill(struct desk *d, const struct pn_fill *f)
{
    struct pn_journal_record r = {
        .kind = PN_JR_FILL,
        .side = f->side,
        .slot = (uint16_t)f->slot,
        .qty = f->qty,
        .ref = (uint32_t)f->broken | (uint32_t)f->maker << 1 | (uint32_t)f->liquidity << 8,
        .u = {f->order, (uint64_t)f->px, f->match},
    };
    desk_record(d, &r);
    struct pn_journal_record fee = {
        .kind = PN_JR_FEE,
        .slot = (uint16_t)f->slot,
        .u = {(uint64_t)f->fee, (uint64_t)f->mid_q8, (uint64_t)f->position},
    };
    desk_record(d, &fee);
}

static void plan_markouts(struct desk *d, const struct pn_fill *f)
{
    for (uint32_t i = 0; i < PN_MARKOUTS && d->cfg->markout_ns[i]; i++) {
        if (d->markouts - d->markouts_done == DESK_MARKOUTS) {
            d->status->markouts_lost++;
            return;
        }
        /* Kept in order of time: horizons differ, so a new one may belong further to the front. */
        uint64_t due = d->now_ns + d->cfg->markout_ns[i], at = d->markouts++;
        for (; at != d->markouts_done; at--) {
            struct desk_markout *before = &d->markout[(at - 1) & (DESK_MARKOUTS - 1)];
            if (before->due_ns <= due)
                break;
            d->markout[at & (DESK_MARKOUTS - 1)] = *before;
        }
        d->markout[at & (DESK_MARKOUTS - 1)] = (struct desk_markout){
            .due_ns = due,
            .match = f->match,
            .horizon_ns = d->cfg->markout_ns[i],
            .slot = f->slot,
        };
    }
}

/* Position at the present book, and the loss limits that hang on it. */
void desk_value(struct desk *d, uint32_t slot)
{
    const struct pn_signals *s = &d->signals.slot[slot];
    d->slot[slot].value_ns = d->now_ns + DESK_VALUE_NS;
    if (s->bid_size && s->ask_size)
        ledger_mark(d->ledger, slot, s->bid_px, s->ask_px);
    if (gate_marked(d->gate, slot, d->now_ns))
        desk_control_latched(d);
}

static void book_fill(struct desk *d, const struct table_effect *e, const struct pn_reply *r)
{
    const struct pn_own_order *o = table_at(d->table, e->place);
    struct pn_fill f = {
        .order = o->id,
        .match = e->match,
        .ts_ns = d->now_ns,
        .px = e->px,
        .mid_q8 = d->signals.slot[e->slot].mid_q8,
        .qty = e->filled,
        .slot = e->slot,
        .side = o->side,
        .maker = r->maker,
        .liquidity = r->liquidity,
        .token = o->token,
    };
    if (ledger_fill(d->ledger, &f) != 0)
        return; /* had before, or beyond all bounds: the table has counted it */
    record_fill(d, &f);
    ring_fill(d, &f);
    plan_markouts(d, &f);
    d->status->fills++;
    uint32_t latched = gate_filled(d->gate, e->slot, d->now_ns);
    desk_value(d, e->slot);
    if (latched)
        desk_control_latched(d);
}

static void break_fill(struct desk *d, const struct table_effect *e)
{
    struct pn_fill f = {0};
    if (ledger_break(d->ledger, e->slot, e->match, d->now_ns, &f) != 0)
        return;
    f.broken = 1;
    record_fill(d, &f);
    ring_fill(d, &f);
    (void)gate_filled(d->gate, e->slot, d->now_ns);
    desk_value(d, e->slot);
}

void desk_publish(struct desk *d, uint32_t slot)
{
    struct pn_position *p = &d->position[slot];
    seqlock_begin(&p->seq);
    for (uint32_t side = 0; side < 2; side++)
        gate_working(d->gate, slot, side, &p->working_qty[side], &p->working_value[side]);
    seqlock_end(&p->seq);
}

void desk_effect(struct desk *d, const struct table_effect *e, const struct pn_reply *r)
{
    if (e->surprise)
        d->status->surprises++;
    if (!e->place)
        return;
    if (e->filled && !e->duplicate)
        book_fill(d, e, r);
    if (e->broken)
        break_fill(d, e);
    desk_publish(d, e->slot);
    desk_dirty(d, e->slot);
}

void desk_reply(struct desk *d, const struct pn_reply *r)
{
    struct table_effect e = {0};
    desk_record_blob(d, PN_JR_REPLY, r->kind, UINT16_MAX, r, sizeof *r);
    d->status->replies++;
    if (r->kind == PN_RE_NEXT_REF) {
        struct pn_reply none = {0};
        uint32_t n =
            table_reconcile(d->table, r->session, r->user_ref, d->now_ns, d->effect, DESK_EFFECTS);
        for (uint32_t i = 0; i < n; i++)
            desk_effect(d, &d->effect[i], &none);
    } else {
        table_reply(d->table, r, d->now_ns, &e);
        desk_effect(d, &e, r);
        if (e.place && (r->kind == PN_RE_ACCEPTED || r->kind == PN_RE_REPLACED)) {
            const struct pn_own_order *o = table_at(d->table, e.place);
            histogram_record(&d->times[PN_TS_ACK], d->now_ns - o->sent_ns);
        }
    }
    d->status->own_live = table_live(d->table);
    d->status->own_unknown = table_unknown(d->table);
}

/* A session has changed its state: recorded, and orders and gate are told. */
void desk_session_news(struct desk *d, uint32_t session)
{
    const struct pn_session_status *s = &d->session_status[session];
    if (s->state == d->session_state[session])
        return;
    uint32_t before = d->session_state[session];
    d->session_state[session] = s->state;
    struct pn_journal_record r = {
        .kind = PN_JR_SESSION,
        .side = (uint8_t)session,
        .slot = UINT16_MAX,
        .qty = s->next_ref,
        .u = {s->state, s->next_seq},
    };
    memcpy(&r.u[2], s->session, sizeof r.u[2]);
    memcpy(&r.ref, s->session + sizeof r.u[2], sizeof r.ref);
    desk_record(d, &r);
    gate_session(d->gate, session, s->state == PN_SS_UP);
    if (before == PN_SS_UP || before == PN_SS_RECOVER)
        table_session_lost(d->table, session, d->now_ns);
    d->status->own_unknown = table_unknown(d->table);
    desk_dirty_all(d);
}

int desk_receive(struct desk *d, uint32_t session, const uint8_t *bytes, uint32_t n,
                 uint64_t now_ns)
{
    struct pn_reply reply[DESK_REPLIES];
    d->now_ns = now_ns;
    if (d->journal)
        journal_at(d->journal, now_ns, d->p->counters->messages);
    for (int more = 1; more;) {
        uint32_t used = 0;
        int count =
            session_receive(d->session[session], bytes, n, now_ns, &used, reply, DESK_REPLIES);
        if (count < 0)
            return count;
        for (int i = 0; i < count; i++)
            desk_reply(d, &reply[i]);
        desk_session_news(d, session);
        bytes += used;
        n -= used;
        more = n || count == DESK_REPLIES;
    }
    return 0;
}
