/*
 * shard_trade.c - the trading half of a polling core: desk and order sessions behind the books. See
 * shard.h; the calls below are made by the core's own thread between bursts, or before it starts.
 */
#include <errno.h>

#include "desk_internal.h"
#include "live/log.h"
#include "shard.h"

#define WIND_DOWN_NS 2000000000ull /* cancels are waited for so long at the end */

static __thread struct {
    const struct clock *clock;
    uint64_t last_ns;
} stage_clock;

static uint64_t stage_now(void)
{
    return clock_now(stage_clock.clock, &stage_clock.last_ns);
}

int shard_open_desk(struct shard *s, const struct pn_trade_control *trade, struct error *e)
{
    int rc = desk_open(&s->desk, &s->region, &s->pipeline, trade, e);
    if (rc == 0)
        rc = desk_recover(s->desk, e);
    if (rc == 0)
        rc = venue_open(&s->venue, s->desk->cfg, e);
    if (rc != 0)
        return rc;
    LOG("info", "desk is open", LOG_NUMBER("traded", s->desk->slots),
        LOG_NUMBER("journal_records", s->desk->status->journal_seq),
        LOG_NUMBER("unknown_orders", s->desk->status->own_unknown));
    return 0;
}

void shard_close_desk(struct shard *s)
{
    venue_close(s->venue);
    desk_close(s->desk);
    s->venue = NULL;
    s->desk = NULL;
}

void shard_trade_begin(struct shard *s)
{
    stage_clock.clock = s->clock;
    if (s->cfg->shard[s->number].engine.timing)
        s->desk->clock = stage_now;
}

/* What the venues have said since the last time. */
static void take_replies(struct shard *s, uint64_t now)
{
    const uint8_t *bytes;
    uint32_t n;
    for (uint32_t i = 0; i < s->desk->cfg->sessions; i++) {
        int news;
        while ((n = venue_received(s->venue, i, &bytes)) != 0) {
            if (desk_receive(s->desk, i, bytes, n, now) < 0)
                venue_drop(s->venue, i);
            venue_took(s->venue, i, n);
        }
        while ((news = venue_news(s->venue, i)) != 0)
            news > 0 ? desk_connected(s->desk, i, now) : desk_disconnected(s->desk, i, now);
        if (desk_wants_drop(s->desk, i))
            venue_drop(s->venue, i);
    }
}

static uint32_t give_orders(struct shard *s)
{
    const uint8_t *bytes;
    uint32_t all = 0;
    for (uint32_t i = 0; i < s->desk->cfg->sessions; i++) {
        uint32_t n = desk_pending(s->desk, i, &bytes);
        if (PN_LIKELY(!n))
            continue;
        n = venue_send(s->venue, i, bytes, n);
        desk_sent(s->desk, i, n);
        all += n;
    }
    return all;
}

void shard_trade(struct shard *s, uint64_t now, int fresh)
{
    uint64_t orders = s->desk->status->orders_new + s->desk->status->orders_replace;
    venue_work(s->venue, now);
    take_replies(s, now);
    desk_step(s->desk, now);
    if (PN_UNLIKELY(give_orders(s))) {
        if (fresh && s->desk->status->orders_new + s->desk->status->orders_replace != orders) {
            const struct pipeline *p = &s->pipeline;
            uint64_t at = clock_now(s->clock, &s->last_ns), ts = p->frame[p->frames - 1].ts_ns;
            if (at > ts)
                histogram_record(&s->desk->times[PN_TS_TICK_TO_ORDER], at - ts);
        }
        venue_work(s->venue, now);
    }
    desk_tend(s->desk);
    if (PN_UNLIKELY(give_orders(s)))
        venue_work(s->venue, now);
}

/* Told to end: everything is cancelled, and only then does the core stop. 1: that is done. */
int shard_trade_wind_down(struct shard *s, uint64_t now)
{
    if (!s->winding_ns) {
        s->winding_ns = now;
        desk_wind_down(s->desk);
    }
    if (desk_is_quiet(s->desk))
        return 1;
    return now - s->winding_ns > WIND_DOWN_NS;
}
