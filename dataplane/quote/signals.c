/*
 * signals.c - see signals.h, which has the formulas. Writes the records of the region that are
 * handed to signals_init, each under its sequence lock, and nothing else.
 */
#include "quote/signals.h"

#include <errno.h>

#include "book/top.h"
#include "shm/seqlock.h"

/* 2^(-1 / 65536), 2^(-1 / 256) and ln 2, rounded. */
#define EXP_STEP_Q62 4611637242788701951ull
#define EXP_BYTE_Q62 4599216278082138665ull
#define LN2_Q32 2977044472ull
#define NS_PER_S 1000000000ull
#define SUM_MAX (1ll << 61)

/* What the words of pn_signals.state hold: sums times 2^16, and the steps of time they stand at. */
enum {
    OFI_SUM = 0,
    OFI_ABS = 1,
    FLOW_SUM = 2,
    FLOW_ABS = 3,
    VAR_SUM = 4, /* squares of mid_q8, which are times 2^16 by themselves */
    OFI_AT = 5,
    FLOW_AT = 6,
    VAR_AT = 7
};

static void make_powers(uint32_t *table, uint64_t step_q62)
{
    uint64_t v = 1ull << 62;
    for (uint32_t i = 0; i < SIGNALS_EXP_TABLE; i++) {
        table[i] = (uint32_t)((v + (1ull << 30)) >> 31);
        v = (uint64_t)((unsigned __int128)v * step_q62 >> 62);
    }
}

static void make_roots(uint16_t *table)
{
    uint64_t root = 0;
    for (uint64_t i = 0; i < SIGNALS_ROOT_TABLE; i++) {
        while ((root + 1) * (root + 1) <= (2 * i + 129) << 23)
            root++;
        table[i] = (uint16_t)root;
    }
}

int signals_half_lives(struct signals *s, uint64_t flow_ns, uint64_t vol_ns)
{
    const uint64_t least = 1ull << 17, most = 1ull << 44;
    const unsigned __int128 steps = (unsigned __int128)1 << (64 + SIGNALS_HALF_BITS);
    if (flow_ns < least || flow_ns > most || vol_ns < least || vol_ns > most)
        return -EINVAL;
    s->flow_half_ns = flow_ns;
    s->vol_half_ns = vol_ns;
    s->flow_steps = (uint64_t)(steps / flow_ns);
    s->vol_steps = (uint64_t)(steps / vol_ns);
    s->vol_scale = LN2_Q32 * NS_PER_S / vol_ns;
    return 0;
}

void signals_init(struct signals *s, struct pn_signals *slot, uint32_t slots)
{
    *s = (struct signals){.slot = slot, .slots = slots, .depth = {1, 3, 10}};
    make_powers(s->exp_hi, EXP_BYTE_Q62);
    make_powers(s->exp_lo, EXP_STEP_Q62);
    make_roots(s->root);
    (void)signals_half_lives(s, NS_PER_S, 10 * NS_PER_S);
    for (uint32_t i = 0; i < slots; i++) {
        uint32_t seq = slot[i].seq;
        slot[i] = (struct pn_signals){.seq = seq};
    }
}

/* Brings *at to the step of time that ns is in; returns how many steps that is, 0 if backwards. */
PN_HOT uint64_t steps_to(int64_t *at, uint64_t ns, uint64_t steps_per_ns)
{
    int64_t now = (int64_t)((unsigned __int128)ns * steps_per_ns >> 64);
    int64_t gone = now - *at;
    if (PN_UNLIKELY(gone <= 0))
        return 0;
    *at = now;
    return (uint64_t)gone;
}

/* 2^(31 - steps / 65536), without the whole halvings. */
PN_HOT uint64_t power_q31(const struct signals *s, uint64_t steps)
{
    return (uint64_t)s->exp_hi[steps >> 8 & 0xff] * s->exp_lo[steps & 0xff] >> 31;
}

/* Rounds towards zero, so that a sum stays within the sum of its parts' sizes. */
PN_HOT int64_t decayed(int64_t sum, uint64_t power, uint64_t halvings)
{
    int64_t sign = -(int64_t)(sum < 0);
    uint64_t size = (uint64_t)((sum ^ sign) - sign);
    size = halvings > 62 ? 0 : (uint64_t)((unsigned __int128)size * power >> 31) >> halvings;
    return ((int64_t)size ^ sign) - sign;
}

/* a / b in 1/65536 for |a| <= b, rounded towards zero. */
PN_HOT int32_t ratio_q16(int64_t a, int64_t b)
{
    if (b == 0)
        return 0;
    uint32_t bits = 64 - (uint32_t)__builtin_clzll((uint64_t)b);
    uint32_t drop = bits > 46 ? bits - 46 : 0;
    int64_t sign = -(int64_t)(a < 0), size = (a ^ sign) - sign;
    int64_t q = (size >> drop << 16) / (b >> drop);
    return (int32_t)((q ^ sign) - sign);
}

/* One signed amount into a decaying sum and the sum of sizes beside it; the ratio of them. */
PN_HOT int32_t add_flow(const struct signals *s, int64_t *sum, int64_t *at, uint64_t ns, int64_t e)
{
    uint64_t steps = steps_to(at, ns, s->flow_steps);
    if (steps) {
        uint64_t power = power_q31(s, steps), halvings = steps >> SIGNALS_HALF_BITS;
        sum[0] = decayed(sum[0], power, halvings);
        sum[1] = decayed(sum[1], power, halvings);
    }
    sum[0] += e * 65536;
    sum[1] += (e < 0 ? -e : e) * 65536;
    if (PN_UNLIKELY(sum[1] >= SUM_MAX)) {
        sum[0] /= 2;
        sum[1] /= 2;
    }
    return ratio_q16(sum[0], sum[1]);
}

PN_HOT int64_t clipped(uint64_t size)
{
    const uint64_t most = 1ull << SIGNALS_SIZE_BITS;
    return (int64_t)(size < most ? size : most);
}

/* e_n of one side, for prices where higher is better. */
PN_HOT int64_t side_change(int64_t px, uint64_t size, int64_t was_px, uint64_t was_size)
{
    return (px >= was_px ? clipped(size) : 0) - (px <= was_px ? clipped(was_size) : 0);
}

/* Whole part of the square root: a guess of 8 bits, doubled twice, then set right. */
PN_HOT uint32_t square_root(const struct signals *s, uint64_t v)
{
    if (v == 0)
        return 0;
    uint32_t shift = (uint32_t)__builtin_clzll(v) & ~1u;
    uint64_t n = v << shift;
    uint64_t root = (uint64_t)s->root[(n >> 56) - 64] << 16;
    root = (root + n / root) / 2;
    root = (root + n / root) / 2;
    root = root > UINT32_MAX ? UINT32_MAX : root;
    while (root * root > n)
        root--;
    while (root < UINT32_MAX && (root + 1) * (root + 1) <= n)
        root++;
    return (uint32_t)(root >> shift / 2);
}

PN_HOT void add_move(const struct signals *s, struct pn_signals *g, uint64_t ns, int64_t move)
{
    const int64_t most = 1ll << SIGNALS_MOVE_BITS;
    uint64_t steps = steps_to(&g->state[VAR_AT], ns, s->vol_steps);
    int64_t sum = g->state[VAR_SUM];
    if (!((int64_t)steps | move) || !(sum | move))
        return;
    if (steps)
        sum = decayed(sum, power_q31(s, steps), steps >> SIGNALS_HALF_BITS);
    move = move > most ? most : move < -most ? -most : move;
    sum += move * move;
    sum = sum > SUM_MAX ? SUM_MAX : sum;
    g->state[VAR_SUM] = sum;
    unsigned __int128 v = (unsigned __int128)(uint64_t)sum * s->vol_scale >> 32;
    uint32_t root = square_root(s, v >> 62 ? 1ull << 62 : (uint64_t)v);
    g->vol_q8 = root;
}

/* Share of the bids in what both sides have at the touch, times 2^32. */
PN_HOT uint64_t bid_share_q32(uint64_t bid_size, uint64_t ask_size)
{
    uint64_t bid = (uint64_t)clipped(bid_size), ask = (uint64_t)clipped(ask_size);
    uint32_t bits = 64 - (uint32_t)__builtin_clzll(bid + ask);
    uint32_t drop = bits > 31 ? bits - 31 : 0;
    return ((bid >> drop) << 32) / ((bid >> drop) + (ask >> drop));
}

PN_HOT void set_prices(const struct signals *s, struct pn_signals *g, const struct pn_bbo *top)
{
    uint64_t share = bid_share_q32(top->bid_size, top->ask_size);
    int64_t spread_q8 = ((int64_t)top->ask_px - top->bid_px) * 256;
    g->mid_q8 = ((int64_t)top->bid_px + top->ask_px) * 128;
    g->micro_q8 = (int64_t)top->bid_px * 256 +
                  (int64_t)((unsigned __int128)(uint64_t)spread_q8 * share >> 32);
    if (PN_LIKELY(s->depth[0] == 1))
        g->imbalance_q16[0] = (int32_t)((int64_t)(2 * share - (1ull << 32)) / 65536);
}

void signals_on_top(struct signals *s, uint32_t slot, const struct pn_bbo *top)
{
    struct pn_signals *g = &s->slot[slot];
    uint32_t was_valid = g->valid;
    uint32_t valid = (top->state == PN_BOOK_VALID) & (top->bid_size != 0) & (top->ask_size != 0) &
                     (top->bid_px < top->ask_px);
    seqlock_begin(&g->seq);
    if (PN_LIKELY(valid)) {
        int64_t was_mid_q8 = g->mid_q8;
        set_prices(s, g, top);
        if (PN_LIKELY(was_valid)) {
            int64_t e =
                side_change(top->bid_px, top->bid_size, g->bid_px, g->bid_size) -
                side_change(-(int64_t)top->ask_px, top->ask_size, -(int64_t)g->ask_px, g->ask_size);
            g->ofi_q16 = add_flow(s, &g->state[OFI_SUM], &g->state[OFI_AT], top->rx_ns, e);
            add_move(s, g, top->rx_ns, g->mid_q8 - was_mid_q8);
        }
    }
    g->valid = valid;
    g->bid_px = top->bid_px;
    g->ask_px = top->ask_px;
    g->bid_size = top->bid_size;
    g->ask_size = top->ask_size;
    g->ts_ns = top->rx_ns;
    g->updates++;
    seqlock_end(&g->seq);
}

/* +1 where the buyer took, -1 where the seller did, 0 where it cannot be told. */
PN_HOT int64_t taker_sign(const struct pn_signals *g, const struct pn_event *ev)
{
    if (PN_LIKELY(ev->kind != PN_EV_TRADE))
        return ev->side == PN_ASK ? 1 : -1;
    int64_t px_q8 = (int64_t)ev->px * 256;
    if (!g->valid)
        return 0;
    return (px_q8 > g->mid_q8) - (px_q8 < g->mid_q8);
}

void signals_on_trade(struct signals *s, uint32_t slot, const struct pn_event *ev)
{
    struct pn_signals *g = &s->slot[slot];
    if (PN_UNLIKELY(ev->flags & (PN_EVF_NONPRINTABLE | PN_EVF_REJECTED)))
        return;
    int64_t e = taker_sign(g, ev) * clipped(ev->size);
    seqlock_begin(&g->seq);
    if (e)
        g->flow_q16 = add_flow(s, &g->state[FLOW_SUM], &g->state[FLOW_AT], ev->rx_ns, e);
    g->last_trade_ns = ev->rx_ns;
    g->last_trade_px = ev->px;
    g->ts_ns = ev->rx_ns;
    g->updates++;
    seqlock_end(&g->seq);
}

/* Sizes of the best levels of a side, summed up to each depth; depths ascend. */
static void sum_depths(const struct signals *s, const struct books *b, const struct pn_book *bk,
                       uint32_t side, int64_t sum[PN_DEPTHS])
{
    int64_t upto[SIGNALS_DEPTH_MAX + 1];
    uint64_t left = bk->occupied[side];
    uint32_t page = left ? bk->best[side] : 0, levels = 0, most = s->depth[PN_DEPTHS - 1];
    uint32_t drop = bk->by_order ? LEVEL_ORDER_BITS : 0;
    upto[0] = 0;
    while (page && levels < most) {
        const struct pn_page *p = &b->ladder.page[page];
        for (; left && levels < most; levels++) {
            uint32_t bit = ladder_best_bit(left);
            left &= ~(1ull << bit);
            upto[levels + 1] = upto[levels] + clipped(p->level[bit] >> drop);
        }
        page = p->worse;
        left = page ? b->ladder.page[page].occupied : 0;
    }
    for (uint32_t k = 0; k < PN_DEPTHS; k++)
        sum[k] = upto[s->depth[k] < levels ? s->depth[k] : levels];
}

void signals_on_book(struct signals *s, uint32_t slot, const struct books *b, uint32_t instrument)
{
    const struct pn_book *bk = &b->book[instrument];
    struct pn_signals *g = &s->slot[slot];
    int64_t bid[PN_DEPTHS], ask[PN_DEPTHS];
    sum_depths(s, b, bk, PN_BID, bid);
    sum_depths(s, b, bk, PN_ASK, ask);
    seqlock_begin(&g->seq);
    for (uint32_t k = 0; k < PN_DEPTHS; k++)
        if (k || s->depth[0] != 1)
            g->imbalance_q16[k] = ratio_q16(bid[k] - ask[k], bid[k] + ask[k]);
    seqlock_end(&g->seq);
}

void signals_invalidate(struct signals *s, uint32_t slot)
{
    struct pn_signals *g = &s->slot[slot];
    seqlock_begin(&g->seq);
    g->valid = 0;
    seqlock_end(&g->seq);
}
