/*
 * instruments.h - hands out instrument records, and finds them again: by a feed's own dense number
 * (locate) through chunks of 1,024, or by symbol through one table for all channels.
 */
#ifndef PN_FEED_INSTRUMENTS_H
#define PN_FEED_INSTRUMENTS_H

#include "base/bits.h"
#include "shm/region.h"

enum {
    INSTRUMENT_CHUNK = 1024,
    LOCATE_CHUNKS = 65536 / INSTRUMENT_CHUNK,
};

#define INSTRUMENT_NONE UINT32_MAX

struct instruments {
    struct pn_region_header *header;
    struct pn_instrument *record;
    struct pn_book *book;
    uint32_t *symbol; /* instrument number plus 1 */
    uint64_t symbol_mask;
    uint32_t max;
};

/* What one channel knows of its instruments. */
struct instrument_map {
    struct instruments *all;
    uint32_t channel;
    uint32_t feed;
    uint32_t chunk[LOCATE_CHUNKS]; /* first record of the chunk, or INSTRUMENT_NONE */
    uint64_t named[65536 / 64];    /* bit by locate: the record carries this session's name */
};

void instruments_attach(struct instruments *s, const struct region *r);
void instrument_map_init(struct instrument_map *m, struct instruments *all, uint32_t channel,
                         uint32_t feed);
/* Finds the channel's records of an earlier run in the region again. */
void instrument_map_resume(struct instrument_map *m);
/* A new session: names are to be learnt again. */
void instrument_map_renew(struct instrument_map *m);
/* Takes records for the chunk of a locate; INSTRUMENT_NONE when there are none left. */
uint32_t instrument_map_grow(struct instrument_map *m, uint32_t locate);
/* Names the record of a locate from an 8-byte, space-padded symbol. */
void instrument_map_name(struct instrument_map *m, uint32_t locate, const uint8_t *symbol);
/* Record of an 8-byte symbol in this channel, made if new; INSTRUMENT_NONE when full. */
uint32_t instrument_map_symbol(struct instrument_map *m, const uint8_t *symbol);

/* Record of a locate, made if new; INSTRUMENT_NONE when full. */
PN_HOT uint32_t instrument_map_locate(struct instrument_map *m, uint32_t locate)
{
    uint32_t base = m->chunk[locate / INSTRUMENT_CHUNK];
    if (PN_UNLIKELY(base == INSTRUMENT_NONE)) {
        base = instrument_map_grow(m, locate);
        if (base == INSTRUMENT_NONE)
            return INSTRUMENT_NONE;
    }
    return base + locate % INSTRUMENT_CHUNK;
}

/* Record of a locate, INSTRUMENT_NONE when there is none yet: looking ahead hands out nothing. */
PN_HOT uint32_t instrument_map_known(const struct instrument_map *m, uint32_t locate)
{
    uint32_t base = m->chunk[locate / INSTRUMENT_CHUNK];
    return PN_LIKELY(base != INSTRUMENT_NONE) ? base + locate % INSTRUMENT_CHUNK : INSTRUMENT_NONE;
}

/* Bit 0: the record of this locate carries a name; the other bits mean nothing. */
PN_HOT uint32_t instrument_map_named(const struct instrument_map *m, uint32_t locate)
{
    return (uint32_t)(m->named[locate / 64] >> (locate % 64));
}

#endif
