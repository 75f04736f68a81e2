/*
 * exchange_feed.c - market data: every public event of the matching engine as one ITCH 5.0 message
 * (Nasdaq TotalView-ITCH 5.0), stored for re-requests and packed into MoldUDP64 1.0 datagrams.
 */
#include "feed/itch50.h"
#include "sim/exchange_internal.h"

enum { END_BEATS = 5 };

uint8_t *feed_emit(struct exchange *x, uint8_t type, uint32_t locate)
{
    uint32_t frame = 2u + itch50_types[type].len;
    uint32_t most = x->cfg.payload_max;
    if (PN_UNLIKELY(x->pack_bytes + frame > most || ring_wraps(&x->store)))
        feed_flush(x);
    if (!x->pack_count) {
        x->pack_first = x->store.next;
        x->pack_bytes = MOLD_BYTES;
        x->pack_ns = x->now;
        if (x->now + x->cfg.gather_ns < x->rest_next)
            x->rest_next = x->now + x->cfg.gather_ns;
    }
    uint8_t *m = ring_add(&x->store, frame, 0) + 2;
    x->pack_count++;
    x->pack_bytes += frame;
    x->stats.messages++;
    m[0] = type;
    store_u16_be(m + 1, (uint16_t)locate);
    store_u16_be(m + 3, 0);
    store_u48_be(m + 5, ex_midnight_ns(x, x->now));
    return m;
}

uint8_t *feed_named(struct exchange *x, uint8_t type, uint32_t symbol, uint32_t offset)
{
    uint8_t *m = feed_emit(x, type, symbol + 1);
    memcpy(m + offset, x->symbol[symbol].name, 8);
    return m;
}

/* The rest of a stock directory message. */
void feed_directory(struct exchange *x, uint8_t *m, uint32_t symbol)
{
    m[19] = (uint8_t) "QGS"[symbol % 3];
    m[20] = 'N';
    store_u32_be(m + 21, x->cfg.symbol[symbol].lot);
    m[25] = 'N';
    m[26] = 'C';
    memcpy(m + 27, "Z PN 1N", 7);
    store_u32_be(m + 34, 0);
    m[38] = 'N';
}

void feed_action(struct exchange *x, uint32_t symbol, uint8_t state, const char reason[4])
{
    uint8_t *m = feed_named(x, 'H', symbol, 11);
    m[19] = state;
    m[20] = ' ';
    memcpy(m + 21, reason, 4);
    x->symbol[symbol].state = state;
}

static void add(struct exchange *x, const struct match_event *e)
{
    uint8_t type = x->attributed || e->ref % 16 == 0 ? 'F' : 'A';
    uint8_t *m = feed_named(x, type, e->instrument, 24);
    store_u64_be(m + 11, e->ref);
    m[19] = e->side ? 'S' : 'B';
    store_u32_be(m + 20, e->qty);
    store_u32_be(m + 32, (uint32_t)e->px);
    if (type == 'F')
        memcpy(m + 36, x->attributed ? "MMBR" : "MKTM", 4);
}

static void executed(struct exchange *x, const struct match_event *e)
{
    uint8_t *m = feed_emit(x, e->kind == ME_EXECUTE ? 'E' : 'C', e->instrument + 1);
    store_u64_be(m + 11, e->ref);
    store_u32_be(m + 19, e->qty);
    store_u64_be(m + 23, e->ref2);
    x->stats.trades++;
    x->stats.volume += e->qty;
    if (e->kind == ME_EXECUTE_AT) {
        m[31] = e->hidden ? 'Y' : 'N';
        store_u32_be(m + 32, (uint32_t)e->px);
    }
}

static void trade(struct exchange *x, const struct match_event *e)
{
    uint8_t *m = feed_named(x, 'P', e->instrument, 24);
    store_u64_be(m + 11, 0);
    m[19] = 'B';
    store_u32_be(m + 20, e->qty);
    store_u32_be(m + 32, (uint32_t)e->px);
    store_u64_be(m + 36, e->ref2);
    x->stats.trades++;
    x->stats.volume += e->qty;
}

static void cross(struct exchange *x, const struct match_event *e)
{
    uint8_t *m = feed_named(x, 'Q', e->instrument, 19);
    store_u64_be(m + 11, e->qty);
    store_u32_be(m + 27, (uint32_t)e->px);
    store_u64_be(m + 31, e->ref2);
    m[39] = e->why;
}

/* Only what differs from the state last said. */
static void status(struct exchange *x, const struct match_event *e)
{
    static const char reason[4][5] = {"    ", "    ", "T1  ", "    "};
    uint32_t phase = e->why < 4 ? e->why : (uint32_t)e->qty & 3;
    uint8_t state = phase == MATCH_HALT ? 'H' : 'T';
    if (state != x->symbol[e->instrument].state)
        feed_action(x, e->instrument, state, reason[phase]);
}

void feed_event(struct exchange *x, const struct match_event *e)
{
    uint8_t *m;
    switch (e->kind) {
    case ME_ADD:
        add(x, e);
        break;
    case ME_EXECUTE:
    case ME_EXECUTE_AT:
        executed(x, e);
        break;
    case ME_REDUCE:
        m = feed_emit(x, 'X', e->instrument + 1);
        store_u64_be(m + 11, e->ref);
        store_u32_be(m + 19, e->qty);
        break;
    case ME_DELETE:
        m = feed_emit(x, 'D', e->instrument + 1);
        store_u64_be(m + 11, e->ref);
        break;
    case ME_REPLACE:
        m = feed_emit(x, 'U', e->instrument + 1);
        store_u64_be(m + 11, e->ref);
        store_u64_be(m + 19, e->ref2);
        store_u32_be(m + 27, e->qty);
        store_u32_be(m + 31, (uint32_t)e->px);
        break;
    case ME_TRADE:
        trade(x, e);
        break;
    case ME_CROSS:
        cross(x, e);
        break;
    case ME_STATUS:
        status(x, e);
        break;
    case ME_BROKEN:
        m = feed_emit(x, 'B', e->instrument + 1);
        store_u64_be(m + 11, e->ref2);
        break;
    default:
        break;
    }
}

void feed_flush(struct exchange *x)
{
    if (!x->pack_count)
        return;
    lines_send(x, x->pack_first, x->pack_count, x->pack_bytes);
    x->pack_count = 0;
    x->beat_ns = x->now + x->cfg.heartbeat_ms * 1000000ull;
}

void feed_beat(struct exchange *x)
{
    int over = x->stats.day == PN_DAY_OVER;
    lines_send(x, x->store.next, over ? MOLD_OVER : 0, MOLD_BYTES);
    x->beat_ns = x->now + x->cfg.heartbeat_ms * 1000000ull;
    if (over && ++x->end_beats >= END_BEATS)
        x->beat_ns = EX_NEVER;
}

uint64_t feed_next_ns(const struct exchange *x)
{
    uint64_t flush = x->pack_count ? x->pack_ns + x->cfg.gather_ns : EX_NEVER;
    return flush < x->beat_ns ? flush : x->beat_ns;
}
