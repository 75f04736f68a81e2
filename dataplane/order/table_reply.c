/* table_reply.c - what a venue says of an order, applied to it. */
#include "order/table_state.h"

static void surprise(struct table *t, struct table_effect *e, enum table_surprise kind)
{
    t->surprises[kind]++;
    e->surprise = kind;
}

/* A rule that was no change of state, as the effect tells it. */
static void tell(struct table *t, struct table_effect *e, enum table_next next)
{
    if (next == NEXT_AGAIN)
        e->duplicate = 1;
    else if (next == NEXT_LATE)
        surprise(t, e, TABLE_AFTER_END);
    else if (next == NEXT_CANNOT)
        surprise(t, e, TABLE_STATE);
}

/* The venue has it, whatever it says of it: then the order that it replaces is no more. */
static void acknowledge(struct table *t, uint32_t place)
{
    t->link[place].flags |= TF_ACKED;
    if (PN_LIKELY(!t->order[place].prev_id))
        return;
    uint32_t before = table_predecessor(t, place);
    if (before)
        table_step(t, before, EV_SUCCEEDED);
}

/* 1 when this order's execution of that number was had before; else it is remembered. */
static int had_match(struct table *t, uint64_t id, uint64_t match)
{
    struct table_match *m = &t->match[(match ^ id << 4) & (TABLE_MATCHES - 1)];
    if (m->match == match && m->id == id)
        return 1;
    m->match = match;
    m->id = id;
    return 0;
}

static uint32_t sum_to_max(uint32_t a, uint32_t b)
{
    return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

/* What is open, as the venue says it. */
static void set_open(struct table *t, uint32_t place, uint32_t qty, struct table_effect *e)
{
    uint32_t leaves = t->order[place].leaves;
    if (PN_LIKELY(qty == leaves))
        return;
    if (qty < leaves) {
        table_less(t, place, leaves - qty);
        return;
    }
    table_more(t, place, qty - leaves);
    surprise(t, e, TABLE_STATE);
}

static void take_terms(struct table *t, uint32_t place, const struct pn_reply *r,
                       struct table_effect *e)
{
    struct pn_own_order *o = &t->order[place];
    o->venue_ref = r->venue_ref;
    if (PN_UNLIKELY(r->px != o->px && r->px > 0))
        table_reprice(t, place, r->px);
    set_open(t, place, r->qty, e);
    if (PN_UNLIKELY(r->side != o->side))
        surprise(t, e, TABLE_STATE);
}

static void on_accepted(struct table *t, uint32_t place, const struct pn_reply *r,
                        struct table_effect *e)
{
    struct pn_own_order *o = &t->order[place];
    int over = r->dead || !r->qty;
    if (PN_UNLIKELY(t->link[place].flags & TF_ACKED)) {
        e->duplicate = 1;
        if (!o->venue_ref) /* had been told of by an execution only */
            o->venue_ref = r->venue_ref;
        return;
    }
    if (PN_UNLIKELY(order_is_done(o))) {
        surprise(t, e, TABLE_AFTER_END);
        if (over) {
            t->link[place].flags |= TF_ACKED;
            return;
        }
        table_revive(t, place, r->qty);
    }
    uint32_t state = o->state;
    /* Entered before it counts as acknowledged: the rows of new ones are about this very reply. */
    if (state != PN_ORDER_LIVE)
        tell(t, e, table_step(t, place, over ? EV_DEAD : EV_ACCEPTED));
    acknowledge(t, place);
    if (!over)
        take_terms(t, place, r, e);
    else
        o->venue_ref = r->venue_ref;
}

static void on_replaced(struct table *t, uint32_t place, const struct pn_reply *r,
                        struct table_effect *e)
{
    uint32_t old = table_find(t, r->session, r->orig_ref);
    if (place)
        on_accepted(t, place, r, e);
    else
        surprise(t, e, TABLE_NO_ORDER);
    /* By the venue's word, also where it is not the one that we meant. */
    if (old && old != place && !order_is_done(&t->order[old])) {
        surprise(t, e, e->surprise ? e->surprise : TABLE_STATE);
        table_step(t, old, EV_SUCCEEDED);
    }
}

/* What a chain has used up counts in its next order too, which may be on its way already. */
static void use_up(struct table *t, uint32_t place, uint32_t qty)
{
    t->link[place].liable = sum_to_max(t->link[place].liable, qty);
    if (PN_LIKELY(!t->order[place].next_id))
        return;
    uint32_t next = table_successor(t, place);
    if (!next)
        return;
    t->link[next].liable = sum_to_max(t->link[next].liable, qty);
    table_less(t, next, qty);
}

/* An order that was done is executed: booked; one that we took for never arrived lives. */
static int execute_done(struct table *t, uint32_t place, const struct pn_reply *r,
                        struct table_effect *e)
{
    struct pn_own_order *o = &t->order[place];
    surprise(t, e, TABLE_AFTER_END);
    if (o->state == PN_ORDER_REJECTED && !(t->link[place].flags & TF_ACKED) && o->qty > o->filled) {
        table_revive(t, place, o->qty - o->filled);
        acknowledge(t, place);
        return 0;
    }
    o->filled = sum_to_max(o->filled, r->qty);
    return 1;
}

static void on_executed(struct table *t, uint32_t place, const struct pn_reply *r,
                        struct table_effect *e)
{
    struct pn_own_order *o = &t->order[place];
    e->match = r->venue_ref;
    e->px = r->px;
    if (PN_UNLIKELY(had_match(t, o->id, r->venue_ref))) {
        e->duplicate = 1;
        return;
    }
    e->filled = r->qty;
    if (PN_UNLIKELY(order_is_done(o)) && execute_done(t, place, r, e))
        return;
    if (PN_UNLIKELY(!(t->link[place].flags & TF_ACKED)))
        acknowledge(t, place);
    if (PN_UNLIKELY(r->qty > o->leaves))
        surprise(t, e, TABLE_OVERFILL);
    o->filled = sum_to_max(o->filled, r->qty);
    table_less(t, place, r->qty);
    use_up(t, place, r->qty);
    tell(t, e, table_step(t, place, o->leaves ? EV_FILL_PART : EV_FILL_ALL));
}

static void on_cancelled(struct table *t, uint32_t place, const struct pn_reply *r,
                         struct table_effect *e)
{
    struct pn_own_order *o = &t->order[place];
    if (PN_UNLIKELY(order_is_done(o))) {
        tell(t, e, table_step(t, place, EV_CUT_ALL));
        return;
    }
    if (PN_UNLIKELY(!(t->link[place].flags & TF_ACKED)))
        acknowledge(t, place);
    if (PN_UNLIKELY(r->qty > o->leaves))
        surprise(t, e, TABLE_STATE);
    table_less(t, place, r->qty);
    if (r->reason == 'Q' && o->leaves)
        use_up(t, place, r->qty); /* self-match prevention: the chain is liable for it */
    if (!o->leaves)
        o->reason = r->reason;
    table_step(t, place, o->leaves ? EV_CUT_PART : EV_CUT_ALL);
}

static void on_rejected(struct table *t, uint32_t place, const struct pn_reply *r,
                        struct table_effect *e)
{
    enum table_next next = table_step(t, place, EV_REJECTED);
    tell(t, e, next);
    if (t->order[place].state == PN_ORDER_REJECTED && next < NEXT_AGAIN)
        t->order[place].reason = r->reason;
}

static void on_cancel_pending(struct table *t, uint32_t place, struct table_effect *e)
{
    enum table_next next = table_step(t, place, EV_CANCEL_PENDING);
    tell(t, e, next);
    if (next >= NEXT_AGAIN || order_is_done(&t->order[place]))
        return;
    if (!(t->link[place].flags & TF_ACKED))
        acknowledge(t, place);
    table_wait_out(t, place); /* it has been answered; when it will be done is not known */
}

static void on_absent(struct table *t, uint32_t place, struct table_effect *e)
{
    int acked = t->link[place].flags & TF_ACKED;
    if (acked && !order_is_done(&t->order[place]))
        surprise(t, e, TABLE_STATE);
    table_step(t, place, EV_GONE);
}

static void on_modified(struct table *t, uint32_t place, const struct pn_reply *r,
                        struct table_effect *e)
{
    struct pn_own_order *o = &t->order[place];
    if (order_is_done(o)) {
        surprise(t, e, TABLE_STATE);
        return;
    }
    if (r->kind == PN_RE_RESTATED) {
        if (r->venue_ref)
            o->venue_ref = r->venue_ref;
        if (r->px > 0 && r->px != o->px)
            table_reprice(t, place, r->px);
        return;
    }
    set_open(t, place, r->qty, e);
    if (!r->qty)
        table_step(t, place, EV_CUT_ALL);
}

static void on_reply(struct table *t, uint32_t place, const struct pn_reply *r,
                     struct table_effect *e)
{
    switch (r->kind) {
    case PN_RE_ACCEPTED:
        on_accepted(t, place, r, e);
        return;
    case PN_RE_REPLACED:
        on_replaced(t, place, r, e);
        return;
    case PN_RE_EXECUTED:
        on_executed(t, place, r, e);
        return;
    case PN_RE_CANCELLED:
        on_cancelled(t, place, r, e);
        return;
    case PN_RE_REJECTED:
        on_rejected(t, place, r, e);
        return;
    case PN_RE_CANCEL_REJECTED:
        tell(t, e, table_step(t, place, EV_CANCEL_REJECTED));
        return;
    case PN_RE_CANCEL_PENDING:
        on_cancel_pending(t, place, e);
        return;
    case PN_RE_BROKEN:
        e->broken = 1;
        e->match = r->venue_ref;
        return;
    case PN_RE_MODIFIED:
    case PN_RE_RESTATED:
        on_modified(t, place, r, e);
        return;
    default:
        on_absent(t, place, e);
        return;
    }
}

void table_reply(struct table *t, const struct pn_reply *r, uint64_t now_ns,
                 struct table_effect *out)
{
    memset(out, 0, sizeof *out);
    if (r->kind == PN_RE_NONE || r->kind >= PN_RE_KINDS || r->kind == PN_RE_NEXT_REF ||
        r->kind == PN_RE_SYSTEM)
        return;
    t->held_change = 0;
    uint32_t place = table_find(t, r->session, r->user_ref);
    if (PN_UNLIKELY(!place)) {
        if (r->kind == PN_RE_REPLACED)
            on_replaced(t, 0, r, out);
        else
            surprise(t, out, TABLE_NO_ORDER);
        out->held = t->held_change;
        return;
    }
    struct pn_own_order *o = &t->order[place];
    int was_done = order_is_done(o);
    out->place = place;
    out->slot = o->slot;
    o->reply_ns = now_ns;
    on_reply(t, place, r, out);
    out->done = !was_done && order_is_done(o);
    out->held = t->held_change;
}

/* One order that is not done, when the venue has told its next number. */
static int settle(struct table *t, uint32_t place, uint32_t next_ref, struct table_effect *e)
{
    struct pn_own_order *o = &t->order[place];
    int acked = t->link[place].flags & TF_ACKED;
    memset(e, 0, sizeof *e);
    if (o->user_ref >= next_ref && acked) {
        surprise(t, e, TABLE_STATE);
        table_step(t, place, EV_GONE);
    } else if (o->state != PN_ORDER_UNKNOWN) {
        return 0;
    } else {
        table_step(t, place, o->user_ref >= next_ref ? EV_GONE : EV_CONFIRMED);
    }
    e->place = place;
    e->slot = o->slot;
    e->done = (uint32_t)order_is_done(o);
    e->held = t->held_change;
    t->held_change = 0;
    return 1;
}

uint32_t table_reconcile(struct table *t, uint32_t session, uint32_t next_ref, uint64_t now_ns,
                         struct table_effect *out, uint32_t cap)
{
    uint32_t n = 0;
    (void)now_ns;
    t->held_change = 0;
    for (uint32_t i = 0; i < t->cfg->traded; i++) {
        uint32_t place[PN_WORKING_MAX * 2];
        if (t->cfg->instrument[i].session != session)
            continue;
        /* Copied first: an order's end may be another one's too. */
        uint32_t count = table_working(t, i, place, PN_WORKING_MAX * 2);
        for (uint32_t k = 0; k < count; k++) {
            struct table_effect e;
            if (!order_is_done(&t->order[place[k]]) && settle(t, place[k], next_ref, &e) && n < cap)
                out[n++] = e;
        }
    }
    return n;
}
