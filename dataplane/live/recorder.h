/*
 * recorder.h - writes what the shards' taps copy to pcapng files: a thread of its own, one file a
 * shard. Never on the path: a shard whose recorder falls behind loses frames of the record, counted
 * in pn_daemon.capture_drops, and nothing else.
 *
 * A file has an interface for each port and one for recovered frames (IO_INPUT_RECOVERY), with the
 * input's number in its description, so that replaying it gives what the live run gave.
 */
#ifndef PN_LIVE_RECORDER_H
#define PN_LIVE_RECORDER_H

#include "io/io.h"
#include "shm/abi_control.h"

enum {
    RECORDER_RING_BYTES = 32 << 20, /* of each shard: room for a slow disk */
    RECORDER_RING_FRAMES = 1 << 16
};

struct recorder;

/* Starts the thread. Ports name the interfaces. */
int recorder_open(struct recorder **out, const struct pn_live_config *cfg, struct error *e);
/* Wraps a shard's port, which the tap then owns. daemon's capture fields are written by the
 * recorder's thread alone. */
int recorder_tap(struct recorder *r, uint32_t shard, struct io_port *port, struct pn_daemon *daemon,
                 struct io_port **tap, struct error *e);
/*
 * Begins to record. shard PN_SHARDS_MAX = all. text is the path of the file (relative: below the
 * instance's run directory); behind a newline, in digits, how many bytes a file may have until the
 * next one is begun (".1", ".2", ... before the suffix; 0 or nothing = any). Several shards: "-0",
 * "-1", ... before the suffix. -EALREADY while one is under way.
 */
int recorder_begin(struct recorder *r, uint32_t shard, const char *text, struct error *e);
/* Ends it, with all frames written that were copied before. -ENOENT when none is under way. */
int recorder_end(struct recorder *r, uint32_t shard, struct error *e);
/* Ends what is under way and the thread. The taps must not be polled any more. */
void recorder_close(struct recorder *r);

#endif
