/*
 * flow.c - see flow.h. Open and close, the clock, the run through the day's slots, and what the
 * generator knows of its own books.
 */
#include "sim/flow.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim/flow_internal.h"

#define SECOND 1000000000ull
#define TAIL 6 /* messages after the last slot: end of hours, late deletes, end of messages */

void pn_flow_config_default(struct pn_flow_config *cfg)
{
    *cfg = (struct pn_flow_config){.seed = 1,
                                   .messages = 1000000,
                                   .start_ns = 4 * 3600 * SECOND,
                                   .open_ns = 34200 * SECOND,
                                   .close_ns = 16 * 3600 * SECOND,
                                   .end_ns = 20 * 3600 * SECOND,
                                   .symbols = 500};
    static const struct {
        uint8_t type;
        uint32_t weight;
    } mix[] = {{'A', 430000}, {'D', 398000}, {'U', 84000}, {'E', 46000}, {'X', 22000},
               {'F', 13000},  {'P', 4000},   {'C', 1000},  {'N', 500},   {'I', 1500}};
    for (uint32_t i = 0; i < sizeof mix / sizeof mix[0]; i++)
        cfg->weight[mix[i].type] = mix[i].weight;
}

/* Eight scripted messages a symbol at most: R H Y L, and at each cross C and Q. */
uint64_t pn_flow_messages_min(uint32_t symbols)
{
    return 8ull * symbols + 768;
}

static int check(const struct pn_flow_config *c, char *err, uint64_t err_len)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < PN_FLOW_TYPES; i++) {
        if (c->weight[i] && (i == 0 || !strchr("AFDUEXCPNI", (int)i)))
            return snprintf(err, err_len, "type %c is scheduled and has no weight", (int)i);
        if (c->weight[i] > 100000000)
            return snprintf(err, err_len, "weight of %c is above 100000000", (int)i);
        sum += c->weight[i];
    }
    if (!c->symbols || c->symbols > PN_FLOW_SYMBOLS_MAX)
        return snprintf(err, err_len, "symbols must be 1 to %d", PN_FLOW_SYMBOLS_MAX);
    if (c->messages < pn_flow_messages_min(c->symbols) || c->messages >> 40)
        return snprintf(err, err_len, "a day of %u symbols needs %llu to 2^40 messages", c->symbols,
                        (unsigned long long)pn_flow_messages_min(c->symbols));
    if (c->max_live_orders && (c->max_live_orders < 64 || c->max_live_orders > PN_FLOW_LIVE_MAX))
        return snprintf(err, err_len, "live orders must be 64 to %d", PN_FLOW_LIVE_MAX);
    if (!c->weight['A'] || !sum)
        return snprintf(err, err_len, "the weight of A must be above 0");
    if (c->start_ns < 2 * SECOND || c->open_ns < c->start_ns + SECOND ||
        c->close_ns < c->open_ns + SECOND || c->end_ns < c->close_ns + SECOND ||
        c->end_ns > 90000 * SECOND)
        return snprintf(err, err_len,
                        "start, open, close and end must follow each other by at "
                        "least a second, within one day");
    return 0;
}

struct pn_flow *pn_flow_open(const struct pn_flow_config *cfg, char *err, uint64_t err_len)
{
    if (check(cfg, err, err_len))
        return NULL;
    struct pn_flow *f = calloc(1, sizeof *f);
    if (f) {
        f->cfg = *cfg;
        f->fresh_slot = 1;
        if (!flow_setup(f))
            return f;
        flow_release(f);
    }
    snprintf(err, err_len, "not enough memory for the generator");
    return NULL;
}

void pn_flow_close(struct pn_flow *flow)
{
    if (flow)
        flow_release(flow);
}

/* Messages come in bursts: short gaps inside, spread ones between, so that the slot's messages
 * fill its time. */
void flow_clock(struct pn_flow *f)
{
    if (f->burst_left) {
        uint64_t r = rng_next(&f->rng);
        uint64_t gap = 30 + ((r & 1023) << (r >> 10 & 7) >> 2);
        f->now_ns += gap < f->burst_gap_ns ? gap : f->burst_gap_ns;
        f->burst_left--;
        return;
    }
    const struct flow_slot *slot = &f->slots[f->slot];
    uint64_t messages = f->slot_end > f->sent ? f->slot_end - f->sent : 1;
    uint64_t left = slot->to_ns > f->now_ns ? slot->to_ns - f->now_ns : 0;
    uint64_t each = left / messages;
    f->burst_gap_ns = each / 2;
    f->burst_left = 1 + (rng_next(&f->rng) >> 61);
    f->burst_left += rng_geometric(&f->rng) * 4;
    uint64_t gap = rng_spread(&f->rng, each * 8);
    f->now_ns += gap < left ? gap : left;
}

static void begin_slot(struct pn_flow *f)
{
    const struct flow_slot *slot = &f->slots[f->slot];
    uint64_t quota = f->flexible * slot->share / f->share_sum;
    f->fresh_slot = 0;
    f->burst_left = 0;
    f->slot_end = f->sent + quota;
    if (f->now_ns < slot->from_ns)
        f->now_ns = slot->from_ns;
    if (f->slot + 1 == f->slot_count)
        f->slot_end = f->cfg.messages - TAIL;
    if (slot->kind == SLOT_SESSION && !f->session_quota) {
        uint32_t share = 0;
        for (uint32_t i = f->slot; i < f->slot_count && f->slots[i].kind != SLOT_AFTER; i++)
            share += f->slots[i].share;
        f->session_from = f->sent;
        f->session_quota = f->flexible * share / f->share_sum + 1;
    }
}

static int event_due(const struct pn_flow *f)
{
    return f->session_quota && f->event_next < f->event_count &&
           f->sent - f->session_from >= (f->session_quota * f->event[f->event_next].at >> 16);
}

/* One step of the slots up to those of last_kind; 1 when they are over. */
int flow_run_slots(struct pn_flow *f, uint32_t last_kind)
{
    if (f->slot >= f->slot_count || f->slots[f->slot].kind > last_kind)
        return 1;
    if (f->fresh_slot)
        begin_slot(f);
    if (PN_UNLIKELY(event_due(f)) && f->slots[f->slot].kind != SLOT_AFTER) {
        flow_script_event(f, &f->event[f->event_next++]);
        return 0;
    }
    if (f->sent >= f->slot_end) {
        f->slot++;
        f->fresh_slot = 1;
        return 0;
    }
    flow_clock(f);
    flow_act(f, f->slots[f->slot].kind, f->slot_end - f->sent);
    return 0;
}

uint64_t pn_flow_next(struct pn_flow *flow, uint8_t *buffer, uint64_t cap, uint64_t *messages)
{
    uint64_t before = flow->sent;
    flow->out = buffer;
    while (cap - (uint64_t)(flow->out - buffer) >= PN_FLOW_STEP_BYTES && flow_script_step(flow))
        ;
    if (messages)
        *messages = flow->sent - before;
    return (uint64_t)(flow->out - buffer);
}

uint8_t *pn_flow_make(const struct pn_flow_config *cfg, uint64_t *bytes, uint64_t *messages,
                      char *err, uint64_t err_len)
{
    struct pn_flow *f = pn_flow_open(cfg, err, err_len);
    if (!f)
        return NULL;
    uint64_t cap = cfg->messages * 52 + PN_FLOW_STEP_BYTES;
    uint8_t *buffer = malloc(cap), *fit = NULL;
    if (buffer) {
        *bytes = pn_flow_next(f, buffer, cap, messages);
        fit = realloc(buffer, *bytes);
    } else {
        snprintf(err, err_len, "not enough memory for %llu messages",
                 (unsigned long long)cfg->messages);
    }
    pn_flow_close(f);
    return fit ? fit : buffer;
}

void pn_flow_free(uint8_t *buffer)
{
    free(buffer);
}
