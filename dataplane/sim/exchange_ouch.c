/*
 * exchange_ouch.c - what members send: OUCH 5.0. Every message is checked for its length and its
 * options first; then the rules of UserRefNum, which make resending harmless: a number that is not
 * higher than the last one is a repetition and has no effect.
 */
#include "sim/exchange_internal.h"

enum {
    QTY_MAX = 999999,
    REJECT_CLOSED = 0x02,
    REJECT_DISPLAY = 0x03,
    REJECT_MAX_FLOOR = 0x04,
    REJECT_SIDE = 0x09,
    REJECT_PROCESSING = 0x0a,
    REJECT_FIRM = 0x0c,
    REJECT_MIN_QTY = 0x0d,
    REJECT_OTHER = 0x0f,
    REJECT_PEGGING = 0x11,
    REJECT_QTY = 0x13,
    REJECT_CROSS = 0x14,
    REJECT_REPLACE = 0x15,
    REJECT_SYMBOL = 0x17,
    REJECT_PX = 0x1d
};

#define PX_MARKET 2000000000ull /* from here on it is a market order */
#define PX_MAX 1999999900ull

enum { OPT_FIRM = 2, OPT_MIN_QTY = 3, OPT_MAX_FLOOR = 5, OPT_PRICE_TYPE = 6, OPT_POST_ONLY = 12 };
enum { OPT_EXPIRE = 15 };

struct options {
    uint32_t min_qty, max_floor, expire;
    uint8_t price_type, post_only, firm_given;
    char firm[4];
};

/* Length of each option's value that this exchange knows, by tag. */
static const uint8_t option_bytes[26] = {
    [2] = 4,  [3] = 4,  [4] = 1,  [5] = 4,  [6] = 1,  [7] = 4,  [9] = 8,  [10] = 1, [11] = 4,
    [12] = 1, [13] = 4, [14] = 4, [15] = 4, [16] = 1, [17] = 1, [24] = 2, [25] = 1};

/* The appendage at `at`, which must end where the message does. 0, or -1 when it is malformed. */
static int read_options(const uint8_t *m, uint32_t len, uint32_t at, struct options *o)
{
    *o = (struct options){0};
    if (len < at + 2 || load_u16_be(m + at) != len - at - 2)
        return -1;
    for (at += 2; at < len; at += 1u + m[at]) {
        uint32_t n = m[at];
        if (n < 1 || at + 1 + n > len)
            return -1;
        uint8_t tag = m[at + 1];
        const uint8_t *v = m + at + 2;
        if (tag < sizeof option_bytes && option_bytes[tag] && option_bytes[tag] != n - 1)
            return -1;
        if (tag == OPT_FIRM) {
            memcpy(o->firm, v, 4);
            o->firm_given = 1;
        } else if (tag == OPT_MIN_QTY)
            o->min_qty = load_u32_be(v);
        else if (tag == OPT_MAX_FLOOR)
            o->max_floor = load_u32_be(v);
        else if (tag == OPT_EXPIRE)
            o->expire = load_u32_be(v);
        else if (tag == OPT_PRICE_TYPE)
            o->price_type = *v;
        else if (tag == OPT_POST_ONLY)
            o->post_only = *v == 'P';
    }
    return 0;
}

/* An optional empty appendage, as later revisions have it on short messages. */
static int fits(const uint8_t *m, uint32_t len, uint32_t bytes)
{
    struct options unused;
    return len == bytes || read_options(m, len, bytes, &unused) == 0;
}

static void malformed(struct exchange *x)
{
    x->stats.malformed++;
}

/* Takes a number, or says that it was used before. */
static int fresh(struct exchange *x, uint32_t member, uint32_t user_ref)
{
    if (user_ref <= x->member[member].last_ref) {
        x->stats.ignored++;
        return 0;
    }
    return 1;
}

static uint32_t find_symbol(const struct exchange *x, const uint8_t name[8])
{
    for (uint32_t i = 0; i < x->cfg.symbols; i++)
        if (memcmp(x->symbol[i].name, name, 8) == 0)
            return i;
    return UINT32_MAX;
}

/* What the matching engine is asked for; 0 or a reject code. */
static uint32_t make_request(const struct exchange *x, const struct ex_order *o,
                             const struct options *opt, uint32_t qty, struct match_request *r)
{
    *r = (struct match_request){.instrument = o->symbol,
                                .owner = o->member,
                                .token = orders_token(x, o),
                                .qty = qty,
                                .side = o->side != 'B'};
    if (o->px >= PX_MARKET || o->px == 0x7fffffff)
        r->flags |= MATCH_MARKET;
    else if (o->px == 0 || o->px > PX_MAX || o->px % x->cfg.symbol[o->symbol].tick)
        return REJECT_PX;
    else
        r->px = (int32_t)o->px;
    if (!strchr("YNA", o->display) || !o->display)
        return REJECT_DISPLAY;
    if (opt->price_type && opt->price_type != 'L')
        return REJECT_PEGGING;
    if (opt->max_floor && (opt->max_floor > qty || o->display == 'N'))
        return REJECT_MAX_FLOOR;
    if (o->display == 'N')
        r->flags |= MATCH_HIDDEN;
    if (opt->post_only)
        r->flags |= MATCH_POST_ONLY;
    if (o->iso == 'Y')
        r->flags |= MATCH_ISO;
    r->display = opt->max_floor;
    if (o->tif == '3')
        r->tif = MATCH_IOC;
    else if (!strchr("056E", o->tif) || !o->tif || (o->tif == '6' && !opt->expire))
        return REJECT_OTHER;
    if (opt->min_qty > 1) {
        if (o->tif != '3' || opt->min_qty != qty)
            return REJECT_MIN_QTY;
        r->tif = MATCH_FOK;
    }
    if (o->cross == 'O' || o->cross == 'C') {
        if (r->tif != MATCH_DAY || opt->post_only)
            return REJECT_CROSS;
        r->tif = o->cross == 'O' ? MATCH_AT_OPEN : MATCH_AT_CLOSE;
    } else if (o->cross != 'N')
        return REJECT_CROSS;
    if ((r->flags & MATCH_MARKET) && r->tif == MATCH_DAY)
        r->tif = MATCH_IOC;
    return 0;
}

/* Whatever can be wrong with a new order; 0 or a reject code. */
static uint32_t check(struct exchange *x, const struct ex_order *o, const uint8_t *m,
                      const struct options *opt, struct match_request *r)
{
    uint32_t qty = load_u32_be(m + 6);
    if (x->stats.day == PN_DAY_OVER || x->stats.day == PN_DAY_CLOSED)
        return REJECT_CLOSED;
    if (x->member[o->member].disabled)
        return REJECT_FIRM;
    if (o->symbol == UINT32_MAX)
        return REJECT_SYMBOL;
    if (!strchr("BSTE", o->side) || !o->side)
        return REJECT_SIDE;
    if (qty == 0 || qty > QTY_MAX)
        return REJECT_QTY;
    uint32_t why = make_request(x, o, opt, qty, r);
    return !why && ex_fault(x, x->cfg.faults.reject_ppm) ? REJECT_PROCESSING : why;
}

static void expire_later(struct exchange *x, const struct ex_order *o, uint32_t seconds)
{
    if (o->tif != '6')
        return;
    heap_push(&x->due, x->now + seconds * EX_SECOND, DUE_EXPIRE, (uint32_t)(o - x->order),
              (uint64_t)o->member << 32 | o->user_ref);
    ex_reckon(x);
}

static void submit(struct exchange *x, struct ex_order *o, const struct match_request *r,
                   const struct options *opt)
{
    uint64_t ref;
    uint32_t at = (uint32_t)(o - x->order), user_ref = o->user_ref;
    o->accepted = o->open = r->qty;
    x->attributed = o->display == 'A';
    match_submit(x->match, r, &ref);
    ex_publish(x);
    x->attributed = 0;
    if (x->order[at].user_ref == user_ref)
        expire_later(x, &x->order[at], opt->expire);
}

static void enter(struct exchange *x, uint32_t member, const uint8_t *m, uint32_t len)
{
    struct options opt;
    struct match_request r;
    if (len < 47 || read_options(m, len, 45, &opt) != 0) {
        malformed(x);
        return;
    }
    uint32_t user_ref = load_u32_be(m + 1);
    if (!fresh(x, member, user_ref))
        return;
    x->member[member].last_ref = user_ref;
    struct ex_order *o = orders_new(x, member, user_ref);
    if (!o) {
        reply_rejected(x, member, user_ref, REJECT_PROCESSING, (const char *)m + 31);
        return;
    }
    o->symbol = find_symbol(x, m + 10);
    o->px = load_u64_be(m + 18);
    o->side = (char)m[5];
    o->tif = (char)m[26];
    o->display = (char)m[27];
    o->capacity = (char)m[28];
    o->iso = (char)m[29];
    o->cross = (char)m[30];
    memcpy(o->cl_ord_id, m + 31, 14);
    o->firm_given = opt.firm_given;
    memcpy(o->firm, opt.firm, 4);
    uint32_t why = check(x, o, m, &opt, &r);
    if (why) {
        reply_rejected(x, member, user_ref, why, o->cl_ord_id);
        orders_free(x, o);
        return;
    }
    submit(x, o, &r, &opt);
}

/* Orders of the closing cross can no longer be changed shortly before it. */
static int frozen(const struct exchange *x, const struct ex_order *o)
{
    uint64_t day = x->cfg.close_ns - x->cfg.open_ns, freeze = day / 20;
    uint64_t close = x->cfg.midnight_ns + x->cfg.close_ns;
    if (freeze > 60 * EX_SECOND)
        freeze = 60 * EX_SECOND;
    return o->cross == 'C' && x->now + freeze >= close && x->stats.day == PN_DAY_OPEN;
}

/* The original is live, the new details are not valid: it is cancelled, the number not used. */
static void replace_invalid(struct exchange *x, const struct ex_order *old)
{
    match_cancel(x->match, old->member, old->ref, 0);
    ex_publish(x);
}

static void replace(struct exchange *x, uint32_t member, const uint8_t *m, uint32_t len)
{
    struct options opt;
    struct match_request r;
    uint64_t ref;
    if (len < 40 || read_options(m, len, 38, &opt) != 0) {
        malformed(x);
        return;
    }
    uint32_t user_ref = load_u32_be(m + 5), qty = load_u32_be(m + 9);
    struct ex_order *old = orders_find(x, member, load_u32_be(m + 1));
    if (!old || !fresh(x, member, user_ref)) {
        x->stats.ignored += !old;
        return;
    }
    struct ex_order *o = orders_new(x, member, user_ref);
    if (!o || frozen(x, old) || ex_fault(x, x->cfg.faults.reject_ppm)) {
        x->member[member].last_ref = user_ref;
        reply_rejected(x, member, user_ref, o ? REJECT_REPLACE : REJECT_PROCESSING,
                       (const char *)m + 24);
        if (o)
            orders_free(x, o);
        return;
    }
    uint32_t next = o->next;
    *o = *old;
    o->next = next;
    o->user_ref = user_ref;
    o->orig_ref = old->user_ref;
    o->withheld_ns = 0;
    o->told = 0;
    o->filled = 0;
    o->px = load_u64_be(m + 13);
    o->tif = (char)m[21];
    o->display = (char)m[22];
    o->iso = (char)m[23];
    memcpy(o->cl_ord_id, m + 24, 14);
    int valid = qty && qty <= QTY_MAX && qty > old->chain_filled &&
                make_request(x, o, &opt, qty - old->chain_filled, &r) == 0;
    if (!valid) {
        orders_free(x, o);
        replace_invalid(x, old);
        return;
    }
    x->member[member].last_ref = user_ref;
    o->accepted = o->open = r.qty;
    uint32_t at = (uint32_t)(o - x->order);
    match_replace(x->match, member, old->ref, &r, &ref);
    ex_publish(x);
    if (x->order[at].user_ref == user_ref && x->order[at].told)
        expire_later(x, &x->order[at], opt.expire);
    else if (x->order[at].user_ref == user_ref)
        orders_free(x, &x->order[at]);
}

static void cancel(struct exchange *x, uint32_t member, const uint8_t *m, uint32_t len)
{
    if (len < 9 || !fits(m, len, 9)) {
        malformed(x);
        return;
    }
    uint32_t total = load_u32_be(m + 5);
    struct ex_order *o = orders_find(x, member, load_u32_be(m + 1));
    uint32_t keep = o && total > o->chain_filled ? total - o->chain_filled : 0;
    if (!o || keep >= o->open) {
        x->stats.ignored++;
        return;
    }
    if (frozen(x, o)) {
        reply_cancel_rejected(x, member, o->user_ref);
        return;
    }
    match_cancel(x->match, member, o->ref, keep);
    ex_publish(x);
}

/* Between kinds of sale, and to a smaller size. */
static void modify(struct exchange *x, uint32_t member, const uint8_t *m, uint32_t len)
{
    if (len < 10 || !fits(m, len, 10)) {
        malformed(x);
        return;
    }
    struct ex_order *o = orders_find(x, member, load_u32_be(m + 1));
    uint32_t total = load_u32_be(m + 6);
    if (!o || o->side == 'B' || !strchr("STE", m[5]) || !m[5] || total <= o->chain_filled ||
        total - o->chain_filled > o->open) {
        x->stats.ignored++;
        return;
    }
    uint32_t at = (uint32_t)(o - x->order), user_ref = o->user_ref;
    o->side = (char)m[5];
    if (total - o->chain_filled < o->open) {
        match_cancel(x->match, member, o->ref, total - o->chain_filled);
        ex_publish(x);
    }
    if (x->order[at].user_ref == user_ref)
        reply_modified(x, &x->order[at]);
}

/* Mass cancel 'C', disable 'D' and enable 'E' order entry. */
static void group(struct exchange *x, uint32_t member, const uint8_t *m, uint32_t len)
{
    static const uint8_t blank[8] = {' ', ' ', ' ', ' ', ' ', ' ', ' ', ' '};
    uint32_t bytes = m[0] == 'C' ? 17 : 9;
    struct options unused;
    if (len < bytes + 2 || read_options(m, len, bytes, &unused) != 0) {
        malformed(x);
        return;
    }
    if (!fresh(x, member, load_u32_be(m + 1)))
        return;
    x->member[member].last_ref = load_u32_be(m + 1);
    if (m[0] == 'C') {
        uint32_t symbol = find_symbol(x, m + 9);
        if (symbol != UINT32_MAX || memcmp(m + 9, blank, 8) == 0)
            orders_cancel_all(x, member, symbol, 'U');
        reply_group(x, member, 'X', m + 1, 16);
        return;
    }
    x->member[member].disabled = m[0] == 'D';
    reply_group(x, member, m[0] == 'D' ? 'G' : 'K', m + 1, 8);
}

void ouch_message(struct exchange *x, uint32_t member, const uint8_t *m, uint32_t len)
{
    x->stats.orders_in++;
    switch (len ? m[0] : 0) {
    case 'O':
        enter(x, member, m, len);
        break;
    case 'U':
        replace(x, member, m, len);
        break;
    case 'X':
        cancel(x, member, m, len);
        break;
    case 'M':
        modify(x, member, m, len);
        break;
    case 'Q':
        if (fits(m, len, 1))
            reply_query(x, member);
        else
            malformed(x);
        break;
    case 'C':
    case 'D':
    case 'E':
        group(x, member, m, len);
        break;
    default:
        malformed(x);
        break;
    }
}

void ouch_expire(struct exchange *x, uint32_t index, uint64_t whose)
{
    const struct ex_order *o = &x->order[index];
    if (!o->user_ref || ((uint64_t)o->member << 32 | o->user_ref) != whose)
        return;
    match_cancel(x->match, o->member, o->ref, 0);
    ex_publish(x);
}
