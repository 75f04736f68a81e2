/*
 * daemon_run.c - see daemon.h: the housekeeper. Signals, commands, the control plane's heartbeat,
 * what ports say of themselves, the clock, the service manager. It wakes every few milliseconds and
 * nothing on the path ever waits for it.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon.h"
#include "live/log.h"

enum { WAKE_MS = 5 };

#define PORTS_EVERY_NS 100000000ull
#define SYNC_EVERY_NS 250000000ull
#define SILENT_NS 1000000000ull /* a shard that has not gone round for so long hangs */

/* The answer first, the number of the command last. */
static void answer(struct daemon *d, const struct pn_command *c, int rc, const char *text)
{
    for (uint32_t i = 0; i < d->shards; i++) {
        struct pn_daemon *to = d->shard[i]->daemon;
        to->command_code = rc;
        snprintf(to->command_text, sizeof to->command_text, "%s", text);
        __atomic_store_n(&to->commands, c->number, __ATOMIC_RELEASE);
    }
    LOG(rc ? "warning" : "info", "command", LOG_NUMBER("number", c->number),
        LOG_NUMBER("kind", c->kind), LOG_NUMBER("code", rc), LOG_TEXT("answer", text));
}

/* 1: stop. */
static int do_command(struct daemon *d, const struct pn_command *c)
{
    struct error e = {.text = "done"};
    int rc = 0;
    switch (c->kind) {
    case PN_CMD_STOP:
        /* One for a data plane that did not hear it before it ended is not for the next one. */
        if (c->text[0] && strtol(c->text, NULL, 10) != getpid())
            break;
        answer(d, c, 0, "stopping");
        return 1;
    case PN_CMD_CAPTURE_START:
        rc = recorder_begin(d->recorder, c->shard, c->text, &e);
        break;
    case PN_CMD_CAPTURE_STOP:
        rc = recorder_end(d->recorder, c->shard, &e);
        break;
    default:
        rc = error_set(&e, -EINVAL, "no such command: %u", c->kind);
    }
    answer(d, c, rc, e.text);
    return 0;
}

static int do_commands(struct daemon *d)
{
    struct pn_command c;
    while (control_next(&d->control, d->commands, &c)) {
        d->commands = c.number;
        if (do_command(d, &c))
            return 1;
    }
    return 0;
}

/* Is the control plane there? The data plane goes on either way. */
static void watch_control(struct daemon *d, uint64_t now)
{
    uint64_t beat = control_heartbeat_ns(&d->control);
    uint64_t limit = (uint64_t)d->cfg.heartbeat_lost_ms * 1000000;
    uint32_t lost = now > beat && now - beat > limit;
    for (uint32_t i = 0; i < d->shards; i++) {
        struct pn_daemon *to = d->shard[i]->daemon;
        __atomic_store_n(&to->control_ok, !lost, __ATOMIC_RELAXED);
        if (lost && !d->lost)
            __atomic_store_n(&to->control_lost, to->control_lost + 1, __ATOMIC_RELAXED);
    }
    if (lost != d->lost)
        LOG(lost ? "warning" : "info",
            lost ? "control plane lost; going on without" : "control plane is back",
            LOG_NUMBER("silent_ms", now > beat ? (now - beat) / 1000000 : 0));
    d->lost = lost;
}

static int all_beat(const struct daemon *d)
{
    uint64_t last = 0, now = clock_now(&d->clock, &last);
    for (uint32_t i = 0; i < d->shards; i++) {
        uint64_t beat = __atomic_load_n(&d->shard[i]->header->heartbeat_ns, __ATOMIC_ACQUIRE);
        if (now > beat && now - beat > SILENT_NS + d->cfg.shard[i].idle_sleep_us * 1000ull)
            return 0;
    }
    return 1;
}

static void keep_house(struct daemon *d, uint64_t now)
{
    watch_control(d, now);
    if (now >= d->next_ports_ns) {
        d->next_ports_ns = now + PORTS_EVERY_NS;
        for (uint32_t i = 0; i < d->shards; i++)
            shard_publish_ports(d->shard[i]);
    }
    if (now >= d->next_sync_ns) {
        d->next_sync_ns = now + SYNC_EVERY_NS;
        int64_t off = clock_sync(&d->clock);
        if (off > CLOCK_STEP_NS || off < -CLOCK_STEP_NS)
            LOG("warning", "wall clock was stepped", LOG_NUMBER("ns", -off));
    }
    /* A shard that hangs is not hidden from the service manager. */
    if (d->notify.watchdog_ns && now >= d->next_watchdog_ns && all_beat(d)) {
        d->next_watchdog_ns = now + d->notify.watchdog_ns;
        notify_send(&d->notify, "WATCHDOG=1");
    }
}

/* Commands that were given before this segment's first data plane are another run's. */
static uint64_t first_command(const struct daemon *d)
{
    uint64_t done = UINT64_MAX, newest = d->given_before;
    for (uint32_t i = 0; i < d->shards; i++) {
        const struct shard *s = d->shard[i];
        uint64_t answered = s->attached ? s->daemon->commands : newest;
        if (answered < done)
            done = answered;
    }
    return done < newest ? done : newest;
}

static void say_ready(struct daemon *d)
{
    for (uint32_t i = 0; i < d->shards; i++) {
        const struct shard *s = d->shard[i];
        LOG("info", s->attached ? "shard took over its books" : "shard is up",
            LOG_NUMBER("shard", i), LOG_TEXT("state", s->region.path),
            LOG_NUMBER("hugepages", s->header->hugepages), LOG_NUMBER("starts", s->daemon->starts),
            LOG_NUMBER("repaired", s->daemon->repaired),
            LOG_NUMBER("reattach_us", s->daemon->reattach_ns / 1000));
    }
    LOG("info", "ready", LOG_TEXT("instance", d->cfg.instance), LOG_NUMBER("pid", getpid()),
        LOG_NUMBER("shards", d->shards), LOG_NUMBER("ports", d->cfg.ports));
    notify_send(&d->notify, "READY=1\nSTATUS=receiving");
}

void daemon_run(struct daemon *d)
{
    const struct timespec wake = {.tv_nsec = WAKE_MS * 1000000l};
    sigset_t all;
    sigfillset(&all);
    d->commands = first_command(d);
    watch_control(d, ticks_wall_ns());
    say_ready(d);
    for (uint32_t i = 0; i < d->shards; i++)
        shard_prefault(d->shard[i]);
    for (;;) {
        int signal = sigtimedwait(&all, NULL, &wake);
        if (signal == SIGTERM || signal == SIGINT) {
            LOG("info", "stopping", LOG_TEXT("why", signal == SIGTERM ? "SIGTERM" : "SIGINT"));
            break;
        }
        if (do_commands(d)) {
            LOG("info", "stopping", LOG_TEXT("why", "command"));
            break;
        }
        keep_house(d, ticks_wall_ns());
    }
    notify_send(&d->notify, "STOPPING=1");
    d->ended = 1;
}
