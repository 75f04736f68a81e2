/* match_query.c - what is asked of the matching engine: the top, orders, snapshots, digest. */
#include "shm/abi.h"
#include "sim/match_orders.h"

static int32_t walk_px(const struct match *m, uint32_t instrument, uint32_t side, uint32_t rank)
{
    return (int32_t)(mt_rank(side, rank) * m->instrument[instrument].tick);
}

/* The best level that displays something, or NULL. */
static const struct mt_level *best_shown(const struct match *m, uint32_t instrument, uint32_t side,
                                         int32_t *px)
{
    const struct mt_ladder *l = &m->ladder[mt_ladder_id(instrument, MT_BOOK, side)];
    *px = 0;
    for (uint32_t page = l->best; page; page = m->page[page].worse) {
        const struct mt_page *p = &m->page[page];
        if (!p->shown)
            continue;
        uint32_t bit = mt_top_bit(p->shown);
        *px = walk_px(m, instrument, side, (uint32_t)p->key * MT_PAGE_LEVELS + bit);
        return &p->level[bit];
    }
    return NULL;
}

void match_top(const struct match *m, uint32_t instrument, struct match_top *out)
{
    *out = (struct match_top){0};
    if (instrument >= m->cfg.instruments)
        return;
    const struct mt_level *bid = best_shown(m, instrument, PN_BID, &out->bid_px);
    const struct mt_level *ask = best_shown(m, instrument, PN_ASK, &out->ask_px);
    if (bid) {
        out->bid_qty = bid->qty;
        out->bid_orders = bid->count[MT_SHOWN];
    }
    if (ask) {
        out->ask_qty = ask->qty;
        out->ask_orders = ask->count[MT_SHOWN];
    }
    out->last_px = m->instrument[instrument].last_px;
    out->phase = m->instrument[instrument].phase;
}

uint64_t match_pick(const struct match *m, uint32_t owner, uint32_t instrument, uint64_t r)
{
    if (owner >= m->cfg.owners || instrument >= m->cfg.instruments)
        return 0;
    const struct mt_group *g = mt_group(m, owner, instrument);
    if (!g->count)
        return 0;
    uint32_t at = (uint32_t)(r % g->count), steps = at / MT_CHUNK_IDS;
    uint32_t chunks = (g->count - 1) / MT_CHUNK_IDS, id = g->head;
    if (steps <= chunks / 2) {
        for (uint32_t i = 0; i < steps; i++)
            id = m->chunk[id].next;
    } else {
        id = g->tail;
        for (uint32_t i = steps; i < chunks; i++)
            id = m->chunk[id].prev;
    }
    return m->order[m->chunk[id].slot[at % MT_CHUNK_IDS]].ref;
}

static const struct mt_level *level_at(const struct match *m, uint32_t instrument, uint32_t side,
                                       int32_t px)
{
    if (instrument >= m->cfg.instruments || side > PN_ASK || px <= 0 || px > MATCH_PX_MAX)
        return NULL;
    const struct mt_instrument *in = &m->instrument[instrument];
    uint32_t ticks = mt_ticks(in, px), rank = mt_rank(side, ticks);
    if (ticks * in->tick != (uint32_t)px)
        return NULL;
    /* Only the directory, a hint, changes when a page is looked for. */
    uint32_t page = mt_page_find((struct match *)m, mt_ladder_id(instrument, MT_BOOK, side),
                                 rank / MT_PAGE_LEVELS);
    return page ? &m->page[page].level[rank % MT_PAGE_LEVELS] : NULL;
}

uint32_t match_level(const struct match *m, uint32_t instrument, uint32_t side, int32_t px,
                     uint64_t *qty)
{
    const struct mt_level *v = level_at(m, instrument, side, px);
    *qty = v ? v->qty : 0;
    return v ? v->count[MT_SHOWN] + v->count[MT_DARK] : 0;
}

uint64_t match_pick_at(const struct match *m, uint32_t owner, uint32_t instrument, uint32_t side,
                       int32_t px, uint64_t r)
{
    const struct mt_level *v = level_at(m, instrument, side, px);
    uint32_t count = v ? v->count[MT_SHOWN] + v->count[MT_DARK] : 0;
    uint64_t before = 0;
    uint32_t at = count ? (uint32_t)(r % count) : 0, i = 0;
    for (uint32_t q = MT_SHOWN; v && q <= MT_DARK; q++)
        for (uint32_t slot = v->head[q]; slot; slot = m->order[slot].next, i++) {
            if (m->order[slot].owner != owner)
                continue;
            if (i >= at)
                return m->order[slot].ref;
            before = before ? before : m->order[slot].ref;
        }
    return before;
}

uint32_t match_left(const struct match *m, uint64_t ref, uint8_t *side, int32_t *px)
{
    uint32_t slot = mt_find(m, ref);
    if (!slot)
        return 0;
    *side = (uint8_t)mt_side(m->order[slot].ladder);
    *px = m->order[slot].px;
    return mt_open_qty(&m->order[slot]);
}

uint32_t match_snapshot(const struct match *m, uint32_t instrument, struct match_resting *out,
                        uint32_t cap, uint32_t at)
{
    uint32_t n = 0;
    if (instrument >= m->cfg.instruments)
        return 0;
    for (uint32_t side = PN_BID; side <= PN_ASK; side++) {
        struct mt_walk w = mt_walk(m, mt_ladder_id(instrument, MT_BOOK, side));
        for (; w.rank && n < cap; mt_walk_next(m, &w)) {
            const struct mt_level *v = mt_walk_level(m, &w);
            uint32_t slot = v->head[MT_SHOWN];
            if (at >= v->count[MT_SHOWN]) {
                at -= v->count[MT_SHOWN];
                continue;
            }
            for (; at; at--)
                slot = m->order[slot].next;
            for (; slot && n < cap; slot = m->order[slot].next) {
                const struct mt_order *o = &m->order[slot];
                out[n++] = (struct match_resting){
                    .ref = o->shown, .px = o->px, .qty = o->qty, .side = (uint8_t)side};
            }
        }
    }
    return n;
}

uint64_t match_digest(const struct match *m)
{
    uint64_t h = m->digest;
    for (uint32_t i = 0; i < m->events; i++)
        h = mt_fold_event(h, &m->event[i]);
    for (uint32_t id = 0; id < m->cfg.instruments * 8; id++) {
        struct mt_walk w = mt_walk(m, id);
        for (; w.rank; mt_walk_next(m, &w)) {
            const struct mt_level *v = mt_walk_level(m, &w);
            for (uint32_t q = MT_SHOWN; q <= MT_DARK; q++)
                for (uint32_t slot = v->head[q]; slot; slot = m->order[slot].next) {
                    const struct mt_order *o = &m->order[slot];
                    struct match_event e = mt_event(0, o);
                    e.ref2 = o->shown;
                    e.qty = o->qty;
                    e.left = o->reserve;
                    h = mt_fold_event(h, &e);
                }
        }
    }
    return h;
}
