/*
 * exchange_reply.c - what members are told: the matching engine's private events as OUCH 5.0
 * messages, each once and for good into the member's log, from which connections send. Faults: an
 * acknowledgement told twice or only when it can no longer be avoided, fills told late.
 */
#include "order/ouch.h"
#include "sim/exchange_internal.h"

#include <stddef.h>

enum { BREAK_MIN_NS = 1000000 };

/* Begins a reply of so many bytes; fills type and time. */
static void *begin(struct exchange *x, uint32_t member, uint8_t type, uint32_t bytes)
{
    struct ex_member *k = &x->member[member];
    const struct pn_exchange_faults *f = &x->cfg.faults;
    uint64_t due = x->now + f->order_delay_ns;
    if (f->order_jitter_ns)
        due += rng_spread(&x->order_rng, f->order_jitter_ns);
    if (ex_fault(x, f->slow_ppm))
        k->stalled_until = x->now + f->slow_ns;
    due = due < k->stalled_until ? k->stalled_until : due;
    due = due < k->last_due ? k->last_due : due;
    k->last_due = due;
    uint8_t *frame = ring_add(&k->log, SOUP_HEADER + bytes, due);
    frame[2] = SOUP_SEQUENCED;
    frame[SOUP_HEADER] = type;
    store_u64_be(frame + SOUP_HEADER + 1, ex_midnight_ns(x, x->now));
    x->stats.replies_out++;
    x->stats.reply_bytes += SOUP_HEADER + bytes;
    x->conn_next = x->now < x->conn_next ? x->now : x->conn_next;
    ex_reckon(x);
    return frame + SOUP_HEADER;
}

static void end(struct exchange *x, uint32_t member, const void *m, uint32_t bytes)
{
    x->stats.digest = ex_digest(x->stats.digest + member, m, bytes);
}

/* The appendage, whose length field is at p: the firm where the order named one. */
static void put_options(const struct ex_order *o, uint8_t *p)
{
    store_u16_be(p, o->firm_given ? 6 : 0);
    if (!o->firm_given)
        return;
    p[2] = 5;
    p[3] = OUCH_OPT_FIRM;
    memcpy(p + 4, o->firm, 4);
}

/* What Accepted and Replaced have in common; the latter says more before it. */
static void put_ack(const struct exchange *x, const struct ex_order *o, struct ouch_accepted *m)
{
    store_u32_be(m->user_ref, o->user_ref);
    m->side = (uint8_t)o->side;
    store_u32_be(m->qty, o->accepted);
    memcpy(m->symbol, x->symbol[o->symbol].name, OUCH_SYMBOL);
    store_u64_be(m->px, o->px);
    m->tif = (uint8_t)o->tif;
    m->display = (uint8_t)o->display;
    store_u64_be(m->order_ref, o->ref);
    m->capacity = (uint8_t)o->capacity;
    m->sweep = (uint8_t)o->iso;
    m->cross = (uint8_t)o->cross;
    m->state = 'L';
    memcpy(m->clordid, o->cl_ord_id, OUCH_CLORDID);
    put_options(o, m->options);
}

static_assert(offsetof(struct ouch_replaced, user_ref) - offsetof(struct ouch_accepted, user_ref) ==
                      sizeof(((struct ouch_replaced *)0)->orig_ref) &&
                  offsetof(struct ouch_replaced, options) -
                          offsetof(struct ouch_replaced, user_ref) ==
                      offsetof(struct ouch_accepted, options) -
                          offsetof(struct ouch_accepted, user_ref),
              "Replaced is Accepted with the old number before the new one");

/* Order Accepted, or Replaced where it replaced another one. */
static void tell_ack(struct exchange *x, const struct ex_order *o, uint64_t ns)
{
    uint32_t before = o->orig_ref ? sizeof(((struct ouch_replaced *)0)->orig_ref) : 0;
    uint32_t bytes = (uint32_t)sizeof(struct ouch_accepted) + before + (o->firm_given ? 6 : 0);
    uint8_t *m = begin(x, o->member, before ? 'U' : 'A', bytes);
    store_u64_be(m + 1, ex_midnight_ns(x, ns));
    if (before)
        store_u32_be(((struct ouch_replaced *)m)->orig_ref, o->orig_ref);
    put_ack(x, o, (struct ouch_accepted *)(m + before));
    end(x, o->member, m, bytes);
}

static void release(struct exchange *x, struct ex_order *o)
{
    if (!o->withheld_ns)
        return;
    tell_ack(x, o, o->withheld_ns);
    o->withheld_ns = 0;
    x->member[o->member].withheld--;
    x->stats.untold--;
}

void reply_release(struct exchange *x, uint32_t member)
{
    for (uint32_t i = 1; i < x->order_top && x->member[member].withheld; i++)
        if (x->order[i].user_ref && x->order[i].member == member)
            release(x, &x->order[i]);
}

static void accepted(struct exchange *x, struct ex_order *o, const struct match_event *e)
{
    o->ref = e->ref;
    if (!o->told)
        ex_account(x, o->member, o->symbol)->open_orders++;
    o->told = 1;
    if (ex_fault(x, x->cfg.faults.ack_never_ppm)) {
        o->withheld_ns = x->now;
        x->member[o->member].withheld++;
        x->stats.untold++;
        return;
    }
    tell_ack(x, o, x->now);
    if (ex_fault(x, x->cfg.faults.ack_twice_ppm))
        tell_ack(x, o, x->now);
}

void reply_rejected(struct exchange *x, uint32_t member, uint32_t user_ref, uint32_t why,
                    const char cl_ord_id[14])
{
    struct ouch_rejected *m = begin(x, member, 'J', sizeof *m);
    store_u32_be(m->user_ref, user_ref);
    store_u16_be(m->reason, (uint16_t)why);
    memcpy(m->clordid, cl_ord_id, OUCH_CLORDID);
    x->stats.rejects++;
    end(x, member, m, sizeof *m);
}

static uint8_t liquidity(const struct match_event *e)
{
    if (e->why == 'O' || e->why == 'C' || e->why == 'H')
        return e->why;
    return e->maker ? e->hidden ? 'J' : 'A' : 'R';
}

/* Books it, and says from what time on the member knows. */
static void book(struct exchange *x, const struct ex_order *o, const struct match_event *e)
{
    struct ex_account *a = ex_account(x, o->member, o->symbol);
    int64_t value = (int64_t)e->px * e->qty * 10000;
    int buys = o->side == 'B';
    a->position += buys ? e->qty : -(int64_t)e->qty;
    a->cash += buys ? -value : value;
    a->fees += e->fee;
    a->bought += buys ? e->qty : 0;
    a->sold += buys ? 0 : e->qty;
    a->fills++;
}

/* Executed, by now or later; the message is complete but for when it is said. */
static void tell_fill(struct exchange *x, const struct ex_order *o, const struct match_event *e)
{
    struct ouch_executed m = {.type = 'E', .liquidity = liquidity(e)};
    struct ex_late *late = x->late_free ? &x->late[x->late_free] : 0;
    store_u64_be(m.time, ex_midnight_ns(x, x->now));
    store_u32_be(m.user_ref, o->user_ref);
    store_u32_be(m.qty, e->qty);
    store_u64_be(m.px, (uint64_t)e->px);
    store_u64_be(m.match, e->ref2);
    if (ex_fault(x, x->cfg.faults.late_fill_ppm) && late &&
        heap_push(&x->due, x->now + x->cfg.faults.late_fill_ns, DUE_FILL, x->late_free, 0)) {
        x->late_free = late->next;
        *late = (struct ex_late){
            .match = e->ref2, .member = o->member, .symbol = o->symbol, .len = sizeof m};
        memcpy(late->bytes, &m, sizeof m);
        x->stats.untold++;
        ex_account(x, o->member, o->symbol)->untold++;
        ex_reckon(x);
        return;
    }
    memcpy(begin(x, o->member, 'E', sizeof m), &m, sizeof m);
    end(x, o->member, &m, sizeof m);
}

void reply_late(struct exchange *x, uint32_t index)
{
    struct ex_late *late = &x->late[index];
    if (!late->len)
        return;
    memcpy(begin(x, late->member, 'E', late->len), late->bytes, late->len);
    end(x, late->member, late->bytes, late->len);
    ex_account(x, late->member, late->symbol)->untold--;
    x->stats.untold--;
    late->len = 0;
    late->next = x->late_free;
    x->late_free = index;
}

void reply_flush_late(struct exchange *x)
{
    for (uint32_t i = 1; i < EX_LATE; i++)
        reply_late(x, i);
}

static void filled(struct exchange *x, struct ex_order *o, const struct match_event *e)
{
    release(x, o);
    o->open -= e->qty < o->open ? e->qty : o->open;
    o->filled += e->qty;
    o->chain_filled += e->qty;
    book(x, o, e);
    tell_fill(x, o, e);
    if (ex_fault(x, x->cfg.faults.bust_ppm)) {
        uint64_t after = BREAK_MIN_NS + rng_spread(&x->order_rng, EX_SECOND);
        heap_push(&x->due, x->now + after, DUE_BREAK, 0, e->ref2);
        ex_reckon(x);
    }
    if (!o->open)
        orders_free(x, o);
}

static void cancelled(struct exchange *x, struct ex_order *o, const struct match_event *e)
{
    release(x, o);
    struct ouch_canceled *m = begin(x, o->member, 'C', sizeof *m);
    store_u32_be(m->user_ref, o->user_ref);
    store_u32_be(m->qty, e->qty);
    m->reason = e->why;
    end(x, o->member, m, sizeof *m);
    o->open -= e->qty < o->open ? e->qty : o->open;
    if (!o->open)
        orders_free(x, o);
}

static void prevented(struct exchange *x, struct ex_order *o, const struct match_event *e)
{
    release(x, o);
    struct ouch_aiq_canceled *m = begin(x, o->member, 'D', sizeof *m);
    store_u32_be(m->user_ref, o->user_ref);
    store_u32_be(m->decrement, e->qty);
    m->reason = 'Q';
    store_u32_be(m->prevented, e->qty);
    store_u64_be(m->px, (uint64_t)e->px);
    m->liquidity = e->maker ? 'A' : 'R';
    m->strategy = (uint8_t)('0' + x->cfg.stp);
    end(x, o->member, m, sizeof *m);
    o->open -= e->qty < o->open ? e->qty : o->open;
    if (!o->open)
        orders_free(x, o);
}

static void broken(struct exchange *x, const struct match_event *e)
{
    struct ex_account *a = ex_account(x, e->owner, e->instrument);
    int64_t value = (int64_t)e->px * e->qty * 10000;
    int bought = !e->side;
    for (uint32_t i = 1; i < EX_LATE; i++)
        if (x->late[i].len && x->late[i].match == e->ref2 && x->late[i].member == e->owner)
            reply_late(x, i);
    a->position -= bought ? e->qty : -(int64_t)e->qty;
    a->cash -= bought ? -value : value;
    a->fees -= e->fee;
    a->bought -= bought ? e->qty : 0;
    a->sold -= bought ? 0 : e->qty;
    struct ouch_broken *m = begin(x, e->owner, 'B', sizeof *m);
    store_u32_be(m->user_ref, (uint32_t)e->token);
    store_u64_be(m->match, e->ref2);
    m->reason = 'S';
    memset(m->clordid, ' ', OUCH_CLORDID);
    end(x, e->owner, m, sizeof *m);
}

void reply_event(struct exchange *x, const struct match_event *e)
{
    if (e->kind == ME_TRADE_BROKEN) {
        broken(x, e);
        return;
    }
    struct ex_order *o = orders_by_token(x, e->owner, e->token);
    if (!o) {
        x->stats.overflow++;
        return;
    }
    switch (e->kind) {
    case ME_ACCEPTED:
        accepted(x, o, e);
        break;
    case ME_REPLACED: {
        struct ex_order *old = orders_find(x, e->owner, e->token2_low);
        if (old) {
            release(x, old);
            orders_free(x, old);
        }
        accepted(x, o, e);
        break;
    }
    case ME_REJECTED:
        reply_rejected(x, o->member, o->user_ref, e->why, o->cl_ord_id);
        orders_free(x, o);
        break;
    case ME_FILL:
        filled(x, o, e);
        break;
    case ME_CANCELLED:
        cancelled(x, o, e);
        break;
    case ME_AIQ:
        prevented(x, o, e);
        break;
    default:
        break;
    }
}

void reply_system(struct exchange *x, uint8_t code)
{
    for (uint32_t i = 0; i < x->cfg.members; i++) {
        struct ouch_system *m = begin(x, i, 'S', sizeof *m);
        m->event = code;
        end(x, i, m, sizeof *m);
    }
}

void reply_query(struct exchange *x, uint32_t member)
{
    struct ouch_query_response *m = begin(x, member, 'Q', sizeof *m);
    store_u32_be(m->next_ref, x->member[member].last_ref + 1);
    end(x, member, m, sizeof *m);
}

void reply_cancel_rejected(struct exchange *x, uint32_t member, uint32_t user_ref)
{
    struct ouch_cancel_pending *m = begin(x, member, 'I', sizeof *m);
    store_u32_be(m->user_ref, user_ref);
    end(x, member, m, sizeof *m);
}

void reply_modified(struct exchange *x, const struct ex_order *o)
{
    struct ouch_modified *m = begin(x, o->member, 'M', sizeof *m);
    store_u32_be(m->user_ref, o->user_ref);
    m->side = (uint8_t)o->side;
    store_u32_be(m->qty, o->open);
    end(x, o->member, m, sizeof *m);
}

/* Mass cancel, disable and enable: what was asked for comes back, without options. */
void reply_group(struct exchange *x, uint32_t member, uint8_t type, const uint8_t *request,
                 uint32_t bytes)
{
    uint8_t *m = begin(x, member, type, 9 + bytes + 2);
    memcpy(m + 9, request, bytes);
    store_u16_be(m + 9 + bytes, 0);
    end(x, member, m, 9 + bytes + 2);
}
