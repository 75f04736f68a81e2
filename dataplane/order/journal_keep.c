/*
 * journal_keep.c - the journal's housekeeper: the next file before it is needed, what is full out
 * of the way, records on the disk when it is time, pages ahead of the path ready to be stored to.
 */
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "order/journal.h"
#include "order/journal_file.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

enum {
    IDLE_US = 1000,
    WAIT_US = 50,
    AHEAD_BYTES = 1 << 20 /* further than the path gets while the housekeeper sleeps, as a rule */
};

static uint64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void fail(struct journal *j, int rc)
{
    __atomic_store_n(&j->failed, rc, __ATOMIC_RELEASE);
}

static struct journal_file *written(struct journal *j)
{
    return &j->file[__atomic_load_n(&j->turns, __ATOMIC_ACQUIRE) & 1];
}

/* The full file goes, an empty one comes in its place. */
static void turn_over(struct journal *j)
{
    struct journal_file *old = &j->file[j->ready & 1], *now = written(j);
    if (old->map) {
        if (j->sync != PN_JS_NONE && fdatasync(old->fd) != 0)
            fail(j, -errno);
        journal_file_close(old);
    }
    int rc =
        journal_file_make(old, j, now->number + 1, now->first_seq + journal_room(now->bytes), NULL);
    __atomic_store_n(&j->trouble, rc, __ATOMIC_RELAXED);
    if (rc == 0)
        __atomic_store_n(&j->ready, j->ready + 1, __ATOMIC_RELEASE);
}

/*
 * After the kernel has written a page back, the next store to it is a fault, a microsecond or so;
 * taken here instead of on the path. Changes nothing in the pages.
 */
static void ready_ahead(struct journal *j)
{
    struct journal_file *f = written(j);
    uint8_t *next = (uint8_t *)__atomic_load_n(&j->next, __ATOMIC_RELAXED);
    if (next < f->map || next >= f->map + f->bytes)
        return; /* the path has just turned */
    uint64_t at = (uint64_t)(next - f->map) & ~4095ull, left = f->bytes - at;
    (void)madvise(f->map + at, left < AHEAD_BYTES ? left : AHEAD_BYTES, MADV_POPULATE_WRITE);
}

void journal_keep_once(struct journal *j)
{
    if (j->ready != __atomic_load_n(&j->turns, __ATOMIC_ACQUIRE))
        turn_over(j);
    if (j->sync == PN_JS_INTERVAL) {
        uint64_t now = clock_ns();
        if (now - j->synced_ns >= j->sync_ns) {
            j->synced_ns = now;
            if (fdatasync(written(j)->fd) != 0)
                fail(j, -errno);
        }
    }
}

static void *run(void *arg)
{
    struct journal *j = arg;
    while (!__atomic_load_n(&j->stop, __ATOMIC_RELAXED)) {
        pthread_mutex_lock(&j->lock);
        journal_keep_once(j);
        ready_ahead(j);
        pthread_mutex_unlock(&j->lock);
        nanosleep(&(struct timespec){.tv_nsec = IDLE_US * 1000L}, NULL);
    }
    return NULL;
}

int journal_keeper_start(struct journal *j, struct error *e)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the main thread's */
    int rc = -pthread_create(&j->thread, NULL, run, j);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0)
        return error_set(e, rc, "no thread for the journal: %s", strerror(-rc));
    pthread_setname_np(j->thread, "pn-journal");
    j->threaded = 1;
    return 0;
}

void journal_keeper_stop(struct journal *j)
{
    if (!j->threaded)
        return;
    __atomic_store_n(&j->stop, 1, __ATOMIC_RELAXED);
    pthread_join(j->thread, NULL);
    j->threaded = 0;
}

/* Three quarters of the file are used and there is no other. */
static int running_out(const struct journal *j)
{
    if (__atomic_load_n(&j->ready, __ATOMIC_ACQUIRE) == j->turns || journal_trouble(j) != 0)
        return 0;
    uint64_t left = (uint64_t)((uint8_t *)j->end - (uint8_t *)j->next);
    return left < j->file[j->turns & 1].bytes / 4;
}

void journal_keep(struct journal *j)
{
    if (j->memory)
        return;
    if (j->threaded) {
        while (PN_UNLIKELY(running_out(j)))
            nanosleep(&(struct timespec){.tv_nsec = WAIT_US * 1000L}, NULL);
        return;
    }
    if (j->sync != PN_JS_INTERVAL && j->ready == j->turns)
        return;
    pthread_mutex_lock(&j->lock);
    journal_keep_once(j);
    pthread_mutex_unlock(&j->lock);
}

int journal_sync(struct journal *j)
{
    int rc = __atomic_load_n(&j->failed, __ATOMIC_RELAXED);
    if (j->memory || rc != 0)
        return rc ? -ENOSPC : 0;
    pthread_mutex_lock(&j->lock);
    const struct journal_file *old = &j->file[j->ready & 1];
    if (j->ready != j->turns && old->map && fdatasync(old->fd) != 0)
        rc = -errno; /* full, and the housekeeper has not got to it yet */
    if (rc == 0 && fdatasync(written(j)->fd) != 0)
        rc = -errno;
    pthread_mutex_unlock(&j->lock);
    if (rc != 0)
        fail(j, rc);
    return rc ? -ENOSPC : 0;
}
