/*
 * exchange_imbalance.c - the net order imbalance indicator before a cross (ITCH 5.0 'I'): at which
 * price the displayed orders would pair most shares, how many, and what would be left over.
 */
#include "sim/exchange_internal.h"

enum { RESTING = 4096 };

static uint64_t take(const struct match_resting *o, uint32_t n, int ask, int32_t px)
{
    uint64_t qty = 0;
    for (uint32_t i = 0; i < n; i++)
        if (o[i].side == ask && (ask ? o[i].px <= px : o[i].px >= px))
            qty += o[i].qty;
    return qty;
}

void feed_imbalance(struct exchange *x, uint32_t symbol, uint8_t cross)
{
    struct match_top top;
    int32_t px = 0;
    uint64_t paired = 0, left = 0, buy = 0, sell = 0;
    match_top(x->match, symbol, &top);
    uint32_t n = 0;
    /* Only a book that is crossed pairs anything; others need not be looked at. */
    if (top.bid_orders && top.ask_orders && top.bid_px >= top.ask_px)
        n = match_snapshot(x->match, symbol, x->resting, RESTING, 0);
    for (uint32_t i = 0; i < n; i++) {
        int32_t at = x->resting[i].px;
        if (at < top.ask_px || at > top.bid_px)
            continue;
        uint64_t b = take(x->resting, n, 0, at), s = take(x->resting, n, 1, at);
        uint64_t both = b < s ? b : s, over = b < s ? s - b : b - s;
        if (both > paired || (both == paired && over < left)) {
            paired = both;
            left = over;
            buy = b;
            sell = s;
            px = at;
        }
    }
    uint32_t reference = (uint32_t)(top.last_px ? top.last_px : x->cfg.symbol[symbol].start_px);
    uint8_t *m = feed_named(x, 'I', symbol, 28);
    store_u64_be(m + 11, paired);
    store_u64_be(m + 19, left);
    m[27] = !paired ? 'O' : buy > sell ? 'B' : buy < sell ? 'S' : 'N';
    store_u32_be(m + 36, (uint32_t)px);
    store_u32_be(m + 40, (uint32_t)px);
    store_u32_be(m + 44, reference);
    m[48] = cross;
    m[49] = 'L';
}
