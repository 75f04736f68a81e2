/* itch50.c - the message table of ITCH 5.0 and the rarer parts of its decoding; see itch50.h. */
#include "feed/itch50.h"

#define MASK64 UINT64_MAX
#define MASK32 UINT32_MAX

/* Offsets within the message; `size` names the first byte of a 4-byte field. */
#define SIDE(off, mask) .side_off = (off), .side_mask = (mask)
#define REF(off) .ref_off = (off), .ref_mask = MASK64
#define REF2(off) .ref2_off = (off), .ref2_mask = MASK64
#define SIZE4(off) .size_off = (off)-4, .size_mask = MASK32
#define SIZE8(off) .size_off = (off), .size_mask = MASK64
#define PX(off) .px_off = (off), .px_mask = MASK32
#define AUX(off) .aux_off = (off), .aux_mask = MASK32
#define STOCK(off) .stock_off = (off), .has_stock = 1

#define TYPE(letter, bytes, event) .head = (uint32_t)(letter) << 24 | (event), .len = (bytes)

/* clang-format off */
const struct itch50_type itch50_types[256] = {
    ['S'] = {TYPE('S', 12, PN_EV_SYSTEM), .label = "system_event"},
    ['R'] = {TYPE('R', 39, PN_EV_INSTRUMENT), STOCK(11), SIZE4(21),
             .label = "stock_directory"},
    ['H'] = {TYPE('H', 25, PN_EV_STATUS), STOCK(11),
             .label = "stock_trading_action"},
    ['Y'] = {TYPE('Y', 20, PN_EV_INFO), STOCK(11), .label = "reg_sho_restriction"},
    ['L'] = {TYPE('L', 26, PN_EV_INFO), STOCK(15), AUX(11),
             .label = "market_participant_position"},
    ['V'] = {TYPE('V', 35, PN_EV_INFO), REF(11), REF2(19), SIZE8(27),
             .label = "mwcb_decline_level"},
    ['W'] = {TYPE('W', 12, PN_EV_INFO), .label = "mwcb_status"},
    ['K'] = {TYPE('K', 28, PN_EV_INFO), STOCK(11), SIZE4(19), PX(24),
             .label = "ipo_quoting_period"},
    ['J'] = {TYPE('J', 35, PN_EV_INFO), STOCK(11), PX(19), .label = "luld_auction_collar"},
    ['h'] = {TYPE('h', 21, PN_EV_STATUS), STOCK(11), .label = "operational_halt"},
    ['A'] = {TYPE('A', 36, PN_EV_ADD), REF(11), SIDE(19, 0x81), SIZE4(20), STOCK(24), PX(32),
             .label = "add_order"},
    ['F'] = {TYPE('F', 40, PN_EV_ADD), REF(11), SIDE(19, 0x81), SIZE4(20), STOCK(24), PX(32),
             AUX(36), .label = "add_order_mpid"},
    ['E'] = {TYPE('E', 31, PN_EV_EXECUTE), REF(11), SIZE4(19), REF2(23),
             .label = "order_executed"},
    ['C'] = {TYPE('C', 36, PN_EV_EXECUTE_AT), REF(11), SIZE4(19), REF2(23), PX(32),
             .label = "order_executed_with_price"},
    ['X'] = {TYPE('X', 23, PN_EV_CANCEL), REF(11), SIZE4(19), .label = "order_cancel"},
    ['D'] = {TYPE('D', 19, PN_EV_DELETE), REF(11), .label = "order_delete"},
    ['U'] = {TYPE('U', 35, PN_EV_REPLACE), REF(11), REF2(19), SIZE4(27), PX(31),
             .label = "order_replace"},
    ['P'] = {TYPE('P', 44, PN_EV_TRADE), REF(11), SIDE(19, 0x01), SIZE4(20), STOCK(24), PX(32),
             REF2(36), .label = "trade"},
    ['Q'] = {TYPE('Q', 40, PN_EV_CROSS), SIZE8(11), STOCK(19), PX(27), REF2(31),
             .label = "cross_trade"},
    ['B'] = {TYPE('B', 19, PN_EV_BROKEN), REF2(11), .label = "broken_trade"},
    ['I'] = {TYPE('I', 50, PN_EV_INFO), REF(11), REF2(19), STOCK(28), PX(44),
             .label = "net_order_imbalance"},
    ['N'] = {TYPE('N', 20, PN_EV_INFO), STOCK(11), .label = "retail_price_improvement"},
    ['O'] = {TYPE('O', 48, PN_EV_INFO), STOCK(11), PX(20), .label = "direct_listing"},
};

const uint8_t itch50_sides[256] = {
    [0 ... 'A'] = 0x80, ['B'] = PN_BID, ['C' ... 'R'] = 0x80, ['S'] = PN_ASK, ['T' ... 255] = 0x80,
};
/* clang-format on */

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

/* Types that do not fit the table alone, first names, and bad fields. */
static void decode_extra(const struct decode_ctx *c, const uint8_t *m, struct pn_event *ev)
{
    const struct itch50_type *t = &itch50_types[m[0]];
    uint32_t locate = load_u16_be(m + 1);
    if (t->has_stock && !(instrument_map_named(c->map, locate) & 1))
        instrument_map_name(c->map, locate, m + t->stock_off);
    if (((uint32_t)ev->px > ITCH50_PRICE_MAX && ev->kind != PN_EV_INFO) ||
        (itch50_sides[m[t->side_off]] & t->side_mask) >> 7)
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

/* Messages of no known type, or too short for theirs. */
static uint32_t refuse(const struct decode_ctx *c, const uint8_t *m, uint32_t len,
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

uint32_t itch50_decode(const struct decode_ctx *c, const uint8_t *m, uint32_t len,
                       struct pn_event *ev)
{
    if (len < ITCH50_LEN_MIN)
        return refuse(c, m, len, ev);
    const struct itch50_type *t = &itch50_types[m[0]];
    if (len < t->len || !t->len)
        return refuse(c, m, len, ev);
    if (len > t->len)
        c->drops[PN_R_MSG_LONG]++;
    uint32_t instrument = instrument_map_locate(c->map, load_u16_be(m + 1));
    ev->wire_type = m[0];
    if (instrument == INSTRUMENT_NONE)
        return decode_lost(c, PN_R_INSTRUMENTS_FULL, ev);
    uint32_t side = itch50_sides[m[t->side_off]] & t->side_mask & 1;
    store_u64_le(ev, t->head | side << 8 | (uint64_t)instrument << 32);
    ev->ts_ns = load_u64_be(m + 3) & 0xffffffffffffull;
    ev->ref = load_u64_be(m + t->ref_off) & t->ref_mask;
    ev->ref2 = load_u64_be(m + t->ref2_off) & t->ref2_mask;
    ev->size = load_u64_be(m + t->size_off) & t->size_mask;
    ev->px = (int32_t)(load_u32_be(m + t->px_off) & t->px_mask);
    ev->aux = load_u32_be(m + t->aux_off) & t->aux_mask;
    decode_extra(c, m, ev);
    return 1;
}
