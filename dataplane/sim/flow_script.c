/*
 * flow_script.c - the scripted messages of a day: its begin, the crosses, halts and other rare
 * events, its end. The table at the bottom is the day in order.
 */
#include "sim/flow_emit.h"

#define SECOND 1000000000ull

static void pause_ns(struct pn_flow *f, uint64_t most)
{
    f->now_ns += 200 + rng_below(&f->rng, most);
}

static int is_listing(const struct pn_flow *f, uint32_t symbol)
{
    return f->symbols >= 4 && symbol + 2 >= f->symbols;
}

static int script_system(struct pn_flow *f, uint32_t code)
{
    const struct pn_flow_config *c = &f->cfg;
    uint64_t early = c->start_ns / 2 < 3300 * SECOND ? c->start_ns / 2 : 3300 * SECOND;
    uint64_t at = code == 'O'   ? c->start_ns - early
                  : code == 'S' ? c->start_ns
                  : code == 'Q' ? c->open_ns
                  : code == 'M' ? c->close_ns
                                : c->end_ns;
    pause_ns(f, 20000);
    if (f->now_ns < at)
        f->now_ns = at;
    uint8_t *m = emit(f, 'S', 0, 0);
    m[11] = (uint8_t)code;
    return 1;
}

/* One symbol a step, over all symbols. */
static int next_symbol(struct pn_flow *f)
{
    return ++f->cursor >= f->symbols;
}

static int script_directory(struct pn_flow *f, uint32_t arg)
{
    uint64_t r = rng_next(&f->rng);
    uint32_t i = f->cursor;
    pause_ns(f, 20000);
    uint8_t *m = emit_named(f, 'R', i, 11);
    m[19] = (uint8_t) "QGSQGSNAPZ"[r % 10];
    m[20] = m[19] == 'N' || m[19] == 'A' || m[19] == 'P' || m[19] == 'Z' ? ' ' : 'N';
    store_u32_be(m + 21, 100);
    m[25] = 'N';
    m[26] = (uint8_t) "CCCCAOQ"[(r >> 8) % 7];
    memcpy(m + 27, "Z ", 2);
    m[29] = 'P';
    m[30] = 'N';
    m[31] = is_listing(f, i) ? 'Y' : 'N';
    m[32] = r >> 62 ? '2' : '1';
    m[33] = m[26] == 'Q' ? 'Y' : 'N';
    store_u32_be(m + 34, 0);
    m[38] = 'N';
    return next_symbol(f);
}

/* Whoever is not announced as trading before the open is halted. */
static int script_actions(struct pn_flow *f, uint32_t arg)
{
    pause_ns(f, 10000);
    if (is_listing(f, f->cursor))
        emit_action(f, f->cursor, 'H', "IPO1");
    else
        emit_action(f, f->cursor, 'T', "    ");
    return next_symbol(f);
}

static void send_regsho(struct pn_flow *f, uint32_t symbol, uint8_t action)
{
    uint8_t *m = emit_named(f, 'Y', symbol, 11);
    m[19] = action;
}

static int script_regsho(struct pn_flow *f, uint32_t arg)
{
    pause_ns(f, 10000);
    send_regsho(f, f->cursor, rng_below(&f->rng, 40) ? '0' : '2');
    return next_symbol(f);
}

static void send_position(struct pn_flow *f, uint32_t symbol)
{
    static const char mpid[4][4] = {"ALFA", "BRVO", "CHLI", "DLTA"};
    uint64_t r = rng_next(&f->rng);
    uint8_t *m = emit_named(f, 'L', symbol, 15);
    memcpy(m + 11, mpid[r & 3], 4);
    m[23] = r >> 2 & 1 ? 'Y' : 'N';
    m[24] = 'N';
    m[25] = (uint8_t) "AAAAAAEW"[r >> 3 & 7];
}

static int script_positions(struct pn_flow *f, uint32_t arg)
{
    pause_ns(f, 10000);
    send_position(f, f->cursor);
    return next_symbol(f);
}

/* Decline levels of 7, 13 and 20 % below an index of about 4,000 to 5,000, eight decimals. */
static int script_mwcb_levels(struct pn_flow *f, uint32_t arg)
{
    uint64_t hundredths = 400000 + rng_below(&f->rng, 100000);
    pause_ns(f, 10000);
    uint8_t *m = emit(f, 'V', 0, 0);
    store_u64_be(m + 11, hundredths * 93 * 10000);
    store_u64_be(m + 19, hundredths * 87 * 10000);
    store_u64_be(m + 27, hundredths * 80 * 10000);
    return 1;
}

static void send_ipo_terms(struct pn_flow *f, uint32_t symbol, int anticipated)
{
    struct flow_symbol *s = &f->symbol[symbol];
    uint8_t *m = emit_named(f, 'K', symbol, 11);
    uint64_t release = f->cfg.open_ns + (f->cfg.close_ns - f->cfg.open_ns) / 4;
    store_u32_be(m + 19, anticipated ? (uint32_t)(release / SECOND) : 0);
    m[23] = anticipated ? 'A' : 'C';
    store_u32_be(m + 24, flow_px(s, (uint32_t)s->anchor_q8 >> 8));
}

static int script_ipo_terms(struct pn_flow *f, uint32_t arg)
{
    pause_ns(f, 10000);
    send_ipo_terms(f, f->symbols - 1, is_listing(f, f->symbols - 1));
    return 1;
}

static int script_slots(struct pn_flow *f, uint32_t last_kind)
{
    return flow_run_slots(f, last_kind);
}

/* A cross: part of one side's best order executes unprinted, then the bulk print. */
static void send_cross(struct pn_flow *f, uint32_t symbol, uint8_t type)
{
    struct flow_symbol *s = &f->symbol[symbol];
    uint32_t side = (uint32_t)(rng_next(&f->rng) >> 63), px = 0;
    uint64_t shares = 0;
    if (s->best[BID] >= 0 && s->best[ASK] < s->width) {
        px = flow_px(s, (uint32_t)s->best[side]);
        shares = flow_cross_execute(f, symbol, side);
        shares += 100ull * rng_below(&f->rng, 1u << (4 + rng_geometric(&f->rng) % 12));
    }
    uint64_t match = flow_take_match(f);
    uint8_t *m = emit(f, 'Q', symbol + 1, 0);
    store_u64_be(m + 11, shares);
    memcpy(m + 19, s->name, 8);
    store_u32_be(m + 27, px);
    store_u64_be(m + 31, match);
    m[39] = type;
    if (shares)
        flow_count_trade(f, symbol, 0, shares);
}

static int script_cross(struct pn_flow *f, uint32_t type)
{
    pause_ns(f, 100000);
    if (f->symbol[f->cursor].trading == 'T')
        send_cross(f, f->cursor, (uint8_t)type);
    return next_symbol(f);
}

/* A few deletes still come after the end of system hours. */
static int script_late_deletes(struct pn_flow *f, uint32_t arg)
{
    pause_ns(f, 100000000);
    flow_delete_any(f);
    return f->sent + 1 >= f->cfg.messages;
}

void flow_script_imbalance(struct pn_flow *f, uint32_t symbol, uint8_t cross)
{
    struct flow_symbol *s = &f->symbol[symbol];
    uint64_t r = rng_next(&f->rng);
    uint32_t px = flow_px(s, (uint32_t)s->fair_q8 >> 8);
    int none = (r & 3) == 3;
    uint8_t *m = emit_named(f, 'I', symbol, 28);
    store_u64_be(m + 11, 100 * (r >> 8 & 0xfff));
    store_u64_be(m + 19, none ? 0 : 100 * (1 + (r >> 20 & 0x3ff)));
    m[27] = none ? 'N' : r & 1 ? 'B' : 'S';
    store_u32_be(m + 36, px);
    store_u32_be(m + 40, px);
    store_u32_be(m + 44, px);
    m[48] = cross;
    m[49] = 'L';
}

void flow_script_rpi(struct pn_flow *f, uint32_t symbol)
{
    uint8_t *m = emit_named(f, 'N', symbol, 11);
    m[19] = (uint8_t) "BSAN"[rng_next(&f->rng) >> 62];
}

static void send_collar(struct pn_flow *f, uint32_t symbol, uint32_t extension)
{
    struct flow_symbol *s = &f->symbol[symbol];
    uint32_t px = flow_px(s, (uint32_t)s->fair_q8 >> 8);
    uint8_t *m = emit_named(f, 'J', symbol, 11);
    store_u32_be(m + 19, px);
    store_u32_be(m + 23, px + px / 20 * (1 + extension));
    store_u32_be(m + 27, px - px / 20 * (1 + extension));
    store_u32_be(m + 31, extension);
}

static void send_listing(struct pn_flow *f, uint32_t symbol)
{
    struct flow_symbol *s = &f->symbol[symbol];
    uint32_t px = flow_px(s, (uint32_t)s->anchor_q8 >> 8);
    uint8_t *m = emit_named(f, 'O', symbol, 11);
    m[19] = is_listing(f, symbol) ? 'Y' : 'N';
    store_u32_be(m + 20, px - px / 5);
    store_u32_be(m + 24, px + px / 5 * 4);
    store_u32_be(m + 28, px);
    store_u64_be(m + 32, f->now_ns + 60 * SECOND);
    store_u32_be(m + 40, px - px / 10);
    store_u32_be(m + 44, px + px / 10);
}

static void send_op_halt(struct pn_flow *f, uint32_t symbol, int halt)
{
    uint8_t *m = emit_named(f, 'h', symbol, 11);
    m[19] = 'Q';
    m[20] = halt ? 'H' : 'T';
    f->symbol[symbol].op_halt = (uint8_t)halt;
}

/* Back from a pause or a first listing, by way of quotation and a cross. */
static void release(struct pn_flow *f, uint32_t symbol, int resume)
{
    const char *reason = is_listing(f, symbol) ? "IPOQ" : "LUDP";
    if (!resume) {
        emit_action(f, symbol, 'Q', reason);
        return;
    }
    flow_script_imbalance(f, symbol, 'H');
    f->now_ns += 50000;
    send_cross(f, symbol, 'H');
    f->now_ns += 5000;
    emit_action(f, symbol, 'T', "    ");
}

void flow_script_event(struct pn_flow *f, const struct flow_event *event)
{
    uint32_t symbol = event->symbol;
    uint8_t trading = f->symbol[symbol].trading;
    pause_ns(f, 1000);
    if (event->kind == EVENT_PAUSE && trading == 'T') {
        emit_action(f, symbol, 'P', "LUDP");
        f->now_ns += 300000;
        send_collar(f, symbol, 0);
    } else if (event->kind == EVENT_COLLAR && trading == 'P')
        send_collar(f, symbol, 1);
    else if (event->kind == EVENT_QUOTE && (trading == 'P' || trading == 'H'))
        release(f, symbol, 0);
    else if (event->kind == EVENT_RESUME && trading == 'Q')
        release(f, symbol, 1);
    else if (event->kind == EVENT_OP_HALT || event->kind == EVENT_OP_LIFT)
        send_op_halt(f, symbol, event->kind == EVENT_OP_HALT);
    else if (event->kind == EVENT_IPO_TERMS)
        send_ipo_terms(f, symbol, 1);
    else if (event->kind == EVENT_LISTING)
        send_listing(f, symbol);
    else if (event->kind == EVENT_MWCB)
        emit(f, 'W', 0, 0)[11] = '1';
    else if (event->kind == EVENT_BREAK)
        flow_break(f);
    else if (event->kind == EVENT_REGSHO)
        send_regsho(f, symbol, '1');
    else if (event->kind == EVENT_POSITION)
        send_position(f, symbol);
    else if (event->kind == EVENT_RPI)
        flow_script_rpi(f, symbol);
}

static const struct {
    int (*run)(struct pn_flow *f, uint32_t arg);
    uint32_t arg;
} day[] = {
    {script_system, 'O'},    {script_directory, 0},    {script_actions, 0},
    {script_regsho, 0},      {script_positions, 0},    {script_ipo_terms, 0},
    {script_mwcb_levels, 0}, {script_system, 'S'},     {script_slots, SLOT_NOII_OPEN},
    {script_system, 'Q'},    {script_cross, 'O'},      {script_slots, SLOT_NOII_CLOSE},
    {script_system, 'M'},    {script_cross, 'C'},      {script_slots, SLOT_AFTER},
    {script_system, 'E'},    {script_late_deletes, 0}, {script_system, 'C'},
};

int flow_script_step(struct pn_flow *f)
{
    if (f->step >= sizeof day / sizeof day[0])
        return 0;
    if (day[f->step].run(f, day[f->step].arg)) {
        f->step++;
        f->cursor = 0;
    }
    return 1;
}
