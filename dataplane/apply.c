/*
 * apply.c - STAGE_BOOK: gathered messages, decoded one by one and applied to the books.
 *
 * The five order messages of ITCH that make up nearly all of a day are decoded and applied in one
 * go, inline, an event never leaving the registers; everything else, and every message with an odd
 * length or field, goes through the feed's decoder and book_apply. Both end in book/apply.h.
 */
#include "book/apply.h"
#include "book/look_ahead.h"
#include "feed/iex.h"
#include "feed/itch50.h"
#include "pipeline.h"

enum { LOOK_AHEAD_MIN = 4 }; /* fewer messages than this are not worth further looks ahead */

/* Steps two and three of the look-ahead; the first is taken while gathering. */
static void look_ahead(struct pipeline *p)
{
    const struct books *b = &p->books;
    const struct work *w = p->work, *end = w + p->works;
    /* gcc takes a function that only prefetches for one without effect, and drops the call. */
    __asm__ volatile("");
    for (const struct work *i = w; i < end; i++)
        if (PN_LIKELY(i->hot))
            book_prefetch_order(b, load_u64_be(i->m + 11));
    for (const struct work *i = w; i < end; i++) {
        if (PN_LIKELY(i->hot)) {
            if (i->len == ITCH50_ADD)
                book_prefetch_level(b, i->instrument, load_u64_be(i->m + 11), 1,
                                    itch50_sides[i->m[19]] & 1, (int32_t)load_u32_be(i->m + 32));
            else
                book_prefetch_level(b, i->instrument, load_u64_be(i->m + 11), 0, 0, 0);
        }
    }
}

/* For whoever records all events, and for the desk. */
static void keep(struct pipeline_limits *limits, const struct books *b, const struct pn_event *ev)
{
    if (limits->event)
        limits->event[limits->events] = *ev;
    if (limits->watched) {
        if (ev->kind == PN_EV_INSTRUMENT)
            limits->named(limits->named_arg, ev->instrument);
        if (ev->kind >= PN_EV_GAP || limits->watched[ev->instrument]) {
            limits->kept_tops[limits->kept_count] = (uint32_t)b->bbo_count;
            limits->kept[limits->kept_count++] = *ev;
        }
    }
    limits->events++;
}

/* What the sequencer has to say between messages, in its place. */
static __attribute__((noinline)) void apply_control(struct pipeline *p, const struct run *run,
                                                    struct pipeline_limits *limits)
{
    static const uint8_t kinds[] = {
        [RUN_GAP] = PN_EV_GAP, [RUN_RESET] = PN_EV_RESET, [RUN_END] = PN_EV_END};
    struct channel *ch = &p->channels.channel[run->channel];
    if (run->kind == RUN_RESET) {
        instrument_map_renew(&ch->map);
        ch->pub->late_join = (uint32_t)run->count;
        ch->pub->applied_seq = run->seq - 1;
    }
    struct pn_event ev = {
        .kind = kinds[run->kind],
        .instrument = run->channel,
        .rx_ns = run->rx_ns,
        .seq = run->seq,
        .size = run->kind == RUN_GAP ? run->count : 0,
        .aux = run->kind == RUN_RESET ? (uint32_t)run->count : 0,
    };
    book_apply(&p->books, &ev);
    if (run->kind == RUN_RESET)
        ch->pub->resets_applied++; /* others may be queued behind it */
    keep(limits, &p->books, &ev);
}

/* Any message of any feed. */
static __attribute__((noinline)) void apply_any(struct pipeline *p, struct channel *ch,
                                                const struct work *w, uint64_t seq, uint64_t rx_ns,
                                                struct pipeline_limits *limits)
{
    struct pn_event ev[DECODE_EVENTS_MAX] = {0};
    uint32_t n = ch->pub->feed == PN_FEED_ITCH50 ? itch50_decode(&ch->decode, w->m, w->len, ev)
                                                 : iex_decode(&ch->decode, w->m, w->len, ev);
    for (uint32_t i = 0; i < n; i++) {
        ev[i].seq = seq;
        ev[i].rx_ns = rx_ns;
        /* Said inside the book's lock, and once the message is in the book whole. */
        p->books.applied = i + 1 == n ? &ch->pub->applied_seq : NULL;
        book_apply(&p->books, &ev[i]);
        keep(limits, &p->books, &ev[i]);
    }
    ch->pub->applied_seq = seq;
}

/*
 * One of the five, if it is one in good order: 1, else 0 with nothing done.
 */
PN_HOT int apply_order(struct books *b, const struct channel *ch, const struct work *w,
                       uint64_t seq, uint64_t rx_ns, struct pipeline_limits *limits, uint64_t keeps)
{
    const uint8_t *m = w->m;
    uint32_t type_len = (uint32_t)m[0] << 16 | w->len;
    struct pn_book *bk = &b->book[w->instrument];
    struct pn_event ev = itch50_order(m, PN_EV_NONE, w->instrument, seq, rx_ns);
    if (type_len == ('A' << 16 | ITCH50_ADD)) {
        if (PN_UNLIKELY(itch50_add_bad(m) |
                        (~instrument_map_named(ch->decode.map, load_u16_be(m + 1)) & 1)))
            return 0;
        ev.kind = PN_EV_ADD;
        itch50_add(m, &ev);
        seqlock_begin(&bk->seq);
        apply_add(b, bk, &ev);
    } else if (type_len == ('D' << 16 | ITCH50_DELETE)) {
        ev.kind = PN_EV_DELETE;
        seqlock_begin(&bk->seq);
        apply_delete(b, bk, &ev);
    } else if (type_len == ('U' << 16 | ITCH50_REPLACE)) {
        if (PN_UNLIKELY(itch50_replace_bad(m)))
            return 0;
        ev.kind = PN_EV_REPLACE;
        itch50_replace(m, &ev);
        seqlock_begin(&bk->seq);
        apply_replace(b, bk, &ev);
    } else if (type_len == ('E' << 16 | ITCH50_EXECUTED)) {
        ev.kind = PN_EV_EXECUTE;
        itch50_executed(m, &ev);
        seqlock_begin(&bk->seq);
        apply_reduce(b, bk, &ev);
    } else if (type_len == ('X' << 16 | ITCH50_CANCEL)) {
        ev.kind = PN_EV_CANCEL;
        itch50_cancel(m, &ev);
        seqlock_begin(&bk->seq);
        apply_reduce(b, bk, &ev);
    } else {
        return 0;
    }
    ch->pub->applied_seq = seq;
    seqlock_end(&bk->seq);
    if (PN_UNLIKELY(keeps)) {
        /* A copy: the event itself must not be seen to leave, so that it can stay in registers. */
        struct pn_event copy = ev;
        keep(limits, b, &copy);
    } else {
        limits->events++;
    }
    return 1;
}

/* May another message be applied? */
static __attribute__((noinline)) int within(const struct pipeline *p,
                                            const struct pipeline_limits *limits,
                                            const struct work *w, uint64_t done)
{
    const struct books *b = &p->books;
    return !(limits->max_messages && done >= limits->max_messages) &&
           !(limits->max_events && limits->events >= limits->max_events) &&
           !(limits->event && limits->event_cap - limits->events < DECODE_EVENTS_MAX) &&
           !(limits->watched && limits->kept_cap - limits->kept_count < DECODE_EVENTS_MAX) &&
           !(b->bbo && b->bbo_cap - b->bbo_count < DECODE_EVENTS_MAX) &&
           p->runs.run[w->run].rx_ns <= limits->until_ns;
}

uint32_t pipeline_apply(struct pipeline *p, struct pipeline_limits *limits)
{
    uint64_t t = stage_begin(p);
    uint32_t first = p->work_at, run = p->apply_run;
    uint64_t keeps = (uintptr_t)limits->event | (uintptr_t)limits->watched;
    uint64_t limited = limits->max_events | limits->max_messages | keeps | (uintptr_t)p->books.bbo |
                       ~limits->until_ns;
    if (PN_LIKELY(!first && p->works > LOOK_AHEAD_MIN))
        look_ahead(p);
    struct books *b = &p->books;
    struct channel *ch = NULL;
    uint64_t seq = p->apply_seq, rx_ns = 0;
    uint32_t done = 0, controls = 0;
    if (run != UINT32_MAX) {
        ch = &p->channels.channel[p->runs.run[run].channel];
        rx_ns = p->runs.run[run].rx_ns;
    }
    const struct work *w = &p->work[first];
    for (; first + done < p->works; w++, done++) {
        if (PN_UNLIKELY(limited) && !within(p, limits, w, done - controls))
            break;
        if (PN_UNLIKELY(w->run != run)) {
            const struct run *r = &p->runs.run[w->run];
            run = w->run;
            ch = &p->channels.channel[r->channel];
            rx_ns = r->rx_ns;
            seq = r->seq;
            if (r->kind != RUN_DATA) {
                apply_control(p, r, limits);
                controls++;
                continue;
            }
        }
        if (!(PN_LIKELY(w->hot) && PN_LIKELY(apply_order(b, ch, w, seq, rx_ns, limits, keeps))))
            apply_any(p, ch, w, seq, rx_ns, limits);
        if (PN_LIKELY(w->len))
            ch->pub->by_type[w->m[0]]++;
        ch->pub->messages++;
        seq++;
    }
    p->work_at = first + done;
    p->apply_run = run;
    p->apply_seq = seq;
    p->counters->messages += done - controls;
    stage_end(p, STAGE_BOOK, t);
    return done;
}
