/*
 * agents.c - who acts when: the heap of instruments, the choice of the kind of agent, and the next
 * waiting time. Memoryless processes only, so a wait may be drawn anew whenever rates change.
 */
#include "sim/agents_internal.h"

/* Rates of what regimes speed up. */
PN_HOT uint64_t flow_rate(const struct agents_instrument *s)
{
    const struct agents_model *m = s->model;
    uint64_t rate = m->limit + m->market + m->informed + s->orders * m->cancel_max;
    return PN_LIKELY(!s->busy) ? rate : (rate >> 8) * m->mul_q8;
}

/* Rates of everything else. */
PN_HOT uint64_t other_rate(const struct agents_instrument *s)
{
    const struct agents_model *m = s->model;
    return (s->children[BUY] + s->children[SELL]) * m->child +
           (uint64_t)(uint32_t)__builtin_popcount(s->outdated) * m->maker + m->regime + m->step;
}

static void sift_down(struct agents_due *heap, uint32_t count, uint32_t at)
{
    struct agents_due moved = heap[at];
    for (;;) {
        uint32_t child = at * 4 + 1, end = child + 4 < count ? child + 4 : count, least = child;
        if (child >= count)
            break;
        for (uint32_t c = child + 1; c < end; c++)
            if (heap[c].ns < heap[least].ns)
                least = c;
        if (heap[least].ns >= moved.ns)
            break;
        heap[at] = heap[least];
        at = least;
    }
    heap[at] = moved;
}

/* When the instrument acts next, counted from now; never after the close. */
PN_HOT uint64_t next_ns(struct agents *a, uint32_t i, uint64_t now_ns)
{
    struct agents_instrument *s = &a->instrument[i];
    uint64_t wait = draw_wait_ns(&s->rng, &a->log, flow_rate(s) + other_rate(s));
    if (PN_UNLIKELY(now_ns >= a->close_ns || wait >= a->close_ns - now_ns))
        return UINT64_MAX;
    return now_ns + wait;
}

void agents_start(struct agents *a)
{
    for (uint32_t i = 0; i < a->instruments; i++)
        a->heap[i] = (struct agents_due){next_ns(a, i, a->open_ns), i, 0};
    for (uint32_t at = a->instruments; at--;)
        sift_down(a->heap, a->instruments, at);
}

uint64_t agents_next_ns(const struct agents *a)
{
    return a->heap[0].ns;
}

/* What is left of the draw after regimes, makers, children and the value's steps. */
static enum agents_kind other_act(struct agents *a, uint32_t i, uint64_t u, uint64_t now_ns,
                                  const struct match_top *top, enum agents_done *done)
{
    struct agents_instrument *s = &a->instrument[i];
    const struct agents_model *m = s->model;
    uint64_t makers = (uint64_t)(uint32_t)__builtin_popcount(s->outdated) * m->maker;
    if (u < makers) {
        *done = agents_requote(a, i);
        return AGENTS_MAKER;
    }
    u -= makers;
    for (uint32_t side = BUY; side <= SELL; side++) {
        uint64_t children = s->children[side] * m->child;
        if (u < children) {
            s->children[side]--;
            *done = agents_take(a, i, side, 0, top);
            return AGENTS_MOMENTUM;
        }
        u -= children;
    }
    agents_step_value(s, now_ns);
    if (u < m->regime) {
        s->busy ^= 1;
        a->counts.acted[AGENTS_REGIME]++;
    }
    return AGENTS_REGIME;
}

/* The kind is drawn by its share of the rate. */
static enum agents_done act(struct agents *a, uint32_t i, uint64_t now_ns)
{
    struct agents_instrument *s = &a->instrument[i];
    const struct agents_model *m = s->model;
    struct match_top top;
    match_top(a->match, i, &top);
    if (PN_UNLIKELY(top.phase != MATCH_OPEN))
        return AGENTS_LOOKED;
    if (agents_note_top(s, &top) && m->makers)
        s->outdated = (1u << m->makers) - 1;
    uint64_t flow = flow_rate(s), u = draw_high(rng_next(&s->rng), flow + other_rate(s));
    enum agents_kind kind;
    enum agents_done done = AGENTS_LOOKED;
    if (PN_LIKELY(u < flow)) {
        if (PN_UNLIKELY(s->busy))
            u = u / m->mul_q8 << 8;
        uint64_t cancel = s->orders * m->cancel_max;
        if (u < cancel) {
            kind = AGENTS_CANCEL;
            done = agents_cancel(a, i);
        } else if ((u -= cancel) < m->limit) {
            kind = AGENTS_LIMIT;
            done = agents_limit(a, i);
        } else if ((u -= m->limit) < m->market) {
            kind = AGENTS_MARKET;
            done = agents_take(a, i, u & 1, 0, &top);
        } else {
            kind = AGENTS_INFORMED;
            done = agents_informed(a, i, now_ns, &top);
        }
    } else {
        kind = other_act(a, i, u - flow, now_ns, &top, &done);
    }
    a->counts.acted[kind] += done;
    if (m->makers && done) {
        match_top(a->match, i, &top);
        if (agents_note_top(s, &top))
            s->outdated = (1u << m->makers) - 1;
    }
    return done;
}

int agents_act(struct agents *a, uint64_t now_ns)
{
    while (a->heap[0].ns <= now_ns && a->heap[0].ns != UINT64_MAX) {
        uint64_t at_ns = a->heap[0].ns;
        uint32_t i = a->heap[0].instrument;
        enum agents_done done = act(a, i, at_ns);
        a->heap[0].ns = next_ns(a, i, at_ns);
        sift_down(a->heap, a->instruments, 0);
        if (done)
            return 1;
        a->counts.looked++;
    }
    return 0;
}

/* The wait under way stays as drawn; the child is among what it may turn out to be. */
void agents_saw_trade(struct agents *a, uint32_t instrument, uint32_t side)
{
    agents_call_forth(&a->instrument[instrument], side);
}

int64_t agents_value_q8(const struct agents *a, uint32_t instrument)
{
    return a->instrument[instrument].value_q24 >> 16;
}

int agents_busy(const struct agents *a, uint32_t instrument)
{
    return (int)a->instrument[instrument].busy;
}

void agents_count(const struct agents *a, struct agents_counts *out)
{
    *out = a->counts;
}
