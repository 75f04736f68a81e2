/*
 * daemon.h - one data plane: from a control segment to running shards and back. The main thread of
 * pinnacle-dp; exit codes are those of pinnacle-ctl.
 */
#ifndef PN_DAEMON_H
#define PN_DAEMON_H

#include "live/janitor.h"
#include "live/notify.h"
#include "live/privileges.h"
#include "live/recorder.h"
#include "live/recovery.h"
#include "shard.h"
#include "shm/control.h"

struct daemon {
    struct pn_live_config cfg; /* our own copy, checked */
    struct control control;
    struct clock clock;
    struct notify notify;
    struct janitor janitor;
    struct identity identity;
    struct recorder *recorder;
    struct recovery *recovery;
    struct shard *shard[PN_SHARDS_MAX];
    uint32_t shards;
    uint32_t ended;  /* leave no state behind */
    uint32_t keep;   /* told to leave it anyway */
    uint32_t dpdk;   /* DPDK runs */
    uint32_t trades; /* one of the shards does */
    /* The housekeeper's. */
    uint64_t commands;     /* number of the last one done */
    uint64_t given_before; /* ... of the last one given when the configuration was read */
    uint64_t next_ports_ns, next_sync_ns, next_watchdog_ns;
    uint64_t since_ns;
    uint32_t lost; /* the control plane's heartbeat is */
};

/* Reads and checks the configuration; nothing is opened yet. (daemon_setup.c) */
int daemon_load(struct daemon *d, const char *control_path, struct error *e);
/* Segments, ports, threads; then privileges go. (daemon_setup.c) */
int daemon_open(struct daemon *d, struct error *e);
/* Runs until it is told to stop by a signal or a command. (daemon_run.c) */
void daemon_run(struct daemon *d);
/* Ends everything that was opened; also after a failed daemon_open. (daemon_setup.c) */
void daemon_close(struct daemon *d);

#endif
