/* control.c - see control.h for the reading side and live.h for the writing one. */
#include "shm/control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "abi_hash.h"
#include "live.h"

enum { HUGE_PAGE = 2 << 20 };

struct pn_control_writer {
    struct pn_control *seg;
    uint64_t bytes;
    int fd; /* its lock says that a writer lives */
    char path[PN_PATH_LEN];
};

/* Files on hugetlbfs are whole huge pages. */
static uint64_t segment_bytes(int fd)
{
    struct stat st;
    uint64_t bytes = sizeof(struct pn_control);
    if (fstat(fd, &st) == 0 && st.st_blksize == HUGE_PAGE)
        bytes = (bytes + HUGE_PAGE - 1) & ~(uint64_t)(HUGE_PAGE - 1);
    return bytes;
}

static int check_segment(const struct pn_control *seg, const char *path, struct error *e)
{
    if (__atomic_load_n(&seg->magic, __ATOMIC_ACQUIRE) != PN_CONTROL_MAGIC) /* of begin_segment */
        return error_set(e, -EINVAL, "%s is not a PinnacleMM control segment", path);
    if (seg->abi_version != PN_ABI_VERSION || seg->abi_hash != PN_ABI_HASH)
        return error_set(e, -EPROTO,
                         "%s was written by another build (ABI %016llx, this one %016llx); stop "
                         "the instance and start it with one build",
                         path, (unsigned long long)seg->abi_hash, (unsigned long long)PN_ABI_HASH);
    return 0;
}

/* Opens or makes the file and takes the writer's lock on it. */
static int open_locked(const char *path, struct error *e)
{
    for (;;) {
        struct stat st = {0}, now;
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
            return error_set(e, -errno, "cannot open control segment %s: %s", path,
                             strerror(errno));
        if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
            int rc = errno == EWOULDBLOCK ? -EALREADY : -errno;
            close(fd);
            return error_set(e, rc, "%s: %s", path,
                             rc == -EALREADY ? "another control plane runs on it" : strerror(-rc));
        }
        /* It may have been removed between the two calls. */
        if (fstat(fd, &st) == 0 && stat(path, &now) == 0 && st.st_ino == now.st_ino &&
            st.st_dev == now.st_dev && S_ISREG(st.st_mode)) {
            (void)fchmod(fd, 0600);
            return fd;
        }
        close(fd);
        if (st.st_mode && !S_ISREG(st.st_mode))
            return error_set(e, -EINVAL, "%s is not a file", path);
    }
}

/* Readers check the magic first: it appears last. */
static void begin_segment(struct pn_control_writer *w, const struct pn_live_config *cfg)
{
    memset(w->seg, 0, sizeof *w->seg);
    w->seg->abi_hash = PN_ABI_HASH;
    w->seg->abi_version = PN_ABI_VERSION;
    w->seg->bytes = w->bytes;
    w->seg->config = *cfg;
    __atomic_store_n(&w->seg->magic, PN_CONTROL_MAGIC, __ATOMIC_RELEASE);
}

static int map_segment(struct pn_control_writer *w, const struct pn_live_config *cfg,
                       struct error *e)
{
    struct stat st;
    if (fstat(w->fd, &st) != 0)
        return error_set(e, -errno, "%s: %s", w->path, strerror(errno));
    int is_new = st.st_size == 0;
    w->bytes = is_new ? segment_bytes(w->fd) : (uint64_t)st.st_size;
    if (is_new && ftruncate(w->fd, (off_t)w->bytes) != 0)
        return error_set(e, -errno, "cannot size control segment %s: %s", w->path, strerror(errno));
    if (w->bytes < sizeof *w->seg)
        return error_set(e, -EPROTO, "%s was written by another build; remove it", w->path);
    w->seg = mmap(NULL, w->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, w->fd, 0);
    if (w->seg == MAP_FAILED) {
        w->seg = NULL;
        return error_set(e, -errno, "cannot map control segment %s: %s", w->path, strerror(errno));
    }
    if (!w->seg->magic) { /* new, or its maker died on the way */
        begin_segment(w, cfg);
    } else {
        int rc = check_segment(w->seg, w->path, e);
        if (rc != 0)
            return rc;
        if (memcmp(&w->seg->config, cfg, sizeof *cfg) != 0)
            return error_set(e, -EBUSY,
                             "%s holds another configuration; stop the instance that uses it",
                             w->path);
    }
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    w->seg->pid = (uint32_t)getpid();
    w->seg->start_ns = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
    w->seg->attaches++;
    return 0;
}

struct pn_control_writer *pn_control_open(const char *path, const struct pn_live_config *cfg,
                                          char *err, uint64_t err_len)
{
    struct error e = {0};
    struct pn_control_writer *w = calloc(1, sizeof *w);
    int rc = w ? pn_live_config_check(cfg, e.text, sizeof e.text)
               : error_set(&e, -ENOMEM, "no memory for a control segment");
    if (rc == 0 && (size_t)snprintf(w->path, sizeof w->path, "%s", path) >= sizeof w->path)
        rc = error_set(&e, -ENAMETOOLONG, "path of the control segment is too long");
    if (w)
        w->fd = -1;
    if (rc == 0)
        rc = w->fd = open_locked(path, &e);
    if (rc >= 0)
        rc = map_segment(w, cfg, &e);
    if (rc == 0) {
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        pn_control_beat(w, (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec);
        return w;
    }
    pn_control_close(w, 0);
    if (err && err_len)
        snprintf(err, err_len, "%s", e.text);
    errno = -rc;
    return NULL;
}

void pn_control_close(struct pn_control_writer *w, int remove)
{
    if (!w)
        return;
    if (w->seg)
        munmap(w->seg, w->bytes);
    if (remove)
        unlink(w->path);
    if (w->fd >= 0)
        close(w->fd);
    free(w);
}

void pn_control_beat(struct pn_control_writer *w, uint64_t monotonic_ns)
{
    __atomic_store_n(&w->seg->heartbeat_ns, monotonic_ns, __ATOMIC_RELEASE);
}

struct pn_trade_control *pn_control_trade(struct pn_control_writer *w)
{
    return &w->seg->trade;
}

/*
 * The data plane answers in its own segment, which is not seen from here; a ring is full when its
 * oldest command was given so lately that it may not have been read. The number is written last.
 */
int64_t pn_control_command(struct pn_control_writer *w, uint32_t kind, uint32_t shard,
                           const char *text)
{
    if (kind == PN_CMD_NONE || kind > PN_CMD_CAPTURE_STOP || shard > PN_SHARDS_MAX ||
        strlen(text) >= PN_COMMAND_TEXT)
        return -EINVAL;
    uint64_t number = w->seg->last_command + 1, now = w->seg->heartbeat_ns;
    struct pn_command *c = &w->seg->command[number % PN_COMMANDS];
    if (c->number && now - c->reserved[0] < 1000000000u && now >= c->reserved[0])
        return -EAGAIN;
    __atomic_store_n(&c->number, 0, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    c->kind = kind;
    c->shard = shard;
    memset(c->text, 0, sizeof c->text);
    memcpy(c->text, text, strlen(text));
    c->reserved[0] = now;
    __atomic_store_n(&c->number, number, __ATOMIC_RELEASE); /* acquired by control_next */
    __atomic_store_n(&w->seg->last_command, number, __ATOMIC_RELEASE);
    return (int64_t)number;
}

int control_attach(struct control *c, const char *path, struct pn_live_config *cfg, struct error *e)
{
    struct stat st;
    int rc, fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return error_set(e, -errno, "cannot open control segment %s: %s", path,
                         errno == ELOOP ? "it is a symbolic link" : strerror(errno));
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || (uint64_t)st.st_size < sizeof *c->seg)
        rc = error_set(e, -EINVAL, "%s is not a PinnacleMM control segment", path);
    else if ((st.st_mode & (S_IWGRP | S_IWOTH)) || (st.st_uid != geteuid() && st.st_uid != 0))
        rc = error_set(e, -EPERM, "%s can be written by others; it must be ours and of mode 0600",
                       path);
    else {
        c->bytes = (uint64_t)st.st_size;
        void *at = mmap(NULL, c->bytes, PROT_READ, MAP_SHARED, fd, 0);
        rc = at == MAP_FAILED ? error_set(e, -errno, "cannot map %s: %s", path, strerror(errno))
                              : check_segment(at, path, e);
        c->seg = at == MAP_FAILED ? NULL : at;
    }
    close(fd);
    if (rc != 0)
        control_close(c);
    else
        memcpy(cfg, &c->seg->config, sizeof *cfg);
    return rc;
}

void control_close(struct control *c)
{
    if (c->seg)
        munmap((void *)(uintptr_t)c->seg, c->bytes);
    c->seg = NULL;
}

const struct pn_trade_control *control_trade(const struct control *c)
{
    return &c->seg->trade;
}

uint64_t control_heartbeat_ns(const struct control *c)
{
    return __atomic_load_n(&c->seg->heartbeat_ns, __ATOMIC_ACQUIRE);
}

uint64_t control_newest(const struct control *c)
{
    return __atomic_load_n(&c->seg->last_command, __ATOMIC_ACQUIRE);
}

int control_next(const struct control *c, uint64_t done, struct pn_command *out)
{
    uint64_t newest = control_newest(c);
    if (newest <= done)
        return 0;
    uint64_t number = newest - done > PN_COMMANDS ? newest - PN_COMMANDS + 1 : done + 1;
    for (uint64_t left = newest - number + 1; left; left--, number++) {
        const struct pn_command *from = &c->seg->command[number % PN_COMMANDS];
        if (__atomic_load_n(&from->number, __ATOMIC_ACQUIRE) != number)
            continue; /* written over, or nonsense */
        memcpy(out, from, sizeof *out);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (__atomic_load_n(&from->number, __ATOMIC_RELAXED) != number)
            continue;
        out->number = number;
        out->text[PN_COMMAND_TEXT - 1] = 0;
        return 1;
    }
    return 0;
}
