/*
 * flow_orders.c - the order flow: adds, replaces, cancels and executions, one action at a time.
 *
 * An action draws a type, then what it applies to: new orders and aggressors pick a symbol by
 * activity; cancels and replaces pick a resting order, mostly a young one, sometimes any. What
 * cannot be done (nothing to cancel, one side empty) becomes an add, what would not fit a cancel.
 */
#include "sim/flow_emit.h"

enum { FAR_PPM = 50000, STUB_PPM = 600, PULL_PPM = 150000 };

static uint32_t pick_size(struct pn_flow *f)
{
    uint64_t r = rng_next(&f->rng);
    uint32_t kind = r & 127, x = (uint32_t)(r >> 32);
    if (kind < 60)
        return 100;
    if (kind < 88)
        return 1 + (uint32_t)((uint64_t)x * 99 >> 32);
    if (kind < 112)
        return 100 * (2 + rng_geometric(&f->rng));
    if (kind < 127)
        return 1 + (uint32_t)((uint64_t)x * 600 >> 32);
    return 1000 + (uint32_t)((uint64_t)x * 40000 >> 32);
}

/* The fair price takes a small step and is drawn back to its anchor. It does not run away from a
 * book that is too thick to follow. */
static void walk_fair(struct pn_flow *f, struct flow_symbol *s)
{
    int32_t noise = (int32_t)(rng_next(&f->rng) >> 56) - 128;
    int32_t low = s->width * 32, high = s->width * 224;
    if (s->best[BID] >= 0 && low < (s->best[BID] - 16 * s->gap) * 256)
        low = (s->best[BID] - 16 * s->gap) * 256;
    if (s->best[ASK] < s->width && high > (s->best[ASK] + 16 * s->gap) * 256)
        high = (s->best[ASK] + 16 * s->gap) * 256;
    s->fair_q8 += noise * s->gap / 2 - (s->fair_q8 - s->anchor_q8) / 8192;
    if (s->fair_q8 > high)
        s->fair_q8 = high;
    if (s->fair_q8 < low)
        s->fair_q8 = low;
}

/* Price of a new order: decays away from the touch; never reaches the other side. */
static uint32_t pick_level(struct pn_flow *f, struct flow_symbol *s, uint32_t side)
{
    int32_t sign = side == BID ? -1 : 1;
    int32_t fair = (s->fair_q8 >> 8) + (side == BID ? 0 : 1);
    int32_t outer = fair + sign * s->gap, touch = s->best[side], level;
    int32_t limit = s->best[!side] + sign;
    uint64_t r = rng_next(&f->rng);
    uint32_t u = (uint32_t)((r >> 32) * 1000000 >> 32);

    if ((touch - outer) * sign > 0)
        touch = outer;
    if ((fair - touch) * sign > 0)
        touch = fair;
    if (u < STUB_PPM)
        return (uint32_t)s->width + side;
    if (u < FAR_PPM) {
        level = touch + sign * (int32_t)((r & 0xffff) * (uint32_t)(s->width / 2) >> 16);
    } else {
        int32_t step = s->gap > 1 ? 1 + (int32_t)((r & 0xffff) * (uint32_t)s->gap >> 16) : 1;
        level = touch + sign * step * (int32_t)rng_geometric_long(&f->rng);
    }
    if ((limit - level) * sign > 0)
        level = limit;
    if (level < 0 || level >= s->width)
        return (uint32_t)s->width + side;
    return (uint32_t)level;
}

static void take_ref(struct pn_flow *f)
{
    uint64_t r = rng_next(&f->rng);
    f->next_ref += 1 + (r & 3) * ((r >> 2) & 3);
    if (PN_UNLIKELY((r >> 4 & 1023) == 0))
        f->next_ref += r >> 50;
}

uint64_t flow_take_match(struct pn_flow *f)
{
    uint64_t r = rng_next(&f->rng);
    f->next_match += 1 + ((r & 7) == 0 ? r >> 3 & 15 : 0);
    return f->next_match;
}

static void remember(struct pn_flow *f, uint32_t slot)
{
    f->ring[f->ring_head++ & (FLOW_RING - 1)] = slot;
}

static void do_delete(struct pn_flow *f, uint32_t slot)
{
    struct flow_order *o = &f->order[slot];
    uint8_t *m = emit(f, 'D', (o->owner >> 1) + 1, 0);
    store_u64_be(m + 11, o->ref);
    flow_book_reduce(f, slot, o->size);
}

/* With every slot in use an order goes instead. */
static void do_add(struct pn_flow *f, uint8_t type, uint32_t symbol, uint32_t side)
{
    static const char mpid[8][4] = {"ALFA", "BRVO", "CHLI", "DLTA", "ECHO", "FXTR", "GOLF", "HTEL"};
    struct flow_symbol *s = &f->symbol[symbol];
    if (f->live >= f->slots_max) {
        do_delete(f, 1 + rng_below(&f->rng, f->slots_max));
        return;
    }
    walk_fair(f, s);
    take_ref(f);
    uint32_t level = pick_level(f, s, side);
    uint32_t slot = flow_book_add(f, symbol, side, level, pick_size(f));
    const struct flow_order *o = &f->order[slot];
    uint8_t *m = emit_named(f, type, symbol, 24);
    store_u64_be(m + 11, o->ref);
    m[19] = side == BID ? 'B' : 'S';
    store_u32_be(m + 20, o->size);
    store_u32_be(m + 32, flow_px(s, o->level));
    if (type == 'F')
        memcpy(m + 36, mpid[rng_next(&f->rng) >> 61], 4);
    remember(f, slot);
}

static void do_add_any(struct pn_flow *f)
{
    uint32_t symbol = flow_pick_symbol(f);
    do_add(f, 'A', symbol, (uint32_t)(rng_next(&f->rng) >> 63));
}

void flow_delete_any(struct pn_flow *f)
{
    uint32_t slot = flow_pick_order(f);
    if (!slot) {
        do_add_any(f);
        return;
    }
    if (rng_ppm(&f->rng, PULL_PPM)) {
        uint32_t stranded = flow_pick_stranded(&f->symbol[f->order[slot].owner >> 1]);
        slot = stranded ? stranded : slot;
    }
    do_delete(f, slot);
}

static void do_cancel(struct pn_flow *f)
{
    uint32_t slot = flow_pick_order(f);
    if (!slot) {
        do_add_any(f);
        return;
    }
    struct flow_order *o = &f->order[slot];
    if (o->size < 2) {
        do_delete(f, slot);
        return;
    }
    uint32_t size = 1 + rng_below(&f->rng, o->size - 1);
    uint8_t *m = emit(f, 'X', (o->owner >> 1) + 1, 0);
    store_u64_be(m + 11, o->ref);
    store_u32_be(m + 19, size);
    flow_book_reduce(f, slot, size);
}

/* The slot stays, the order becomes a new one at the back of its new level. */
static void do_replace(struct pn_flow *f)
{
    uint32_t slot = flow_pick_order(f);
    if (!slot) {
        do_add_any(f);
        return;
    }
    struct flow_order *o = &f->order[slot];
    struct flow_symbol *s = &f->symbol[o->owner >> 1];
    uint8_t *m = emit(f, 'U', (o->owner >> 1) + 1, 0);
    store_u64_be(m + 11, o->ref);
    flow_book_unlink(f, slot);
    walk_fair(f, s);
    take_ref(f);
    o->ref = f->next_ref;
    if (rng_next(&f->rng) >> 63)
        o->size = pick_size(f);
    o->level = pick_level(f, s, o->owner & 1);
    flow_book_link(f, slot);
    store_u64_be(m + 19, o->ref);
    store_u32_be(m + 27, o->size);
    store_u32_be(m + 31, flow_px(s, o->level));
    remember(f, slot);
}

void flow_count_trade(struct pn_flow *f, uint32_t symbol, uint64_t match, uint64_t size)
{
    f->traded[symbol].trades++;
    f->traded[symbol].volume += size;
    f->trades++;
    f->volume += size;
    if (match)
        f->match[f->matches++ & (FLOW_MATCHES - 1)] = (struct flow_match){match, size, symbol};
}

static void execute(struct pn_flow *f, uint32_t slot, uint32_t size)
{
    struct flow_order *o = &f->order[slot];
    uint64_t match = flow_take_match(f);
    uint8_t *m = emit(f, 'E', (o->owner >> 1) + 1, 2);
    store_u64_be(m + 11, o->ref);
    store_u32_be(m + 19, size);
    store_u64_be(m + 23, match);
    flow_count_trade(f, o->owner >> 1, match, size);
    flow_book_reduce(f, slot, size);
}

/* Executes at another price than the order's own: inside the spread, or not printed. */
static void execute_at(struct pn_flow *f, uint32_t slot, uint32_t size)
{
    struct flow_order *o = &f->order[slot];
    struct flow_symbol *s = &f->symbol[o->owner >> 1];
    uint64_t match = flow_take_match(f);
    int printable = rng_next(&f->rng) & 3 ? 1 : 0;
    uint32_t px = flow_px(s, o->level);
    if (printable && o->level < (uint32_t)s->width)
        px = (o->owner & 1) == BID ? px - s->tick / 2 : px + s->tick / 2;
    uint8_t *m = emit(f, 'C', (o->owner >> 1) + 1, 2);
    store_u64_be(m + 11, o->ref);
    store_u32_be(m + 19, size);
    store_u64_be(m + 23, match);
    m[31] = printable ? 'Y' : 'N';
    store_u32_be(m + 32, px);
    if (printable)
        flow_count_trade(f, o->owner >> 1, match, size);
    flow_book_reduce(f, slot, size);
}

uint32_t flow_cross_execute(struct pn_flow *f, uint32_t symbol, uint32_t side)
{
    struct flow_symbol *s = &f->symbol[symbol];
    uint32_t slot = flow_book_front(s, side);
    struct flow_order *o = &f->order[slot];
    uint32_t size = 1 + rng_below(&f->rng, o->size);
    uint8_t *m = emit(f, 'C', symbol + 1, 2);
    store_u64_be(m + 11, o->ref);
    store_u32_be(m + 19, size);
    store_u64_be(m + 23, flow_take_match(f));
    m[31] = 'N';
    store_u32_be(m + 32, flow_px(s, o->level));
    flow_book_reduce(f, slot, size);
    return size;
}

/* A hidden order trades between the best prices. */
static void do_hidden(struct pn_flow *f, uint32_t symbol)
{
    struct flow_symbol *s = &f->symbol[symbol];
    uint32_t low = (uint32_t)s->best[BID], span = (uint32_t)(s->best[ASK] - s->best[BID]) + 1;
    uint32_t px = flow_px(s, low + rng_below(&f->rng, span));
    uint32_t size = pick_size(f);
    uint64_t match = flow_take_match(f);
    uint8_t *m = emit_named(f, 'P', symbol, 24);
    store_u64_be(m + 11, 0);
    m[19] = 'B';
    store_u32_be(m + 20, size);
    store_u32_be(m + 32, px);
    store_u64_be(m + 36, match);
    flow_count_trade(f, symbol, match, size);
}

/* An aggressor takes from the front of a side until its size or the limit is spent. */
static void do_sweep(struct pn_flow *f, uint32_t symbol, uint32_t side, uint64_t room)
{
    struct flow_symbol *s = &f->symbol[symbol];
    uint32_t left = pick_size(f), limit = room < FLOW_SWEEP_MAX ? (uint32_t)room : FLOW_SWEEP_MAX;
    uint32_t done = 0;
    while (left && done < limit) {
        int32_t best = s->best[side];
        if (best < 0 || best >= s->width)
            break;
        uint32_t slot = s->level[best].head;
        uint32_t size = f->order[slot].size < left ? f->order[slot].size : left;
        execute(f, slot, size);
        left -= size;
        f->now_ns += 20 + (rng_next(&f->rng) & 255);
        done++;
    }
    f->owed += done - 1;
}

/* E, C and P need both sides and a symbol that trades; otherwise an order is added. */
static void do_trade(struct pn_flow *f, uint8_t type, uint64_t room)
{
    uint32_t symbol = flow_pick_symbol(f);
    struct flow_symbol *s = &f->symbol[symbol];
    int32_t fair = s->fair_q8 >> 8;
    uint32_t side = (uint32_t)(rng_next(&f->rng) >> 63);
    if (s->best[BID] < 0 || s->best[ASK] >= s->width) {
        do_add(f, 'A', symbol, s->best[BID] < 0 ? BID : ASK);
        return;
    }
    if (s->trading != 'T' || s->op_halt) {
        do_add(f, 'A', symbol, side);
        return;
    }
    if (s->best[BID] > fair)
        side = BID;
    if (s->best[ASK] <= fair)
        side = ASK;
    uint32_t slot = s->level[s->best[side]].head;
    if (type == 'P')
        do_hidden(f, symbol);
    else if (type == 'E')
        do_sweep(f, symbol, side, room);
    else
        execute_at(f, slot, 1 + rng_below(&f->rng, f->order[slot].size));
}

void flow_break(struct pn_flow *f)
{
    for (uint32_t i = 0; i < 64 && f->matches; i++) {
        uint64_t known = f->matches < FLOW_MATCHES ? f->matches : FLOW_MATCHES;
        struct flow_match *match = &f->match[rng_below(&f->rng, known)];
        if (!match->size)
            continue;
        uint8_t *m = emit(f, 'B', (uint32_t)match->symbol + 1, 0);
        store_u64_be(m + 11, match->number);
        f->traded[match->symbol].trades--;
        f->traded[match->symbol].volume -= match->size;
        f->trades--;
        f->volume -= match->size;
        match->size = 0;
        return;
    }
}

/* Steers the number of resting orders: builds up to the target, then holds it. */
static uint8_t steer(struct pn_flow *f, uint8_t type)
{
    if (f->live >= f->live_target) {
        if ((type == 'A' || type == 'F') && f->live + 64 >= f->slots_max)
            return 'D';
        if (type == 'A' && rng_next(&f->rng) < 1ull << 61)
            return 'D';
    } else if (type == 'D' && rng_next(&f->rng) < 1ull << 62)
        return 'A';
    return type;
}

void flow_act(struct pn_flow *f, uint32_t slot_kind, uint64_t room)
{
    const struct flow_mix *mix = &f->mix[slot_kind];
    uint32_t draw = (uint32_t)rng_next(&f->rng), i = 0;
    while (draw > mix->bound[i])
        i++;
    uint8_t type = mix->type[i];
    if (type == 'E' && f->owed) {
        f->owed--;
        type = rng_next(&f->rng) >> 63 ? 'A' : 'D';
    }
    type = steer(f, type);
    if (type == 'A' || type == 'F') {
        uint32_t symbol = flow_pick_symbol(f);
        do_add(f, type, symbol, (uint32_t)(rng_next(&f->rng) >> 63));
    } else if (type == 'D')
        flow_delete_any(f);
    else if (type == 'U')
        do_replace(f);
    else if (type == 'X')
        do_cancel(f);
    else if (type == 'N')
        flow_script_rpi(f, flow_pick_symbol(f));
    else if (type == 'I')
        flow_script_imbalance(f, flow_pick_symbol(f),
                              slot_kind == SLOT_NOII_OPEN ? 'O'
                              : slot_kind == SLOT_AFTER   ? 'A'
                                                          : 'C');
    else
        do_trade(f, type, room);
}
