/*
 * match.c - requests of owners: new orders, cancels, replacements, mass cancels. What an order does
 * to the other side is in match_trade.c; the phases of the day are in match_phase.c.
 */
#include "shm/abi.h"
#include "sim/match_orders.h"

/* Reject codes of OUCH 5.0. */
enum {
    CLOSED = 2,
    MAX_FLOOR = 4,
    FAT_FINGER = 6,
    HALTED = 7,
    SIDE = 9,
    PROCESSING = 0x0a,
    FIRM = 0x0c,
    OTHER = 0x0f,
    QUANTITY = 0x13,
    CROSS_ORDER = 0x14,
    SYMBOL = 0x17,
    PRICE = 0x1d
};

enum { UNKNOWN = 1 };

/* The order that a new one replaces; all zero where there is none. */
struct origin {
    uint64_t ref, token;
    uint64_t shown; /* the feed still has it under this reference */
};

static uint32_t kind_of(uint32_t tif)
{
    return tif == MATCH_AT_OPEN ? MT_OPENING : tif == MATCH_AT_CLOSE ? MT_CLOSING : MT_BOOK;
}

/* 1: what it does not take at once rests. */
static int rests(const struct match_request *r)
{
    return r->tif >= MATCH_AT_OPEN || (r->tif == MATCH_DAY && !(r->flags & MATCH_MARKET));
}

/* How far from the last price an order may go, in price units. */
static int64_t band(const struct mt_instrument *in)
{
    return (int64_t)((uint64_t)in->last_px * in->band_ppm / 1000000);
}

static uint32_t check_price(const struct mt_instrument *in, int32_t px)
{
    if (px <= 0 || px > MATCH_PX_MAX || mt_ticks(in, px) * in->tick != (uint32_t)px)
        return PRICE;
    int64_t away = (int64_t)px - in->last_px;
    if (in->band_ppm && (away < 0 ? -away : away) > band(in))
        return FAT_FINGER;
    return 0;
}

/* A reject code, or 0. */
static uint32_t check(const struct match *m, const struct match_request *r)
{
    if (r->instrument >= m->cfg.instruments)
        return SYMBOL;
    const struct mt_instrument *in = &m->instrument[r->instrument];
    if (r->owner >= m->cfg.owners)
        return FIRM;
    if (r->side > PN_ASK)
        return SIDE;
    if (!r->qty || r->qty > MATCH_QTY_MAX)
        return QUANTITY;
    if (r->tif > MATCH_AT_CLOSE ||
        ((r->flags & MATCH_POST_ONLY) && (r->tif != MATCH_DAY || (r->flags & MATCH_MARKET))))
        return OTHER;
    if (in->phase == MATCH_CLOSED)
        return CLOSED;
    if (r->tif == MATCH_AT_OPEN && in->phase == MATCH_OPEN)
        return CROSS_ORDER;
    if (in->phase != MATCH_OPEN && !rests(r))
        return in->phase == MATCH_HALT ? HALTED : CLOSED;
    if (r->display && r->display < r->qty && rests(r) &&
        ((r->flags & MATCH_HIDDEN) || r->tif != MATCH_DAY))
        return MAX_FLOOR;
    return r->flags & MATCH_MARKET ? 0 : check_price(in, r->px);
}

/* The worst rank on the other side that an order trades with. */
static uint32_t limit_of(const struct mt_instrument *in, const struct match_request *r)
{
    if (PN_LIKELY(!(r->flags & MATCH_MARKET)))
        return mt_rank(!r->side, mt_ticks(in, r->px));
    if (!in->band_ppm)
        return 1;
    int64_t px = r->side ? (int64_t)in->last_px - band(in) : (int64_t)in->last_px + band(in);
    if (px > MATCH_PX_MAX)
        px = MATCH_PX_MAX;
    if (px < 1)
        px = 1;
    uint32_t ticks = mt_ticks(in, (int32_t)px);
    if (r->side && (int64_t)ticks * in->tick < px)
        ticks++;
    return mt_rank(!r->side, ticks);
}

static struct match_event about(const struct match_request *r, uint8_t kind, uint64_t ref)
{
    return (struct match_event){.kind = kind,
                                .side = r->side,
                                .instrument = r->instrument,
                                .ref = ref,
                                .token = r->token,
                                .owner = r->owner,
                                .px = r->px,
                                .hidden = (r->flags & MATCH_HIDDEN) != 0};
}

static void tell_rest_cancelled(struct match *m, const struct match_request *r, uint64_t ref,
                                uint32_t qty, uint8_t why)
{
    struct match_event e = about(r, ME_CANCELLED, ref);
    e.qty = qty;
    e.why = why;
    mt_emit(m, e);
}

static void tell_gone(struct match *m, const struct match_request *r, struct origin *from)
{
    if (!from->shown)
        return;
    mt_emit(m, (struct match_event){.kind = ME_DELETE,
                                    .side = r->side,
                                    .instrument = r->instrument,
                                    .ref = from->shown});
    from->shown = 0;
}

/* Puts qty of an order into the book, or among those that wait for a cross. */
static void put(struct match *m, const struct match_request *r, uint64_t ref, uint32_t qty,
                struct origin *from)
{
    uint32_t slot = mt_slot_take(m), kind = kind_of(r->tif);
    uint32_t dark = (r->flags & MATCH_HIDDEN) || kind != MT_BOOK;
    uint32_t display = r->display && r->display < r->qty ? r->display : 0;
    const struct mt_instrument *in = &m->instrument[r->instrument];
    struct mt_order *o = &m->order[slot];
    uint32_t piece = display && display < qty ? display : qty;
    *o = (struct mt_order){.ref = ref,
                           .shown = dark ? 0 : ref,
                           .token = r->token,
                           .qty = piece,
                           .reserve = qty - piece,
                           .display = display,
                           .px = r->flags & MATCH_MARKET ? 0 : r->px,
                           .ladder = mt_ladder_id(r->instrument, kind, r->side),
                           .owner = (uint16_t)r->owner,
                           .flags = (uint8_t)((r->flags & MT_FLAGS) | (dark ? MT_IS_DARK : 0))};
    uint32_t rank = r->flags & MATCH_MARKET ? MT_RANK_MAX : mt_rank(r->side, mt_ticks(in, r->px));
    if (PN_UNLIKELY(mt_rest(m, slot, rank) != 0)) {
        o->next = m->slot_free;
        m->slot_free = slot;
        tell_gone(m, r, from);
        tell_rest_cancelled(m, r, ref, qty, 'Z');
        return;
    }
    if (dark) {
        tell_gone(m, r, from);
        return;
    }
    struct match_event e = mt_public(from->shown ? ME_REPLACE : ME_ADD, o, o->qty);
    if (from->shown) {
        e.ref = from->shown;
        e.ref2 = ref;
    }
    mt_emit(m, e);
}

/* A valid order comes in: it takes what it can, the rest rests or is cancelled. */
static uint64_t enter(struct match *m, const struct match_request *r, struct origin *from)
{
    const struct mt_instrument *in = &m->instrument[r->instrument];
    struct mt_taker t = {.ref = mt_new_ref(m),
                         .token = r->token,
                         .owner = r->owner,
                         .instrument = r->instrument,
                         .side = r->side,
                         .left = r->qty,
                         .flags = r->flags,
                         .tif = r->tif};
    struct match_event e = about(r, from->ref ? ME_REPLACED : ME_ACCEPTED, t.ref);
    e.ref2 = from->ref;
    e.token2_low = (uint32_t)from->token;
    e.qty = e.left = r->qty;
    mt_emit(m, e);

    uint8_t why = 0;
    const struct mt_ladder *other = &m->ladder[mt_ladder_id(r->instrument, MT_BOOK, !r->side)];
    if (in->phase == MATCH_OPEN && r->tif < MATCH_AT_OPEN) {
        t.limit = limit_of(in, r);
        if (other->best_rank >= t.limit) {
            tell_gone(m, r, from);
            why = mt_take(m, &t);
        }
    }
    if (!t.left)
        return t.ref;
    if (PN_LIKELY(rests(r) && !why)) {
        put(m, r, t.ref, t.left, from);
        return t.ref;
    }
    tell_gone(m, r, from);
    if (!why)
        why = (r->flags & MATCH_MARKET) && other->best_rank ? 'K' : 'I';
    tell_rest_cancelled(m, r, t.ref, t.left, why);
    return t.ref;
}

uint32_t match_submit(struct match *m, const struct match_request *r, uint64_t *ref)
{
    struct origin none = {0, 0, 0};
    mt_begin(m);
    uint32_t why = check(m, r);
    if (PN_LIKELY(!why) && PN_UNLIKELY(!mt_slot_is_free(m)) && rests(r))
        why = PROCESSING;
    if (PN_UNLIKELY(why)) {
        struct match_event e = about(r, ME_REJECTED, 0);
        e.qty = r->qty;
        e.why = (uint8_t)why;
        mt_emit(m, e);
        *ref = 0;
        return why;
    }
    *ref = enter(m, r, &none);
    return 0;
}

void mt_take_off(struct match *m, uint32_t slot, uint8_t why)
{
    const struct mt_order *o = &m->order[slot];
    if (o->shown)
        mt_emit(m, mt_public(ME_DELETE, o, o->qty));
    struct match_event e = mt_event(ME_CANCELLED, o);
    e.qty = mt_open_qty(o);
    e.why = why;
    mt_emit(m, e);
    mt_remove(m, slot);
}

/* Reserve size goes first, so that what is displayed stays as long as it can. */
static void cut(struct match *m, uint32_t slot, uint32_t qty)
{
    struct mt_order *o = &m->order[slot];
    uint32_t unseen = qty < o->reserve ? qty : o->reserve;
    o->reserve -= unseen;
    if (qty == unseen)
        return;
    mt_lose(m, slot, qty - unseen);
    if (o->shown)
        mt_emit(m, mt_public(ME_REDUCE, o, qty - unseen));
}

uint32_t match_cancel(struct match *m, uint32_t owner, uint64_t ref, uint32_t keep)
{
    mt_begin(m);
    uint32_t slot = mt_find(m, ref);
    const struct mt_order *o = &m->order[slot];
    if (!slot || o->owner != owner)
        return UNKNOWN;
    if (PN_LIKELY(!keep)) {
        mt_take_off(m, slot, 'U');
        return 0;
    }
    uint32_t open = mt_open_qty(o);
    if (keep >= open)
        return 0;
    cut(m, slot, open - keep);
    struct match_event e = mt_event(ME_CANCELLED, o);
    e.qty = open - keep;
    e.left = keep;
    e.why = 'U';
    mt_emit(m, e);
    return 0;
}

/* Nothing but less of it. */
static int keeps_place(const struct mt_order *o, const struct match_request *r)
{
    uint32_t same = MATCH_HIDDEN | MATCH_MARKET;
    uint32_t display = r->display < r->qty ? r->display : 0;
    return rests(r) && kind_of(r->tif) == (o->ladder >> 1 & 3) && r->qty <= mt_open_qty(o) &&
           !((o->flags ^ r->flags) & same) && ((r->flags & MATCH_MARKET) || r->px == o->px) &&
           (display == o->display || r->display == o->display);
}

static void shrink(struct match *m, uint32_t slot, const struct match_request *r)
{
    struct mt_order *o = &m->order[slot];
    struct match_event e = mt_event(ME_REPLACED, o);
    e.token2_low = (uint32_t)o->token;
    e.token = o->token = r->token;
    e.ref2 = o->ref;
    e.qty = e.left = r->qty;
    mt_emit(m, e);
    o->flags = (uint8_t)((o->flags & ~MT_FLAGS) | (r->flags & MT_FLAGS));
    cut(m, slot, mt_open_qty(o) - r->qty);
}

uint32_t match_replace(struct match *m, uint32_t owner, uint64_t ref, const struct match_request *r,
                       uint64_t *new_ref)
{
    mt_begin(m);
    *new_ref = 0;
    uint32_t slot = mt_find(m, ref);
    const struct mt_order *o = &m->order[slot];
    if (!slot || o->owner != owner)
        return UNKNOWN;
    struct match_request now = *r;
    now.owner = owner;
    now.instrument = o->ladder / 8;
    now.side = (uint8_t)mt_side(o->ladder);
    uint32_t why = check(m, &now);
    int stays = keeps_place(o, &now);
    if (why && !(why == FAT_FINGER && stays)) {
        mt_take_off(m, slot, 'Z');
        return why;
    }
    if (stays) {
        *new_ref = o->ref;
        shrink(m, slot, &now);
        return 0;
    }
    struct origin from = {o->ref, o->token, o->shown};
    mt_remove(m, slot);
    *new_ref = enter(m, &now, &from);
    return 0;
}

uint32_t match_mass_cancel(struct match *m, uint32_t owner, uint32_t instrument, uint8_t why)
{
    mt_begin(m);
    if (owner >= m->cfg.owners || (instrument >= m->cfg.instruments && instrument != UINT32_MAX))
        return 0;
    uint32_t done = 0, first = instrument == UINT32_MAX ? 0 : instrument;
    uint32_t last = instrument == UINT32_MAX ? m->cfg.instruments : instrument + 1;
    for (uint32_t i = first; i < last; i++) {
        const struct mt_group *g = mt_group(m, owner, i);
        while (g->count && m->events <= MATCH_EVENTS_MAX - MT_ROOM) {
            const struct mt_chunk *c = &m->chunk[g->tail];
            mt_take_off(m, c->slot[c->n - 1], why);
            done++;
        }
    }
    return done;
}
