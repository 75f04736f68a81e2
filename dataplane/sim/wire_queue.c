/*
 * wire_queue.c - frames on their way to the file, in order of capture time. A bounded pool and a
 * binary heap of indices into it; when the pool is used up the earliest frame goes out at once.
 */
#include "sim/wire_internal.h"

static int earlier(const struct pn_wire *w, uint32_t a, uint32_t b)
{
    const struct wire_frame *x = &w->pool[a], *y = &w->pool[b];
    return x->due_ns != y->due_ns ? x->due_ns < y->due_ns : x->order < y->order;
}

static void swap(uint32_t *a, uint32_t *b)
{
    uint32_t t = *a;
    *a = *b;
    *b = t;
}

static uint32_t pop(struct pn_wire *w)
{
    uint32_t top = w->heap[0], i = 0;
    w->heap[0] = w->heap[--w->heap_count];
    for (;;) {
        uint32_t child = 2 * i + 1;
        if (child >= w->heap_count)
            return top;
        if (child + 1 < w->heap_count && earlier(w, w->heap[child + 1], w->heap[child]))
            child++;
        if (!earlier(w, w->heap[child], w->heap[i]))
            return top;
        swap(&w->heap[child], &w->heap[i]);
        i = child;
    }
}

/* Capture times in the file never go back. */
static void write_first(struct pn_wire *w)
{
    uint32_t index = pop(w);
    struct wire_frame *frame = &w->pool[index];
    if (frame->due_ns < w->out_ns)
        frame->due_ns = w->out_ns;
    w->out_ns = frame->due_ns;
    if (!w->stats.frames++)
        w->stats.first_ns = frame->due_ns;
    w->stats.last_ns = frame->due_ns;
    w->line[frame->line].stats.datagrams++;
    w->line[frame->line].stats.bytes += frame->len;
    wire_file_frame(w, frame);
    w->free_list[w->free_count++] = index;
}

struct wire_frame *wire_queue_frame(struct pn_wire *w, uint32_t *index)
{
    if (!w->free_count)
        write_first(w);
    *index = w->free_list[--w->free_count];
    struct wire_frame *frame = &w->pool[*index];
    frame->order = w->orders++;
    return frame;
}

void wire_queue_push(struct pn_wire *w, uint32_t index)
{
    uint32_t i = w->heap_count++;
    w->heap[i] = index;
    while (i && earlier(w, w->heap[i], w->heap[(i - 1) / 2])) {
        swap(&w->heap[i], &w->heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
}

void wire_queue_drain(struct pn_wire *w, uint64_t until_ns)
{
    while (w->heap_count && w->pool[w->heap[0]].due_ns <= until_ns)
        write_first(w);
}
