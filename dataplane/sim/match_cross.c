/*
 * match_cross.c - the opening, closing and halt cross: one price, at which the most is traded; of
 * several, the one with the least left over on one side; of those, the one nearest the last price;
 * of two as near, the lower one. Every tick is a candidate, not only the prices of orders.
 *
 * Who trades: orders without a price first, then by price; at a price what is displayed, then what
 * is hidden, then the rest of reserve orders, then orders that were sent for the cross, each by
 * time. Self-match prevention does not apply. Both sides pay the taker's fee.
 */
#include "shm/abi.h"
#include "sim/match_orders.h"

/* All orders of a level, displayed or not. */
static uint64_t level_qty(const struct match *m, const struct mt_level *v)
{
    uint64_t qty = 0;
    for (uint32_t q = MT_SHOWN; q <= MT_DARK; q++)
        for (uint32_t slot = v->head[q]; slot; slot = m->order[slot].next)
            qty += mt_open_qty(&m->order[slot]);
    return qty;
}

static uint64_t ladder_qty(const struct match *m, uint32_t ladder)
{
    uint64_t qty = 0;
    for (struct mt_walk w = mt_walk(m, ladder); w.rank; mt_walk_next(m, &w))
        qty += level_qty(m, mt_walk_level(m, &w));
    return qty;
}

/* A walk from the worst level on: the way up of the buyers' prices. */
static struct mt_walk walk_worst(const struct match *m, uint32_t ladder)
{
    struct mt_walk w = mt_walk(m, ladder);
    if (!w.rank)
        return w;
    while (m->page[w.page].worse && m->page[m->page[w.page].worse].occupied)
        w.page = m->page[w.page].worse;
    const struct mt_page *p = &m->page[w.page];
    w.rank = (uint32_t)p->key * MT_PAGE_LEVELS + (uint32_t)__builtin_ctzll(p->occupied);
    return w;
}

static void walk_better(const struct match *m, struct mt_walk *w)
{
    const struct mt_page *p = &m->page[w->page];
    uint64_t bits = p->occupied & ~1ull << w->rank % MT_PAGE_LEVELS;
    while (!bits && (w->page = p->better)) {
        p = &m->page[w->page];
        bits = p->occupied;
    }
    w->rank = bits ? (uint32_t)p->key * MT_PAGE_LEVELS + (uint32_t)__builtin_ctzll(bits) : 0;
}

/* The search for the price, in ticks from the lowest up. */
struct sweep {
    const struct match *m;
    struct mt_walk buy[2], sell[2]; /* the book, and orders for the cross */
    uint64_t bought, sold;          /* would be, at the tick looked at */
    uint32_t last;
    uint32_t px; /* the best so far */
    uint64_t qty, over;
};

static uint32_t apart(uint32_t a, uint32_t b)
{
    return a < b ? b - a : a - b;
}

static void consider(struct sweep *s, uint32_t px)
{
    uint64_t qty = s->bought < s->sold ? s->bought : s->sold;
    uint64_t over = s->bought + s->sold - 2 * qty;
    if (qty < s->qty || !qty)
        return;
    if (qty == s->qty &&
        (over > s->over || (over == s->over && apart(px, s->last) >= apart(s->px, s->last))))
        return;
    s->px = px;
    s->qty = qty;
    s->over = over;
}

/* Ticks between two prices of orders, where nothing changes: the one nearest the last price. */
static void consider_between(struct sweep *s, uint32_t low, uint32_t high)
{
    if (low > high)
        return;
    consider(s, s->last < low ? low : s->last > high ? high : s->last);
}

/* The next price of an order from `from` on, or MT_RANK_MAX. */
static uint32_t next_px(const struct sweep *s)
{
    uint32_t px = MT_RANK_MAX;
    for (uint32_t i = 0; i < 2; i++) {
        if (s->buy[i].rank && s->buy[i].rank < px)
            px = s->buy[i].rank;
        if (s->sell[i].rank && MT_RANK_MAX - s->sell[i].rank < px)
            px = MT_RANK_MAX - s->sell[i].rank;
    }
    return px;
}

static void add_sellers(struct sweep *s, uint32_t px)
{
    for (uint32_t i = 0; i < 2; i++)
        if (s->sell[i].rank && MT_RANK_MAX - s->sell[i].rank == px) {
            s->sold += level_qty(s->m, mt_walk_level(s->m, &s->sell[i]));
            mt_walk_next(s->m, &s->sell[i]);
        }
}

static void drop_buyers(struct sweep *s, uint32_t px)
{
    for (uint32_t i = 0; i < 2; i++)
        if (s->buy[i].rank == px) {
            s->bought -= level_qty(s->m, mt_walk_level(s->m, &s->buy[i]));
            walk_better(s->m, &s->buy[i]);
        }
}

/* Price in ticks and size of the cross; size 0 when nothing meets. */
static void find_price(struct sweep *s, uint32_t instrument, uint32_t kind)
{
    const struct match *m = s->m;
    const struct mt_instrument *in = &m->instrument[instrument];
    uint32_t highest = mt_ticks(in, MATCH_PX_MAX), px, from = 1;
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t ladder = mt_ladder_id(instrument, i ? kind : MT_BOOK, 0);
        s->buy[i] = walk_worst(m, ladder + PN_BID);
        s->sell[i] = mt_walk(m, ladder + PN_ASK);
        s->bought += ladder_qty(m, ladder + PN_BID);
    }
    s->last = mt_ticks(in, in->last_px);
    add_sellers(s, 0); /* at any price */
    while ((px = next_px(s)) < MT_RANK_MAX) {
        consider_between(s, from, px - 1);
        add_sellers(s, px);
        consider(s, px);
        drop_buyers(s, px);
        from = px + 1;
    }
    consider_between(s, from, highest);
}

/* Whose turn it is on a side; there is somebody. */
static uint32_t front(const struct match *m, uint32_t instrument, uint32_t kind, uint32_t side)
{
    const struct mt_ladder *book = &m->ladder[mt_ladder_id(instrument, MT_BOOK, side)];
    const struct mt_ladder *extra = &m->ladder[mt_ladder_id(instrument, kind, side)];
    const struct mt_ladder *l = book->best_rank >= extra->best_rank ? book : extra;
    const struct mt_level *v = &m->page[l->best].level[l->best_rank % MT_PAGE_LEVELS];
    return v->head[MT_SHOWN] ? v->head[MT_SHOWN] : v->head[MT_DARK];
}

/* The reserve of an order whose displayed part is used up waits behind what is hidden. */
static void wait_behind(struct match *m, uint32_t slot)
{
    struct mt_order *o = &m->order[slot];
    mt_queue_remove(m, slot);
    mt_show_as(m, slot, 0);
    o->flags |= MT_IS_WAITING;
    o->qty = o->reserve;
    o->reserve = 0;
    mt_queue_add(m, slot);
}

static void fill(struct match *m, uint32_t slot, const struct mt_trade *t, uint64_t match,
                 uint8_t type)
{
    const struct mt_order *o = &m->order[slot];
    struct match_event e;
    if (o->shown) {
        e = mt_public(ME_EXECUTE_AT, o, t->qty);
        e.ref2 = match;
        e.px = t->px;
        e.left = o->qty - t->qty;
        mt_emit(m, e);
    }
    e = mt_event(ME_FILL, o);
    e.ref2 = match;
    e.why = type;
    e.px = t->px;
    e.qty = t->qty;
    e.left = mt_open_qty(o) - t->qty;
    e.fee = m->cfg.taker_fee * t->qty;
    mt_emit(m, e);
    mt_lose(m, slot, t->qty);
    if (!o->qty && o->reserve)
        wait_behind(m, slot);
    else if (!o->qty)
        mt_remove(m, slot);
}

static void execute(struct match *m, uint32_t instrument, uint32_t kind, const struct sweep *s,
                    uint8_t type)
{
    int32_t px = (int32_t)(s->px * m->instrument[instrument].tick);
    for (uint64_t left = s->qty; left;) {
        uint32_t slot[2] = {front(m, instrument, kind, PN_BID), front(m, instrument, kind, PN_ASK)};
        const struct mt_order *buy = &m->order[slot[PN_BID]], *sell = &m->order[slot[PN_ASK]];
        uint32_t qty = buy->qty < sell->qty ? buy->qty : sell->qty;
        struct mt_trade t = {.token = {buy->token, sell->token},
                             .ref = {buy->ref, sell->ref},
                             .px = px,
                             .qty = left < qty ? (uint32_t)left : qty,
                             .owner = {buy->owner, sell->owner},
                             .instrument = (uint16_t)instrument,
                             .maker = 2};
        uint64_t match = mt_trade_note(m, &t);
        left -= t.qty;
        fill(m, slot[PN_BID], &t, match, type);
        fill(m, slot[PN_ASK], &t, match, type);
    }
    m->instrument[instrument].last_px = px;
}

/* Reserve orders of which some is left are displayed again; all are at the price now best. */
static void show_again(struct match *m, uint32_t ladder)
{
    const struct mt_ladder *l = &m->ladder[ladder];
    if (!l->best_rank)
        return;
    const struct mt_level *v = &m->page[l->best].level[l->best_rank % MT_PAGE_LEVELS];
    for (uint32_t slot = v->head[MT_DARK], next; slot; slot = next) {
        next = m->order[slot].next;
        if (m->order[slot].flags & MT_IS_WAITING)
            mt_refresh(m, slot);
    }
}

void mt_cross(struct match *m, uint32_t instrument, uint8_t type)
{
    uint32_t kind = type == 'C' ? MT_CLOSING : MT_OPENING;
    struct sweep s = {.m = m};
    find_price(&s, instrument, kind);
    if (s.qty)
        execute(m, instrument, kind, &s, type);
    struct mt_trade none = {.maker = 2, .instrument = (uint16_t)instrument};
    mt_emit(m,
            (struct match_event){.kind = ME_CROSS,
                                 .why = type,
                                 .instrument = instrument,
                                 .ref = s.qty,
                                 .ref2 = mt_trade_note(m, &none),
                                 .px = s.qty ? (int32_t)(s.px * m->instrument[instrument].tick) : 0,
                                 .qty = (uint32_t)s.qty});
    show_again(m, mt_ladder_id(instrument, MT_BOOK, PN_BID));
    show_again(m, mt_ladder_id(instrument, MT_BOOK, PN_ASK));
}
