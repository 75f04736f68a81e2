/* iex.c - see iex.h. */
#include "feed/iex.h"

#define IEX_COMMON \
    ['S'] = {10, "system_event"}, ['D'] = {31, "security_directory"}, \
    ['H'] = {22, "trading_status"}, ['I'] = {18, "retail_liquidity_indicator"}, \
    ['O'] = {18, "operational_halt_status"}, ['P'] = {19, "short_sale_price_test_status"}, \
    ['T'] = {38, "trade_report"}, ['X'] = {26, "official_price"}, ['B'] = {38, "trade_break"}, \
    ['A'] = {80, "auction_information"}

const struct message_type iex_deep_types[256] = {
    IEX_COMMON,
    ['E'] = {18, "security_event"},
    ['8'] = {30, "price_level_buy"},
    ['5'] = {30, "price_level_sell"},
};

const struct message_type iex_tops_types[256] = {
    IEX_COMMON,
    ['Q'] = {42, "quote_update"},
};

/* A price into ev->px; 0 if it is beyond what a book can hold. */
static int take_price(const struct decode_ctx *c, struct pn_event *ev, const uint8_t *p)
{
    uint64_t px = load_u64_le(p);
    if (px > INT32_MAX) {
        c->drops[PN_R_MSG_FIELD]++;
        ev->flags |= PN_EVF_REJECTED;
        ev->px = 0;
        return 0;
    }
    ev->px = (int32_t)px;
    return 1;
}

static uint32_t trading_of(uint8_t status)
{
    switch (status) {
    case 'T':
        return PN_TRADING_OPEN;
    case 'H':
        return PN_TRADING_HALTED;
    case 'P':
        return PN_TRADING_PAUSED;
    case 'O': /* orders are accepted, nothing trades */
        return PN_TRADING_QUOTE_ONLY;
    default:
        return PN_TRADING_UNKNOWN;
    }
}

static uint32_t decode_quote(const struct decode_ctx *c, const uint8_t *m, struct pn_event *ev)
{
    ev[0].kind = PN_EV_QUOTE;
    ev[0].aux = m[1];
    ev[1] = ev[0];
    ev[0].side = PN_BID;
    ev[0].size = load_u32_le(m + 18);
    take_price(c, &ev[0], m + 22);
    ev[1].side = PN_ASK;
    ev[1].flags = PN_EVF_COMPLETE;
    take_price(c, &ev[1], m + 30);
    ev[1].size = load_u32_le(m + 38);
    /* Half a quote must not pass for a whole one. */
    if (ev[0].flags & PN_EVF_REJECTED)
        ev[1].flags |= PN_EVF_REJECTED;
    return 2;
}

static void decode_trade(const struct decode_ctx *c, const uint8_t *m, struct pn_event *ev)
{
    ev->kind = m[0] == 'T' ? PN_EV_TRADE : PN_EV_BROKEN;
    ev->aux = m[1];
    ev->size = load_u32_le(m + 18);
    take_price(c, ev, m + 22);
    ev->ref2 = load_u64_le(m + 30);
}

static void decode_level(const struct decode_ctx *c, const uint8_t *m, struct pn_event *ev)
{
    ev->kind = PN_EV_LEVEL;
    ev->side = m[0] == '8' ? PN_BID : PN_ASK;
    if (m[1] & 1)
        ev->flags = PN_EVF_COMPLETE;
    ev->size = load_u32_le(m + 18);
    take_price(c, ev, m + 22);
}

/* Messages about state and reference data. */
static void decode_admin(const struct decode_ctx *c, const uint8_t *m, struct pn_event *ev)
{
    switch (m[0]) {
    case 'D':
        ev->kind = PN_EV_INSTRUMENT;
        ev->size = load_u32_le(m + 18);
        c->map->all->record[ev->instrument].lot = (uint32_t)ev->size;
        break;
    case 'H':
        ev->kind = PN_EV_STATUS;
        ev->aux = trading_of(m[1]);
        break;
    case 'O':
        ev->kind = PN_EV_STATUS;
        ev->aux = PN_TRADING_VENUE | (m[1] == 'O' ? PN_TRADING_HALTED : PN_TRADING_OPEN);
        break;
    case 'A':
        ev->size = load_u32_le(m + 18);
        ev->ref = load_u64_le(m + 22);
        ev->ref2 = load_u64_le(m + 30);
        ev->aux = load_u32_le(m + 38);
        break;
    case 'X':
        ev->ref = load_u64_le(m + 18);
        break;
    default:
        ev->aux = m[1];
        break;
    }
}

uint32_t iex_decode(const struct decode_ctx *c, const uint8_t *m, uint32_t len,
                    struct pn_event ev[DECODE_EVENTS_MAX])
{
    if (!len) {
        c->drops[PN_R_MSG_EMPTY]++;
        return 0;
    }
    const struct message_type *t =
        c->map->feed == PN_FEED_DEEP10 ? &iex_deep_types[m[0]] : &iex_tops_types[m[0]];
    if (!t->len) {
        c->drops[PN_R_MSG_UNKNOWN_TYPE]++;
        return 0;
    }
    ev->wire_type = m[0];
    if (len < t->len)
        return decode_lost(c, PN_R_MSG_SHORT, ev);
    if (len > t->len)
        c->drops[PN_R_MSG_LONG]++;
    ev->ts_ns = load_u64_le(m + 2);
    if (m[0] == 'S') {
        ev->kind = PN_EV_SYSTEM;
        ev->aux = m[1];
        return 1;
    }
    ev->instrument = instrument_map_symbol(c->map, m + 10);
    if (ev->instrument == INSTRUMENT_NONE)
        return decode_lost(c, PN_R_INSTRUMENTS_FULL, ev);
    ev->kind = PN_EV_INFO;
    switch (m[0]) {
    case 'Q':
        return decode_quote(c, m, ev);
    case '8':
    case '5':
        decode_level(c, m, ev);
        break;
    case 'T':
    case 'B':
        decode_trade(c, m, ev);
        break;
    default:
        decode_admin(c, m, ev);
        break;
    }
    return 1;
}
