/*
 * pipeline.h - the whole path of one shard, from a port to published books. Owns the buffers
 * between the stages; takes time and frames from outside, reads no clock of its own.
 */
#ifndef PN_PIPELINE_H
#define PN_PIPELINE_H

#include "book/book.h"
#include "feed/channels.h"
#include "io/io.h"

enum {
    PIPELINE_EVENTS = 128, /* decoded ahead of the books; what look-ahead can see */
};

enum pipeline_stage { STAGE_IO, STAGE_NET, STAGE_SEQUENCE, STAGE_DECODE, STAGE_BOOK, STAGES };

/* Reads some steady counter; only ever used to say how long the stages took. */
typedef uint64_t (*pipeline_clock)(void);

struct pipeline {
    struct io_port *port;
    struct channels channels;
    struct books books;
    struct pn_counters *counters;
    pipeline_clock clock; /* NULL: stages are not timed */
    uint32_t burst;
    uint8_t flushed; /* the input ended and everything held was let go */

    /* The present burst; datagrams before datagram_at are in sequence. */
    struct io_frame frame[IO_BURST_MAX];
    uint32_t frames;
    struct net_datagram datagram[IO_BURST_MAX];
    uint32_t datagrams, datagram_at;
    uint32_t missing; /* some channel waits for messages */

    /* Runs of blocks in order; those before run_at are decoded, run_at itself up to run_block. */
    struct run_list runs;
    uint32_t run_at;
    const uint8_t *block;
    uint64_t block_seq;
    uint64_t blocks_left;

    /* Decoded events; those before event_at are in the books. */
    struct pn_event event[PIPELINE_EVENTS] __attribute__((aligned(64)));
    uint32_t events, event_at;

    /* Set before each fill: how far decoding may go, so that counts stop where the books do. */
    uint32_t event_max;       /* events at a time, DECODE_EVENTS_MAX to PIPELINE_EVENTS */
    uint64_t decode_until_ns; /* no message received after this */
};

int pipeline_init(struct pipeline *p, const struct region *r, const struct pn_config *cfg,
                  struct error *e);
void pipeline_free(struct pipeline *p);

/*
 * Makes sure that there are decoded events to apply, reading more input as needed. Returns how
 * many there are; 0 when the port has none now (port->at_end tells whether there will be more) or
 * the next was received after decode_until_ns (pipeline_pending tells).
 */
uint32_t pipeline_fill(struct pipeline *p);
/* Whether messages wait to be decoded. */
PN_HOT int pipeline_pending(const struct pipeline *p)
{
    return p->run_at < p->runs.count;
}
/* Applies up to n of them to the books; returns how many. */
uint32_t pipeline_apply(struct pipeline *p, uint32_t n);

#endif
