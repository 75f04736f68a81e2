/*
 * ouch_decode.c - what the venue says, see ouch.h. Length first: a message is taken when its type
 * is known and its length is exactly what the type and its appendage make it; then fields are read.
 */
#include "order/ouch.h"

#include <stddef.h>

enum appendage {
    NONE = 0,  /* this type is not known */
    MAYBE = 1, /* ends at the fixed part, or u16 length and options follow (later revision) */
    ALWAYS = 2 /* the fixed part ends in the length of its options */
};

static const struct {
    uint8_t fixed;
    uint8_t appendage;
} layout[256] = {
    ['S'] = {sizeof(struct ouch_system), MAYBE},
    ['A'] = {sizeof(struct ouch_accepted), ALWAYS},
    ['U'] = {sizeof(struct ouch_replaced), ALWAYS},
    ['C'] = {sizeof(struct ouch_canceled), MAYBE},
    ['D'] = {sizeof(struct ouch_aiq_canceled), MAYBE},
    ['E'] = {sizeof(struct ouch_executed), ALWAYS},
    ['B'] = {sizeof(struct ouch_broken), MAYBE},
    ['J'] = {sizeof(struct ouch_rejected), MAYBE},
    ['P'] = {sizeof(struct ouch_cancel_pending), MAYBE},
    ['I'] = {sizeof(struct ouch_cancel_pending), MAYBE},
    ['T'] = {sizeof(struct ouch_priority), MAYBE},
    ['M'] = {sizeof(struct ouch_modified), MAYBE},
    ['R'] = {sizeof(struct ouch_restated), ALWAYS},
    ['Q'] = {sizeof(struct ouch_query_response), MAYBE},
    ['X'] = {27, ALWAYS}, /* mass cancel, disable and enable responses: later revision */
    ['G'] = {19, ALWAYS},
    ['K'] = {19, ALWAYS},
};

const uint8_t *ouch_option(const uint8_t *p, uint32_t n, uint32_t tag, uint32_t *bytes)
{
    while (n >= 2) {
        uint32_t length = p[0];
        if (length == 0 || length > n - 1)
            return NULL;
        if (p[1] == tag) {
            *bytes = length - 1;
            return p + 2;
        }
        p += 1 + length;
        n -= 1 + length;
    }
    return NULL;
}

int ouch_options_fit(const uint8_t *p, uint32_t n)
{
    while (n) {
        if (p[0] == 0 || p[0] > n - 1)
            return 0;
        n -= 1u + p[0];
        p += 1 + p[0];
    }
    return 1;
}

/* 1 when n is a length that a message of this type can have; the appendage into *options. */
PN_HOT int take_length(const uint8_t *p, uint32_t n, const uint8_t **options, uint32_t *bytes)
{
    if (PN_UNLIKELY(n == 0))
        return 0;
    uint32_t fixed = layout[p[0]].fixed, how = layout[p[0]].appendage;
    *options = p + n;
    *bytes = 0;
    if (PN_UNLIKELY(how == NONE || n < fixed))
        return 0;
    if (how == MAYBE) {
        if (PN_LIKELY(n == fixed))
            return 1;
        if (n < fixed + 2)
            return 0;
        fixed += 2;
    }
    *options = p + fixed;
    *bytes = n - fixed;
    return load_u16_be(p + fixed - 2) == n - fixed;
}

PN_HOT int take_px(const uint8_t *p, int64_t *px)
{
    uint64_t v = load_u64_be(p);
    *px = (int64_t)v;
    return v <= UINT32_MAX;
}

PN_HOT int take_qty(const uint8_t *p, uint32_t *qty)
{
    *qty = load_u32_be(p);
    return *qty <= OUCH_QTY_MAX;
}

PN_HOT int take_side(uint8_t letter, uint8_t *side)
{
    *side = letter == 'B' ? PN_BID : PN_ASK;
    return letter == 'B' || letter == 'S' || letter == 'T' || letter == 'E';
}

/* Whether an execution added liquidity; crosses and letters not known count as having taken it. */
static const uint8_t adds[256] = {
    ['A'] = 1, ['J'] = 1, ['e'] = 1, ['k'] = 1, ['N'] = 1, ['7'] = 1, ['8'] = 1,
};

/* The reference that the public feed uses, where it is another one. */
static void secondary_ref(const uint8_t *options, uint32_t n, struct pn_reply *r)
{
    uint32_t bytes;
    const uint8_t *v = ouch_option(options, n, OUCH_OPT_SECONDARY_REF, &bytes);
    if (v && bytes == 8 && load_u64_be(v))
        r->venue_ref = load_u64_be(v);
}

PN_HOT int read_accepted(const struct ouch_accepted *m, struct pn_reply *r)
{
    r->kind = PN_RE_ACCEPTED;
    r->user_ref = load_u32_be(m->user_ref);
    r->venue_ref = load_u64_be(m->order_ref);
    r->dead = m->state == 'D';
    return take_side(m->side, &r->side) & take_qty(m->qty, &r->qty) & take_px(m->px, &r->px);
}

static int read_replaced(const struct ouch_replaced *m, struct pn_reply *r)
{
    r->kind = PN_RE_REPLACED;
    r->orig_ref = load_u32_be(m->orig_ref);
    r->user_ref = load_u32_be(m->user_ref);
    r->venue_ref = load_u64_be(m->order_ref);
    r->dead = m->state == 'D';
    return take_side(m->side, &r->side) & take_qty(m->qty, &r->qty) & take_px(m->px, &r->px);
}

PN_HOT int read_executed(const struct ouch_executed *m, struct pn_reply *r)
{
    r->kind = PN_RE_EXECUTED;
    r->user_ref = load_u32_be(m->user_ref);
    r->venue_ref = load_u64_be(m->match);
    r->liquidity = m->liquidity;
    r->maker = adds[m->liquidity];
    return take_qty(m->qty, &r->qty) & take_px(m->px, &r->px) & (r->qty != 0);
}

static int read_canceled(const struct ouch_canceled *m, struct pn_reply *r)
{
    r->kind = PN_RE_CANCELLED;
    r->user_ref = load_u32_be(m->user_ref);
    r->reason = m->reason;
    return take_qty(m->qty, &r->qty);
}

static int read_aiq(const struct ouch_aiq_canceled *m, struct pn_reply *r)
{
    r->kind = PN_RE_CANCELLED;
    r->user_ref = load_u32_be(m->user_ref);
    r->reason = 'Q';
    r->liquidity = m->liquidity;
    return take_qty(m->decrement, &r->qty) & take_px(m->px, &r->px);
}

static int read_broken(const struct ouch_broken *m, struct pn_reply *r)
{
    r->kind = PN_RE_BROKEN;
    r->user_ref = load_u32_be(m->user_ref);
    r->venue_ref = load_u64_be(m->match);
    r->reason = m->reason;
    return 1;
}

static int read_rejected(const struct ouch_rejected *m, struct pn_reply *r)
{
    r->kind = PN_RE_REJECTED;
    r->user_ref = load_u32_be(m->user_ref);
    r->reason = load_u16_be(m->reason);
    return 1;
}

static int read_modified(const struct ouch_modified *m, struct pn_reply *r)
{
    r->kind = PN_RE_MODIFIED;
    r->user_ref = load_u32_be(m->user_ref);
    return take_side(m->side, &r->side) & take_qty(m->qty, &r->qty);
}

static int read_priority(const struct ouch_priority *m, struct pn_reply *r)
{
    r->kind = PN_RE_RESTATED;
    r->user_ref = load_u32_be(m->user_ref);
    r->venue_ref = load_u64_be(m->order_ref);
    return take_px(m->px, &r->px);
}

static int read_other(const uint8_t *p, struct pn_reply *r)
{
    r->user_ref = load_u32_be(p + offsetof(struct ouch_cancel_pending, user_ref));
    switch (p[0]) {
    case 'P':
        r->kind = PN_RE_CANCEL_PENDING;
        return 1;
    case 'I':
        r->kind = PN_RE_CANCEL_REJECTED;
        return 1;
    case 'R':
        r->kind = PN_RE_RESTATED;
        r->reason = p[offsetof(struct ouch_restated, reason)];
        return 1;
    case 'Q':
        r->kind = PN_RE_NEXT_REF;
        return 1;
    default: /* of mass cancels and the like: nothing about one order */
        r->kind = PN_RE_SYSTEM;
        r->reason = p[0];
        return 1;
    }
}

static int read_system(const struct ouch_system *m, struct pn_reply *r)
{
    r->kind = PN_RE_SYSTEM;
    r->reason = m->event;
    return 1;
}

static int read_message(const uint8_t *p, struct pn_reply *r)
{
    switch (p[0]) {
    case 'A':
        return read_accepted((const struct ouch_accepted *)p, r);
    case 'E':
        return read_executed((const struct ouch_executed *)p, r);
    case 'C':
        return read_canceled((const struct ouch_canceled *)p, r);
    case 'U':
        return read_replaced((const struct ouch_replaced *)p, r);
    case 'J':
        return read_rejected((const struct ouch_rejected *)p, r);
    case 'D':
        return read_aiq((const struct ouch_aiq_canceled *)p, r);
    case 'B':
        return read_broken((const struct ouch_broken *)p, r);
    case 'M':
        return read_modified((const struct ouch_modified *)p, r);
    case 'T':
        return read_priority((const struct ouch_priority *)p, r);
    case 'S':
        return read_system((const struct ouch_system *)p, r);
    default:
        return read_other(p, r);
    }
}

int ouch_decode(const uint8_t *p, uint32_t n, struct pn_reply *r)
{
    const uint8_t *options;
    uint32_t bytes;
    if (PN_UNLIKELY(!take_length(p, n, &options, &bytes)))
        return -1;
    memset(r, 0, sizeof *r);
    r->ts_ns = load_u64_be(p + 1);
    if (PN_UNLIKELY(!read_message(p, r)))
        return -1;
    if (PN_UNLIKELY(bytes) && (p[0] == 'A' || p[0] == 'U' || p[0] == 'R'))
        secondary_ref(options, bytes, r);
    return 0;
}
