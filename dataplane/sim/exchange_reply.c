/*
 * exchange_reply.c - what members are told: the matching engine's private events as OUCH 5.0
 * messages, each once and for good into the member's log, from which connections send. Faults: an
 * acknowledgement told twice or only when it can no longer be avoided, fills told late.
 */
#include "sim/exchange_internal.h"

enum { HEAD = 3 /* SoupBinTCP: length and type */, BREAK_MIN_NS = 1000000 };

/* Begins a reply of so many bytes; fills type and time. */
static uint8_t *begin(struct exchange *x, uint32_t member, uint8_t type, uint32_t bytes)
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
    uint8_t *frame = ring_add(&k->log, HEAD + bytes, due);
    frame[2] = 'S';
    frame[HEAD] = type;
    store_u64_be(frame + HEAD + 1, ex_midnight_ns(x, x->now));
    x->stats.replies_out++;
    x->stats.reply_bytes += HEAD + bytes;
    x->conn_next = x->now < x->conn_next ? x->now : x->conn_next;
    ex_reckon(x);
    return frame + HEAD;
}

static void end(struct exchange *x, uint32_t member, const uint8_t *m, uint32_t bytes)
{
    x->stats.digest = ex_digest(x->stats.digest + member, m, bytes);
}

static uint32_t firm_option(const struct ex_order *o, uint8_t *m, uint32_t at)
{
    if (!o->firm_given) {
        store_u16_be(m + at, 0);
        return 0;
    }
    store_u16_be(m + at, 6);
    m[at + 2] = 5;
    m[at + 3] = 2;
    memcpy(m + at + 4, o->firm, 4);
    return 6;
}

/* Order Accepted, or Replaced where it replaced another one. */
static void tell_ack(struct exchange *x, const struct ex_order *o, uint64_t ns, char state)
{
    uint32_t more = o->orig_ref ? 4 : 0, bytes = 64 + more + (o->firm_given ? 6 : 0);
    uint8_t *m = begin(x, o->member, more ? 'U' : 'A', bytes);
    store_u64_be(m + 1, ex_midnight_ns(x, ns));
    if (more)
        store_u32_be(m + 9, o->orig_ref);
    uint8_t *p = m + more;
    store_u32_be(p + 9, o->user_ref);
    p[13] = (uint8_t)o->side;
    store_u32_be(p + 14, o->accepted);
    memcpy(p + 18, x->symbol[o->symbol].name, 8);
    store_u64_be(p + 26, o->px);
    p[34] = (uint8_t)o->tif;
    p[35] = (uint8_t)o->display;
    store_u64_be(p + 36, o->ref);
    p[44] = (uint8_t)o->capacity;
    p[45] = (uint8_t)o->iso;
    p[46] = (uint8_t)o->cross;
    p[47] = (uint8_t)state;
    memcpy(p + 48, o->cl_ord_id, 14);
    firm_option(o, p, 62);
    end(x, o->member, m, bytes);
}

static void release(struct exchange *x, struct ex_order *o)
{
    if (!o->withheld_ns)
        return;
    tell_ack(x, o, o->withheld_ns, 'L');
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
    tell_ack(x, o, x->now, 'L');
    if (ex_fault(x, x->cfg.faults.ack_twice_ppm))
        tell_ack(x, o, x->now, 'L');
}

void reply_rejected(struct exchange *x, uint32_t member, uint32_t user_ref, uint32_t why,
                    const char cl_ord_id[14])
{
    uint8_t *m = begin(x, member, 'J', 29);
    store_u32_be(m + 9, user_ref);
    store_u16_be(m + 13, (uint16_t)why);
    memcpy(m + 15, cl_ord_id, 14);
    x->stats.rejects++;
    end(x, member, m, 29);
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
    uint8_t m[36] = {'E'};
    struct ex_late *late = x->late_free ? &x->late[x->late_free] : 0;
    store_u64_be(m + 1, ex_midnight_ns(x, x->now));
    store_u32_be(m + 9, o->user_ref);
    store_u32_be(m + 13, e->qty);
    store_u64_be(m + 17, (uint64_t)e->px);
    m[25] = liquidity(e);
    store_u64_be(m + 26, e->ref2);
    if (ex_fault(x, x->cfg.faults.late_fill_ppm) && late &&
        heap_push(&x->due, x->now + x->cfg.faults.late_fill_ns, DUE_FILL, x->late_free, 0)) {
        x->late_free = late->next;
        *late = (struct ex_late){
            .match = e->ref2, .member = o->member, .symbol = o->symbol, .len = sizeof m};
        memcpy(late->bytes, m, sizeof m);
        x->stats.untold++;
        ex_account(x, o->member, o->symbol)->untold++;
        ex_reckon(x);
        return;
    }
    memcpy(begin(x, o->member, 'E', sizeof m), m, sizeof m);
    end(x, o->member, m, sizeof m);
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
    uint8_t *m = begin(x, o->member, 'C', 18);
    store_u32_be(m + 9, o->user_ref);
    store_u32_be(m + 13, e->qty);
    m[17] = e->why;
    end(x, o->member, m, 18);
    o->open -= e->qty < o->open ? e->qty : o->open;
    if (!o->open)
        orders_free(x, o);
}

static void prevented(struct exchange *x, struct ex_order *o, const struct match_event *e)
{
    release(x, o);
    uint8_t *m = begin(x, o->member, 'D', 32);
    store_u32_be(m + 9, o->user_ref);
    store_u32_be(m + 13, e->qty);
    m[17] = 'Q';
    store_u32_be(m + 18, e->qty);
    store_u64_be(m + 22, (uint64_t)e->px);
    m[30] = e->maker ? 'A' : 'R';
    m[31] = (uint8_t)('0' + x->cfg.stp);
    end(x, o->member, m, 32);
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
    uint8_t *m = begin(x, e->owner, 'B', 36);
    store_u32_be(m + 9, (uint32_t)e->token);
    store_u64_be(m + 13, e->ref2);
    m[21] = 'S';
    memset(m + 22, ' ', 14);
    end(x, e->owner, m, 36);
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
        uint8_t *m = begin(x, i, 'S', 10);
        m[9] = code;
        end(x, i, m, 10);
    }
}

void reply_query(struct exchange *x, uint32_t member)
{
    uint8_t *m = begin(x, member, 'Q', 13);
    store_u32_be(m + 9, x->member[member].last_ref + 1);
    end(x, member, m, 13);
}

void reply_cancel_rejected(struct exchange *x, uint32_t member, uint32_t user_ref)
{
    uint8_t *m = begin(x, member, 'I', 13);
    store_u32_be(m + 9, user_ref);
    end(x, member, m, 13);
}

void reply_modified(struct exchange *x, const struct ex_order *o)
{
    uint8_t *m = begin(x, o->member, 'M', 18);
    store_u32_be(m + 9, o->user_ref);
    m[13] = (uint8_t)o->side;
    store_u32_be(m + 14, o->open);
    end(x, o->member, m, 18);
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
