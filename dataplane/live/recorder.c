/* recorder.c - see recorder.h. */
#include "live/recorder.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "io/pcapng_write.h"
#include "live/log.h"

enum {
    IDLE_US = 500,    /* between looks at rings that were empty */
    SETTLE_MS = 20,   /* after switching off: a shard in its idle sleep may still copy a burst */
    FLUSH_IDLE = 200, /* looks in vain after which the buffer goes to the file */
    PATH_MAX_LEN = 2 * PN_PATH_LEN
};

struct track {
    struct io_port *ring;
    struct io_port *tap;
    struct pn_daemon *daemon;
    struct pcapng_writer *file; /* under the lock; NULL = not recording */
    uint64_t limit;             /* bytes a file, 0 = any */
    uint64_t frames;            /* written since the recorder was opened */
    uint64_t refused;           /* not written: error of the file */
    int error;                  /* for which the last recording ended by itself */
    uint32_t part;
    uint32_t idle;
    char path[PATH_MAX_LEN];
};

struct recorder {
    pthread_t thread;
    pthread_mutex_t lock; /* between the thread and begin/end; the path takes no part */
    _Atomic int stop;
    uint32_t shards;
    uint32_t interfaces;
    struct pcapng_interface interface[PN_PORTS_MAX + 1];
    char name[PN_PORTS_MAX][PN_NAME_LEN];
    char run_dir[PN_PATH_LEN];
    struct track track[PN_SHARDS_MAX];
};

/* path with `insert` in front of its suffix. */
static void with_insert(char *out, const char *path, const char *insert)
{
    const char *base = strrchr(path, '/'), *dot = strrchr(path, '.');
    size_t head = dot && dot > (base ? base + 1 : path) ? (size_t)(dot - path) : strlen(path);
    snprintf(out, PATH_MAX_LEN, "%.*s%s%s", (int)head, path, insert, path + head);
}

static int open_part(struct recorder *r, struct track *t, struct error *e)
{
    char insert[16], path[PATH_MAX_LEN];
    snprintf(insert, sizeof insert, ".%u", t->part);
    with_insert(path, t->path, t->part ? insert : "");
    return pcapng_create(&t->file, path, r->interface, r->interfaces, e);
}

/* Counters of a shard; one writer. */
static void publish(struct track *t)
{
    struct pn_daemon *d = t->daemon;
    uint64_t copied, dropped;
    io_tap_counts(t->tap, &copied, &dropped);
    __atomic_store_n(&d->captured, t->frames, __ATOMIC_RELAXED);
    __atomic_store_n(&d->capture_drops, dropped + t->refused, __ATOMIC_RELAXED);
    __atomic_store_n(&d->capturing, t->file != NULL, __ATOMIC_RELAXED);
}

static void close_file(struct track *t)
{
    if (t->file)
        pcapng_close(t->file, NULL);
    t->file = NULL;
}

/* A disk that is full ends the recording, not the run. The next capture stop says so. */
static void end_by_error(struct track *t, int rc)
{
    io_tap_record(t->tap, 0);
    close_file(t);
    t->error = rc;
    LOG("warning", "recording ended", LOG_TEXT("file", t->path), LOG_TEXT("why", strerror(-rc)));
}

/* What a ring holds now goes to the file; returns how many frames that were. */
static uint32_t drain(struct recorder *r, struct track *t)
{
    struct io_frame frame[IO_BURST_MAX];
    uint32_t n = t->ring->ops->rx_burst(t->ring, frame, IO_BURST_MAX);
    int failed = 0;
    for (uint32_t i = 0; i < n && t->file; i++) {
        int rc = pcapng_write(t->file, &frame[i]);
        t->frames += rc == 0;
        t->refused += rc != 0;
        if (rc != 0 && rc != -EINVAL) /* that is a frame of no use, not the file's fault */
            failed = rc;
    }
    if (t->file && !failed && t->limit && pcapng_bytes(t->file) >= t->limit) {
        close_file(t);
        t->part++;
        failed = open_part(r, t, NULL);
    }
    t->idle = n ? 0 : t->idle + 1;
    if (t->file && !failed && t->idle == FLUSH_IDLE)
        failed = pcapng_flush(t->file);
    if (failed)
        end_by_error(t, failed);
    return n;
}

static void *run(void *arg)
{
    struct recorder *r = arg;
    while (!atomic_load_explicit(&r->stop, memory_order_relaxed)) {
        uint32_t n = 0;
        pthread_mutex_lock(&r->lock);
        for (uint32_t i = 0; i < r->shards; i++)
            if (r->track[i].tap) {
                n += drain(r, &r->track[i]);
                publish(&r->track[i]);
            }
        pthread_mutex_unlock(&r->lock);
        if (!n)
            nanosleep(&(struct timespec){.tv_nsec = IDLE_US * 1000L}, NULL);
    }
    return NULL;
}

int recorder_open(struct recorder **out, const struct pn_live_config *cfg, struct error *e)
{
    struct recorder *r = calloc(1, sizeof *r);
    if (!r)
        return error_set(e, -ENOMEM, "no memory for the recorder");
    r->shards = cfg->shards;
    snprintf(r->run_dir, sizeof r->run_dir, "%s", cfg->run_dir);
    for (uint32_t i = 0; i < cfg->ports; i++) {
        memcpy(r->name[i], cfg->port[i].name, PN_NAME_LEN);
        r->name[i][PN_NAME_LEN - 1] = 0;
        r->interface[r->interfaces++] =
            (struct pcapng_interface){.name = r->name[i], .input = (uint16_t)i};
    }
    r->interface[r->interfaces++] =
        (struct pcapng_interface){.name = "recovery", .input = IO_INPUT_RECOVERY};
    pthread_mutex_init(&r->lock, NULL);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the main thread's */
    int rc = -pthread_create(&r->thread, NULL, run, r);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0) {
        pthread_mutex_destroy(&r->lock);
        free(r);
        return error_set(e, rc, "no thread for the recorder: %s", strerror(-rc));
    }
    pthread_setname_np(r->thread, "pn-recorder");
    *out = r;
    return 0;
}

int recorder_tap(struct recorder *r, uint32_t shard, struct io_port *port, struct pn_daemon *daemon,
                 struct io_port **tap, struct error *e)
{
    struct track *t = &r->track[shard];
    struct io_port *ring;
    int rc = io_ring_open(&ring, RECORDER_RING_BYTES, RECORDER_RING_FRAMES, port->input, e);
    if (rc != 0)
        return rc;
    rc = io_tap_open(tap, port, ring, e);
    if (rc != 0) {
        ring->ops->close(ring);
        return rc;
    }
    pthread_mutex_lock(&r->lock);
    t->ring = ring;
    t->daemon = daemon;
    t->tap = *tap;
    pthread_mutex_unlock(&r->lock);
    return 0;
}

/* Path and limit of a command's text. */
static int parse(const struct recorder *r, const char *text, char path[PATH_MAX_LEN],
                 uint64_t *limit, struct error *e)
{
    const char *end = strchrnul(text, '\n');
    char *after = NULL;
    *limit = *end ? strtoull(end + 1, &after, 10) : 0;
    if (end == text || (*end && (after == end + 1 || *after)))
        return error_set(e, -EINVAL, "capture: give a file, and bytes a file as a number");
    int len = (int)(end - text);
    if (text[0] == '/')
        snprintf(path, PATH_MAX_LEN, "%.*s", len, text);
    else
        snprintf(path, PATH_MAX_LEN, "%s/%.*s", r->run_dir, len, text);
    return 0;
}

static int begin_shard(struct recorder *r, uint32_t shard, const char *path, uint64_t limit,
                       struct error *e)
{
    struct track *t = &r->track[shard];
    char insert[16];
    if (!t->tap)
        return error_set(e, -EINVAL, "capture: there is no shard %u", shard);
    if (t->file)
        return error_set(e, -EALREADY, "capture: already recording to %s; stop it first", t->path);
    snprintf(insert, sizeof insert, "-%u", shard);
    with_insert(t->path, path, r->shards > 1 ? insert : "");
    t->limit = limit;
    t->part = 0;
    t->error = 0;
    while (t->ring->ops->rx_burst(t->ring, (struct io_frame[IO_BURST_MAX]){0}, IO_BURST_MAX))
        ; /* of an earlier recording that ended badly */
    int rc = open_part(r, t, e);
    if (rc == 0)
        io_tap_record(t->tap, 1);
    publish(t);
    return rc;
}

int recorder_begin(struct recorder *r, uint32_t shard, const char *text, struct error *e)
{
    char path[PATH_MAX_LEN];
    uint64_t limit;
    int rc = parse(r, text, path, &limit, e);
    if (rc != 0)
        return rc;
    if (shard < PN_SHARDS_MAX && shard >= r->shards)
        return error_set(e, -EINVAL, "capture: there is no shard %u", shard);
    pthread_mutex_lock(&r->lock);
    uint32_t begun = 0;
    for (uint32_t i = 0; i < r->shards && rc == 0; i++)
        if (shard == PN_SHARDS_MAX || shard == i) {
            rc = begin_shard(r, i, path, limit, e);
            begun |= (uint32_t)(rc == 0) << i;
        }
    /* All of them or none: a refused command leaves nothing that records. */
    for (uint32_t i = 0; i < r->shards && rc != 0; i++)
        if (begun >> i & 1) {
            io_tap_record(r->track[i].tap, 0);
            close_file(&r->track[i]);
            (void)unlink(r->track[i].path);
            publish(&r->track[i]);
        }
    pthread_mutex_unlock(&r->lock);
    return rc;
}

/* Nothing is being recorded: because of an error that nobody has been told of yet? */
static int tell_error(struct recorder *r, uint32_t shard, struct error *e)
{
    for (uint32_t i = 0; i < r->shards; i++) {
        struct track *t = &r->track[i];
        int rc = t->error;
        if (!rc || (shard != PN_SHARDS_MAX && shard != i))
            continue;
        t->error = 0;
        return error_set(e, rc, "capture: the recording to %s had ended: %s", t->path,
                         strerror(-rc));
    }
    return error_set(e, -ENODATA, "capture: nothing is being recorded");
}

static int end_shard(struct recorder *r, struct track *t, struct error *e)
{
    while (drain(r, t))
        ;
    int rc = t->file ? pcapng_close(t->file, e) : 0;
    t->file = NULL;
    publish(t);
    return rc;
}

int recorder_end(struct recorder *r, uint32_t shard, struct error *e)
{
    uint32_t ending = 0;
    pthread_mutex_lock(&r->lock);
    for (uint32_t i = 0; i < r->shards; i++)
        if ((shard == PN_SHARDS_MAX || shard == i) && r->track[i].file) {
            io_tap_record(r->track[i].tap, 0);
            ending |= 1u << i;
        }
    int told = ending ? 0 : tell_error(r, shard, e);
    pthread_mutex_unlock(&r->lock);
    if (!ending)
        return told;
    nanosleep(&(struct timespec){.tv_nsec = SETTLE_MS * 1000000L}, NULL);
    int rc = 0;
    pthread_mutex_lock(&r->lock);
    for (uint32_t i = 0; i < r->shards; i++)
        if (ending >> i & 1) {
            int one = end_shard(r, &r->track[i], rc ? NULL : e);
            rc = rc ? rc : one;
        }
    pthread_mutex_unlock(&r->lock);
    return rc;
}

void recorder_close(struct recorder *r)
{
    if (!r)
        return;
    atomic_store_explicit(&r->stop, 1, memory_order_relaxed);
    pthread_join(r->thread, NULL);
    for (uint32_t i = 0; i < r->shards; i++)
        if (r->track[i].tap) {
            io_tap_record(r->track[i].tap, 0);
            end_shard(r, &r->track[i], NULL);
            r->track[i].ring->ops->close(r->track[i].ring);
        }
    pthread_mutex_destroy(&r->lock);
    free(r);
}
