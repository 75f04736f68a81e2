/*
 * trade_view.c - consistent copies of what the desk publishes, for any process; see trade.h. As in
 * view.c a reader never blocks the writer and trusts nothing that it reads.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "shm/seqlock.h"
#include "shm/trade.h"
#include "shm/view.h"

/* A record of a section; NULL if there is none such. */
static const void *record(const struct pn_view *v, enum pn_section_id id, uint64_t index,
                          uint64_t bytes)
{
    const struct pn_section *s = &v->header->section[id];
    if (index >= s->count || s->stride < bytes)
        return NULL;
    return v->region.base + s->offset + index * s->stride;
}

/* A record under the sequence at that place in it. */
static int copy_locked(const void *from, size_t seq_at, void *out, size_t bytes)
{
    if (!from)
        return -ENOENT;
    const uint32_t *seq = (const void *)((const uint8_t *)from + seq_at);
    uint64_t since_ns = 0;
    for (uint32_t i = 0; view_try_again(i, &since_ns); i++) {
        uint32_t before = seqlock_read(seq);
        if (before & 1)
            continue;
        memcpy(out, from, bytes);
        if (!seqlock_retry(seq, before))
            return 0;
    }
    return -EAGAIN;
}

int pn_view_position(const struct pn_view *v, uint32_t slot, struct pn_position *out)
{
    return copy_locked(record(v, PN_SEC_POSITIONS, slot, sizeof *out),
                       offsetof(struct pn_position, seq), out, sizeof *out);
}

int pn_view_signals(const struct pn_view *v, uint32_t slot, struct pn_signals *out)
{
    return copy_locked(record(v, PN_SEC_SIGNALS, slot, sizeof *out),
                       offsetof(struct pn_signals, seq), out, sizeof *out);
}

int pn_view_session(const struct pn_view *v, uint32_t session, struct pn_session_status *out)
{
    int rc = copy_locked(record(v, PN_SEC_SESSIONS, session, sizeof *out),
                         offsetof(struct pn_session_status, seq), out, sizeof *out);
    out->name[sizeof out->name - 1] = out->session[sizeof out->session - 1] = 0;
    return rc;
}

/* Counters and levels are read as they are; each group's sums belong together. */
int pn_view_gate(const struct pn_view *v, struct pn_gate_status *out)
{
    const struct pn_gate_status *from = record(v, PN_SEC_GATE, 0, sizeof *out);
    if (!from)
        return -ENOENT;
    memcpy(out, from, offsetof(struct pn_gate_status, firm));
    int rc = copy_locked(&from->firm, offsetof(struct pn_group, seq), &out->firm, sizeof out->firm);
    for (uint32_t i = 0; i < PN_ACCOUNTS_MAX && rc == 0; i++)
        rc = copy_locked(&from->account[i], offsetof(struct pn_group, seq), &out->account[i],
                         sizeof out->account[i]);
    for (uint32_t i = 0; i < PN_STRATEGIES_MAX && rc == 0; i++)
        rc = copy_locked(&from->strategy[i], offsetof(struct pn_group, seq), &out->strategy[i],
                         sizeof out->strategy[i]);
    return rc;
}

int pn_view_desk(const struct pn_view *v, struct pn_desk_status *out)
{
    const struct pn_desk_status *from = record(v, PN_SEC_DESK, 0, sizeof *out);
    if (!from)
        return -ENOENT;
    *out = *from;
    return 0;
}

/* An order has no lock of its own: a copy counts if its identity and state held still. */
static int copy_order(const struct pn_own_order *from, struct pn_own_order *out)
{
    uint64_t since_ns = 0;
    for (uint32_t i = 0; view_try_again(i, &since_ns); i++) {
        uint64_t id = __atomic_load_n(&from->id, __ATOMIC_ACQUIRE);
        memcpy(out, from, sizeof *out);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (memcmp(out, from, sizeof *out) == 0 && out->id == id)
            return 1;
    }
    return 0;
}

int64_t pn_view_own_orders(const struct pn_view *v, int all, struct pn_own_order *out, uint64_t cap)
{
    uint64_t count = v->header->section[PN_SEC_OWN].count, n = 0;
    if (!record(v, PN_SEC_OWN, 0, sizeof *out))
        return -ENOENT;
    for (uint64_t i = 1; i < count && n < cap; i++) {
        const struct pn_own_order *from = record(v, PN_SEC_OWN, i, sizeof *out);
        uint8_t state = __atomic_load_n(&from->state, __ATOMIC_RELAXED);
        if (state == PN_ORDER_FREE || (!all && state >= PN_ORDER_FILLED))
            continue;
        if (!copy_order(from, &out[n]))
            return -EAGAIN;
        if (out[n].state != PN_ORDER_FREE && (all || out[n].state < PN_ORDER_FILLED))
            n++;
    }
    return (int64_t)n;
}

/* The newest number in the ring; its places are in the order of numbers. */
static uint64_t newest_fill(const struct pn_view *v, uint64_t count)
{
    uint64_t newest = 0;
    for (uint64_t i = 0; i < count; i++) {
        const struct pn_fill *f = record(v, PN_SEC_FILLS, i, sizeof *f);
        uint64_t number = __atomic_load_n(&f->number, __ATOMIC_ACQUIRE);
        if (number > newest)
            newest = number;
    }
    return newest;
}

int64_t pn_view_fills(const struct pn_view *v, uint64_t after, struct pn_fill *out, uint64_t cap)
{
    uint64_t count = v->header->section[PN_SEC_FILLS].count, n = 0;
    if (!record(v, PN_SEC_FILLS, 0, sizeof *out))
        return -ENOENT;
    uint64_t newest = newest_fill(v, count);
    uint64_t first = newest > count ? newest - count + 1 : 1;
    for (uint64_t number = after >= first ? after + 1 : first; number <= newest && n < cap;
         number++) {
        /* Number k is at place k - 1, around and around. */
        const struct pn_fill *from = record(v, PN_SEC_FILLS, (number - 1) % count, sizeof *from);
        if (__atomic_load_n(&from->number, __ATOMIC_ACQUIRE) != number)
            continue; /* written over meanwhile */
        memcpy(&out[n], from, sizeof *out);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        n += __atomic_load_n(&from->number, __ATOMIC_RELAXED) == number;
    }
    return (int64_t)n;
}

int pn_view_times(const struct pn_view *v, uint32_t stage, struct pn_histogram *out)
{
    const struct pn_histogram *from = record(v, PN_SEC_TIMES, stage, sizeof *out);
    if (!from)
        return -ENOENT;
    *out = *from;
    return 0;
}
