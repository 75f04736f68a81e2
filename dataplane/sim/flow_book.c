/*
 * flow_book.c - the generator's price-time books: add, reduce, unlink, best price. Owns the order
 * slots and the ladders; never sends a message. See flow_internal.h for the shape.
 */
#include "sim/flow_internal.h"

static void level_filled(struct flow_symbol *s, uint32_t side, int32_t level)
{
    if (level >= s->width)
        return;
    s->occupied[level >> 6] |= 1ull << (level & 63);
    if (side == BID ? level > s->best[BID] : level < s->best[ASK])
        s->best[side] = level;
}

/* Next occupied level below, -1 if none. */
static int32_t level_below(const struct flow_symbol *s, int32_t level)
{
    int32_t word = level >> 6;
    uint64_t bits = s->occupied[word] & ((1ull << (level & 63)) - 1);
    while (!bits && word > 0)
        bits = s->occupied[--word];
    return bits ? word * 64 + 63 - __builtin_clzll(bits) : -1;
}

/* Next occupied level above, width if none. */
static int32_t level_above(const struct flow_symbol *s, int32_t level)
{
    int32_t word = level >> 6, words = s->width >> 6;
    uint64_t bits = s->occupied[word] & (~1ull << (level & 63));
    while (!bits && ++word < words)
        bits = s->occupied[word];
    return bits ? word * 64 + __builtin_ctzll(bits) : s->width;
}

static void level_emptied(struct flow_symbol *s, uint32_t side, int32_t level)
{
    if (level >= s->width)
        return;
    if (level == s->best[side])
        s->best[side] = side == BID ? level_below(s, level) : level_above(s, level);
    s->occupied[level >> 6] &= ~(1ull << (level & 63));
}

void flow_book_link(struct pn_flow *f, uint32_t slot)
{
    struct flow_order *o = &f->order[slot];
    struct flow_symbol *s = &f->symbol[o->owner >> 1];
    struct flow_level *level = &s->level[o->level];
    o->prev = level->tail;
    o->next = 0;
    if (level->tail)
        f->order[level->tail].next = slot;
    else {
        level->head = slot;
        level_filled(s, o->owner & 1, (int32_t)o->level);
    }
    level->tail = slot;
}

void flow_book_unlink(struct pn_flow *f, uint32_t slot)
{
    struct flow_order *o = &f->order[slot];
    struct flow_symbol *s = &f->symbol[o->owner >> 1];
    struct flow_level *level = &s->level[o->level];
    if (o->prev)
        f->order[o->prev].next = o->next;
    else
        level->head = o->next;
    if (o->next)
        f->order[o->next].prev = o->prev;
    else
        level->tail = o->prev;
    if (!level->head)
        level_emptied(s, o->owner & 1, (int32_t)o->level);
}

/* The caller has made sure that a slot is free. */
uint32_t flow_book_add(struct pn_flow *f, uint32_t symbol, uint32_t side, uint32_t level,
                       uint32_t size)
{
    uint32_t slot = f->free_slot;
    if (slot)
        f->free_slot = f->order[slot].next;
    else
        slot = f->slots_used++;
    struct flow_order *o = &f->order[slot];
    o->ref = f->next_ref;
    o->size = size;
    o->level = level;
    o->owner = symbol * 2 + side;
    flow_book_link(f, slot);
    if (++f->live > f->peak)
        f->peak = f->live;
    return slot;
}

void flow_book_reduce(struct pn_flow *f, uint32_t slot, uint32_t size)
{
    struct flow_order *o = &f->order[slot];
    o->size -= size;
    if (o->size)
        return;
    flow_book_unlink(f, slot);
    o->next = f->free_slot;
    f->free_slot = slot;
    f->live--;
}

uint32_t flow_book_front(const struct flow_symbol *s, uint32_t side)
{
    int32_t best = s->best[side];
    if (best < 0 || best >= s->width)
        best = s->width + (int32_t)side;
    return s->level[best].head;
}
