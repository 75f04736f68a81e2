/*
 * pipeline.h - the whole path of one shard, from a port to published books. Owns the buffers
 * between the stages; takes time and frames from outside, reads no clock of its own.
 */
#ifndef PN_PIPELINE_H
#define PN_PIPELINE_H

#include "base/histogram.h"
#include "book/book.h"
#include "feed/channels.h"
#include "io/io.h"

enum {
    PIPELINE_AHEAD = 128, /* messages that look-ahead sees at a time */
};

enum pipeline_stage { STAGE_IO, STAGE_NET, STAGE_SEQUENCE, STAGE_BOOK, STAGES };

/* Reads some steady counter; only ever used to say how long the stages took. */
typedef uint64_t (*pipeline_clock)(void);

/* A message to be applied, or a control run (m NULL). */
struct work {
    const uint8_t *m;
    uint32_t len;
    uint32_t run;        /* index in runs */
    uint32_t instrument; /* looked up where the feed numbers them, else 0 */
    uint32_t hot;        /* 1: long enough for an order message of a known instrument */
};

/* How far pipeline_apply may go, and where what happened is kept. */
struct pipeline_limits {
    uint64_t max_events;    /* 0 = any number; the events of one message stay together */
    uint64_t max_messages;  /* of one call; 0 = any number */
    uint64_t until_ns;      /* nothing received after this; UINT64_MAX = all */
    struct pn_event *event; /* room for events, or NULL */
    uint64_t event_cap;     /* at least DECODE_EVENTS_MAX */
    uint64_t events;        /* out: applied so far */
    /* Events of watched instruments, and of channels, for the desk; NULL = nobody watches. */
    const uint8_t *watched; /* by instrument */
    struct pn_event *kept;
    uint64_t kept_cap; /* at least DECODE_EVENTS_MAX */
    uint64_t kept_count;
    uint32_t *kept_tops; /* for each: changes of tops that were recorded when it was in the books */
    void (*named)(void *arg, uint32_t instrument); /* the feed has named an instrument */
    void *named_arg;
};

struct pipeline {
    struct io_port *port;
    struct channels channels;
    struct books books;
    struct pn_counters *counters;
    struct pn_histogram *stage; /* [STAGES] */
    pipeline_clock clock;       /* NULL: stages are not timed */
    uint32_t burst;
    uint32_t channels_before; /* in the region when it was opened */
    uint8_t flushed;          /* the input ended and everything held was let go */

    /* The present burst; datagrams before datagram_at are in sequence. */
    struct io_frame frame[IO_BURST_MAX];
    uint32_t frames;
    struct net_datagram datagram[IO_BURST_MAX];
    uint32_t datagrams, datagram_at;
    uint32_t missing;    /* some channel waits for messages */
    uint32_t held;       /* not 0: some channel has copied packets to its arena */
    uint32_t arena_full; /* some channel's held packets need compacting before more come */

    /* Runs of blocks in order; those before run_at are gathered, run_at itself up to block. */
    struct run_list runs;
    uint32_t run_at;
    const uint8_t *block;
    uint64_t blocks_left;

    /* Gathered messages; those before work_at are in the books. */
    struct work work[PIPELINE_AHEAD];
    uint32_t works, work_at;
    uint32_t apply_run; /* run of the last one applied */
    uint64_t apply_seq; /* number of the next one in it */
};

int pipeline_init(struct pipeline *p, const struct region *r, const struct pn_config *cfg,
                  struct error *e);
/*
 * After pipeline_init over a region that region_reopen has found, and after all channels are
 * declared: goes on where the last run came to. *repaired: books that it left in the middle of an
 * update. 0, or -ESTALE when it cannot be gone on with and must be made anew.
 */
int pipeline_resume(struct pipeline *p, const struct region *r, uint32_t *repaired,
                    struct error *e);
void pipeline_free(struct pipeline *p);

/*
 * Makes sure that there are messages to apply, reading more input as needed. Returns how many;
 * 0 when the port has none now (port->at_end tells whether there will be more).
 */
uint32_t pipeline_fill(struct pipeline *p);
/* Applies them to the books as far as the limits allow; returns how many messages. (apply.c) */
uint32_t pipeline_apply(struct pipeline *p, struct pipeline_limits *limits);
/* What was delivered and what the books hold, independent of bursts and times. (engine.c) */
void pipeline_digest(struct pipeline *p, uint64_t digest[2]);
/* Whether anything that was read waits to be applied. */
PN_HOT int pipeline_pending(const struct pipeline *p)
{
    return p->work_at < p->works || p->run_at < p->runs.count;
}

/* Time of a stage, if the stages are timed. */
PN_HOT uint64_t stage_begin(const struct pipeline *p)
{
    return PN_UNLIKELY(p->clock != NULL) ? p->clock() : 0;
}

PN_HOT void stage_end(struct pipeline *p, enum pipeline_stage stage, uint64_t since)
{
    if (PN_LIKELY(!p->clock))
        return;
    histogram_record(&p->stage[stage], p->clock() - since);
}

#endif
