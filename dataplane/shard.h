/*
 * shard.h - one polling core: its state segment, its ports, its thread. Set up and watched by the
 * daemon's main thread; between shard_start and shard_stop the thread owns pipeline and ports, and
 * the main thread only reads what is meant to be read.
 */
#ifndef PN_SHARD_H
#define PN_SHARD_H

#include <pthread.h>

#include "base/clock.h"
#include "desk.h"
#include "live/venue.h"
#include "pipeline.h"
#include "shm/abi_control.h"

struct shard {
    struct pipeline pipeline;
    const struct pn_live_config *cfg;
    const struct clock *clock;
    uint32_t number;
    struct region region;
    struct pn_region_header *header;
    struct pn_daemon *daemon;
    struct pn_histogram *latency;
    struct io_port *input[PN_PORTS_MAX]; /* by index in pn_live_config.port; NULL: another's */
    struct io_port *ring;                /* frames of recovery */
    struct io_port *port;                /* all of them as one; owns them */
    uint32_t live;                       /* frames carry the present time: latency makes sense */
    uint32_t attached;                   /* the state was there before */
    struct desk *desk;                   /* NULL: this shard does not trade */
    struct venue *venue;                 /* its order sessions' sockets */
    uint64_t winding_ns;                 /* told to end since then */
    uint64_t last_ns;
    pthread_t thread;
    uint32_t started;
    uint32_t stop; /* atomic */
};

/* Makes or takes over the state segment and declares the channels. */
int shard_open(struct shard *s, const struct pn_live_config *cfg, uint32_t number,
               const struct clock *clock, struct error *e);
/* Makes it trade; its journal is read. (shard_trade.c) */
int shard_open_desk(struct shard *s, const struct pn_trade_control *trade, struct error *e);
void shard_close_desk(struct shard *s);
/* Called by its thread. fresh: frames have come since the last call. */
void shard_trade_begin(struct shard *s);
void shard_trade(struct shard *s, uint64_t now, int fresh);
int shard_trade_wind_down(struct shard *s, uint64_t now);
/* Opens its ports, which are then one: shard->port. */
int shard_open_ports(struct shard *s, struct error *e);
/* Starts its thread, pinned where the configuration says so. */
int shard_start(struct shard *s, struct error *e);
/* Ends the thread. */
void shard_stop(struct shard *s);
/* Closes the ports; the segment is removed, or left for a later run. */
void shard_close(struct shard *s, int keep);
/* Copies what the ports say of themselves into the segment; slow, main thread. */
void shard_publish_ports(struct shard *s);
/* Touches all memory of the segment, so that the path never waits for a page; slow, main thread. */
void shard_prefault(struct shard *s);

#endif
