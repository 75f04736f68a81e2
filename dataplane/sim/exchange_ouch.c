/*
 * exchange_ouch.c - what members send: OUCH 5.0. Every message is checked for its length and its
 * options first; then the rules of UserRefNum, which make resending harmless: a number that is not
 * higher than the last one is a repetition and has no effect.
 */
#include "order/ouch.h"
#include "sim/exchange_internal.h"

#include <stddef.h>

enum {
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

/* Further options that are looked at, or only known by their length. */
enum { OPT_PRICE_TYPE = 6, OPT_TAGS = 26 };

struct options {
    uint32_t min_qty, max_floor, expire;
    uint8_t price_type, post_only, firm_given;
    char firm[4];
};

/* Length of each option's value that this exchange knows, by tag. */
static const uint8_t option_bytes[OPT_TAGS] = {
    [2] = 4,  [3] = 4,  [4] = 1,  [5] = 4,  [6] = 1,  [7] = 4,  [9] = 8,  [10] = 1, [11] = 4,
    [12] = 1, [13] = 4, [14] = 4, [15] = 4, [16] = 1, [17] = 1, [24] = 2, [25] = 1};

static uint32_t option_u32(const uint8_t *p, uint32_t n, uint32_t tag)
{
    uint32_t bytes;
    const uint8_t *v = ouch_option(p, n, tag, &bytes);
    return v ? load_u32_be(v) : 0;
}

static uint8_t option_letter(const uint8_t *p, uint32_t n, uint32_t tag)
{
    uint32_t bytes;
    const uint8_t *v = ouch_option(p, n, tag, &bytes);
    return v ? *v : 0;
}

/*
 * The appendage whose length field is at `at` and which must end where the message does, every
 * known option with its own length. 0, or -1 when it is malformed.
 */
static int read_options(const uint8_t *m, uint32_t len, uint32_t at, struct options *o)
{
    uint32_t bytes;
    *o = (struct options){0};
    if (len < at + 2 || load_u16_be(m + at) != len - at - 2)
        return -1;
    const uint8_t *p = m + at + 2;
    uint32_t n = len - at - 2;
    if (!ouch_options_fit(p, n))
        return -1;
    for (uint32_t i = 0; i < n; i += 1u + p[i])
        if (p[i + 1] < OPT_TAGS && option_bytes[p[i + 1]] && option_bytes[p[i + 1]] != p[i] - 1)
            return -1;
    o->min_qty = option_u32(p, n, OUCH_OPT_MIN_QTY);
    o->max_floor = option_u32(p, n, OUCH_OPT_MAX_FLOOR);
    o->expire = option_u32(p, n, OUCH_OPT_EXPIRE);
    o->price_type = option_letter(p, n, OPT_PRICE_TYPE);
    o->post_only = option_letter(p, n, OUCH_OPT_POST_ONLY) == 'P';
    const uint8_t *firm = ouch_option(p, n, OUCH_OPT_FIRM, &bytes);
    o->firm_given = firm != 0;
    if (firm)
        memcpy(o->firm, firm, 4);
    return 0;
}

/* An optional appendage, as later revisions have it on short messages. */
static int fits(const uint8_t *m, uint32_t len, uint32_t bytes)
{
    struct options unused;
    return len == bytes || (len > bytes && read_options(m, len, bytes, &unused) == 0);
}

static int one_of(uint8_t letter, const char *letters)
{
    return letter && strchr(letters, letter) != 0;
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

static uint32_t find_symbol(const struct exchange *x, const char name[OUCH_SYMBOL])
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
    else if (o->px == 0 || o->px > OUCH_PX_MAX || o->px % x->cfg.symbol[o->symbol].tick)
        return REJECT_PX;
    else
        r->px = (int32_t)o->px;
    if (!one_of((uint8_t)o->display, "YNA"))
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
    else if (!one_of((uint8_t)o->tif, "056E") || (o->tif == '6' && !opt->expire))
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
static uint32_t check(struct exchange *x, const struct ex_order *o, const struct ouch_enter *m,
                      const struct options *opt, struct match_request *r)
{
    uint32_t qty = load_u32_be(m->qty);
    if (x->stats.day == PN_DAY_OVER || x->stats.day == PN_DAY_CLOSED)
        return REJECT_CLOSED;
    if (x->member[o->member].disabled)
        return REJECT_FIRM;
    if (o->symbol == UINT32_MAX)
        return REJECT_SYMBOL;
    if (!one_of((uint8_t)o->side, "BSTE"))
        return REJECT_SIDE;
    if (qty == 0 || qty > OUCH_QTY_MAX)
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

static void enter(struct exchange *x, uint32_t member, const uint8_t *bytes, uint32_t len)
{
    const struct ouch_enter *m = (const struct ouch_enter *)bytes;
    struct options opt;
    struct match_request r;
    if (read_options(bytes, len, offsetof(struct ouch_enter, options), &opt) != 0) {
        malformed(x);
        return;
    }
    uint32_t user_ref = load_u32_be(m->user_ref);
    if (!fresh(x, member, user_ref))
        return;
    x->member[member].last_ref = user_ref;
    struct ex_order *o = orders_new(x, member, user_ref);
    if (!o) {
        reply_rejected(x, member, user_ref, REJECT_PROCESSING, m->clordid);
        return;
    }
    o->symbol = find_symbol(x, m->symbol);
    o->px = load_u64_be(m->px);
    o->side = (char)m->side;
    o->tif = (char)m->tif;
    o->display = (char)m->display;
    o->capacity = (char)m->capacity;
    o->iso = (char)m->sweep;
    o->cross = (char)m->cross;
    memcpy(o->cl_ord_id, m->clordid, OUCH_CLORDID);
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

/* What the new one takes from the old one and from the message. */
static void succeed(struct ex_order *o, const struct ex_order *old, const struct ouch_replace *m)
{
    uint32_t next = o->next;
    *o = *old;
    o->next = next;
    o->user_ref = load_u32_be(m->user_ref);
    o->orig_ref = old->user_ref;
    o->ref = o->withheld_ns = 0;
    o->told = 0;
    o->filled = 0;
    o->px = load_u64_be(m->px);
    o->tif = (char)m->tif;
    o->display = (char)m->display;
    o->iso = (char)m->sweep;
    memcpy(o->cl_ord_id, m->clordid, OUCH_CLORDID);
}

/* Asks the matching engine; what it says is published. */
static void exchange_orders(struct exchange *x, struct ex_order *o, const struct ex_order *old,
                            const struct match_request *r, const struct options *opt)
{
    uint64_t ref;
    uint32_t at = (uint32_t)(o - x->order), user_ref = o->user_ref;
    x->member[o->member].last_ref = user_ref;
    o->accepted = o->open = r->qty;
    match_replace(x->match, o->member, old->ref, r, &ref);
    ex_publish(x);
    o = &x->order[at];
    if (o->user_ref == user_ref && o->told)
        expire_later(x, o, opt->expire);
    else if (o->user_ref == user_ref) /* nothing came of it */
        orders_free(x, o);
}

static void replace(struct exchange *x, uint32_t member, const uint8_t *bytes, uint32_t len)
{
    const struct ouch_replace *m = (const struct ouch_replace *)bytes;
    struct options opt;
    struct match_request r;
    if (read_options(bytes, len, offsetof(struct ouch_replace, options), &opt) != 0) {
        malformed(x);
        return;
    }
    uint32_t user_ref = load_u32_be(m->user_ref), qty = load_u32_be(m->qty);
    struct ex_order *old = orders_find(x, member, load_u32_be(m->orig_ref));
    if (!old || !fresh(x, member, user_ref)) {
        x->stats.ignored += !old;
        return;
    }
    struct ex_order *o = orders_new(x, member, user_ref);
    if (!o || frozen(x, old) || ex_fault(x, x->cfg.faults.reject_ppm)) {
        x->member[member].last_ref = user_ref;
        reply_rejected(x, member, user_ref, o ? REJECT_REPLACE : REJECT_PROCESSING, m->clordid);
        if (o)
            orders_free(x, o);
        return;
    }
    succeed(o, old, m);
    if (qty && qty <= OUCH_QTY_MAX && qty > old->chain_filled &&
        make_request(x, o, &opt, qty - old->chain_filled, &r) == 0) {
        exchange_orders(x, o, old, &r, &opt);
        return;
    }
    orders_free(x, o);
    replace_invalid(x, old);
}

static void cancel(struct exchange *x, uint32_t member, const uint8_t *bytes, uint32_t len)
{
    const struct ouch_cancel *m = (const struct ouch_cancel *)bytes;
    if (!fits(bytes, len, sizeof *m)) {
        malformed(x);
        return;
    }
    uint32_t total = load_u32_be(m->qty);
    struct ex_order *o = orders_find(x, member, load_u32_be(m->user_ref));
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
static void modify(struct exchange *x, uint32_t member, const uint8_t *bytes, uint32_t len)
{
    const struct ouch_modify *m = (const struct ouch_modify *)bytes;
    if (!fits(bytes, len, sizeof *m)) {
        malformed(x);
        return;
    }
    struct ex_order *o = orders_find(x, member, load_u32_be(m->user_ref));
    uint32_t total = load_u32_be(m->qty);
    if (!o || o->side == 'B' || !one_of(m->side, "STE") || total <= o->chain_filled ||
        total - o->chain_filled > o->open) {
        x->stats.ignored++;
        return;
    }
    uint32_t at = (uint32_t)(o - x->order), user_ref = o->user_ref;
    o->side = (char)m->side;
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
    uint32_t bytes = m[0] == 'C' ? offsetof(struct ouch_mass_cancel, options) : 9;
    struct options unused;
    if (read_options(m, len, bytes, &unused) != 0) {
        malformed(x);
        return;
    }
    if (!fresh(x, member, load_u32_be(m + 1)))
        return;
    x->member[member].last_ref = load_u32_be(m + 1);
    if (m[0] == 'C') {
        uint32_t symbol = find_symbol(x, (const char *)m + 9);
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
