/*
 * sequence_memory.c - the memory of a sequencer: taken at the start, holes closed; see
 * sequence.h.
 */
#include "feed/sequence.h"

#include <string.h>

/* Room for what is held, and for what a burst holds and releases meanwhile. */
enum { ARENA_PER_PACKET = 2048, ARENA_MIN = 512 * 1024 };

static uint32_t arena_size(uint32_t held_max)
{
    uint32_t bytes = held_max * ARENA_PER_PACKET;
    return bytes < ARENA_MIN ? ARENA_MIN : bytes;
}

uint64_t sequence_bytes(uint32_t held_max)
{
    return held_max * sizeof(struct held) + 2 * (uint64_t)arena_size(held_max);
}

void sequence_init(struct sequencer *s, struct pn_channel *ch, uint8_t channel, uint64_t *drops,
                   void *memory, uint32_t held_max, uint64_t reorder_ns)
{
    *s = (struct sequencer){
        .ch = ch,
        .drops = drops,
        .channel = channel,
        .reorder_ns = reorder_ns,
        .held = memory,
        .held_max = held_max,
        .arena = (uint8_t *)memory + held_max * sizeof(struct held),
        .spare = (uint8_t *)memory + held_max * sizeof(struct held) + arena_size(held_max),
        .arena_bytes = arena_size(held_max),
    };
}

void sequence_compact(struct sequencer *s)
{
    uint8_t *from = s->arena, *to = s->spare;
    uint32_t used = 0;
    for (uint32_t i = 0; i < s->held_count; i++) {
        struct held *h = &s->held[i];
        memcpy(to + used, from + h->offset, h->bytes);
        h->offset = used;
        used += h->bytes;
    }
    s->arena = to;
    s->spare = from;
    s->arena_used = used;
}
