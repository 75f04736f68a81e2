/*
 * flow_plan.c - the plan of a day, made once at open: stretches of time with their share of the
 * messages, the mix of types in each, and when the rare events of the session come.
 */
#include "sim/flow_internal.h"

#define SECOND 1000000000ull

/* Weight of a type in each kind of slot, in sixteenths of the configured one. Imbalance messages
 * come only around the crosses, about a tenth of the day's messages, hence the 160. */
static const struct {
    uint8_t type;
    uint16_t sixteenths[SLOTS];
} mix_table[] = {
    {'A', {18, 16, 16, 16, 11}}, {'D', {12, 14, 16, 16, 16}}, {'U', {14, 16, 16, 16, 12}},
    {'E', {3, 4, 16, 16, 3}},    {'X', {12, 16, 16, 16, 10}}, {'F', {18, 16, 16, 16, 11}},
    {'P', {3, 3, 16, 16, 4}},    {'C', {2, 2, 16, 16, 2}},    {'N', {0, 0, 19, 16, 0}},
    {'I', {0, 160, 0, 160, 16}},
};
enum { MIX_TYPES = sizeof mix_table / sizeof mix_table[0] };

static void plan_mix(struct pn_flow *f, uint32_t kind)
{
    struct flow_mix *mix = &f->mix[kind];
    uint64_t sum = 0, run = 0;
    for (uint32_t i = 0; i < MIX_TYPES; i++)
        sum += (uint64_t)f->cfg.weight[mix_table[i].type] * mix_table[i].sixteenths[kind];
    for (uint32_t i = 0; i < MIX_TYPES; i++) {
        run += (uint64_t)f->cfg.weight[mix_table[i].type] * mix_table[i].sixteenths[kind];
        mix->type[i] = mix_table[i].type;
        mix->bound[i] = run ? (uint32_t)((run << 32) / sum - 1) : 0;
    }
    mix->type[MIX_TYPES] = 'A';
    mix->bound[MIX_TYPES] = UINT32_MAX;
}

static void add_slots(struct pn_flow *f, uint32_t kind, uint64_t from, uint64_t to,
                      const uint8_t *share, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        f->slots[f->slot_count++] =
            (struct flow_slot){.from_ns = from + (to - from) / count * i,
                               .to_ns = from + (to - from) / count * (i + 1),
                               .share = share[i],
                               .kind = kind};
        f->share_sum += share[i];
    }
}

/* U-shaped session; the shares are near those of a real day and add up to about 1,000. */
static void plan_slots(struct pn_flow *f)
{
    static const uint8_t pre[] = {6, 10, 16, 28}, noii_open[] = {25}, noii_close[] = {72};
    static const uint8_t session[] = {138, 92, 72, 62, 56, 52, 48, 46, 46, 50, 56, 66, 80};
    static const uint8_t after[] = {8, 2};
    const struct pn_flow_config *c = &f->cfg;
    uint64_t before = (c->open_ns - c->start_ns) / 8, late = (c->close_ns - c->open_ns) / 8;
    before = before < 300 * SECOND ? before : 300 * SECOND;
    late = late < 600 * SECOND ? late : 600 * SECOND;
    add_slots(f, SLOT_PRE, c->start_ns, c->open_ns - before, pre, sizeof pre);
    add_slots(f, SLOT_NOII_OPEN, c->open_ns - before, c->open_ns, noii_open, 1);
    add_slots(f, SLOT_SESSION, c->open_ns, c->close_ns - late, session, sizeof session);
    add_slots(f, SLOT_NOII_CLOSE, c->close_ns - late, c->close_ns, noii_close, 1);
    add_slots(f, SLOT_AFTER, c->close_ns, c->end_ns, after, sizeof after);
}

/* Keeps the list in order of time. */
static void add_event(struct pn_flow *f, uint32_t at, uint32_t symbol, uint32_t kind)
{
    uint32_t i = f->event_count;
    if (i == FLOW_EVENTS_MAX)
        return;
    for (f->event_count++; i && f->event[i - 1].at > at; i--)
        f->event[i] = f->event[i - 1];
    f->event[i] = (struct flow_event){at, symbol, kind};
}

static uint32_t scaled(uint64_t messages, uint64_t per, uint32_t most)
{
    uint64_t n = 1 + messages / per;
    return n < most ? (uint32_t)n : most;
}

static void plan_halts(struct pn_flow *f, uint32_t ordinary)
{
    uint32_t pauses = scaled(f->cfg.messages, 500000, ordinary < 64 ? ordinary : 64);
    uint32_t first = rng_below(&f->rng, ordinary);
    for (uint32_t i = 0; i < pauses; i++) {
        uint32_t symbol = (first + i) % ordinary, at = 1000 + rng_below(&f->rng, 52000);
        uint32_t span = 300 + rng_below(&f->rng, 2500);
        add_event(f, at, symbol, EVENT_PAUSE);
        if (i % 3 == 1)
            add_event(f, at + span, symbol, EVENT_COLLAR);
        add_event(f, at + span * 2, symbol, EVENT_QUOTE);
        add_event(f, at + span * 3, symbol, EVENT_RESUME);
    }
    for (uint32_t i = 0; i < scaled(f->cfg.messages, 4000000, 16); i++) {
        uint32_t symbol = rng_below(&f->rng, ordinary), at = 2000 + rng_below(&f->rng, 50000);
        add_event(f, at, symbol, EVENT_OP_HALT);
        add_event(f, at + 200 + rng_below(&f->rng, 4000), symbol, EVENT_OP_LIFT);
    }
}

static void add_anywhere(struct pn_flow *f, uint32_t symbols, uint32_t kind)
{
    uint32_t at = rng_below(&f->rng, 64000);
    add_event(f, at, rng_below(&f->rng, symbols), kind);
}

static void plan_events(struct pn_flow *f)
{
    uint32_t n = f->symbols, ordinary = n < 4 ? n : n - 2;
    uint64_t messages = f->cfg.messages;
    plan_halts(f, ordinary);
    for (uint32_t i = 0; i < 4; i++)
        add_event(f, 3000 + i * 1500, n < 2 ? 0 : n - 2, EVENT_LISTING);
    if (n >= 4) {
        add_event(f, 9500, n - 2, EVENT_QUOTE);
        add_event(f, 11000, n - 2, EVENT_RESUME);
        add_event(f, 13000, n - 1, EVENT_QUOTE);
        add_event(f, 15000, n - 1, EVENT_IPO_TERMS);
        add_event(f, 17000, n - 1, EVENT_RESUME);
    }
    add_event(f, 61500, 0, EVENT_MWCB);
    for (uint32_t i = 0; i < scaled(messages, 200000, 128); i++)
        add_event(f, 6000 + rng_below(&f->rng, 58000), 0, EVENT_BREAK);
    for (uint32_t i = 0; i < scaled(messages, 500000, 64); i++)
        add_anywhere(f, ordinary, EVENT_REGSHO);
    for (uint32_t i = 0; i < scaled(messages, 300000, 64); i++)
        add_anywhere(f, ordinary, EVENT_POSITION);
    add_anywhere(f, ordinary, EVENT_RPI);
}

void flow_plan(struct pn_flow *f)
{
    for (uint32_t kind = 0; kind < SLOTS; kind++)
        plan_mix(f, kind);
    plan_slots(f);
    plan_events(f);
    /* What is left beside the scripted messages, with some to spare. */
    f->flexible = f->cfg.messages - pn_flow_messages_min(f->symbols) + 256;
}
