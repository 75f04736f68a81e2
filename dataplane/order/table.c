/* table.c - see table.h: memory, what we ask for, and finding orders. */
#include "order/table.h"

#include <errno.h>
#include <stdlib.h>

#include "order/table_state.h"

PN_HOT uint32_t *ref_bucket(const struct table *t, uint32_t session, uint32_t user_ref)
{
    return &t->by_ref[(user_ref + session * t->session_step) & t->hash_mask];
}

PN_HOT uint32_t *id_bucket(const struct table *t, uint64_t id)
{
    return &t->by_id[(uint32_t)id & t->hash_mask];
}

int table_open(struct table **out, struct pn_own_order *slot, uint32_t cap,
               const struct pn_trade_config *cfg, struct gate *g, struct error *e)
{
    *out = NULL;
    if (cap < 2 || cap > TABLE_ORDERS_MAX)
        return error_set(e, -EINVAL, "order table: %u orders; use 2 to %d", cap, TABLE_ORDERS_MAX);
    if (cfg->traded > PN_TRADED_MAX)
        return error_set(e, -EINVAL, "order table: %u traded instruments; at most %d", cfg->traded,
                         PN_TRADED_MAX);
    struct table *t = calloc(1, sizeof *t);
    uint32_t buckets = (uint32_t)round_pow2((uint64_t)cap * 2);
    if (t) {
        t->link = calloc(cap, sizeof *t->link);
        t->by_ref = calloc(buckets, sizeof *t->by_ref);
        t->by_id = calloc(buckets, sizeof *t->by_id);
    }
    if (!t || !t->link || !t->by_ref || !t->by_id) {
        table_close(t);
        return error_set(e, -ENOMEM, "no memory for %u orders", cap);
    }
    memset(slot, 0, cap * sizeof *slot);
    t->order = slot;
    t->cap = cap;
    t->fresh = 1;
    t->hash_mask = buckets - 1;
    t->session_step = buckets / PN_SESSIONS_MAX;
    t->cfg = cfg;
    t->gate = g;
    *out = t;
    return 0;
}

void table_close(struct table *t)
{
    if (!t)
        return;
    free(t->link);
    free(t->by_ref);
    free(t->by_id);
    free(t);
}

static void link_in(struct table *t, uint32_t place)
{
    const struct pn_own_order *o = &t->order[place];
    struct table_link *l = &t->link[place];
    uint32_t *ref = ref_bucket(t, o->session, o->user_ref), *id = id_bucket(t, o->id);
    l->ref_after = *ref;
    *ref = place;
    l->id_after = *id;
    *id = place;
}

/* Out of both chains; it is in them. */
static void link_out(struct table *t, uint32_t place)
{
    const struct pn_own_order *o = &t->order[place];
    uint32_t *at = ref_bucket(t, o->session, o->user_ref);
    while (*at != place)
        at = &t->link[*at].ref_after;
    *at = t->link[place].ref_after;
    at = id_bucket(t, o->id);
    while (*at != place)
        at = &t->link[*at].id_after;
    *at = t->link[place].id_after;
}

/* A place for a new order: never used, or that of the order done longest ago; 0 = none. */
static uint32_t take_place(struct table *t)
{
    uint32_t place = t->done_first;
    if (t->fresh < t->cap)
        return t->fresh++;
    if (PN_UNLIKELY(!place))
        return 0;
    link_out(t, place);
    t->done_first = t->link[place].after;
    *(t->done_first ? &t->link[t->done_first].before : &t->done_last) = 0;
    /* The next one will be wanted soon, and has not been touched for long. */
    __builtin_prefetch(&t->order[t->done_first], 1);
    __builtin_prefetch((char *)&t->order[t->done_first] + 64, 1);
    __builtin_prefetch(&t->link[t->done_first], 1);
    return place;
}

static uint32_t add(struct table *t, const struct gate_order *o, uint32_t user_ref, uint64_t id,
                    uint64_t now_ns)
{
    if (PN_UNLIKELY(o->slot >= t->cfg->traded || t->slot[o->slot].count >= PN_WORKING_MAX))
        return 0;
    uint32_t place = take_place(t);
    if (PN_UNLIKELY(!place))
        return 0;
    struct pn_own_order *n = &t->order[place];
    *n = (struct pn_own_order){
        .id = id,
        .user_ref = user_ref,
        .slot = o->slot,
        .px = o->px,
        .qty = o->qty,
        .leaves = o->qty,
        .state = PN_ORDER_SENT,
        .side = o->side,
        .tif = o->tif,
        .flags = o->flags,
        .session = (uint8_t)t->cfg->instrument[o->slot].session,
        .sent_ns = now_ns,
        .asked_ns = now_ns,
    };
    t->link[place].liable = 0;
    t->link[place].flags = 0;
    link_in(t, place);
    table_work_in(t, place);
    table_wait(t, place);
    return place;
}

uint32_t table_new(struct table *t, const struct gate_order *o, uint32_t user_ref, uint64_t id,
                   uint32_t layer, uint64_t token, uint64_t now_ns)
{
    uint32_t place = add(t, o, user_ref, id, now_ns);
    if (PN_UNLIKELY(!place))
        return 0;
    t->order[place].layer = (uint8_t)layer;
    t->order[place].token = token;
    return place;
}

uint32_t table_replace(struct table *t, uint32_t place, const struct gate_order *o,
                       uint32_t user_ref, uint64_t id, uint64_t now_ns)
{
    struct pn_own_order *old = table_at(t, place);
    if (PN_UNLIKELY(!old || old->state != PN_ORDER_LIVE || o->slot != old->slot ||
                    o->side != old->side))
        return 0;
    uint32_t next = add(t, o, user_ref, id, now_ns);
    if (PN_UNLIKELY(!next))
        return 0;
    struct pn_own_order *n = &t->order[next];
    n->layer = old->layer;
    n->token = old->token;
    n->prev_id = old->id;
    t->link[next].liable = t->link[place].liable;
    old->next_id = next + 1;
    old->asked_ns = now_ns;
    t->link[place].flags |= TF_REPLACE;
    table_step(t, place, EV_ASK_REPLACE);
    table_wait(t, place);
    return next;
}

int table_cancel(struct table *t, uint32_t place, uint64_t now_ns)
{
    struct pn_own_order *o = table_at(t, place);
    if (!o || t->link[place].flags & TF_CANCEL ||
        table_step(t, place, EV_ASK_CANCEL) == NEXT_REFUSE)
        return -EALREADY;
    t->link[place].flags |= TF_CANCEL;
    o->asked_ns = now_ns;
    if (o->state != PN_ORDER_UNKNOWN)
        table_wait(t, place);
    return 0;
}

void table_session_lost(struct table *t, uint32_t session, uint64_t now_ns)
{
    (void)now_ns;
    for (uint32_t place = t->wait_first, after; place; place = after) {
        after = t->link[place].wait_after;
        if (t->order[place].session == session)
            table_step(t, place, EV_SILENCE);
    }
}

uint32_t table_expire(struct table *t, uint64_t timeout_ns, uint64_t now_ns)
{
    uint32_t n = 0;
    while (t->wait_first) {
        uint64_t asked = t->order[t->wait_first].asked_ns;
        if (now_ns < asked || now_ns - asked < timeout_ns)
            break;
        table_step(t, t->wait_first, EV_SILENCE);
        n++;
    }
    return n;
}

struct pn_own_order *table_at(struct table *t, uint32_t place)
{
    return place && place < t->fresh ? &t->order[place] : NULL;
}

uint32_t table_find(const struct table *t, uint32_t session, uint32_t user_ref)
{
    uint32_t place = *ref_bucket(t, session, user_ref);
    while (place && (t->order[place].user_ref != user_ref || t->order[place].session != session))
        place = t->link[place].ref_after;
    return place;
}

uint32_t table_find_id(const struct table *t, uint64_t id)
{
    uint32_t place = *id_bucket(t, id);
    while (place && t->order[place].id != id)
        place = t->link[place].id_after;
    return place;
}

uint32_t table_working(const struct table *t, uint32_t slot, uint32_t *out, uint32_t cap)
{
    uint32_t n = 0;
    if (slot >= PN_TRADED_MAX)
        return 0;
    for (uint32_t place = t->slot[slot].first; place && n < cap; place = t->link[place].after)
        out[n++] = place;
    return n;
}

uint32_t table_slot_live(const struct table *t, uint32_t slot)
{
    return t->slot[slot].count;
}

uint32_t table_live(const struct table *t)
{
    return t->live;
}

uint32_t table_unknown(const struct table *t)
{
    return t->unknown;
}

uint64_t table_surprises(const struct table *t, uint32_t kind)
{
    return kind < TABLE_SURPRISES ? t->surprises[kind] : 0;
}

uint32_t table_chain_filled(const struct table *t, uint32_t place)
{
    return place && place < t->fresh ? t->link[place].liable : 0;
}

uint32_t table_restore(struct table *t, const struct pn_own_order *o)
{
    if (o->state == PN_ORDER_FREE || o->state >= PN_ORDER_STATES || o->slot >= t->cfg->traded)
        return 0;
    struct gate_order n = {.slot = o->slot, .side = o->side & 1, .px = o->px};
    uint32_t place = add(t, &n, o->user_ref, o->id, o->sent_ns);
    if (!place)
        return 0;
    /* It comes in as sent, and is led to the state that it was in. */
    struct pn_own_order *to = &t->order[place];
    uint32_t open = o->state < PN_ORDER_FILLED ? o->leaves : 0;
    *to = *o;
    to->side = o->side & 1;
    to->session = (uint8_t)t->cfg->instrument[o->slot].session;
    to->state = PN_ORDER_SENT;
    to->leaves = 0;
    to->next_id = 0; /* places are others now */
    t->link[place].liable = o->filled;
    if (o->venue_ref || o->state != PN_ORDER_SENT)
        t->link[place].flags |= TF_ACKED;
    to->leaves += open;
    gate_adopt(t->gate, to->slot, to->side, to->px, open);
    table_lead(t, place, o->state);
    return place;
}
