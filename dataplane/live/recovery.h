/*
 * recovery.h - recovery of gaps: a thread that sees from the region what channels miss, asks
 * MoldUDP64 re-request servers for it, and hands the answers to the shards as frames.
 *
 * It reads the channels' published records and writes only its own fields of struct pn_daemon
 * (rerequests, rerequest_hits, rerequest_late, rerequest_refused). The polling thread takes no
 * part: an answer enters through a ring port (io/ring.c) as an ordinary frame, addressed to the
 * first line of its channel, with input IO_INPUT_RECOVERY, so that a recording holds it too.
 *
 * Only whole answers of a configured server, of the session that runs, to a request under way
 * are let in; all else is counted (reasons recovery_*).
 */
#ifndef PN_LIVE_RECOVERY_H
#define PN_LIVE_RECOVERY_H

#include "io/io.h"
#include "shm/abi_control.h"

enum {
    RECOVERY_RING_BYTES = 1 << 20, /* as good a ring as any for io_ring_open */
    RECOVERY_RING_FRAMES = 1024,
    RECOVERY_POLL_US = 500,        /* how often channels are looked at while nothing is missing */
    RECOVERY_POLL_WAITING_US = 100 /* and while something is */
};

/* One shard, as recovery needs it; index as in pn_live_config.shard. */
struct recovery_shard {
    const struct pn_channel *channel; /* PN_SEC_CHANNELS of its region; NULL: no such shard */
    struct pn_daemon *daemon;
    struct io_port *ring; /* this thread is its producer, the shard its consumer */
};

struct recovery;

/*
 * Opens the sockets and starts the thread. *out is NULL where no server is configured. A shard's
 * channels are numbered in the order in which pn_live_config.channel names them for it.
 */
int recovery_start(struct recovery **out, const struct pn_live_config *cfg,
                   const struct recovery_shard shard[PN_SHARDS_MAX], struct error *e);
/* Ends the thread; NULL is allowed. Before the rings are closed. */
void recovery_stop(struct recovery *r);
/* Answers refused so far, for one reason. */
uint64_t recovery_refused(const struct recovery *r, enum pn_reason reason);

#endif
