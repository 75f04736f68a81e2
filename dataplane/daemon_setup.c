/*
 * daemon_setup.c - see daemon.h: the order in which a data plane comes up, and down again. What
 * needs rights comes first, then they go, and only then are threads made that read anything.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "config.h"
#include "daemon.h"
#include "live/log.h"

#ifdef PN_DPDK_PORT
#include "io/dpdk.h"
#endif

int daemon_load(struct daemon *d, const char *control_path, struct error *e)
{
    memset(d, 0, sizeof *d);
    d->janitor.fd = d->notify.fd = -1;
    int rc = control_attach(&d->control, control_path, &d->cfg, e);
    if (rc != 0)
        return rc;
    d->given_before = control_newest(&d->control);
    return config_check_live(&d->cfg, e);
}

static int open_shards(struct daemon *d, struct error *e)
{
    int rc = 0;
    for (uint32_t i = 0; i < d->cfg.shards && rc == 0; i++) {
        struct shard *s = aligned_alloc(64, (sizeof *s + 63) & ~(size_t)63);
        if (!s)
            return error_set(e, -ENOMEM, "no memory for a shard");
        memset(s, 0, sizeof *s);
        d->shard[d->shards++] = s;
        rc = shard_open(s, &d->cfg, i, &d->clock, e);
    }
    return rc;
}

/* Orders: the journal is read and the sockets are made by the user that will write them. */
static int open_desk(struct daemon *d, struct error *e)
{
    const struct pn_trade_control *trade = control_trade(&d->control);
    if (!trade->config.traded)
        return 0;
    if (d->cfg.trade_shard >= d->shards)
        return error_set(e, -EINVAL, "trade_shard %u: there are %u shards", d->cfg.trade_shard,
                         d->shards);
    struct shard *s = d->shard[d->cfg.trade_shard];
    d->trades = 1;
    int rc = shard_open_desk(s, trade, e);
    return rc ? rc : venue_start(s->venue, e);
}

/* Needs its rights: devices, programs on interfaces, memory for them. */
static int open_ports(struct daemon *d, struct error *e)
{
    int rc = 0;
#ifdef PN_DPDK_PORT
    for (uint32_t i = 0; i < d->cfg.ports && !d->dpdk; i++)
        if (d->cfg.port[i].kind == PN_PORT_DPDK) {
            rc = io_dpdk_start(d->cfg.eal, d->cfg.port, d->cfg.ports, -1, e);
            if (rc != 0)
                return rc;
            d->dpdk = 1;
        }
#endif
    for (uint32_t i = 0; i < d->shards && rc == 0; i++) {
        struct shard *s = d->shard[i];
        if (d->cfg.servers)
            rc = io_ring_open(&s->ring, RECOVERY_RING_BYTES, RECOVERY_RING_FRAMES,
                              IO_INPUT_RECOVERY, e);
        if (rc == 0)
            rc = shard_open_ports(s, e);
    }
    return rc;
}

/* Pages of what is mapped now are not to be swapped out; they are not touched before their time. */
static void lock_memory(void)
{
    struct rlimit limit = {0};
    int flags = MCL_CURRENT | MCL_ONFAULT;
    /* Where there is a limit, later memory would be refused once the right to pass it is gone. */
    if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur == RLIM_INFINITY)
        flags |= MCL_FUTURE;
    if (mlockall(flags) != 0)
        LOG("warning", "memory is not locked", LOG_TEXT("why", strerror(errno)),
            LOG_TEXT("help", "raise the limit of locked memory (LimitMEMLOCK, ulimit -l)"));
}

/* Threads that wait on sockets and files, never on the path. */
static int start_helpers(struct daemon *d, struct error *e)
{
    struct recovery_shard shard[PN_SHARDS_MAX] = {{0}};
    int rc = recorder_open(&d->recorder, &d->cfg, e);
    for (uint32_t i = 0; i < d->shards && rc == 0; i++) {
        struct shard *s = d->shard[i];
        rc = recorder_tap(d->recorder, i, s->port, s->daemon, &s->port, e);
        shard[i] = (struct recovery_shard){
            .channel = s->pipeline.channels.pub, .daemon = s->daemon, .ring = s->ring};
    }
    return rc ? rc : recovery_start(&d->recovery, &d->cfg, shard, e);
}

static uint32_t seccomp_profile(const struct pn_live_config *cfg, int trades)
{
    uint32_t profile = SECCOMP_ANY;
    for (uint32_t i = 0; i < cfg->ports; i++)
        if (cfg->port[i].kind == PN_PORT_AF_XDP || cfg->port[i].kind == PN_PORT_DPDK)
            profile |= SECCOMP_DEVICE;
    if (trades)
        profile |= SECCOMP_ORDERS;
    return profile;
}

int daemon_open(struct daemon *d, struct error *e)
{
    sigset_t all;
    sigfillset(&all); /* taken by daemon_run; threads inherit it */
    sigprocmask(SIG_SETMASK, &all, NULL);
    int rc = privileges_find_user(&d->identity, d->cfg.user, e);
    if (rc == 0 && d->identity.change)
        rc = janitor_start(&d->janitor, &d->cfg, e);
    if (rc != 0)
        return rc;
    privileges_raise_limits();
    notify_open(&d->notify);
    clock_init(&d->clock);
    rc = open_shards(d, e);
    if (rc == 0)
        rc = open_ports(d, e);
    if (rc == 0)
        lock_memory();
    if (rc == 0)
        rc = privileges_drop(&d->identity, e);
    if (rc == 0)
        rc = start_helpers(d, e);
    if (rc == 0)
        rc = open_desk(d, e);
    for (uint32_t i = 0; i < d->shards && rc == 0; i++) {
        shard_publish_ports(d->shard[i]);
        rc = shard_start(d->shard[i], e);
    }
    if (rc == 0 && d->cfg.seccomp)
        rc = seccomp_apply(seccomp_profile(&d->cfg, d->trades), e);
    return rc;
}

void daemon_close(struct daemon *d)
{
    recovery_stop(d->recovery);
    for (uint32_t i = 0; i < d->shards; i++) {
        shard_stop(d->shard[i]);
        shard_close_desk(d->shard[i]);
    }
    recorder_close(d->recorder);
    for (uint32_t i = 0; i < d->shards; i++) {
        /* A failed start leaves what it found. */
        shard_close(d->shard[i], d->keep || (!d->ended && d->shard[i]->attached));
        free(d->shard[i]);
    }
#ifdef PN_DPDK_PORT
    if (d->dpdk)
        io_dpdk_stop();
#endif
    janitor_end(&d->janitor, d->ended && !d->keep);
    notify_close(&d->notify);
    control_close(&d->control);
}
