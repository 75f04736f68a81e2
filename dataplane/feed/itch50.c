/* itch50.c - the message table of ITCH 5.0 and the rarer parts of its decoding; see itch50.h. */
#include "feed/itch50.h"

#define MASK64 UINT64_MAX
#define MASK32 UINT32_MAX

/* Offsets within the message; `size` names the first byte of a 4-byte field. */
#define SIDE(off) .side_off = (off), .side_mask = 1
#define REF(off) .ref_off = (off), .ref_mask = MASK64
#define REF2(off) .ref2_off = (off), .ref2_mask = MASK64
#define SIZE4(off) .size_off = (off)-4, .size_mask = MASK32
#define SIZE8(off) .size_off = (off), .size_mask = MASK64
#define PX(off) .px_off = (off), .px_mask = MASK32
#define AUX(off) .aux_off = (off), .aux_mask = MASK32
#define STOCK(off) .stock_off = (off)

const struct itch50_type itch50_types[256] = {
    ['S'] = {.len = 12, .kind = PN_EV_SYSTEM, .extra = 1, .label = "system_event"},
    ['R'] = {.len = 39,
             .kind = PN_EV_INSTRUMENT,
             STOCK(11),
             SIZE4(21),
             .extra = 1,
             .label = "stock_directory"},
    ['H'] =
        {.len = 25, .kind = PN_EV_STATUS, STOCK(11), .extra = 1, .label = "stock_trading_action"},
    ['Y'] = {.len = 20, .kind = PN_EV_INFO, STOCK(11), .label = "reg_sho_restriction"},
    ['L'] =
        {.len = 26, .kind = PN_EV_INFO, STOCK(15), AUX(11), .label = "market_participant_position"},
    ['V'] = {.len = 35,
             .kind = PN_EV_INFO,
             REF(11),
             REF2(19),
             SIZE8(27),
             .label = "mwcb_decline_level"},
    ['W'] = {.len = 12, .kind = PN_EV_INFO, .label = "mwcb_status"},
    ['K'] = {.len = 28,
             .kind = PN_EV_INFO,
             STOCK(11),
             SIZE4(19),
             PX(24),
             .label = "ipo_quoting_period"},
    ['J'] = {.len = 35, .kind = PN_EV_INFO, STOCK(11), PX(19), .label = "luld_auction_collar"},
    ['h'] = {.len = 21, .kind = PN_EV_STATUS, STOCK(11), .extra = 1, .label = "operational_halt"},
    ['A'] = {.len = 36,
             .kind = PN_EV_ADD,
             REF(11),
             SIDE(19),
             SIZE4(20),
             STOCK(24),
             PX(32),
             .label = "add_order"},
    ['F'] = {.len = 40,
             .kind = PN_EV_ADD,
             REF(11),
             SIDE(19),
             SIZE4(20),
             STOCK(24),
             PX(32),
             AUX(36),
             .label = "add_order_mpid"},
    ['E'] =
        {.len = 31, .kind = PN_EV_EXECUTE, REF(11), SIZE4(19), REF2(23), .label = "order_executed"},
    ['C'] = {.len = 36,
             .kind = PN_EV_EXECUTE_AT,
             REF(11),
             SIZE4(19),
             REF2(23),
             PX(32),
             .extra = 1,
             .label = "order_executed_with_price"},
    ['X'] = {.len = 23, .kind = PN_EV_CANCEL, REF(11), SIZE4(19), .label = "order_cancel"},
    ['D'] = {.len = 19, .kind = PN_EV_DELETE, REF(11), .label = "order_delete"},
    ['U'] = {.len = 35,
             .kind = PN_EV_REPLACE,
             REF(11),
             REF2(19),
             SIZE4(27),
             PX(31),
             .label = "order_replace"},
    ['P'] = {.len = 44,
             .kind = PN_EV_TRADE,
             REF(11),
             SIDE(19),
             SIZE4(20),
             STOCK(24),
             PX(32),
             REF2(36),
             .label = "trade"},
    ['Q'] = {.len = 40,
             .kind = PN_EV_CROSS,
             SIZE8(11),
             STOCK(19),
             PX(27),
             REF2(31),
             .extra = 1,
             .label = "cross_trade"},
    ['B'] = {.len = 19, .kind = PN_EV_BROKEN, REF2(11), .label = "broken_trade"},
    ['I'] = {.len = 50,
             .kind = PN_EV_INFO,
             REF(11),
             REF2(19),
             STOCK(28),
             PX(44),
             .label = "net_order_imbalance"},
    ['N'] = {.len = 20, .kind = PN_EV_INFO, STOCK(11), .label = "retail_price_improvement"},
    ['O'] = {.len = 48, .kind = PN_EV_INFO, STOCK(11), PX(20), .label = "direct_listing"},
};

static uint32_t trading_of(uint8_t state)
{
    switch (state) {
    case 'T':
        return PN_TRADING_OPEN;
    case 'H':
        return PN_TRADING_HALTED;
    case 'P':
        return PN_TRADING_PAUSED;
    case 'Q':
        return PN_TRADING_QUOTE_ONLY;
    default:
        return PN_TRADING_UNKNOWN;
    }
}

/* A field that cannot be: the book that it was meant for is not to be trusted. */
static void refuse_field(const struct decode_ctx *c, struct pn_event *ev)
{
    c->drops[PN_R_MSG_FIELD]++;
    ev->flags |= PN_EVF_REJECTED;
}

void itch50_extra(const struct decode_ctx *c, const uint8_t *m, struct pn_event *ev)
{
    const struct itch50_type *t = &itch50_types[m[0]];
    uint32_t locate = load_u16_be(m + 1);
    if (t->stock_off && !instrument_map_is_named(c->map, locate))
        instrument_map_name(c->map, locate, m + t->stock_off);
    if ((uint32_t)ev->px > ITCH50_PRICE_MAX && ev->kind != PN_EV_INFO)
        refuse_field(c, ev);
    else if (t->side_mask && m[t->side_off] != 'B' && m[t->side_off] != 'S' &&
             ev->kind == PN_EV_ADD)
        refuse_field(c, ev);
    switch (m[0]) {
    case 'S':
        ev->aux = m[11];
        break;
    case 'R': {
        uint32_t lot = (uint32_t)ev->size;
        instrument_map_name(c->map, locate, m + t->stock_off);
        c->map->all->record[ev->instrument].lot = lot;
        break;
    }
    case 'H':
        ev->aux = trading_of(m[19]);
        break;
    case 'h': /* of another market of the same operator: nothing to do with these books */
        if (m[19] == 'Q')
            ev->aux = PN_TRADING_VENUE | (m[20] == 'H' ? PN_TRADING_HALTED : PN_TRADING_OPEN);
        else
            ev->kind = PN_EV_INFO;
        break;
    case 'C':
        if (m[31] == 'N')
            ev->flags |= PN_EVF_NONPRINTABLE;
        else if (m[31] != 'Y')
            refuse_field(c, ev);
        break;
    case 'Q':
        ev->aux = m[39];
        break;
    default:
        break;
    }
}

uint32_t itch50_refuse(const struct decode_ctx *c, const uint8_t *m, uint32_t len,
                       struct pn_event *ev)
{
    if (!len) {
        c->drops[PN_R_MSG_EMPTY]++;
        return 0;
    }
    const struct itch50_type *t = &itch50_types[m[0]];
    if (!t->len) {
        c->drops[PN_R_MSG_UNKNOWN_TYPE]++;
        return 0;
    }
    ev->wire_type = m[0];
    return decode_lost(c, PN_R_MSG_SHORT, ev);
}
