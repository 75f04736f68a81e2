/*
 * sequence.h - puts the packets of one channel's lines into one gapless order. The only
 * implementation, for every framing.
 *
 * In: checked packets, in order of arrival, from any line. Out: runs, that is stretches of
 * blocks to decode, and the facts that the books must know in between: a gap given up, a new
 * session, the end. Everything is bounded: early packets are copied into memory taken at the
 * start, and when that or the time is up the gap is given up.
 */
#ifndef PN_FEED_SEQUENCE_H
#define PN_FEED_SEQUENCE_H

#include "feed/framing.h"

enum run_kind { RUN_DATA, RUN_GAP, RUN_RESET, RUN_END };

struct run {
    const uint8_t *blocks;
    uint32_t bytes;
    uint32_t skip;  /* DATA: leading blocks that were had before */
    uint64_t seq;   /* DATA: of the first block to decode; GAP: of the first lost */
    uint64_t count; /* DATA: blocks to decode; GAP: messages lost; RESET: 1 if joined late */
    uint64_t rx_ns;
    uint8_t kind; /* enum run_kind */
    uint8_t channel;
};

struct run_list {
    struct run *run;
    uint32_t count;
    uint32_t cap;
};

enum {
    SEQUENCE_SESSION_PACKETS = 4,            /* of another session in a row before it is believed */
    SEQUENCE_FAR_PACKETS = 3,                /* far ahead in a row before they are believed */
    SEQUENCE_FAR = 1 << 24,                  /* messages ahead that are far */
    SEQUENCE_RESTART_NS = 500 * 1000 * 1000, /* sent so much later than the newest, yet behind */
    SEQUENCE_RUNS_SPARE = 8,                 /* runs one push can add beyond what it releases */
};

struct held {
    uint64_t seq;
    uint64_t rx_ns;
    uint32_t count;
    uint32_t bytes;
    uint32_t offset; /* in the arena */
    uint8_t line;
};

struct sequencer {
    struct pn_channel *ch;
    uint64_t *drops;
    uint8_t channel;
    uint8_t started;
    uint8_t waiting;     /* as published: epoch is odd */
    uint8_t missing;     /* messages are known to be missing */
    uint8_t has_old;     /* old_session names one */
    uint8_t end_pending; /* the end was announced at `target`, messages before it are missing */
    uint8_t recovery;    /* enum pn_recovery: missing messages are asked for (live/recovery.h) */
    uint64_t gap_end;    /* next number after the last gap */
    uint64_t target;     /* highest next number that a line has spoken of */
    uint64_t waiting_ns; /* since when the first missing message is missed */
    uint64_t session[2];
    uint64_t old_session[2];
    uint64_t new_session[2];
    uint32_t new_packets; /* of new_session in a row */
    uint32_t far_packets;
    uint64_t far_seq;
    uint64_t newest_ns; /* latest send time seen in this session */
    uint64_t begin_ns;  /* send time of its first packet */
    uint64_t reorder_ns;
    struct held *held; /* by seq */
    uint32_t held_count;
    uint32_t held_max;
    uint32_t held_bytes;
    uint8_t *arena; /* bytes of held packets, and of released ones that are not decoded yet */
    uint8_t *spare; /* as large; the held ones move there to close the holes */
    uint32_t arena_used;
    uint32_t arena_bytes;
};

/* Memory that a sequencer needs for held packets, arena included. */
uint64_t sequence_bytes(uint32_t held_max);
void sequence_init(struct sequencer *s, struct pn_channel *ch, uint8_t channel, uint64_t *drops,
                   void *memory, uint32_t held_max, uint64_t reorder_ns);
/*
 * Goes on where the last writer of this channel's record came to: after the last message that is in
 * the books. 0 if it died between two sessions, so that its books are of neither.
 */
int sequence_resume(struct sequencer *s);
/*
 * One packet; its seq is filled in where it has none. out must have room for
 * 2 * held_max + SEQUENCE_RUNS_SPARE more runs.
 */
void sequence_push(struct sequencer *s, struct packet *p, struct run_list *out);
/*
 * The everyday case of sequence_push, inline: data that are next, of the session that runs, with
 * nothing missing. 1 if that is what the packet was, else 0 with nothing done.
 */
PN_HOT int sequence_push_next(struct sequencer *s, const struct packet *p, struct run_list *out)
{
    struct pn_channel *ch = s->ch;
    struct pn_line_stats *line = &ch->line[p->line];
    uint64_t next = ch->next_seq;
    int numbered = (p->seq == next) & (p->seq <= UINT64_MAX - p->count) & (p->unsequenced == 0);
    if (PN_UNLIKELY((s->started ^ 1u) | s->waiting | s->new_packets | ch->ended) ||
        PN_UNLIKELY((p->session[0] ^ s->session[0]) | (p->session[1] ^ s->session[1])) ||
        PN_UNLIKELY((p->kind != PACKET_DATA) | (p->count == 0) | (p->sender_ns != 0)) ||
        PN_UNLIKELY((numbered ^ 1) & (p->unsequenced != 2)))
        return 0;
    ch->datagrams++;
    line->datagrams++;
    line->messages += p->count;
    struct run *run = &out->run[out->count++];
    run->blocks = p->blocks;
    run->bytes = p->bytes;
    run->skip = 0;
    run->seq = next;
    run->count = p->count;
    run->rx_ns = p->rx_ns;
    run->kind = RUN_DATA;
    run->channel = s->channel;
    ch->next_seq = next + p->count;
    if (s->target < next + p->count)
        s->target = next + p->count;
    return 1;
}

/* Time goes on without packets of this channel: gives up what has been missing for too long. */
void sequence_tick(struct sequencer *s, uint64_t now_ns, struct run_list *out);
/* No more packets will come. */
void sequence_flush(struct sequencer *s, struct run_list *out);

/* One more packet might not fit the arena: recycle before the next push. */
PN_HOT int sequence_is_full(const struct sequencer *s)
{
    return s->arena_bytes - s->arena_used <= UINT16_MAX;
}

/* Closes the holes between held packets. */
void sequence_compact(struct sequencer *s);
/* All runs handed out have been consumed: memory of released packets may be used again. */
static inline void sequence_recycle(struct sequencer *s)
{
    if (PN_LIKELY(!s->held_count))
        s->arena_used = 0;
    else if (s->arena_used > s->arena_bytes / 4)
        sequence_compact(s);
}

#endif
