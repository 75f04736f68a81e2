/*
 * table_step.c - one event happens to one order: the rule is looked up, the next state entered, and
 * lists, counts, exposure and the slot's hold follow.
 */
#include "order/table_state.h"

void table_wait_out(struct table *t, uint32_t place)
{
    struct table_link *l = &t->link[place];
    if (!(l->flags & TF_WAITING))
        return;
    l->flags &= ~(uint32_t)TF_WAITING;
    *(l->wait_before ? &t->link[l->wait_before].wait_after : &t->wait_first) = l->wait_after;
    *(l->wait_after ? &t->link[l->wait_after].wait_before : &t->wait_last) = l->wait_before;
}

void table_wait(struct table *t, uint32_t place)
{
    struct table_link *l = &t->link[place];
    table_wait_out(t, place);
    l->flags |= TF_WAITING;
    l->wait_before = t->wait_last;
    l->wait_after = 0;
    *(t->wait_last ? &t->link[t->wait_last].wait_after : &t->wait_first) = place;
    t->wait_last = place;
}

static void unknown_in(struct table *t, uint32_t slot)
{
    t->unknown++;
    if (t->slot[slot].unknown++)
        return;
    gate_hold(t->gate, slot, 1);
    t->held_change = 1;
}

static void unknown_out(struct table *t, uint32_t slot)
{
    t->unknown--;
    if (--t->slot[slot].unknown)
        return;
    gate_hold(t->gate, slot, 0);
    t->held_change = 2;
}

void table_work_in(struct table *t, uint32_t place)
{
    struct table_slot *s = &t->slot[t->order[place].slot];
    struct table_link *l = &t->link[place];
    l->before = s->last;
    l->after = 0;
    *(s->last ? &t->link[s->last].after : &s->first) = place;
    s->last = place;
    s->count++;
    t->live++;
}

static void work_out(struct table *t, uint32_t place)
{
    struct table_slot *s = &t->slot[t->order[place].slot];
    struct table_link *l = &t->link[place];
    *(l->before ? &t->link[l->before].after : &s->first) = l->after;
    *(l->after ? &t->link[l->after].before : &s->last) = l->before;
    s->count--;
    t->live--;
    l->before = t->done_last;
    l->after = 0;
    *(t->done_last ? &t->link[t->done_last].after : &t->done_first) = place;
    t->done_last = place;
}

/* Back from among the done ones. */
static void done_out(struct table *t, uint32_t place)
{
    struct table_link *l = &t->link[place];
    *(l->before ? &t->link[l->before].after : &t->done_first) = l->after;
    *(l->after ? &t->link[l->after].before : &t->done_last) = l->before;
}

void table_less(struct table *t, uint32_t place, uint32_t qty)
{
    struct pn_own_order *o = &t->order[place];
    qty = qty < o->leaves ? qty : o->leaves;
    if (!qty)
        return;
    o->leaves -= qty;
    gate_release(t->gate, o->slot, o->side, o->px, qty);
}

void table_more(struct table *t, uint32_t place, uint32_t qty)
{
    struct pn_own_order *o = &t->order[place];
    o->leaves += qty;
    gate_more(t->gate, o->slot, o->side, o->px, qty);
}

void table_reprice(struct table *t, uint32_t place, int64_t px)
{
    struct pn_own_order *o = &t->order[place];
    if (o->leaves) { /* more first: never too little is counted */
        gate_more(t->gate, o->slot, o->side, px, o->leaves);
        gate_release(t->gate, o->slot, o->side, o->px, o->leaves);
    }
    o->px = px;
}

uint32_t table_successor(const struct table *t, uint32_t place)
{
    const struct pn_own_order *o = &t->order[place];
    uint32_t next = o->next_id ? o->next_id - 1 : 0;
    if (!next || t->order[next].prev_id != o->id || order_is_done(&t->order[next]) ||
        t->link[next].flags & TF_ACKED)
        return 0;
    return next;
}

uint32_t table_predecessor(const struct table *t, uint32_t place)
{
    const struct pn_own_order *o = &t->order[place];
    uint32_t before = o->prev_id ? table_find_id(t, o->prev_id) : 0;
    return before && t->order[before].next_id == place + 1 ? before : 0;
}

/* It ends: nothing of it is open any more, and a replace of it finds nothing to replace. */
static void end(struct table *t, uint32_t place, uint32_t state)
{
    struct pn_own_order *o = &t->order[place];
    uint32_t next = state == PN_ORDER_REPLACED ? 0 : table_successor(t, place);
    table_less(t, place, o->leaves);
    o->state = (uint8_t)state;
    t->link[place].flags &= ~(uint32_t)(TF_CANCEL | TF_REPLACE);
    work_out(t, place);
    gate_done(t->gate, o->slot, o->side);
    if (next)
        table_step(t, next, EV_GONE);
}

void table_lead(struct table *t, uint32_t place, uint32_t state)
{
    struct pn_own_order *o = &t->order[place];
    uint32_t was = o->state;
    if (state == was)
        return;
    if (was == PN_ORDER_UNKNOWN)
        unknown_out(t, o->slot);
    table_wait_out(t, place);
    if (state >= PN_ORDER_FILLED) {
        end(t, place, state);
        return;
    }
    o->state = (uint8_t)state;
    if (state == PN_ORDER_UNKNOWN)
        unknown_in(t, o->slot);
}

void table_revive(struct table *t, uint32_t place, uint32_t open)
{
    struct pn_own_order *o = &t->order[place];
    done_out(t, place);
    o->state = PN_ORDER_LIVE;
    o->reason = 0;
    t->link[place].flags = TF_ACKED;
    table_work_in(t, place);
    o->leaves += open;
    gate_adopt(t->gate, o->slot, o->side, o->px, open);
}

/* What an event says of what was asked for. */
static void forget_asked(struct table *t, uint32_t place, enum table_event event)
{
    uint32_t *flags = &t->link[place].flags;
    switch (event) {
    case EV_CANCEL_REJECTED:
    case EV_REJECTED: /* of an acknowledged order: its cancel's */
        *flags &= ~(uint32_t)TF_CANCEL;
        return;
    case EV_KEPT:
        *flags &= ~(uint32_t)TF_REPLACE;
        t->order[place].next_id = 0;
        return;
    case EV_CONFIRMED:
        *flags &= ~(uint32_t)(TF_CANCEL | TF_REPLACE);
        return;
    default:
        return;
    }
}

enum table_next table_step(struct table *t, uint32_t place, enum table_event event)
{
    struct pn_own_order *o = &t->order[place];
    struct table_link *l = &t->link[place];
    uint32_t next = table_rules[table_rows[o->state][l->flags & TF_ACKED]][event];
    if (PN_UNLIKELY(next >= NEXT_AGAIN))
        return (enum table_next)next;
    if (PN_UNLIKELY(event >= EV_REJECTED))
        forget_asked(t, place, event);
    if (next == NEXT_SETTLE)
        next = l->flags & (TF_CANCEL | TF_REPLACE) ? PN_ORDER_UNKNOWN : PN_ORDER_LIVE;
    if (next != NEXT_STAY)
        table_lead(t, place, next);
    /* Whoever it was to replace stays. */
    if (PN_UNLIKELY(next == PN_ORDER_REJECTED && o->prev_id)) {
        uint32_t before = table_predecessor(t, place);
        if (before)
            table_step(t, before, EV_KEPT);
    }
    return (enum table_next)next;
}
