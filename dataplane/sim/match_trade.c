/*
 * match_trade.c - an order takes what rests on the other side: trades, reserve sizes shown anew,
 * self-match prevention, and the look ahead of fill-or-kill.
 */
#include <errno.h>

#include "shm/abi.h"
#include "sim/match_orders.h"

enum { PIECE_EVENTS = 5 /* a piece of an order traded: execution, two fills, the next piece */ };

static struct mt_trade *trade_record(const struct match *m, uint64_t match)
{
    return &m->trade[match % MATCH_TRADES_KEPT];
}

uint64_t mt_trade_note(struct match *m, const struct mt_trade *t)
{
    uint64_t match = ++m->last_match;
    struct mt_trade *kept = trade_record(m, match);
    *kept = *t;
    kept->match = match;
    return match;
}

void mt_refresh(struct match *m, uint32_t slot)
{
    struct mt_order *o = &m->order[slot];
    mt_queue_remove(m, slot);
    o->flags &= (uint8_t)~MT_IS_WAITING;
    uint32_t all = mt_open_qty(o);
    o->qty = all < o->display ? all : o->display;
    o->reserve = all - o->qty;
    mt_queue_add(m, slot);
    mt_show_as(m, slot, mt_new_ref(m));
    mt_emit(m, mt_public(ME_ADD, o, o->qty));
    struct match_event e = mt_event(ME_RESTATED, o);
    e.ref2 = o->shown;
    e.qty = o->qty;
    e.left = all;
    mt_emit(m, e);
}

/*
 * What is displayed, or hidden, of an order has become less by qty: gone, shown anew, or smaller.
 */
PN_HOT void used_up(struct match *m, uint32_t slot, uint32_t qty)
{
    const struct mt_order *o = &m->order[slot];
    mt_lose(m, slot, qty);
    if (o->qty)
        return;
    if (PN_UNLIKELY(o->reserve))
        mt_refresh(m, slot);
    else
        mt_remove(m, slot);
}

static struct match_event taker_event(const struct mt_taker *t, uint8_t kind)
{
    return (struct match_event){.kind = kind,
                                .side = (uint8_t)t->side,
                                .instrument = t->instrument,
                                .ref = t->ref,
                                .token = t->token,
                                .owner = t->owner};
}

/* The taker and the first in the queue trade qty, at the price of the one that rests. */
static void trade(struct match *m, struct mt_taker *t, uint32_t slot, uint32_t qty)
{
    const struct mt_order *o = &m->order[slot];
    struct mt_trade note = {
        .px = o->px, .qty = qty, .instrument = (uint16_t)t->instrument, .maker = (uint8_t)!t->side};
    note.token[t->side] = t->token;
    note.token[!t->side] = o->token;
    note.ref[t->side] = t->ref;
    note.ref[!t->side] = o->ref;
    note.owner[t->side] = (uint16_t)t->owner;
    note.owner[!t->side] = o->owner;
    uint64_t match = mt_trade_note(m, &note);

    int dark = (o->flags & MT_IS_DARK) != 0;
    struct match_event e = mt_public(dark ? ME_TRADE : ME_EXECUTE, o, qty);
    e.ref2 = match;
    e.left = dark ? 0 : o->qty - qty;
    mt_emit(m, e);
    e = mt_event(ME_FILL, o);
    e.maker = 1;
    e.ref2 = match;
    e.qty = qty;
    e.left = mt_open_qty(o) - qty;
    e.fee = m->cfg.maker_fee * qty;
    mt_emit(m, e);
    t->left -= qty;
    e = taker_event(t, ME_FILL);
    e.ref2 = match;
    e.px = o->px;
    e.qty = qty;
    e.left = t->left;
    e.fee = m->cfg.taker_fee * qty;
    e.hidden = (uint32_t)dark;
    mt_emit(m, e);
    m->instrument[t->instrument].last_px = o->px;
    used_up(m, slot, qty);
}

static void tell_resting(struct match *m, uint32_t slot, uint32_t off, uint32_t prevented)
{
    const struct mt_order *o = &m->order[slot];
    struct match_event e = mt_event(ME_AIQ, o);
    e.maker = 1;
    e.why = 'Q';
    e.qty = off;
    e.ref2 = prevented;
    e.left = mt_open_qty(o) - off;
    mt_emit(m, e);
}

static void tell_taker(struct match *m, struct mt_taker *t, uint32_t off, uint32_t prevented,
                       int32_t px)
{
    struct match_event e = taker_event(t, ME_AIQ);
    t->left -= off;
    e.why = 'Q';
    e.px = px;
    e.qty = off;
    e.ref2 = prevented;
    e.left = t->left;
    mt_emit(m, e);
}

/* Taker and first in the queue are of one owner. 1: nothing is left of the taker. */
static int prevent(struct match *m, struct mt_taker *t, uint32_t slot)
{
    const struct mt_order *o = &m->order[slot];
    uint32_t both = t->left < o->qty ? t->left : o->qty;
    if (m->cfg.stp == MATCH_STP_OLDEST) {
        if (o->shown)
            mt_emit(m, mt_public(ME_DELETE, o, o->qty));
        tell_resting(m, slot, mt_open_qty(o), both);
        mt_remove(m, slot);
        return 0;
    }
    if (m->cfg.stp == MATCH_STP_NEWEST) {
        tell_taker(m, t, t->left, both, o->px);
        return 1;
    }
    if (o->shown) {
        struct match_event e = mt_public(both == o->qty ? ME_DELETE : ME_REDUCE, o, both);
        e.left = o->qty - both;
        mt_emit(m, e);
    }
    tell_resting(m, slot, both, both);
    tell_taker(m, t, both, both, o->px);
    used_up(m, slot, both);
    return t->left == 0;
}

/* What a fill-or-kill order finds on its way; stop: it met an order that ends the way. */
struct ahead {
    uint64_t need;
    uint32_t pieces, most;
    int stop;
};

/*
 * One queue of a level. Reserve sizes come after all that is displayed at the price, so they are
 * looked at in a pass of their own, with as many pieces as they can ever make.
 */
static void ahead_queue(const struct match *m, const struct mt_taker *t, uint32_t slot, int reserve,
                        struct ahead *a)
{
    for (; slot && a->need && !a->stop; slot = m->order[slot].next) {
        const struct mt_order *o = &m->order[slot];
        int own = m->cfg.stp && o->owner == t->owner;
        uint64_t qty = reserve ? o->reserve : o->qty;
        if (own && m->cfg.stp != MATCH_STP_OLDEST)
            a->stop = 1;
        else if (qty)
            a->pieces += reserve && !own ? 1 + (o->reserve - 1) / o->display : 1;
        if (!own)
            a->need -= qty < a->need ? qty : a->need;
        a->stop |= a->pieces > a->most;
    }
}

/* 1: all of it would trade, and the event list can hold it. */
static int fillable(const struct match *m, const struct mt_taker *t)
{
    struct ahead a = {.need = t->left,
                      .most = (MATCH_EVENTS_MAX - MT_ROOM - m->events) / PIECE_EVENTS};
    struct mt_walk w = mt_walk(m, mt_ladder_id(t->instrument, MT_BOOK, !t->side));
    for (; w.rank >= t->limit && w.rank && a.need && !a.stop; mt_walk_next(m, &w)) {
        const struct mt_level *v = mt_walk_level(m, &w);
        ahead_queue(m, t, v->head[MT_SHOWN], 0, &a);
        ahead_queue(m, t, v->head[MT_SHOWN], 1, &a);
        ahead_queue(m, t, v->head[MT_DARK], 0, &a);
    }
    return !a.need && !a.stop;
}

uint8_t mt_take(struct match *m, struct mt_taker *t)
{
    const struct mt_ladder *l = &m->ladder[mt_ladder_id(t->instrument, MT_BOOK, !t->side)];
    if (t->flags & MATCH_POST_ONLY)
        return 'G';
    if (PN_UNLIKELY(t->tif == MATCH_FOK) && !fillable(m, t))
        return 'I';
    while (t->left && l->best_rank >= t->limit) {
        if (PN_UNLIKELY(m->events > MATCH_EVENTS_MAX - MT_ROOM))
            return 'Z';
        const struct mt_level *v = &m->page[l->best].level[l->best_rank % MT_PAGE_LEVELS];
        uint32_t slot = v->head[MT_SHOWN] ? v->head[MT_SHOWN] : v->head[MT_DARK];
        const struct mt_order *o = &m->order[slot];
        if (PN_UNLIKELY(m->cfg.stp) && o->owner == t->owner) {
            if (prevent(m, t, slot))
                return 'Q';
            continue;
        }
        trade(m, t, slot, t->left < o->qty ? t->left : o->qty);
    }
    return 0;
}

/* What an owner of a side is told of a void trade: as the fill was, the fee to be given back. */
static void tell_broken(struct match *m, const struct mt_trade *t, uint32_t side)
{
    int64_t fee = t->maker == side ? m->cfg.maker_fee : m->cfg.taker_fee;
    mt_emit(m, (struct match_event){.kind = ME_TRADE_BROKEN,
                                    .side = (uint8_t)side,
                                    .maker = t->maker == side,
                                    .instrument = t->instrument,
                                    .ref = t->ref[side],
                                    .ref2 = t->match,
                                    .token = t->token[side],
                                    .owner = t->owner[side],
                                    .px = t->px,
                                    .qty = t->qty,
                                    .fee = fee * t->qty});
}

int match_break(struct match *m, uint64_t match_number)
{
    struct mt_trade *t = trade_record(m, match_number);
    mt_begin(m);
    if (!match_number || t->match != match_number || t->broken || !t->qty)
        return -ENOENT;
    t->broken = 1;
    mt_emit(m, (struct match_event){.kind = ME_BROKEN,
                                    .instrument = t->instrument,
                                    .ref2 = t->match,
                                    .px = t->px,
                                    .qty = t->qty});
    tell_broken(m, t, PN_BID);
    tell_broken(m, t, PN_ASK);
    return 0;
}
