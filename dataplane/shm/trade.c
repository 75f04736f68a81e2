/*
 * trade.c - see trade.h: how struct pn_trade_control is written, and consistent copies of what the
 * desk publishes. Writers of limits and parameters are one process's; kill words are anybody's who
 * may write the segment.
 */
#include "shm/trade.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "shm/seqlock.h"
#include "shm/view.h"

/* After a change of anything, so that the data plane looks. Acquired in gate_refresh. */
static void raise_epoch(struct pn_trade_control *c)
{
    __atomic_fetch_add(&c->epoch, 1, __ATOMIC_RELEASE);
}

/*
 * A record begins with its sequence, which stays its own. A writer that died in the middle has left
 * it odd: then it is as if this one had begun.
 */
static void put(struct pn_trade_control *c, void *to, const void *from, size_t bytes)
{
    uint32_t *seq = to;
    __atomic_store_n(seq, *seq | 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    memcpy((uint8_t *)to + sizeof *seq, (const uint8_t *)from + sizeof *seq, bytes - sizeof *seq);
    seqlock_end(seq);
    raise_epoch(c);
}

int pn_trade_set_params(struct pn_trade_control *c, uint32_t slot, const struct pn_quote_params *p)
{
    if (slot >= PN_TRADED_MAX)
        return -EINVAL;
    put(c, &c->params[slot], p, sizeof *p);
    return 0;
}

int pn_trade_set_limits(struct pn_trade_control *c, uint32_t slot, const struct pn_slot_limits *l)
{
    if (slot >= PN_TRADED_MAX)
        return -EINVAL;
    put(c, &c->limits[slot], l, sizeof *l);
    return 0;
}

int pn_trade_set_group(struct pn_trade_control *c, uint32_t scope, uint32_t index,
                       const struct pn_group_limits *l)
{
    struct pn_group_limits *to =
        scope == PN_SCOPE_FIRM && !index                          ? &c->firm
        : scope == PN_SCOPE_STRATEGY && index < PN_STRATEGIES_MAX ? &c->strategy[index]
        : scope == PN_SCOPE_ACCOUNT && index < PN_ACCOUNTS_MAX    ? &c->account[index]
                                                                  : NULL;
    if (!to)
        return -EINVAL;
    put(c, to, l, sizeof *l);
    return 0;
}

int pn_trade_set_rate(struct pn_trade_control *c, uint32_t session, const struct pn_rate_limits *l)
{
    if (session >= PN_SESSIONS_MAX)
        return -EINVAL;
    put(c, &c->session[session], l, sizeof *l);
    return 0;
}

/* The words of a scope and how many there are. */
static uint64_t *words(struct pn_trade_control *c, uint32_t scope, uint32_t *count)
{
    struct pn_kill_words *k = &c->kill;
    switch (scope) {
    case PN_SCOPE_FIRM:
        *count = 1;
        return &k->firm;
    case PN_SCOPE_VENUE:
        *count = PN_VENUES_MAX;
        return k->venue;
    case PN_SCOPE_STRATEGY:
        *count = PN_STRATEGIES_MAX;
        return k->strategy;
    case PN_SCOPE_INSTRUMENT:
        *count = PN_TRADED_MAX;
        return k->instrument;
    case PN_SCOPE_ACCOUNT:
        *count = PN_ACCOUNTS_MAX;
        return k->account;
    default:
        *count = 0;
        return NULL;
    }
}

/* One more request in the count; the level is raised, or with 0 taken off. */
static void change_word(uint64_t *word, uint32_t level)
{
    uint64_t had = __atomic_load_n(word, __ATOMIC_RELAXED), now;
    do {
        uint64_t rung = level && (had & 0xff) > level ? had & 0xff : level;
        now = ((had >> 8) + 1) << 8 | rung;
    } while (!__atomic_compare_exchange_n(word, &had, now, 1, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
}

int pn_trade_kill(struct pn_trade_control *c, uint32_t scope, uint32_t index, uint32_t level)
{
    uint32_t count;
    uint64_t *word = words(c, scope, &count);
    if (index >= count || !level || level > PN_KILL_DISCONNECT)
        return -EINVAL;
    change_word(&word[index], level);
    raise_epoch(c);
    return 0;
}

int pn_trade_release(struct pn_trade_control *c, uint32_t scope, uint32_t index)
{
    uint32_t first = scope == PN_NO_SLOT ? PN_SCOPE_FIRM : scope;
    uint32_t last = scope == PN_NO_SLOT ? PN_SCOPE_ACCOUNT : scope;
    for (uint32_t s = first; s <= last; s++) {
        uint32_t count;
        uint64_t *word = words(c, s, &count);
        int all = index == PN_NO_SLOT || scope == PN_NO_SLOT;
        if (!count || (!all && index >= count))
            return -EINVAL;
        for (uint32_t i = all ? 0 : index; i < (all ? count : index + 1); i++)
            change_word(&word[i], PN_KILL_NONE);
    }
    /* After the words: who has seen the number finds them lowered. */
    __atomic_fetch_add(&c->kill.release, 1, __ATOMIC_RELEASE);
    raise_epoch(c);
    return 0;
}

int64_t pn_trade_request(struct pn_trade_control *c, const struct pn_order_request *r,
                         uint64_t done)
{
    uint64_t number = c->last_request + 1;
    struct pn_order_request *to = &c->request[number % PN_REQUESTS];
    if (done < number && number - done > PN_REQUESTS)
        return -EAGAIN;
    __atomic_store_n(&to->number, 0, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    memcpy((uint8_t *)to + sizeof to->number, (const uint8_t *)r + sizeof r->number,
           sizeof *to - sizeof to->number);
    __atomic_store_n(&to->number, number, __ATOMIC_RELEASE);
    __atomic_store_n(&c->last_request, number, __ATOMIC_RELEASE);
    raise_epoch(c);
    return (int64_t)number;
}

void pn_trade_beat(struct pn_trade_control *c, uint64_t now_ns)
{
    __atomic_store_n(&c->beat_ns, now_ns, __ATOMIC_RELEASE);
}
