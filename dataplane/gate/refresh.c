/*
 * refresh.c - what another process says is read here: limits, kill words, heartbeat. It is hostile:
 * a record counts only if it was copied whole, one that will not hold still leaves the last good
 * one in force, and every value is one that the check can bear.
 */
#include <string.h>

#include "gate/state.h"
#include "shm/seqlock.h"

/* Bits of the answer; 1 and 2 are gathered in g->climbed. */
enum { CHANGED_LIMITS = 4, CHANGED_CONTROL = 8 };

/* Longest window; times are 63 bits. */
#define WINDOW_MAX_NS ((uint64_t)1 << 60)

static int64_t window(uint64_t ns)
{
    return (int64_t)(ns < WINDOW_MAX_NS ? ns : WINDOW_MAX_NS);
}

/* 1: a new one, whole; 0: as it was; -1: not now. Every record begins with its sequence. */
static int take(const void *from, uint32_t had, void *copy, size_t bytes)
{
    const uint32_t *seq = from;
    if (__atomic_load_n(seq, __ATOMIC_ACQUIRE) == had)
        return 0;
    for (int i = 0; i < GATE_COPY_TRIES; i++) {
        uint32_t before = seqlock_read(seq);
        if (before & 1)
            continue;
        memcpy(copy, from, bytes);
        if (seqlock_retry(seq, before))
            continue;
        memcpy(copy, &before, sizeof before);
        return 1;
    }
    return -1;
}

static int take_slot(struct gate *g, uint32_t slot, const struct pn_slot_limits *from)
{
    struct gate_slot *s = &g->slot[slot];
    struct pn_slot_limits l;
    int rc = take(from, s->seq, &l, sizeof l);
    if (rc <= 0)
        return rc;
    s->seq = l.seq;
    s->restricted = l.restricted != 0;
    s->allowed = l.allowed & 1;
    s->max_qty = l.max_qty;
    s->max_value = l.max_value;
    s->collar_ppm = l.collar_ppm;
    s->collar_ticks = l.collar_ticks;
    s->ref_age_ns = window(l.ref_age_ns);
    s->repeat_ns = window(l.repeat_ns);
    s->repeat_max = l.repeat_ns ? l.repeat_max : 0;
    s->fills_max = !l.repeat_ns                   ? 0
                   : l.fills_max < GATE_FILLS_MAX ? l.fills_max
                                                  : (uint32_t)GATE_FILLS_MAX;
    s->max_long = l.max_long;
    s->max_short = l.max_short;
    s->max_working = l.max_working;
    gate_collar(s);
    gate_stand(g, slot);
    return 1;
}

static int take_group(struct gate *g, struct gate_group *group, const struct pn_group_limits *from,
                      uint64_t now_ns)
{
    struct pn_group_limits l;
    int rc = take(from, group->seq, &l, sizeof l);
    if (rc <= 0)
        return rc;
    group->seq = l.seq;
    group->max_gross = l.max_gross;
    group->max_loss = l.max_loss;
    (void)gate_watch_loss(g, group, now_ns);
    return 1;
}

static int take_rate(struct gate_rate *r, const struct pn_rate_limits *from)
{
    struct pn_rate_limits l;
    int rc = take(from, r->seq, &l, sizeof l);
    if (rc <= 0)
        return rc;
    r->seq = l.seq;
    r->per_second = l.per_second < GATE_RATE_MAX ? l.per_second : (uint32_t)GATE_RATE_MAX;
    r->burst = l.burst < GATE_RATE_MAX ? l.burst : (uint32_t)GATE_RATE_MAX;
    r->burst_ns = window(l.burst_ns);
    return 1;
}

static uint32_t take_limits(struct gate *g, const struct pn_trade_control *c, uint64_t now_ns)
{
    uint64_t epoch = __atomic_load_n(&c->epoch, __ATOMIC_ACQUIRE);
    int changed = 0, missed = 0;
    if (epoch == g->epoch)
        return 0;
#define TAKE(call) \
    do { \
        int rc = call; \
        changed |= rc > 0; \
        missed |= rc < 0; \
    } while (0)
    TAKE(take_group(g, gate_firm(g), &c->firm, now_ns));
    for (uint32_t i = 0; i < PN_ACCOUNTS_MAX; i++)
        TAKE(take_group(g, gate_account(g, i), &c->account[i], now_ns));
    for (uint32_t i = 0; i < PN_STRATEGIES_MAX; i++)
        TAKE(take_group(g, gate_strategy(g, i), &c->strategy[i], now_ns));
    for (uint32_t i = 0; i < PN_SESSIONS_MAX; i++)
        TAKE(take_rate(&g->rate[i], &c->session[i]));
    for (uint32_t i = 0; i < g->slots; i++)
        TAKE(take_slot(g, i, &c->limits[i]));
#undef TAKE
    g->epoch = missed ? UINT64_MAX : epoch;
    return changed ? CHANGED_LIMITS : 0;
}

static uint32_t take_word(struct gate *g, uint32_t scope, uint32_t index, const uint64_t *word)
{
    return gate_see_word(g, scope, index, __atomic_load_n(word, __ATOMIC_ACQUIRE));
}

/* The release first: whoever gives one has lowered its words before. */
static uint32_t take_words(struct gate *g, const struct pn_kill_words *k)
{
    uint32_t changed = 0;
    uint64_t release = __atomic_load_n(&k->release, __ATOMIC_ACQUIRE);
    if (release != g->release)
        gate_see_release(g, release);
    changed |= take_word(g, PN_SCOPE_FIRM, 0, &k->firm);
    for (uint32_t i = 0; i < PN_VENUES_MAX; i++)
        changed |= take_word(g, PN_SCOPE_VENUE, i, &k->venue[i]);
    for (uint32_t i = 0; i < PN_STRATEGIES_MAX; i++)
        changed |= take_word(g, PN_SCOPE_STRATEGY, i, &k->strategy[i]);
    for (uint32_t i = 0; i < PN_ACCOUNTS_MAX; i++)
        changed |= take_word(g, PN_SCOPE_ACCOUNT, i, &k->account[i]);
    for (uint32_t i = 0; i < g->slots; i++)
        changed |= take_word(g, PN_SCOPE_INSTRUMENT, i, &k->instrument[i]);
    return changed;
}

static uint32_t take_heartbeat(struct gate *g, const struct pn_trade_control *c, uint64_t now_ns)
{
    uint64_t beat = __atomic_load_n(&c->beat_ns, __ATOMIC_ACQUIRE);
    uint64_t lost_ns = __atomic_load_n(&c->lost_ns, __ATOMIC_RELAXED);
    uint32_t lost = lost_ns && now_ns > beat && now_ns - beat > lost_ns;
    if (lost == g->lost)
        return 0;
    g->lost = lost;
    __atomic_store_n(&g->status->control_lost, lost, __ATOMIC_RELEASE);
    return CHANGED_CONTROL;
}

uint32_t gate_refresh(struct gate *g, const struct pn_trade_control *c, uint64_t now_ns)
{
    uint32_t words = take_words(g, &c->kill);
    uint32_t changed = take_heartbeat(g, c, now_ns);
    changed |= take_limits(g, c, now_ns);
    if (words || changed & CHANGED_CONTROL)
        gate_climb_all(g);
    changed |= g->climbed;
    g->climbed = 0;
    for (uint32_t i = 0; i < GATE_GROUPS; i++)
        if (g->group[i].gross != g->group[i].status->gross)
            gate_publish(&g->group[i]);
    return changed;
}
