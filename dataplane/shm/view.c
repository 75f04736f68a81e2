/*
 * view.c - consistent copies out of a state segment, for any process, while its writer runs.
 *
 * A reader never blocks the writer and trusts nothing it reads: page numbers are bounded, walks
 * are bounded, and a copy counts only if the sequence did not move. See api.h for the contracts.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "base/histogram.h"
#include "base/ticks.h"
#include "live.h"
#include "shm/region.h"
#include "shm/seqlock.h"
#include "shm/view.h"

/* A writer is in an update for less than a microsecond, but it can lose the processor there. */
enum { SPINS = 1000, GIVE_UP_NS = 100 * 1000 * 1000 };
enum { PAGES_WALKED_MAX = 1 << 16, LEVEL_ORDER_BITS = 24 };

/*
 * Whether to try once more, after so many times: at once at first, then leaving the processor to
 * the writer, until it has been away for so long that it must be dead.
 */
int view_try_again(uint32_t tries, uint64_t *since_ns)
{
    if (PN_LIKELY(tries < SPINS))
        return 1;
    if (!*since_ns)
        *since_ns = ticks_wall_ns();
    sched_yield();
    return ticks_wall_ns() - *since_ns < GIVE_UP_NS;
}

void view_bind(struct pn_view *v, const struct region *r)
{
    v->region = *r;
    v->header = region_header(r);
    v->book = region_section(r, PN_SEC_BOOKS);
    v->page = region_section(r, PN_SEC_PAGES);
    v->channel = region_section(r, PN_SEC_CHANNELS);
    v->instrument = region_section(r, PN_SEC_INSTRUMENTS);
    v->counters = region_section(r, PN_SEC_COUNTERS);
    v->stage = region_section(r, PN_SEC_STAGES);
    v->pages = (uint32_t)v->header->section[PN_SEC_PAGES].count;
    v->instruments_max = (uint32_t)v->header->section[PN_SEC_INSTRUMENTS].count;
}

struct pn_view *pn_view_open(const char *path, char *err, uint64_t err_len)
{
    struct error e = {0};
    struct pn_view *v = calloc(1, sizeof *v);
    int rc =
        v ? region_attach(&v->region, path, &e) : error_set(&e, -ENOMEM, "no memory for a view");
    if (rc != 0) {
        free(v);
        snprintf(err, err_len, "%s", e.text);
        errno = -rc;
        return NULL;
    }
    struct region r = v->region;
    view_bind(v, &r);
    return v;
}

void pn_view_close(struct pn_view *view)
{
    if (!view)
        return;
    region_close(&view->region);
    free(view);
}

const struct pn_region_header *pn_view_header(const struct pn_view *view)
{
    return view->header;
}

static uint32_t instruments_of(const struct pn_view *v)
{
    uint32_t n = __atomic_load_n(&v->header->instruments, __ATOMIC_ACQUIRE);
    return n < v->instruments_max ? n : v->instruments_max;
}

int pn_view_top(const struct pn_view *view, uint32_t instrument, struct pn_top *out)
{
    if (instrument >= instruments_of(view))
        return -ENOENT;
    const struct pn_book *bk = &view->book[instrument];
    const struct pn_channel *ch = &view->channel[bk->channel % PN_CHANNELS_MAX];
    uint64_t since_ns = 0;
    for (uint32_t i = 0; view_try_again(i, &since_ns); i++) {
        uint32_t epoch = __atomic_load_n(&ch->epoch, __ATOMIC_ACQUIRE);
        uint32_t before = seqlock_read(&bk->seq);
        if (before & 1)
            continue;
        memcpy(out, &bk->top, sizeof *out);
        out->seq = before;
        uint8_t why =
            view_channel_why(ch, epoch, __atomic_load_n(&bk->gap_epoch, __ATOMIC_RELAXED));
        if (seqlock_retry(&bk->seq, before) ||
            __atomic_load_n(&ch->epoch, __ATOMIC_RELAXED) != epoch)
            continue;
        if (out->state != PN_BOOK_EMPTY) {
            out->stale_why |= why;
            out->state = out->stale_why ? PN_BOOK_STALE : PN_BOOK_VALID;
        }
        return 0;
    }
    return -EAGAIN;
}

int pn_view_read(struct pn_top_reader *reader)
{
    return pn_view_top(reader->view, (uint32_t)reader->instrument, &reader->top);
}

/* Levels as they are found; a torn walk yields nonsense within bounds, thrown away afterwards. */
static uint32_t copy_levels(const struct pn_view *v, const struct pn_book *bk, uint32_t side,
                            struct pn_level *out, uint32_t cap)
{
    /* Offers are kept mirrored, see book/ladder.h. */
    uint32_t n = 0, id = bk->best[side], step = bk->step, flip = -side >> 1;
    for (uint32_t walked = 0; id && id < v->pages && n < cap && walked < PAGES_WALKED_MAX;
         walked++) {
        const struct pn_page *p = &v->page[id];
        uint64_t left = id == bk->best[side] ? bk->occupied[side] : p->occupied;
        while (left && n < cap) {
            uint32_t bit = 63u - (uint32_t)__builtin_clzll(left);
            left &= ~(1ull << bit);
            uint64_t word = p->level[bit];
            out[n].px = (int32_t)(((p->number * PN_PAGE_LEVELS + bit) ^ flip) * step);
            out[n].size = bk->by_order ? word >> LEVEL_ORDER_BITS : word;
            out[n].orders = bk->by_order ? word & ((1u << LEVEL_ORDER_BITS) - 1) : 0;
            n++;
        }
        id = p->worse;
    }
    return n;
}

int pn_view_levels(const struct pn_view *view, uint32_t instrument, uint32_t side,
                   struct pn_level *out, uint32_t cap)
{
    if (instrument >= instruments_of(view) || side > PN_ASK)
        return -ENOENT;
    const struct pn_book *bk = &view->book[instrument];
    uint64_t since_ns = 0;
    for (uint32_t i = 0; view_try_again(i, &since_ns); i++) {
        uint32_t before = seqlock_read(&bk->seq);
        if (before & 1)
            continue;
        uint32_t n = copy_levels(view, bk, side, out, cap);
        if (!seqlock_retry(&bk->seq, before))
            return (int)n;
    }
    return -EAGAIN;
}

int pn_view_traded(const struct pn_view *view, uint32_t instrument, uint64_t *trades,
                   uint64_t *volume)
{
    if (instrument >= instruments_of(view))
        return -ENOENT;
    *trades = view->book[instrument].trades;
    *volume = view->book[instrument].volume;
    return 0;
}

int pn_view_instrument(const struct pn_view *view, uint32_t instrument, struct pn_instrument *out)
{
    if (instrument >= instruments_of(view))
        return -ENOENT;
    *out = view->instrument[instrument];
    out->name[PN_NAME_LEN - 1] = 0;
    return 0;
}

int pn_view_channel(const struct pn_view *view, uint32_t channel, struct pn_channel *out)
{
    if (channel >= __atomic_load_n(&view->header->channels, __ATOMIC_ACQUIRE) ||
        channel >= PN_CHANNELS_MAX)
        return -ENOENT;
    *out = view->channel[channel];
    out->name[PN_NAME_LEN - 1] = 0;
    out->session[PN_SESSION_LEN - 1] = 0;
    return 0;
}

void pn_view_counters(const struct pn_view *view, struct pn_counters *out)
{
    *out = *view->counters;
    /* Counted where they happen, in each book. */
    uint32_t n = instruments_of(view);
    for (uint32_t i = 0; i < n; i++)
        out->top_changes += view->book[i].top.changes;
}

int pn_view_stage(const struct pn_view *view, uint32_t stage, struct pn_histogram *out)
{
    if (stage >= PN_STAGES_MAX)
        return -ENOENT;
    *out = view->stage[stage];
    return 0;
}

uint64_t pn_histogram_quantile(const struct pn_histogram *histogram, double share)
{
    return histogram_quantile(histogram, share);
}

int pn_view_find(const struct pn_view *view, const char *name, uint32_t from)
{
    uint32_t n = instruments_of(view);
    for (uint32_t i = from; i < n; i++)
        if (strncmp(view->instrument[i].name, name, PN_NAME_LEN) == 0)
            return (int)i;
    return -ENOENT;
}

int pn_view_port(const struct pn_view *view, uint32_t port, struct pn_port_status *out)
{
    if (port >= PN_PORTS_MAX)
        return -ENOENT;
    const struct pn_port_status *s = region_section(&view->region, PN_SEC_PORTS);
    uint64_t since_ns = 0;
    for (uint32_t i = 0; view_try_again(i, &since_ns); i++) {
        uint32_t before = seqlock_read(&s[port].seq);
        if (before & 1)
            continue;
        *out = s[port];
        if (seqlock_retry(&s[port].seq, before))
            continue;
        out->name[sizeof out->name - 1] = 0;
        out->device[sizeof out->device - 1] = 0;
        out->driver[sizeof out->driver - 1] = 0;
        if (out->xstats > PN_XSTATS_MAX)
            out->xstats = PN_XSTATS_MAX;
        for (uint32_t k = 0; k < PN_XSTATS_MAX; k++)
            out->xstat[k].name[sizeof out->xstat[k].name - 1] = 0;
        return out->name[0] ? 0 : -ENOENT;
    }
    return -EAGAIN;
}

/* An answer is whole if its command's number is the same before and after. */
int pn_view_daemon(const struct pn_view *view, struct pn_daemon *out)
{
    const struct pn_daemon *d = region_section(&view->region, PN_SEC_DAEMON);
    uint64_t since_ns = 0;
    for (uint32_t i = 0; view_try_again(i, &since_ns); i++) {
        uint64_t before = __atomic_load_n(&d->commands, __ATOMIC_ACQUIRE);
        *out = *d;
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        out->command_text[sizeof out->command_text - 1] = 0;
        if (__atomic_load_n(&d->commands, __ATOMIC_RELAXED) == before && out->commands == before)
            return 0;
    }
    return -EAGAIN;
}

int pn_view_latency(const struct pn_view *view, struct pn_histogram *out)
{
    *out = *(const struct pn_histogram *)region_section(&view->region, PN_SEC_LATENCY);
    return 0;
}
