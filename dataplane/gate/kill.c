/*
 * kill.c - the ladder. A rung that was asked for, by a kill word or by the gate itself, stays on
 * until a release: of a higher number than was known when it was put on, and of this very scope,
 * which shows in the count of its word. A segment that began anew counts from below; then what is
 * known is lowered to it, and no rung goes for that.
 */
#include "gate/state.h"

/* Place of a scope in latch[], GATE_LATCHES if there is none such. */
static uint32_t latch_place(uint32_t scope, uint32_t index)
{
    static const uint32_t first[GATE_SCOPES] = {
        [PN_SCOPE_FIRM] = 0,
        [PN_SCOPE_VENUE] = 1,
        [PN_SCOPE_STRATEGY] = 1 + PN_VENUES_MAX,
        [PN_SCOPE_INSTRUMENT] = 1 + PN_VENUES_MAX + PN_STRATEGIES_MAX,
        [PN_SCOPE_ACCOUNT] = 1 + PN_VENUES_MAX + PN_STRATEGIES_MAX + PN_TRADED_MAX,
    };
    static const uint32_t count[GATE_SCOPES] = {
        [PN_SCOPE_FIRM] = 1,
        [PN_SCOPE_VENUE] = PN_VENUES_MAX,
        [PN_SCOPE_STRATEGY] = PN_STRATEGIES_MAX,
        [PN_SCOPE_INSTRUMENT] = PN_TRADED_MAX,
        [PN_SCOPE_ACCOUNT] = PN_ACCOUNTS_MAX,
    };
    return scope < GATE_SCOPES && index < count[scope] ? first[scope] + index : GATE_LATCHES;
}

static void place_scope(uint32_t place, uint32_t *scope, uint32_t *index)
{
    static const uint32_t order[] = {PN_SCOPE_ACCOUNT, PN_SCOPE_INSTRUMENT, PN_SCOPE_STRATEGY,
                                     PN_SCOPE_VENUE, PN_SCOPE_FIRM};
    for (uint32_t i = 0; i < GATE_SCOPES; i++) {
        uint32_t first = latch_place(order[i], 0);
        if (place >= first) {
            *scope = order[i];
            *index = place - first;
            return;
        }
    }
}

static uint32_t level_of(const struct gate *g, uint32_t scope, uint32_t index)
{
    return g->latch[latch_place(scope, index)].level;
}

static void show_level(struct gate *g, uint32_t scope, uint32_t index, uint32_t level)
{
    struct pn_gate_status *st = g->status;
    if (scope == PN_SCOPE_FIRM)
        __atomic_store_n(&st->kill_firm, level, __ATOMIC_RELEASE);
    else if (scope == PN_SCOPE_VENUE)
        __atomic_store_n(&st->kill_venue[index], (uint8_t)level, __ATOMIC_RELEASE);
    else if (scope == PN_SCOPE_STRATEGY)
        __atomic_store_n(&st->kill_strategy[index], (uint8_t)level, __ATOMIC_RELEASE);
    else if (scope == PN_SCOPE_INSTRUMENT)
        __atomic_store_n(&st->kill_slot[index], (uint8_t)level, __ATOMIC_RELEASE);
}

/* Sums of money say which rung is on their group, and since when. */
static void show_group(struct gate *g, uint32_t scope, uint32_t index,
                       const struct gate_latch_state *l)
{
    struct gate_group *group = scope == PN_SCOPE_FIRM       ? gate_firm(g)
                               : scope == PN_SCOPE_ACCOUNT  ? gate_account(g, index)
                               : scope == PN_SCOPE_STRATEGY ? gate_strategy(g, index)
                                                            : NULL;
    if (!group)
        return;
    group->latched = l->by == PN_BY_OPERATOR ? 0 : l->level;
    group->latched_ns = group->latched ? l->ns : 0;
    gate_publish(group);
}

static void set_level(struct gate *g, uint32_t scope, uint32_t index, uint32_t level)
{
    g->latch[latch_place(scope, index)].level = (uint8_t)level;
    show_level(g, scope, index, level);
}

static void climb(struct gate *g, uint32_t slot)
{
    struct gate_slot *s = &g->slot[slot];
    uint32_t level = level_of(g, PN_SCOPE_FIRM, 0);
    const uint32_t others[] = {
        level_of(g, PN_SCOPE_VENUE, g->venue_of[slot]), level_of(g, PN_SCOPE_STRATEGY, s->strategy),
        level_of(g, PN_SCOPE_INSTRUMENT, slot), level_of(g, PN_SCOPE_ACCOUNT, s->account)};
    for (uint32_t i = 0; i < 4; i++)
        if (others[i] > level)
            level = others[i];
    g->climbed |= (level > s->level) | (uint32_t)(level != s->level) << 1;
    s->level = (uint8_t)level;
    gate_stand(g, slot);
}

void gate_climb_all(struct gate *g)
{
    for (uint32_t i = 0; i < g->slots; i++)
        climb(g, i);
}

uint32_t gate_see_word(struct gate *g, uint32_t scope, uint32_t index, uint64_t word)
{
    struct gate_latch_state *l = &g->latch[latch_place(scope, index)];
    uint64_t count = word >> 8;
    uint32_t level = word & 0xff, before = l->level;
    if (level > PN_KILL_DISCONNECT)
        level = PN_KILL_DISCONNECT; /* nonsense is taken for the worst */
    if (count < l->count)
        l->count = count;
    if (!level && l->level && count > l->count && g->release > l->release) {
        g->news -= l->news;
        *l = (struct gate_latch_state){.count = count, .release = g->release};
        set_level(g, scope, index, 0);
        show_group(g, scope, index, l);
    } else if (level > l->level || (level && level == l->level && count > l->count)) {
        l->count = count;
        l->release = g->release;
        if (level > l->level)
            l->by = PN_BY_OPERATOR;
        set_level(g, scope, index, level);
    }
    return l->level != before;
}

void gate_word(struct gate *g, enum pn_kill_scope scope, uint32_t index, uint64_t word)
{
    if (latch_place(scope, index) == GATE_LATCHES)
        return;
    g->word[latch_place(scope, index)] = word;
    if (gate_see_word(g, scope, index, word))
        gate_climb_all(g);
}

void gate_see_release(struct gate *g, uint64_t release)
{
    if (release < g->release)
        for (uint32_t i = 0; i < GATE_LATCHES; i++)
            if (g->latch[i].release > release)
                g->latch[i].release = release;
    g->release = release;
    __atomic_store_n(&g->status->release, release, __ATOMIC_RELEASE);
}

void gate_release_latches(struct gate *g, uint64_t release)
{
    gate_see_release(g, release);
    for (uint32_t i = 0; i < GATE_LATCHES; i++) {
        uint32_t scope = 0, index = 0;
        place_scope(i, &scope, &index);
        (void)gate_see_word(g, scope, index, g->word[i]);
    }
    gate_climb_all(g);
}

void gate_latch(struct gate *g, enum pn_kill_scope scope, uint32_t index, enum pn_kill level,
                enum pn_kill_by by, uint64_t now_ns)
{
    uint32_t place = latch_place(scope, index);
    if (place == GATE_LATCHES || (uint32_t)level > PN_KILL_DISCONNECT)
        return;
    struct gate_latch_state *l = &g->latch[place];
    if ((uint32_t)level <= l->level)
        return;
    l->release = g->release;
    l->by = (uint8_t)by;
    l->ns = now_ns;
    l->value = 0;
    if (by != PN_BY_JOURNAL && !l->news) {
        l->news = 1;
        g->news++;
    }
    set_level(g, scope, index, level);
    show_group(g, scope, index, l);
    gate_climb_all(g);
}

uint32_t gate_put_on(struct gate *g, uint32_t scope, uint32_t index, int64_t value, uint64_t now_ns)
{
    const enum pn_kill level = PN_KILL_CANCEL;
    struct gate_latch_state *l = &g->latch[latch_place(scope, index)];
    if (l->level >= (uint32_t)level)
        return 0;
    gate_latch(g, (enum pn_kill_scope)scope, index, level, PN_BY_GATE, now_ns);
    l->value = value;
    return level;
}

uint32_t gate_take_latched(struct gate *g, struct gate_latched *out, uint32_t cap)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < GATE_LATCHES && g->news && n < cap; i++) {
        struct gate_latch_state *l = &g->latch[i];
        if (!l->news)
            continue;
        l->news = 0;
        g->news--;
        place_scope(i, &out[n].scope, &out[n].index);
        out[n].level = l->level;
        out[n].by = l->by;
        out[n].ns = l->ns;
        out[n].value = l->value;
        n++;
    }
    return n;
}
