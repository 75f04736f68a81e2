/*
 * desk_control.c - the control plane's words. The segment is another process's: what changed is
 * copied whole, checked, recorded, and only then acted on; the gate reads the copy. A writer that
 * never lets go of a record leaves the last good one in force.
 */
#include "desk_internal.h"

#include "shm/seqlock.h"

/* Which limits a LIMITS record is a piece of (its side). */
enum { LIMITS_SLOT = 0, LIMITS_FIRM = 1, LIMITS_ACCOUNT = 2, LIMITS_STRATEGY = 3, LIMITS_RATE = 4 };

enum { COPY_TRIES = 100 };

/*
 * Copies a record that begins with its sequence if it is another than the one had. 1 when new, 0
 * when the same, or when it would not hold still: then it is looked at again next time.
 */
static int take(void *had, const void *now, uint32_t bytes, uint8_t *copy)
{
    const uint32_t *seq = now;
    if (__atomic_load_n(seq, __ATOMIC_ACQUIRE) == *(const uint32_t *)had)
        return 0;
    for (uint32_t i = 0; i < COPY_TRIES; i++) {
        uint32_t before = seqlock_read(seq);
        if (before & 1)
            continue;
        memcpy(copy, now, bytes);
        if (seqlock_retry(seq, before))
            continue;
        memcpy(copy, &before, sizeof before);
        return 1;
    }
    return 0;
}

static void take_limits(struct desk *d, void *had, const void *now, uint32_t bytes, uint8_t which,
                        uint32_t index)
{
    uint8_t copy[256];
    if (!take(had, now, bytes, copy))
        return;
    if (memcmp((uint8_t *)had + 4, copy + 4, bytes - 4) != 0)
        desk_record_blob(d, PN_JR_LIMITS, which, index, copy, bytes);
    memcpy(had, copy, bytes);
}

void desk_set_params(struct desk *d, uint32_t slot, const struct pn_quote_params *now)
{
    struct desk_slot *s = &d->slot[slot];
    char why[128];
    if (quoter_check(now, &d->cfg->instrument[slot], why, sizeof why) != 0) {
        /* Wrong parameters do not quote: both sides off until right ones come. */
        s->params.sides = 0;
        d->status->bad_params++;
    } else {
        s->params = *now;
        s->params_ok = 1;
        s->deep = (now->imbalance_q8[0] | now->imbalance_q8[1] | now->imbalance_q8[2]) != 0;
    }
    s->quiet_ns = 0;
    desk_dirty(d, slot);
}

static void take_params(struct desk *d, uint32_t slot)
{
    struct pn_quote_params *had = &d->seen->params[slot], now;
    if (!take(had, &d->control->params[slot], sizeof now, (uint8_t *)&now))
        return;
    int other = memcmp(&had->sides, &now.sides, sizeof now - 4) != 0;
    *had = now;
    if (!other && d->slot[slot].params_ok)
        return;
    desk_record_blob(d, PN_JR_PARAMS, 0, slot, &now, sizeof now);
    desk_set_params(d, slot, &now);
}

static void take_word(struct desk *d, uint64_t *had, const uint64_t *now, uint32_t scope,
                      uint32_t index)
{
    uint64_t word = __atomic_load_n(now, __ATOMIC_ACQUIRE);
    if (word == *had)
        return;
    *had = word;
    struct pn_journal_record r = {
        .kind = PN_JR_KILL,
        .side = (uint8_t)scope,
        .slot = (uint16_t)index,
        .u = {word, scope, PN_BY_OPERATOR},
    };
    desk_record(d, &r);
}

static void take_ladder(struct desk *d)
{
    const struct pn_kill_words *now = &d->control->kill;
    struct pn_kill_words *had = &d->seen->kill;
    /* Read first: whoever gives a release has lowered its words before. */
    uint64_t release = __atomic_load_n(&now->release, __ATOMIC_ACQUIRE);
    take_word(d, &had->firm, &now->firm, PN_SCOPE_FIRM, 0);
    for (uint32_t i = 0; i < PN_VENUES_MAX; i++)
        take_word(d, &had->venue[i], &now->venue[i], PN_SCOPE_VENUE, i);
    for (uint32_t i = 0; i < PN_STRATEGIES_MAX; i++)
        take_word(d, &had->strategy[i], &now->strategy[i], PN_SCOPE_STRATEGY, i);
    for (uint32_t i = 0; i < d->slots; i++)
        take_word(d, &had->instrument[i], &now->instrument[i], PN_SCOPE_INSTRUMENT, i);
    for (uint32_t i = 0; i < PN_ACCOUNTS_MAX; i++)
        take_word(d, &had->account[i], &now->account[i], PN_SCOPE_ACCOUNT, i);
    if (release == had->release)
        return;
    had->release = release;
    struct pn_journal_record r = {.kind = PN_JR_RELEASE, .slot = UINT16_MAX, .u = {release}};
    desk_record(d, &r);
}

static void take_heartbeat(struct desk *d)
{
    uint64_t beat = __atomic_load_n(&d->control->beat_ns, __ATOMIC_ACQUIRE);
    uint64_t lost_ns = d->control->lost_ns;
    uint32_t lost = lost_ns && d->now_ns > beat && d->now_ns - beat > lost_ns;
    if (lost == d->lost)
        return;
    d->lost = lost;
    /* The gate judges the copy: silent for ever, or not watched. */
    d->seen->beat_ns = 0;
    d->seen->lost_ns = lost;
    struct pn_journal_record r = {.kind = PN_JR_HEARTBEAT, .slot = UINT16_MAX, .u = {lost}};
    desk_record(d, &r);
    desk_dirty_all(d);
}

void desk_control_latched(struct desk *d)
{
    struct gate_latched l[16];
    uint32_t n = gate_take_latched(d->gate, l, 16);
    for (uint32_t i = 0; i < n; i++) {
        struct pn_journal_record r = {
            .kind = PN_JR_KILL,
            .side = (uint8_t)l[i].scope,
            .slot = (uint16_t)l[i].index,
            .u = {l[i].level, l[i].scope, l[i].by},
        };
        if (l[i].by != PN_BY_JOURNAL && l[i].by != PN_BY_OPERATOR)
            desk_record(d, &r);
    }
    if (n)
        desk_dirty_all(d);
}

/* The gate judges a request by the book of this moment, like a decision. */
static void see_reference(struct desk *d, uint32_t slot)
{
    struct pn_top top;
    if (desk_top(d, slot, &top))
        gate_reference(d->gate, slot, &top, d->p->counters->last_ns);
}

uint32_t desk_do_request(struct desk *d, const struct pn_order_request *q)
{
    if (q->kind == PN_REQ_CANCEL_SLOT || q->kind == PN_REQ_FLATTEN) {
        for (uint32_t i = 0; i < d->slots; i++) {
            if (q->slot != PN_NO_SLOT && q->slot != i)
                continue;
            desk_cancel_slot(d, i);
            if (q->kind == PN_REQ_FLATTEN)
                desk_flatten(d, i);
        }
        return 0;
    }
    if (q->kind == PN_REQ_NEW) {
        struct gate_order o = {
            .slot = q->slot,
            .side = q->side & 1,
            .tif = q->tif,
            .flags = PN_OF_MANUAL | (q->post_only ? PN_OF_POST_ONLY : 0),
            .px = q->px,
            .qty = q->qty,
        };
        if (q->slot >= d->slots)
            return PN_G_SLOT;
        see_reference(d, q->slot);
        return desk_send_new(d, &o, 255, q->token);
    }
    uint32_t place = table_find_id(d->table, q->order);
    if (!place)
        return PN_G_SLOT;
    if (q->kind == PN_REQ_CANCEL)
        return desk_send_cancel(d, place) ? PN_G_FIELD : 0;
    if (q->kind != PN_REQ_REPLACE || table_at(d->table, place)->state != PN_ORDER_LIVE)
        return PN_G_FIELD;
    see_reference(d, table_at(d->table, place)->slot);
    return desk_send_replace(d, place, q->px, q->qty);
}

static void take_requests(struct desk *d)
{
    uint64_t last = __atomic_load_n(&d->control->last_request, __ATOMIC_ACQUIRE);
    if (last < d->status->requests || last - d->status->requests > PN_REQUESTS)
        d->status->requests = last < PN_REQUESTS ? 0 : last - PN_REQUESTS;
    while (d->status->requests < last) {
        uint64_t number = d->status->requests + 1;
        const struct pn_order_request *at = &d->control->request[number % PN_REQUESTS];
        struct pn_order_request q = *at;
        d->status->requests = number;
        if (__atomic_load_n(&at->number, __ATOMIC_ACQUIRE) != number || q.number != number)
            continue;
        desk_record_blob(d, PN_JR_REQUEST, (uint8_t)q.kind, q.slot, &q, sizeof q);
        d->status->request_code = -(int64_t)desk_do_request(d, &q);
    }
}

void desk_refresh(struct desk *d)
{
    const struct pn_trade_control *c = d->control;
    struct pn_trade_control *had = d->seen;
    d->epoch_seen = __atomic_load_n(&c->epoch, __ATOMIC_ACQUIRE);
    d->refreshed_ns = d->now_ns;
    take_ladder(d);
    take_heartbeat(d);
    take_limits(d, &had->firm, &c->firm, sizeof c->firm, LIMITS_FIRM, 0);
    for (uint32_t i = 0; i < PN_ACCOUNTS_MAX; i++)
        take_limits(d, &had->account[i], &c->account[i], sizeof c->account[i], LIMITS_ACCOUNT, i);
    for (uint32_t i = 0; i < PN_STRATEGIES_MAX; i++)
        take_limits(d, &had->strategy[i], &c->strategy[i], sizeof c->strategy[i], LIMITS_STRATEGY,
                    i);
    for (uint32_t i = 0; i < d->cfg->sessions; i++)
        take_limits(d, &had->session[i], &c->session[i], sizeof c->session[i], LIMITS_RATE, i);
    for (uint32_t i = 0; i < d->slots; i++) {
        take_limits(d, &had->limits[i], &c->limits[i], sizeof c->limits[i], LIMITS_SLOT, i);
        take_params(d, i);
    }
    had->epoch++;
    if (gate_refresh(d->gate, had, d->now_ns) & 0xb)
        desk_dirty_all(d);
    desk_control_latched(d);
    take_requests(d);
}
