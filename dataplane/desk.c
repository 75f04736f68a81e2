/*
 * desk.c - see desk.h: the step. Control plane first, then every slot that has a reason to be
 * looked at; what time alone brings about comes after it, when the step's orders are on their way.
 */
#include "desk_internal.h"

#include "feed/instruments.h"

/* Sessions live by the clock that is handed in: heartbeats, silence, news of their state. */
static void tick_sessions(struct desk *d)
{
    for (uint32_t i = 0; i < d->cfg->sessions; i++) {
        if (!d->session[i])
            continue;
        if (session_tick(d->session[i], d->now_ns))
            d->drop[i] = 1;
        desk_session_news(d, i);
    }
}

/* Replies that are overdue: their orders are unknown from now on. */
static void expire(struct desk *d)
{
    d->expired_ns = d->now_ns;
    if (!d->timeout_ns || !table_live(d->table))
        return;
    uint32_t n = table_expire(d->table, d->timeout_ns, d->now_ns);
    if (!n)
        return;
    struct pn_journal_record r = {.kind = PN_JR_STATE, .slot = UINT16_MAX, .u = {0, 0, n}};
    desk_record(d, &r);
    d->status->own_unknown = table_unknown(d->table);
    desk_dirty_all(d);
}

/* Fills are looked at again: where is the mid now? */
static void mark_out(struct desk *d)
{
    while (d->markouts_done != d->markouts) {
        struct desk_markout *m = &d->markout[d->markouts_done & (DESK_MARKOUTS - 1)];
        if (m->due_ns > d->now_ns)
            return;
        const struct pn_signals *s = &d->signals.slot[m->slot];
        struct pn_journal_record r = {
            .kind = PN_JR_MARKOUT,
            .slot = (uint16_t)m->slot,
            .u = {m->match, (uint64_t)s->mid_q8, m->horizon_ns},
        };
        desk_record(d, &r);
        d->markouts_done++;
    }
}

/* Best own price of a side that rests, 0 = none. */
static uint32_t own_best(struct desk *d, uint32_t slot, uint32_t side)
{
    uint32_t place[PN_WORKING_MAX], n = table_working(d->table, slot, place, PN_WORKING_MAX);
    int64_t best = 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct pn_own_order *o = table_at(d->table, place[i]);
        if (o->side == side && (!best || (side == PN_BID ? o->px > best : o->px < best)))
            best = o->px;
    }
    return (uint32_t)best;
}

/* Book and position go into the journal now and then: what a report is drawn from. */
void desk_mark(struct desk *d, uint32_t slot)
{
    const struct pn_signals *s = &d->signals.slot[slot];
    struct pn_journal_record r = {
        .kind = PN_JR_MARK,
        .slot = (uint16_t)slot,
        .qty = own_best(d, slot, PN_BID),
        .ref = own_best(d, slot, PN_ASK),
        .u = {(uint64_t)(int64_t)s->bid_px, (uint64_t)(int64_t)s->ask_px,
              (uint64_t)d->position[slot].qty},
    };
    desk_record(d, &r);
}

/* Slots whose time has come, without any news of them. */
static void look_around(struct desk *d)
{
    d->looked_ns = d->now_ns;
    for (uint32_t i = 0; i < d->slots; i++) {
        struct desk_slot *s = &d->slot[i];
        if (s->instrument == UINT32_MAX)
            continue;
        if (d->now_ns >= s->look_ns)
            desk_dirty(d, i);
        if (d->position[i].qty && d->now_ns >= s->value_ns)
            desk_value(d, i);
        if (d->cfg->mark_ns && d->now_ns >= s->mark_ns && d->signals.slot[i].updates) {
            s->mark_ns = d->now_ns + d->cfg->mark_ns;
            desk_mark(d, i);
        }
    }
}

/* What time alone brings about. */
static void keep_time(struct desk *d)
{
    if (d->now_ns - d->refreshed_ns >= DESK_REFRESH_NS)
        desk_refresh(d);
    if (d->now_ns - d->expired_ns >= DESK_EXPIRE_NS) {
        expire(d);
        tick_sessions(d);
    }
    if (PN_UNLIKELY(d->markouts_done != d->markouts))
        mark_out(d);
    if (d->now_ns - d->looked_ns >= DESK_LOOK_NS)
        look_around(d);
}

static void decide(struct desk *d)
{
    for (uint32_t i = 0; i < d->dirties; i++) {
        uint32_t slot = d->dirty[i];
        d->slot[slot].dirty = 0;
        desk_decide(d, slot);
    }
    d->dirties = 0;
}

void desk_step(struct desk *d, uint64_t now_ns)
{
    d->now_ns = now_ns;
    if (d->journal)
        journal_at(d->journal, now_ns, d->p->counters->messages);
    /* Every change of the control plane's words raises the epoch. */
    if (PN_UNLIKELY(__atomic_load_n(&d->control->epoch, __ATOMIC_ACQUIRE) != d->epoch_seen))
        desk_refresh(d);
    decide(d);
}

/* Signals that no decision was waiting for. */
static void look_deeper(struct desk *d)
{
    for (uint32_t i = 0; i < d->lates; i++) {
        struct desk_slot *s = &d->slot[d->late[i]];
        if (s->late == 1 && s->instrument != INSTRUMENT_NONE)
            signals_on_book(&d->signals, d->late[i], &d->p->books, s->instrument);
        s->late = 0;
    }
    d->lates = 0;
}

void desk_tend(struct desk *d)
{
    if (d->lates)
        look_deeper(d);
    if (PN_LIKELY(d->now_ns - d->timed_ns < DESK_TIME_NS))
        return;
    d->timed_ns = d->now_ns;
    keep_time(d);
    decide(d);
}

void desk_record(struct desk *d, struct pn_journal_record *r)
{
    if (PN_UNLIKELY(d->script != NULL))
        desk_script_compare(d->script, r);
    if (!d->journal || d->recovering)
        return;
    if (PN_UNLIKELY(journal_append(d->journal, r) != 0))
        d->status->journal_failed = 1;
    d->status->journal_seq = journal_seq(d->journal);
}

void desk_record_blob(struct desk *d, uint8_t kind, uint8_t side, uint32_t slot, const void *data,
                      uint32_t bytes)
{
    if (!d->journal || d->recovering)
        return;
    if (PN_UNLIKELY(journal_append_blob(d->journal, kind, side, (uint16_t)slot, data, bytes) != 0))
        d->status->journal_failed = 1;
    d->status->journal_seq = journal_seq(d->journal);
}

void desk_connected(struct desk *d, uint32_t session, uint64_t now_ns)
{
    d->now_ns = now_ns;
    session_connected(d->session[session], now_ns);
    desk_session_news(d, session);
}

void desk_disconnected(struct desk *d, uint32_t session, uint64_t now_ns)
{
    d->now_ns = now_ns;
    if (d->journal)
        journal_at(d->journal, now_ns, d->p->counters->messages);
    session_disconnected(d->session[session], now_ns);
    desk_session_news(d, session);
}

uint32_t desk_pending(struct desk *d, uint32_t session, const uint8_t **bytes)
{
    return session_pending(d->session[session], bytes);
}

void desk_sent(struct desk *d, uint32_t session, uint32_t n)
{
    session_sent(d->session[session], n);
}

int desk_wants_drop(struct desk *d, uint32_t session)
{
    int drop = d->drop[session];
    d->drop[session] = 0;
    return drop;
}

void desk_wind_down(struct desk *d)
{
    d->winding = 1;
    desk_dirty_all(d);
}

int desk_is_quiet(const struct desk *d)
{
    return !table_live(d->table);
}
