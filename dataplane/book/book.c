/*
 * book.c - events to books, one at a time and of any kind; what is cold of apply.h. The hot loop
 * over order messages is apply.c's, built from the same parts.
 */
#include "book/apply.h"
#include "book/session.h"

void book_reject(struct books *b, struct pn_book *bk, enum pn_reason reason, uint8_t why)
{
    b->counters->drops[reason]++;
    top_set_stale(bk, why);
}

void book_regrid(struct books *b, struct pn_book *bk, uint32_t instrument, int32_t px)
{
    top_set_known(bk);
    if (ladder_regrid(&b->ladder, bk, instrument, px) != 0)
        book_reject(b, bk, PN_R_BOOK_PAGES_FULL, PN_STALE_OVERFLOW);
}

void top_record(struct books *b, const struct pn_book *bk, const struct pn_event *ev)
{
    const struct pn_top *t = &bk->top;
    if (b->watched && !b->watched[ev->instrument])
        return;
    b->bbo[b->bbo_count++] = (struct pn_bbo){
        .ts_ns = ev->ts_ns,
        .rx_ns = ev->rx_ns,
        .seq = ev->seq,
        .instrument = ev->instrument,
        .state = t->state,
        .bid_px = t->bid_px,
        .ask_px = t->ask_px,
        .bid_orders = t->bid_orders,
        .ask_orders = t->ask_orders,
        .bid_size = t->bid_size,
        .ask_size = t->ask_size,
    };
}

/* LEVEL: one price has this size now. */
static void apply_level(struct books *b, struct pn_book *bk, struct pn_event *ev)
{
    uint32_t side = ev->side;
    struct level_at at = {0};
    if (ev->size) {
        at = level_make(b, bk, ev, side);
    } else if (bk->step && bk->step * ladder_steps(bk, ev->px) == (uint32_t)ev->px) {
        at = ladder_find(&b->ladder, bk, ev->instrument, side, ev->px);
    }
    if (at.page) {
        uint64_t *word = &b->ladder.page[at.page].level[at.bit], old = *word;
        *word = ev->size;
        if (ev->size || old)
            ladder_note(&b->ladder, bk, side, at.page, ev->size ? at.number : 0, at.bit, ev->size);
        if (!ev->size && !old)
            b->counters->drops[PN_R_BOOK_LEVEL_ABSENT]++;
    } else if (!ev->size) {
        b->counters->drops[PN_R_BOOK_LEVEL_ABSENT]++;
    }
    top_levels_changed(b, bk, ev);
}

/* QUOTE: the whole side is this one price. */
static void apply_quote(struct books *b, struct pn_book *bk, struct pn_event *ev)
{
    int32_t px;
    if (!(ev->flags & PN_EVF_COMPLETE))
        top_begin_heal(bk);
    if (bk->best_number[ev->side] && (top_scan(b, bk, ev->side, &px), px != ev->px || !ev->size))
        ladder_clear(&b->ladder, bk, ev->side);
    if (ev->size)
        apply_level(b, bk, ev);
    else
        top_levels_changed(b, bk, ev);
    if (ev->flags & PN_EVF_COMPLETE && !(bk->top.stale_why & TOP_NOT_STORED))
        top_heal(bk, b->channel[bk->channel].gap_epoch);
}

/* Events of a book or its trades; the record is open. */
static void apply_event(struct books *b, struct pn_book *bk, struct pn_event *ev)
{
    switch (ev->kind) {
    case PN_EV_ADD:
        apply_add(b, bk, ev);
        break;
    case PN_EV_EXECUTE:
    case PN_EV_EXECUTE_AT:
    case PN_EV_CANCEL:
        apply_reduce(b, bk, ev);
        break;
    case PN_EV_DELETE:
        apply_delete(b, bk, ev);
        break;
    case PN_EV_REPLACE:
        apply_replace(b, bk, ev);
        break;
    case PN_EV_LEVEL:
        apply_level(b, bk, ev);
        break;
    case PN_EV_QUOTE:
        apply_quote(b, bk, ev);
        break;
    case PN_EV_TRADE:
    case PN_EV_CROSS:
        if (ev->size)
            trade_record(b, bk, ev);
        break;
    case PN_EV_BROKEN:
        trade_break(b, ev);
        break;
    case PN_EV_STATUS:
        top_set_trading(bk, ev->aux);
        break;
    default:
        break;
    }
}

void book_apply(struct books *b, struct pn_event *ev)
{
    if (ev->kind >= PN_EV_GAP) {
        if (ev->kind == PN_EV_GAP)
            session_gap(b, ev);
        else if (ev->kind == PN_EV_RESET)
            session_reset(b, ev);
        return;
    }
    struct pn_book *bk = &b->book[ev->instrument];
    seqlock_begin(&bk->seq);
    if (ev->kind <= PN_EV_QUOTE)
        top_set_known(bk);
    /* The decoder did not trust a field of it. */
    if (ev->flags & PN_EVF_REJECTED && ev->kind <= PN_EV_QUOTE)
        top_set_stale(bk, PN_STALE_INCONSISTENT);
    else
        apply_event(b, bk, ev);
    if (b->applied)
        *b->applied = ev->seq;
    seqlock_end(&bk->seq);
}
