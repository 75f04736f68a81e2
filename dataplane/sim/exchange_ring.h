/*
 * exchange_ring.h - framed messages by sequence number, the newest of them: the exchange's store
 * for re-requests and each member's replies for replay. Memory is reserved at open and touched as
 * it fills; what is overwritten is gone, and said to be.
 */
#ifndef PN_SIM_EXCHANGE_RING_H
#define PN_SIM_EXCHANGE_RING_H

#include <stdint.h>

#include "base/bits.h"

enum { RING_FRAME_MAX = 128 };

struct ring_entry {
    uint64_t at;  /* bytes ever written before it */
    uint64_t due; /* time from which it may leave */
};

/* A frame is two bytes of length, big-endian, and so many bytes. */
struct ring {
    uint8_t *bytes;
    struct ring_entry *index;
    uint64_t size;    /* of bytes; a power of two */
    uint64_t entries; /* of index; a power of two */
    uint64_t head;    /* bytes ever written, gaps at the end included */
    uint64_t next;    /* number of the next message, from 1 */
};

int ring_open(struct ring *r, uint64_t size, uint64_t entries);
void ring_close(struct ring *r);

/* 1: the next frame begins at the start of the memory, not behind the one before. */
PN_HOT int ring_wraps(const struct ring *r)
{
    return (r->head & (r->size - 1)) + RING_FRAME_MAX > r->size;
}

/* Room for a frame of so many bytes, length included (at most RING_FRAME_MAX). */
PN_HOT uint8_t *ring_add(struct ring *r, uint32_t frame, uint64_t due)
{
    if (PN_UNLIKELY(ring_wraps(r)))
        r->head = (r->head | (r->size - 1)) + 1;
    r->index[r->next++ & (r->entries - 1)] = (struct ring_entry){r->head, due};
    uint8_t *out = r->bytes + (r->head & (r->size - 1));
    store_u16_be(out, (uint16_t)(frame - 2));
    r->head += frame;
    return out;
}

/* The frame of a message; NULL when it is no longer, or not yet, there. */
PN_HOT const uint8_t *ring_get(const struct ring *r, uint64_t seq, uint64_t *due)
{
    if (seq == 0 || seq >= r->next || r->next - seq > r->entries)
        return 0;
    const struct ring_entry *e = &r->index[seq & (r->entries - 1)];
    if (r->head - e->at > r->size - RING_FRAME_MAX)
        return 0;
    *due = e->due;
    return r->bytes + (e->at & (r->size - 1));
}

#endif
