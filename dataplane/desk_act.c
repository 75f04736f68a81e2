/*
 * desk_act.c - a decision of the quoter, a request or the ladder becomes an order: gate, table,
 * journal, bytes, in this order, so that whatever moment a crash comes at, the journal knows of
 * every order whose bytes may have left.
 */
#include "desk_internal.h"

#include <errno.h>

#include "feed/instruments.h"

static int has_room(const struct desk *d, uint32_t session)
{
    const uint8_t *bytes;
    const struct session *s = d->session[session];
    return s && session_next_ref(s) &&
           session_pending(s, &bytes) < SESSION_OUT_BYTES - DESK_OUT_SPARE;
}

/* Chains what leaves into the digest of all order bytes. */
static void digest_bytes(struct desk *d, uint32_t session, uint32_t before)
{
    const uint8_t *bytes;
    uint32_t n = session_pending(d->session[session], &bytes);
    uint64_t h = d->status->digest;
    for (; before + 8 < n; before += 8)
        h = (h ^ load_u64_le(bytes + before)) * 0x9e3779b97f4a7c15ull;
    /* The last eight: a frame is longer than that, so they are all its own. */
    h = (h ^ load_u64_le(bytes + n - 8)) * 0x9e3779b97f4a7c15ull;
    d->status->digest = h ^ h >> 29;
}

static uint32_t pending(const struct desk *d, uint32_t session)
{
    const uint8_t *bytes;
    return session_pending(d->session[session], &bytes);
}

/* Journaled, so that a replay refuses at the same place. */
static uint32_t refuse(struct desk *d, const struct gate_order *o, uint32_t why)
{
    struct pn_journal_record r = {
        .kind = PN_JR_REFUSED,
        .side = o->side,
        .slot = (uint16_t)o->slot,
        .qty = o->qty,
        .ref = why,
        .u = {(uint64_t)o->px},
    };
    desk_record(d, &r);
    d->slot[o->slot].quiet_ns = d->now_ns + DESK_RETRY_NS;
    return why;
}

static void record_order(struct desk *d, uint8_t kind, const struct pn_own_order *o,
                         uint64_t prev_id)
{
    struct pn_journal_record r = {
        .kind = kind,
        .side = o->side,
        .slot = (uint16_t)o->slot,
        .qty = o->qty,
        .ref = o->user_ref,
        .u = {o->id, (uint64_t)o->px,
              kind == PN_JR_REPLACE ? prev_id
                                    : (uint64_t)o->tif | (uint64_t)o->flags << 8 |
                                          (uint64_t)o->layer << 16 | (o->token & 0xffffffff) << 32},
    };
    desk_record(d, &r);
}

uint32_t desk_send_new(struct desk *d, const struct gate_order *o, uint32_t layer, uint64_t token)
{
    uint32_t session = d->cfg->instrument[o->slot].session;
    uint64_t since = desk_time(d);
    if (PN_UNLIKELY(d->status->journal_failed)) {
        d->gate_status->refused[PN_G_JOURNAL]++;
        return PN_G_JOURNAL;
    }
    if (PN_UNLIKELY(!has_room(d, session)))
        return refuse(d, o, PN_G_SESSION_DOWN);
    uint32_t why = gate_check(d->gate, o, d->now_ns);
    desk_timed(d, PN_TS_GATE, since);
    if (PN_UNLIKELY(why))
        return refuse(d, o, why);
    since = desk_time(d);
    uint32_t place = table_new(d->table, o, session_next_ref(d->session[session]), d->next_id,
                               layer, token, d->now_ns);
    if (PN_UNLIKELY(!place)) {
        gate_release(d->gate, o->slot, o->side, o->px, o->qty);
        d->gate_status->refused[PN_G_TABLE_FULL]++;
        return refuse(d, o, PN_G_TABLE_FULL);
    }
    d->next_id++;
    const struct pn_own_order *own = table_at(d->table, place);
    record_order(d, PN_JR_ORDER, own, 0);
    desk_timed(d, PN_TS_ORDER, since);
    since = desk_time(d);
    uint32_t before = pending(d, session);
    session_new(d->session[session], o->slot, own, d->now_ns);
    digest_bytes(d, session, before);
    desk_timed(d, PN_TS_ENCODE, since);
    d->status->orders_new++;
    d->status->own_live = table_live(d->table);
    return 0;
}

uint32_t desk_send_replace(struct desk *d, uint32_t place, int64_t px, uint32_t qty)
{
    struct pn_own_order *old = table_at(d->table, place);
    uint32_t session = old->session;
    struct gate_order o = {
        .slot = old->slot,
        .side = old->side,
        .tif = old->tif,
        .flags = old->flags,
        .px = px,
        .qty = qty,
        .old_leaves = old->leaves,
        .old_px = old->px,
    };
    if (PN_UNLIKELY(d->status->journal_failed)) {
        d->gate_status->refused[PN_G_JOURNAL]++;
        return PN_G_JOURNAL;
    }
    if (PN_UNLIKELY(!has_room(d, session)))
        return refuse(d, &o, PN_G_SESSION_DOWN);
    uint64_t since = desk_time(d);
    uint32_t why = gate_check(d->gate, &o, d->now_ns);
    desk_timed(d, PN_TS_GATE, since);
    if (PN_UNLIKELY(why))
        return refuse(d, &o, why);
    uint64_t prev_id = old->id;
    uint32_t next = table_replace(d->table, place, &o, session_next_ref(d->session[session]),
                                  d->next_id, d->now_ns);
    if (PN_UNLIKELY(!next)) {
        gate_release(d->gate, o.slot, o.side, o.px, o.qty);
        d->gate_status->refused[PN_G_TABLE_FULL]++;
        return refuse(d, &o, PN_G_TABLE_FULL);
    }
    d->next_id++;
    const struct pn_own_order *own = table_at(d->table, next);
    record_order(d, PN_JR_REPLACE, own, prev_id);
    since = desk_time(d);
    uint32_t before = pending(d, session);
    session_replace(d->session[session], o.slot, table_at(d->table, place), own,
                    table_chain_filled(d->table, place), d->now_ns);
    digest_bytes(d, session, before);
    desk_timed(d, PN_TS_ENCODE, since);
    d->status->orders_replace++;
    return 0;
}

int desk_send_cancel(struct desk *d, uint32_t place)
{
    struct pn_own_order *o = table_at(d->table, place);
    uint32_t session = o->session;
    /* Only for want of room in the peer's way: it is tried again at the next look. */
    if (!d->session[session] || !session_next_ref(d->session[session]) ||
        pending(d, session) > SESSION_OUT_BYTES - DESK_OUT_SPARE / 2)
        return -ENOTCONN;
    int rc = table_cancel(d->table, place, d->now_ns);
    if (rc != 0)
        return rc;
    gate_cancel(d->gate, o->slot, d->now_ns);
    struct pn_journal_record r = {
        .kind = PN_JR_CANCEL,
        .side = o->side,
        .slot = (uint16_t)o->slot,
        .ref = o->user_ref,
        .u = {o->id},
    };
    desk_record(d, &r);
    uint32_t before = pending(d, session);
    session_cancel(d->session[session], o, d->now_ns);
    digest_bytes(d, session, before);
    d->status->orders_cancel++;
    return 0;
}

void desk_cancel_slot(struct desk *d, uint32_t slot)
{
    uint32_t place[PN_WORKING_MAX], n = table_working(d->table, slot, place, PN_WORKING_MAX);
    for (uint32_t i = 0; i < n; i++)
        (void)desk_send_cancel(d, place[i]);
}

/* Closes a position with an order that trades at once or not at all. */
void desk_flatten(struct desk *d, uint32_t slot)
{
    struct desk_slot *s = &d->slot[slot];
    const struct pn_signals *sig = &d->signals.slot[slot];
    int64_t held = d->position[slot].qty;
    if (!held || d->now_ns < s->flatten_ns || !sig->valid)
        return;
    uint64_t most = d->seen->limits[slot].max_qty, qty = (uint64_t)(held < 0 ? -held : held);
    struct gate_order o = {
        .slot = slot,
        .side = held > 0 ? PN_ASK : PN_BID,
        .tif = PN_TIF_IOC,
        .flags = PN_OF_FLATTEN,
        .px = held > 0 ? sig->bid_px : sig->ask_px,
        .qty = (uint32_t)(qty < most ? qty : most),
    };
    s->flatten_ns = d->now_ns + DESK_FLATTEN_NS;
    if (o.qty)
        (void)desk_send_new(d, &o, 255, 0);
}

/* What rests of a slot, by side and layer, as the quoter wants it; places without a layer of its
 * own into extra. */
static uint32_t resting(struct desk *d, uint32_t slot, struct quote_input *in, uint32_t *extra)
{
    uint32_t place[PN_WORKING_MAX], n = table_working(d->table, slot, place, PN_WORKING_MAX);
    uint32_t extras = 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct pn_own_order *o = table_at(d->table, place[i]);
        if (o->layer >= PN_LAYERS_MAX)
            continue;
        struct quote_rest *r = &in->rest[o->side][o->layer];
        if (r->place) {
            /* A replace under way: its successor stands for both. Else one too many. */
            if (o->state == PN_ORDER_LIVE && table_at(d->table, r->place)->state == PN_ORDER_LIVE)
                extra[extras++] = place[i];
            r->busy = 1;
            continue;
        }
        *r = (struct quote_rest){
            .place = place[i],
            .leaves = o->leaves,
            .px = o->px,
            .since_ns = o->sent_ns,
            .ahead = o->ahead,
            .busy = o->state != PN_ORDER_LIVE,
        };
    }
    return extras;
}

static int is_blocked(const struct desk *d, uint32_t slot, const struct pn_top *top)
{
    return !d->signals.slot[slot].valid || top->state != PN_BOOK_VALID || top->transition ||
           top->trading != PN_TRADING_OPEN || d->lost || d->winding || d->status->journal_failed ||
           gate_is_held(d->gate, slot);
}

/* The ladder's rungs beyond what the quoter sees to. */
static void climb(struct desk *d, uint32_t slot, uint32_t level)
{
    uint32_t session = d->cfg->instrument[slot].session;
    uint32_t working = table_slot_live(d->table, slot);
    if (level >= PN_KILL_CANCEL && working)
        desk_cancel_slot(d, slot);
    if (level == PN_KILL_FLATTEN && !working)
        desk_flatten(d, slot);
    if (level < PN_KILL_DISCONNECT || !d->session[session])
        return;
    if (!d->logout_ns[session])
        d->logout_ns[session] = d->now_ns;
    if ((!table_live(d->table) || d->now_ns - d->logout_ns[session] >= DESK_LOGOUT_NS) &&
        d->session_status[session].state == PN_SS_UP)
        session_logout(d->session[session], d->now_ns);
}

static void act(struct desk *d, uint32_t slot, const struct quote_action *a)
{
    struct desk_slot *s = &d->slot[slot];
    if (a->kind == QUOTE_CANCEL) {
        (void)desk_send_cancel(d, a->place);
    } else if (d->now_ns < s->quiet_ns) {
        return;
    } else if (a->kind == QUOTE_REPLACE) {
        if (desk_send_replace(d, a->place, a->px, a->qty))
            (void)desk_send_cancel(d, a->place); /* what may not move must not stay wrong */
    } else {
        struct gate_order o = {
            .slot = slot,
            .side = a->side,
            .tif = PN_TIF_DAY,
            .flags = s->params.post_only ? PN_OF_POST_ONLY : 0,
            .px = a->px,
            .qty = a->qty,
        };
        (void)desk_send_new(d, &o, a->layer, 0);
    }
}

void desk_decide(struct desk *d, uint32_t slot)
{
    struct desk_slot *s = &d->slot[slot];
    struct quote_action action[QUOTE_ACTIONS_MAX];
    uint32_t extra[PN_WORKING_MAX];
    struct pn_top top;
    s->look_ns = d->now_ns + DESK_LOOK_NS;
    if (!desk_top(d, slot, &top))
        return;
    uint64_t since = desk_time(d);
    /* As old as the newest thing heard from the feed: a silent feed makes a stale reference. */
    gate_reference(d->gate, slot, &top, d->p->counters->last_ns);
    uint32_t level = gate_level(d->gate, slot);
    if (PN_UNLIKELY(level >= PN_KILL_CANCEL)) {
        climb(d, slot, level);
        return;
    }
    struct quote_input in;
    memset(in.rest, 0, sizeof in.rest);
    in.traded = &d->cfg->instrument[slot];
    in.params = &s->params;
    in.signals = &d->signals.slot[slot];
    in.position = d->position[slot].qty;
    in.kill = level;
    in.blocked = (uint32_t)is_blocked(d, slot, &top);
    in.now_ns = d->now_ns;
    uint32_t extras = 0;
    if (table_slot_live(d->table, slot))
        extras = resting(d, slot, &in, extra);
    else if (in.blocked || !s->params_ok || !s->params.sides)
        return;
    if (s->deep && s->late == 1) {
        s->late = 2;
        signals_on_book(&d->signals, slot, &d->p->books, s->instrument);
    }
    uint32_t n = s->params_ok ? quoter_decide(&in, action) : 0;
    d->status->decisions++;
    desk_timed(d, PN_TS_QUOTE, since);
    for (uint32_t i = 0; i < extras; i++)
        (void)desk_send_cancel(d, extra[i]);
    for (uint32_t i = 0; i < n; i++)
        act(d, slot, &action[i]);
    if (n | extras)
        desk_publish(d, slot);
}
