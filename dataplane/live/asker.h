/*
 * asker.h - what to ask a MoldUDP64 re-request server for, and which of its answers to believe.
 * One channel. Pure: no sockets, no clock, no memory of its own; live/recovery.c drives it.
 *
 * MoldUDP64 1.0: a request is session[10], sequence u64, count u16, all big-endian; the answer is
 * an ordinary downstream packet with the first of the messages asked for, as many as fit.
 *
 * Several requests are under way at once. Each asks for a range that no other one covers; an answer
 * must begin where a request begins and bring no more than it asked for. What a server returns of a
 * request sets how much the next ones ask for.
 */
#ifndef PN_LIVE_ASKER_H
#define PN_LIVE_ASKER_H

#include "feed/framing.h"

enum {
    ASKER_ASKS = 16,         /* requests under way at once */
    ASKER_CHUNK_FIRST = 32,  /* messages of the first requests: about a datagram of ITCH */
    ASKER_CHUNK_MAX = 4096,  /* messages of any request */
    ASKER_REQUEST = 20,      /* bytes of a request */
    ASKER_SESSION = 10,      /* bytes of a session name */
    ASKER_TRIES_BACKOFF = 6, /* doublings of the time-out */
};

#define ASKER_GRACE_NS 1000000ull       /* the other line may bring it: no request before */
#define ASKER_STALL_NS 20000000ull      /* answered, yet nothing came of it: ask again */
#define ASKER_TIMEOUT_NS 20000000ull    /* before the round trip is known */
#define ASKER_TIMEOUT_MIN_NS 2000000ull /* also where servers are near */

/* messages seq .. seq + count - 1, asked of `server` at sent_ns; 0 = not sent yet */
struct ask {
    uint64_t seq;
    uint64_t sent_ns;
    uint32_t count;
    uint16_t server;
    uint16_t tries;
};

struct asker {
    char session[ASKER_SESSION];
    uint8_t running; /* the channel misses something */
    uint64_t next;   /* messages next .. end - 1 are missing, as last told */
    uint64_t end;
    uint64_t cursor;     /* everything below was asked for */
    uint64_t began_ns;   /* when this gap was first seen */
    uint64_t next_since; /* when next last changed */
    uint64_t round_trip_ns;
    uint32_t chunk;
    uint32_t asks;
    struct ask ask[ASKER_ASKS];
};

void asker_init(struct asker *a);
/* What the channel misses now: next .. end - 1, nothing where end <= next. */
void asker_update(struct asker *a, const char session[ASKER_SESSION], uint64_t next, uint64_t end,
                  uint64_t now_ns);
/* A request that should go out now, NULL if there is none. asker_sent must follow, or nothing. */
struct ask *asker_due(struct asker *a, uint64_t now_ns);
/* Whether a due request was sent before and has waited in vain. */
static inline int asker_timed_out(const struct ask *ask)
{
    return ask->sent_ns != 0;
}
void asker_sent(struct ask *ask, uint16_t server, uint64_t now_ns);
/* Writes a request; returns its length. */
uint32_t asker_write(const struct asker *a, const struct ask *ask, uint8_t out[ASKER_REQUEST]);
/*
 * A datagram of a server. 0: it answers a request and may be let in; asker_taken must follow once
 * it was. Else the reason (enum pn_reason) + 1 for which it is refused.
 */
uint32_t asker_answer(const struct asker *a, const uint8_t *payload, uint32_t bytes,
                      struct packet *packet);
void asker_taken(struct asker *a, const struct packet *packet, uint64_t now_ns);

#endif
