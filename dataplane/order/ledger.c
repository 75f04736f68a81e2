/*
 * ledger.c - see ledger.h. A slot has two books: of all its fills, and of those that are no longer
 * remembered one by one. A fill is taken back by making the first anew from the second and from
 * what is remembered without it: the result is, to the last unit, as if it had never been.
 */
#include "order/ledger.h"

#include <errno.h>
#include <stdlib.h>

#include "order/ledger_log.h"
#include "shm/seqlock.h"

struct ledger_slot {
    struct ledger_book now;
    struct ledger_book base;   /* of the fills that were forgotten */
    uint32_t oldest, youngest; /* remembered fills */
    int64_t bid_px, ask_px;    /* of the last mark */
    int64_t mid_value;         /* unrealised, as published */
    int64_t touch_value;
    int32_t marked;
};

struct ledger {
    const struct pn_trade_config *cfg;
    struct pn_position *position;
    struct ledger_slot *slot;
    struct ledger_lots lots, base_lots;
    struct ledger_log log;
};

static int64_t saturated(__int128 v)
{
    return v > INT64_MAX ? INT64_MAX : v < INT64_MIN ? INT64_MIN : (int64_t)v;
}

int64_t ledger_fee(const struct pn_traded *t, int64_t px, uint64_t qty, int maker)
{
    struct ledger_trade trade = {.px = px, .qty = (uint32_t)qty, .maker = maker != 0};
    if (qty > UINT32_MAX || ledger_trade_price(&trade, t) != 0)
        return INT64_MAX;
    return trade.fee;
}

int ledger_open(struct ledger **out, const struct pn_trade_config *cfg,
                struct pn_position *position, uint32_t lots, uint32_t matches, struct error *e)
{
    *out = NULL;
    if (cfg->traded > PN_TRADED_MAX || !matches || lots > INT32_MAX || matches > INT32_MAX)
        return error_set(e, -EINVAL, "ledger: at most %d traded instruments, at least one match",
                         PN_TRADED_MAX);
    for (uint32_t i = 0; i < cfg->traded; i++)
        if (!cfg->instrument[i].value_mul || cfg->instrument[i].value_mul > INT64_MAX)
            return error_set(e, -EINVAL, "ledger: value_mul of slot %u must be 1 to 2^63 - 1", i);
    struct ledger *l = calloc(1, sizeof *l);
    if (!l)
        return error_set(e, -ENOMEM, "no memory for the ledger");
    l->cfg = cfg;
    l->position = position;
    l->slot = calloc(cfg->traded ? cfg->traded : 1, sizeof *l->slot);
    if (!l->slot || ledger_lots_open(&l->lots, cfg->traded, lots) != 0 ||
        ledger_lots_open(&l->base_lots, cfg->traded, lots) != 0 ||
        ledger_log_open(&l->log, matches) != 0) {
        ledger_close(l);
        return error_set(e, -ENOMEM, "no memory for a ledger of %u lots, %u matches", lots,
                         matches);
    }
    for (uint32_t i = 0; i < cfg->traded; i++) {
        ledger_book_init(&l->slot[i].now);
        ledger_book_init(&l->slot[i].base);
        l->slot[i].oldest = l->slot[i].youngest = LEDGER_NONE;
    }
    *out = l;
    return 0;
}

void ledger_close(struct ledger *l)
{
    if (!l)
        return;
    ledger_lots_close(&l->lots);
    ledger_lots_close(&l->base_lots);
    ledger_log_close(&l->log);
    free(l->slot);
    free(l);
}

/* Unrealised at mid and at the touch; what does not fit is as far as numbers go. */
static void value(const struct ledger *l, uint32_t slot)
{
    struct ledger_slot *s = &l->slot[slot];
    uint64_t mul = l->cfg->instrument[slot].value_mul;
    int64_t qty = s->now.qty, touch = qty > 0 ? s->bid_px : s->ask_px, at;
    __int128 mid_q8 = ((__int128)s->bid_px + s->ask_px) * 128;
    if (!s->marked || !qty) {
        s->mid_value = s->touch_value = 0;
        return;
    }
    int64_t far = (touch > 0) == (qty > 0) ? INT64_MAX : INT64_MIN;
    int fits = mid_q8 == (int64_t)mid_q8 && ledger_value_q8(qty, (int64_t)mid_q8, mul, &at) == 0;
    s->mid_value = fits ? saturated((__int128)at - s->now.cost) : far;
    fits = touch <= INT64_MAX / 256 && touch >= INT64_MIN / 256 &&
           ledger_value_q8(qty, touch * 256, mul, &at) == 0;
    s->touch_value = fits ? saturated((__int128)at - s->now.cost) : far;
}

static void publish(struct ledger *l, uint32_t slot)
{
    const struct ledger_slot *s = &l->slot[slot];
    const struct ledger_book *b = &s->now;
    struct pn_position *p = &l->position[slot];
    seqlock_begin(&p->seq);
    p->slot = slot;
    p->qty = b->qty;
    p->bought = b->bought;
    p->sold = b->sold;
    p->bought_value = b->bought_value;
    p->sold_value = b->sold_value;
    p->fees = b->fees;
    p->cost = b->cost;
    p->realised = b->realised;
    p->realised_fifo = b->realised_fifo;
    p->unrealised_mid = s->mid_value;
    p->unrealised_touch = s->touch_value;
    p->mark_q8 = s->marked ? saturated(((__int128)s->bid_px + s->ask_px) * 128) : 0;
    p->fills = b->fills;
    p->maker_fills = b->maker_fills;
    p->spread_capture = b->spread_capture;
    seqlock_end(&p->seq);
}

static struct ledger_trade trade_of(const struct ledger *l, const struct ledger_entry *e)
{
    struct ledger_trade t = {
        .px = e->px, .mid_q8 = e->mid_q8, .qty = e->qty, .side = e->side, .maker = e->maker};
    (void)ledger_trade_price(&t, &l->cfg->instrument[e->slot]); /* it fitted when it was booked */
    return t;
}

/* The oldest fill goes into its slot's base. */
static void forget_oldest(struct ledger *l)
{
    const struct ledger_entry *e = &l->log.entry[l->log.oldest];
    struct ledger_slot *s = &l->slot[e->slot];
    if (!e->broken) {
        struct ledger_trade t = trade_of(l, e);
        (void)ledger_book_apply(&s->base, &l->base_lots, &t, l->cfg->instrument[e->slot].value_mul);
    }
    s->oldest = e->next;
    if (s->oldest == LEDGER_NONE)
        s->youngest = LEDGER_NONE;
    ledger_log_drop_oldest(&l->log);
}

static void remember(struct ledger *l, const struct pn_fill *f)
{
    struct ledger_slot *s = &l->slot[f->slot];
    struct ledger_entry e = {
        .match = f->match,
        .order = f->order,
        .token = f->token,
        .px = f->px,
        .fee = f->fee,
        .mid_q8 = f->mid_q8,
        .qty = f->qty,
        .slot = f->slot,
        .side = f->side,
        .maker = f->maker != 0,
        .liquidity = f->liquidity,
    };
    uint32_t at = ledger_log_add(&l->log, &e);
    if (s->youngest == LEDGER_NONE)
        s->oldest = at;
    else
        l->log.entry[s->youngest].next = at;
    s->youngest = at;
}

int ledger_fill(struct ledger *l, struct pn_fill *f)
{
    if (PN_UNLIKELY(f->slot >= l->cfg->traded || f->side > PN_ASK))
        return -EINVAL;
    if (PN_UNLIKELY(ledger_log_find(&l->log, f->slot, f->side, f->match) != LEDGER_NONE))
        return -EALREADY;
    const struct pn_traded *in = &l->cfg->instrument[f->slot];
    struct ledger_slot *s = &l->slot[f->slot];
    struct ledger_trade t = {
        .px = f->px, .mid_q8 = f->mid_q8, .qty = f->qty, .side = f->side, .maker = f->maker != 0};
    if (PN_UNLIKELY(ledger_trade_price(&t, in) != 0) ||
        PN_UNLIKELY(ledger_book_apply(&s->now, &l->lots, &t, in->value_mul) != 0))
        return -EOVERFLOW;
    f->fee = t.fee;
    f->broken = 0;
    f->position = s->now.qty;
    if (l->log.count == l->log.cap)
        forget_oldest(l);
    remember(l, f);
    value(l, f->slot);
    publish(l, f->slot);
    return 0;
}

/* The slot's book made anew from its base and what is remembered. */
static int rebuild(struct ledger *l, uint32_t slot)
{
    struct ledger_slot *s = &l->slot[slot];
    ledger_book_clear(&s->now, &l->lots);
    ledger_book_copy(&s->now, &l->lots, &s->base, &l->base_lots);
    for (uint32_t i = s->oldest; i != LEDGER_NONE; i = l->log.entry[i].next) {
        const struct ledger_entry *e = &l->log.entry[i];
        struct ledger_trade t = trade_of(l, e);
        if (!e->broken &&
            ledger_book_apply(&s->now, &l->lots, &t, l->cfg->instrument[slot].value_mul) != 0)
            return -EOVERFLOW;
    }
    return 0;
}

static struct ledger_entry *find_whole(struct ledger *l, uint32_t slot, uint64_t match)
{
    for (uint8_t side = PN_BID; side <= PN_ASK; side++) {
        uint32_t at = ledger_log_find(&l->log, slot, side, match);
        if (at != LEDGER_NONE && !l->log.entry[at].broken)
            return &l->log.entry[at];
    }
    return NULL;
}

int ledger_break(struct ledger *l, uint32_t slot, uint64_t match, uint64_t ts_ns,
                 struct pn_fill *out)
{
    struct ledger_entry *e = slot < l->cfg->traded ? find_whole(l, slot, match) : NULL;
    if (!e)
        return -ENOENT;
    e->broken = 1;
    if (rebuild(l, slot) != 0) {
        e->broken = 0;
        (void)rebuild(l, slot); /* as it was */
        return -EOVERFLOW;
    }
    *out = (struct pn_fill){
        .order = e->order,
        .match = match,
        .ts_ns = ts_ns,
        .px = e->px,
        .fee = e->fee,
        .mid_q8 = e->mid_q8,
        .qty = e->qty,
        .slot = slot,
        .side = e->side,
        .maker = e->maker,
        .broken = 1,
        .liquidity = e->liquidity,
        .position = l->slot[slot].now.qty,
        .token = e->token,
    };
    value(l, slot);
    publish(l, slot);
    return 0;
}

void ledger_mark(struct ledger *l, uint32_t slot, int64_t bid_px, int64_t ask_px)
{
    struct ledger_slot *s = &l->slot[slot];
    s->bid_px = bid_px;
    s->ask_px = ask_px;
    s->marked = 1;
    value(l, slot);
    publish(l, slot);
}

uint64_t ledger_merged(const struct ledger *l)
{
    return l->lots.merged + l->base_lots.merged;
}
