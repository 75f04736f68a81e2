/*
 * flow_truth.c - reads out what the generator knows: totals, best prices, levels. Changes nothing.
 */
#include <errno.h>

#include "sim/flow_internal.h"

void pn_flow_totals(const struct pn_flow *flow, struct pn_flow_totals *out)
{
    *out = (struct pn_flow_totals){.messages = flow->sent,
                                   .bytes = flow->bytes,
                                   .live_orders = flow->live,
                                   .peak_orders = flow->peak,
                                   .trades = flow->trades,
                                   .volume = flow->volume,
                                   .last_ts_ns = flow->now_ns,
                                   .memory_bytes = flow->memory};
    memcpy(out->by_type, flow->by_type, sizeof out->by_type);
}

static struct pn_flow_level level_sum(const struct pn_flow *f, const struct flow_symbol *s,
                                      uint32_t index)
{
    struct pn_flow_level sum = {.px = flow_px(s, index)};
    for (uint32_t slot = s->level[index].head; slot; slot = f->order[slot].next) {
        sum.size += f->order[slot].size;
        sum.orders++;
    }
    return sum;
}

uint64_t pn_flow_levels(const struct pn_flow *flow, uint32_t symbol, uint32_t side,
                        struct pn_flow_level *out, uint64_t cap)
{
    uint64_t n = 0;
    if (symbol >= flow->symbols || side > 1)
        return 0;
    const struct flow_symbol *s = &flow->symbol[symbol];
    int32_t step = side == BID ? -1 : 1;
    for (int32_t i = s->best[side]; i >= 0 && i < s->width; i += step) {
        if (s->level[i].head && n++ < cap)
            out[n - 1] = level_sum(flow, s, (uint32_t)i);
    }
    uint32_t stub = (uint32_t)s->width + side;
    if (s->level[stub].head && n++ < cap)
        out[n - 1] = level_sum(flow, s, stub);
    return n;
}

int pn_flow_symbol(const struct pn_flow *flow, uint32_t symbol, struct pn_flow_symbol *out)
{
    struct pn_flow_level bid = {0}, ask = {0};
    if (symbol >= flow->symbols)
        return -ENOENT;
    const struct flow_symbol *s = &flow->symbol[symbol];
    pn_flow_levels(flow, symbol, BID, &bid, 1);
    pn_flow_levels(flow, symbol, ASK, &ask, 1);
    *out = (struct pn_flow_symbol){.locate = symbol + 1,
                                   .trading = s->trading,
                                   .bid_px = (int32_t)bid.px,
                                   .ask_px = (int32_t)ask.px,
                                   .bid_orders = (uint32_t)bid.orders,
                                   .ask_orders = (uint32_t)ask.orders,
                                   .bid_size = bid.size,
                                   .ask_size = ask.size,
                                   .trades = flow->traded[symbol].trades,
                                   .volume = flow->traded[symbol].volume};
    for (uint32_t i = 0; i < 8 && s->name[i] != ' '; i++)
        out->name[i] = (char)s->name[i];
    return 0;
}
