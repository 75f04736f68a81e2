/*
 * desk_books.c - what the feed did to traded instruments: signals move, queues in front of own
 * orders get shorter, and the slots that must be looked at are noted. Nothing is decided here.
 */
#include "desk_internal.h"

#include "book/ladder.h"
#include "feed/instruments.h"

void desk_dirty(struct desk *d, uint32_t slot)
{
    if (d->slot[slot].dirty || d->slot[slot].instrument == INSTRUMENT_NONE)
        return;
    d->slot[slot].dirty = 1;
    d->dirty[d->dirties++] = slot;
}

void desk_dirty_all(struct desk *d)
{
    for (uint32_t i = 0; i < d->slots; i++)
        desk_dirty(d, i);
}

static uint32_t name_hash(const char *name)
{
    uint32_t h = 2166136261u;
    for (uint32_t i = 0; i < PN_NAME_LEN && name[i]; i++)
        h = (h ^ (uint8_t)name[i]) * 16777619u;
    return (h ^ h >> 15) & (DESK_NAMES - 1);
}

void desk_hash_name(struct desk *d, uint32_t slot)
{
    const char *name = d->cfg->instrument[slot].name;
    uint32_t at = name_hash(name);
    while (d->name[at] && strncmp(d->cfg->instrument[d->name[at] - 1].name, name, PN_NAME_LEN) != 0)
        at = (at + 1) & (DESK_NAMES - 1);
    d->name_next[slot] = d->name[at];
    d->name[at] = (uint16_t)(slot + 1);
}

/* An instrument has its name: are there slots of that name? */
void desk_name(struct desk *d, uint32_t instrument)
{
    const char *name = d->p->books.instrument[instrument].name;
    uint32_t at = name_hash(name);
    while (d->name[at] && strncmp(d->cfg->instrument[d->name[at] - 1].name, name, PN_NAME_LEN) != 0)
        at = (at + 1) & (DESK_NAMES - 1);
    if (d->watched[instrument] && !d->name[at]) {
        /* The feed's number means another instrument in this session. */
        for (uint32_t s = d->first_slot[instrument]; s; s = d->slot[s - 1].next)
            d->slot[s - 1].instrument = INSTRUMENT_NONE;
        d->first_slot[instrument] = d->watched[instrument] = 0;
    }
    for (uint32_t i = d->name[at]; i; i = d->name_next[i - 1]) {
        struct desk_slot *s = &d->slot[i - 1];
        if (s->instrument == instrument)
            continue;
        s->instrument = instrument;
        s->next = d->first_slot[instrument];
        d->first_slot[instrument] = i;
        d->watched[instrument] = 1;
    }
}

static void named(void *arg, uint32_t instrument)
{
    desk_name(arg, instrument);
}

/* Where the feed has no directory, records come with their names. */
static void name_new(struct desk *d)
{
    uint32_t n = d->p->books.header->instruments;
    for (; d->instruments_seen < n; d->instruments_seen++)
        if (d->p->books.instrument[d->instruments_seen].name[0])
            desk_name(d, d->instruments_seen);
}

int desk_top(const struct desk *d, uint32_t slot, struct pn_top *out)
{
    uint32_t instrument = d->slot[slot].instrument;
    if (instrument == INSTRUMENT_NONE)
        return 0;
    const struct pn_book *bk = &d->p->books.book[instrument];
    const struct pn_channel *ch = &d->p->books.channel[bk->channel];
    *out = bk->top;
    if (out->state != PN_BOOK_EMPTY) {
        out->stale_why |= view_channel_why(ch, ch->epoch, bk->gap_epoch);
        out->state = out->stale_why ? PN_BOOK_STALE : PN_BOOK_VALID;
    }
    return 1;
}

/* Size that rests at a price. */
static uint64_t level_size(struct desk *d, uint32_t instrument, uint32_t side, int32_t px)
{
    struct pn_book *bk = &d->p->books.book[instrument];
    if (!bk->step || bk->step * ladder_steps(bk, px) != (uint32_t)px)
        return 0;
    struct level_at at = ladder_find(&d->p->books.ladder, bk, instrument, side, px);
    if (!at.page)
        return 0;
    uint64_t word = d->p->books.ladder.page[at.page].level[at.bit];
    return bk->by_order ? LEVEL_SIZE(word) : word;
}

/* What came to a level after event `from`, in this batch: the book shows the end of it. */
static int64_t came_after(const struct desk *d, const struct pipeline_limits *l, uint64_t from)
{
    const struct pn_event *own = &d->kept[from];
    int64_t sum = 0;
    for (uint64_t i = from + 1; i < l->kept_count; i++) {
        const struct pn_event *ev = &d->kept[i];
        if (ev->instrument != own->instrument || ev->side != own->side || ev->px != own->px)
            continue;
        if (ev->kind == PN_EV_ADD || ev->kind == PN_EV_REPLACE)
            sum += (int64_t)ev->size;
        else if (ev->kind >= PN_EV_EXECUTE && ev->kind <= PN_EV_DELETE)
            sum -= (int64_t)ev->size;
    }
    return sum;
}

/*
 * Queue positions: the venue gives references in the order of time, so an order with a lower one is
 * in front of ours. Where our own is not yet known the whole level counts as ahead.
 */
static void follow_queue(struct desk *d, uint32_t slot, const struct pipeline_limits *l,
                         uint64_t at)
{
    const struct pn_event *ev = &d->kept[at];
    uint32_t place[PN_WORKING_MAX], n = table_working(d->table, slot, place, PN_WORKING_MAX);
    for (uint32_t i = 0; i < n; i++) {
        struct pn_own_order *o = table_at(d->table, place[i]);
        uint64_t came = ev->kind == PN_EV_REPLACE ? ev->ref2 : ev->ref;
        if (o->side != ev->side || !o->venue_ref)
            continue;
        if (o->venue_ref == came && (ev->kind == PN_EV_ADD || ev->kind == PN_EV_REPLACE)) {
            int64_t all = (int64_t)level_size(d, ev->instrument, ev->side, ev->px);
            int64_t ahead = all - came_after(d, l, at) - (int64_t)ev->size;
            o->ahead = ahead > 0 ? (uint64_t)ahead : 0;
        } else if (o->ahead != UINT64_MAX && ev->px == o->px && ev->ref < o->venue_ref &&
                   ev->kind >= PN_EV_EXECUTE && ev->kind <= PN_EV_DELETE) {
            o->ahead -= ev->size < o->ahead ? ev->size : o->ahead;
        }
    }
}

static void on_event(struct desk *d, const struct pipeline_limits *l, uint64_t at)
{
    const struct pn_event *ev = &d->kept[at];
    if (ev->kind >= PN_EV_GAP) {
        for (uint32_t i = 0; i < d->slots; i++) {
            uint32_t instrument = d->slot[i].instrument;
            if (instrument == INSTRUMENT_NONE ||
                d->p->books.book[instrument].channel != ev->instrument)
                continue;
            if (ev->kind == PN_EV_RESET)
                signals_invalidate(&d->signals, i);
            desk_dirty(d, i);
        }
        return;
    }
    if (ev->flags & PN_EVF_REJECTED)
        return;
    int traded =
        ev->kind == PN_EV_EXECUTE || ev->kind == PN_EV_EXECUTE_AT || ev->kind == PN_EV_TRADE;
    for (uint32_t s = d->first_slot[ev->instrument]; s; s = d->slot[s - 1].next) {
        if (traded)
            signals_on_trade(&d->signals, s - 1, ev);
        if (ev->kind <= PN_EV_REPLACE && table_slot_live(d->table, s - 1))
            follow_queue(d, s - 1, l, at);
        if (!d->slot[s - 1].late) {
            d->slot[s - 1].late = 1;
            d->late[d->lates++] = s - 1;
        }
        desk_dirty(d, s - 1);
    }
}

static void on_top(struct desk *d, const struct pn_bbo *top)
{
    for (uint32_t s = d->first_slot[top->instrument]; s; s = d->slot[s - 1].next) {
        signals_on_top(&d->signals, s - 1, top);
        desk_dirty(d, s - 1);
    }
}

void desk_watch(struct desk *d, struct pipeline_limits *limits)
{
    limits->watched = d->watched;
    limits->kept = d->kept;
    limits->kept_cap = DESK_KEPT;
    limits->kept_count = 0;
    limits->kept_tops = d->kept_top;
    limits->named = named;
    limits->named_arg = d;
    d->p->books.watched = d->watched;
    d->p->books.bbo = d->top;
    d->p->books.bbo_cap = DESK_TOPS;
    d->p->books.bbo_count = 0;
}

void desk_books(struct desk *d, const struct pipeline_limits *limits)
{
    uint64_t since = desk_time(d), tops = d->p->books.bbo_count, t = 0;
    if (PN_UNLIKELY(d->instruments_seen < d->p->books.header->instruments))
        name_new(d);
    for (uint64_t i = 0; i < limits->kept_count; i++) {
        while (t < d->kept_top[i])
            on_top(d, &d->top[t++]);
        on_event(d, limits, i);
    }
    while (t < tops)
        on_top(d, &d->top[t++]);
    /* Missing messages that may still come leave no event, but every book of the channel stands. */
    if (PN_UNLIKELY(d->p->missing))
        desk_dirty_all(d);
    if (limits->kept_count)
        desk_timed(d, PN_TS_SIGNAL, since);
}
