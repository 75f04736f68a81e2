/*
 * wire_fault.c - what happens to datagrams on a line: lost, held back, doubled, or just passed on.
 * Decides from the seed alone and keeps the truth about every loss.
 */
#include "sim/wire_internal.h"

#include <stdlib.h>

#define DUP_WITHIN_NS 50000

/* Draws the next loss common to all lines; both lines draw the same ones. */
static void next_common_loss(struct pn_wire *w, struct wire_line *l)
{
    const struct pn_wire_config *c = &w->cfg;
    uint64_t gap = (uint64_t)c->mean_messages * 1000000 / c->loss_all_ppm;
    l->loss_from = l->loss_to + 1 + rng_spread(&l->loss_rng, gap);
    l->loss_to = l->loss_from + 1 + rng_spread(&l->loss_rng, c->loss_all_messages - 1);
}

void wire_fault_begin(struct pn_wire *w)
{
    for (uint32_t i = 0; i < w->cfg.lines; i++) {
        struct wire_line *l = &w->line[i];
        l->fault_rng = rng_seed(w->cfg.seed, 10 + i);
        l->loss_rng = rng_seed(w->cfg.seed, 9);
        l->loss_from = l->loss_to = UINT64_MAX;
        if (w->cfg.loss_all_ppm) {
            l->loss_to = 1;
            next_common_loss(w, l);
        }
    }
}

static int in_common_loss(struct pn_wire *w, struct wire_line *l, uint64_t seq, uint32_t count)
{
    while (l->loss_to <= seq)
        next_common_loss(w, l);
    return count && l->loss_from < seq + count;
}

static void add_range(struct pn_wire *w, struct wire_ranges *r, uint64_t first, uint64_t count)
{
    struct pn_wire_range *last = r->count ? &r->range[r->count - 1] : NULL;
    if (last && last->first + last->count == first) {
        last->count += count;
        return;
    }
    if (r->count == r->cap) {
        uint64_t cap = r->cap ? r->cap * 2 : 256;
        struct pn_wire_range *grown = realloc(r->range, cap * sizeof *grown);
        if (!grown) {
            w->no_memory = 1;
            return;
        }
        r->range = grown;
        r->cap = cap;
    }
    r->range[r->count++] = (struct pn_wire_range){first, count};
}

/* Messages lost on every line: with two, where their ranges meet. */
void wire_fault_intersect(struct pn_wire *w)
{
    const struct wire_ranges *a = &w->line[0].lost, *b = &w->line[w->cfg.lines - 1].lost;
    for (uint64_t i = 0, k = 0; i < a->count && k < b->count;) {
        const struct pn_wire_range *x = &a->range[i], *y = &b->range[k];
        uint64_t from = x->first > y->first ? x->first : y->first;
        uint64_t x_end = x->first + x->count, y_end = y->first + y->count;
        uint64_t to = x_end < y_end ? x_end : y_end;
        if (from < to)
            add_range(w, &w->lost_all, from, to - from);
        if (x_end <= y_end)
            i++;
        if (y_end <= x_end)
            k++;
    }
}

/* Capture time of a datagram of this line; without faults they keep their order. */
static uint64_t due_ns(struct wire_line *l, uint64_t send_ns)
{
    uint64_t due = send_ns + l->cfg.delay_ns;
    if (l->cfg.jitter_ns)
        due += rng_below(&l->fault_rng, l->cfg.jitter_ns + 1);
    if (due < l->last_due)
        due = l->last_due;
    l->last_due = due;
    return due;
}

/* Lets the datagram due at due_ns pass those held; puts out the ones whose turn has come. */
static void release_held(struct pn_wire *w, struct wire_line *l, uint64_t due)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < l->held_count; i++) {
        struct wire_held *h = &l->held[i];
        int in_time = h->release_ns < due;
        if (!in_time) {
            h->passed++;
            h->left--;
        }
        if (!in_time && h->left) {
            l->held[kept++] = *h;
            continue;
        }
        l->stats.reordered += h->passed > 0;
        w->pool[h->frame].due_ns = in_time ? h->release_ns : due + 100;
        w->pool[h->frame].order = w->orders++;
        wire_queue_push(w, h->frame);
    }
    l->held_count = kept;
}

void wire_fault_release_due(struct pn_wire *w, uint32_t line, uint64_t until_ns)
{
    struct wire_line *l = &w->line[line];
    uint32_t kept = 0;
    for (uint32_t i = 0; i < l->held_count; i++) {
        struct wire_held *h = &l->held[i];
        if (h->release_ns > until_ns) {
            l->held[kept++] = *h;
            continue;
        }
        l->stats.reordered += h->passed > 0;
        w->pool[h->frame].due_ns = h->release_ns;
        wire_queue_push(w, h->frame);
    }
    l->held_count = kept;
}

void wire_fault_release_all(struct pn_wire *w, uint32_t line)
{
    struct wire_line *l = &w->line[line];
    for (uint32_t i = 0; i < l->held_count; i++) {
        l->stats.reordered += l->held[i].passed > 0;
        w->pool[l->held[i].frame].due_ns = ++l->last_due;
        wire_queue_push(w, l->held[i].frame);
    }
    l->held_count = 0;
}

static uint32_t make_frame(struct pn_wire *w, uint32_t line, const uint8_t *payload, uint32_t bytes,
                           uint64_t due)
{
    struct wire_line *l = &w->line[line];
    uint32_t index;
    struct wire_frame *frame = wire_queue_frame(w, &index);
    frame->due_ns = due;
    frame->line = line;
    frame->len = WIRE_HEADERS + bytes;
    memcpy(frame->data + WIRE_HEADERS, payload, bytes);
    wire_frame_build(frame->data, bytes, &l->cfg, line, l->ip_id++);
    return index;
}

void wire_fault_send_safe(struct pn_wire *w, uint32_t line, const uint8_t *payload, uint32_t bytes,
                          uint32_t count, uint64_t send_ns)
{
    struct wire_line *l = &w->line[line];
    uint64_t due = due_ns(l, send_ns);
    l->stats.messages += count;
    wire_queue_push(w, make_frame(w, line, payload, bytes, due));
    release_held(w, l, due);
}

void wire_fault_send(struct pn_wire *w, uint32_t line, const uint8_t *payload, uint32_t bytes,
                     uint64_t seq, uint32_t count, uint64_t send_ns)
{
    struct wire_line *l = &w->line[line];
    if (in_common_loss(w, l, seq, count) | rng_ppm(&l->fault_rng, l->cfg.loss_ppm)) {
        l->stats.lost_datagrams++;
        l->stats.lost_messages += count;
        if (count)
            add_range(w, &l->lost, seq, count);
        return;
    }
    if (rng_ppm(&l->fault_rng, l->cfg.reorder_ppm) && l->held_count < PN_WIRE_REORDER_MAX) {
        uint64_t due = due_ns(l, send_ns);
        l->stats.messages += count;
        l->held[l->held_count++] =
            (struct wire_held){.release_ns = due + w->cfg.reorder_ns,
                               .frame = make_frame(w, line, payload, bytes, due),
                               .left = 1 + rng_below(&l->fault_rng, w->cfg.reorder_datagrams)};
        return;
    }
    wire_fault_send_safe(w, line, payload, bytes, count, send_ns);
    if (rng_ppm(&l->fault_rng, l->cfg.dup_ppm)) {
        uint64_t due = l->last_due + 1 + rng_below(&l->fault_rng, DUP_WITHIN_NS);
        l->stats.duplicated++;
        wire_queue_push(w, make_frame(w, line, payload, bytes, due));
    }
}
