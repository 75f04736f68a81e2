/* journal_file.c - see journal_file.h. */
#include "order/journal_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "abi_hash.h"
#include "order/journal.h"

enum { HEAD_CHECKED = offsetof(struct pn_journal_head, crc) };

void journal_file_name(char out[JOURNAL_NAME], uint32_t number)
{
    snprintf(out, JOURNAL_NAME, "journal-%08u.pnj", number);
}

/* The number in a file's name, 0 when it is not one of ours. */
static uint32_t number_of(const char *name)
{
    char again[JOURNAL_NAME];
    unsigned number = 0;
    if (sscanf(name, "journal-%8u.pnj", &number) != 1)
        return 0;
    journal_file_name(again, number);
    return strcmp(again, name) == 0 ? number : 0;
}

int journal_folder_range(int folder_fd, struct journal_range *out)
{
    *out = (struct journal_range){0};
    int fd = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        int rc = -errno;
        if (fd >= 0)
            close(fd);
        return rc;
    }
    const struct dirent *entry;
    while ((entry = readdir(dir)) != NULL) {
        uint32_t number = number_of(entry->d_name);
        if (!number)
            continue;
        if (!out->first || number < out->first)
            out->first = number;
        if (number > out->last)
            out->last = number;
    }
    closedir(dir);
    return 0;
}

int journal_head_read(int fd, const char *folder, uint32_t number, struct pn_journal_head *h,
                      struct error *e)
{
    char name[JOURNAL_NAME];
    journal_file_name(name, number);
    ssize_t n = pread(fd, h, sizeof *h, 0);
    if (n < 0)
        return error_set(e, -errno, "%s/%s: %s", folder, name, strerror(errno));
    if (n != sizeof *h || h->magic != JOURNAL_MAGIC || h->crc != crc32c(0, h, HEAD_CHECKED))
        return error_set(e, -EBADMSG, "%s/%s: the head of the file is damaged", folder, name);
    if (h->abi_hash != PN_ABI_HASH)
        return error_set(e, -EPROTO,
                         "%s/%s: written by a build with other layouts (%016llx, this one has "
                         "%016llx); use that build, or begin a new folder",
                         folder, name, (unsigned long long)h->abi_hash,
                         (unsigned long long)PN_ABI_HASH);
    if (h->number != number || h->bytes < JOURNAL_BYTES_MIN || h->bytes > JOURNAL_BYTES_MAX ||
        (h->bytes & (h->bytes - 1)) || !h->first_seq || h->first_seq > UINT64_MAX - h->bytes)
        return error_set(e, -EBADMSG, "%s/%s: its head is that of another file", folder, name);
    return 0;
}

/* Place on the disk for all of it, so that no later store can find the disk full. */
static int reserve(int fd, uint64_t bytes)
{
    if (fallocate(fd, 0, 0, (off_t)bytes) == 0)
        return 0;
    if (errno != EOPNOTSUPP)
        return -errno;
    static const uint8_t zeros[1 << 16];
    for (uint64_t at = 0; at < bytes; at += sizeof zeros) {
        ssize_t n = pwrite(fd, zeros, sizeof zeros, (off_t)at);
        if (n != sizeof zeros)
            return n < 0 ? -errno : -ENOSPC;
    }
    return 0;
}

static int map_file(struct journal_file *f)
{
    void *map = mmap(NULL, f->bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, f->fd, 0);
    if (map == MAP_FAILED)
        return -errno;
    f->map = map;
    return 0;
}

static void write_head(const struct journal_file *f, uint32_t shard)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct pn_journal_head h = {
        .magic = JOURNAL_MAGIC,
        .abi_hash = PN_ABI_HASH,
        .first_seq = f->first_seq,
        .bytes = f->bytes,
        .salt = f->salt,
        .number = f->number,
        .start_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec,
        .shard = shard,
    };
    h.crc = crc32c(0, &h, HEAD_CHECKED);
    memcpy(f->map, &h, sizeof h);
}

static int fill_file(struct journal_file *f, const struct journal *j)
{
    int rc = reserve(f->fd, f->bytes);
    if (rc == 0)
        rc = map_file(f);
    if (rc != 0)
        return rc;
    write_head(f, j->shard);
    /* The path waits for no disk: only who wants records on it wants the file there first. */
    return j->sync != PN_JS_NONE && fdatasync(f->fd) != 0 ? -errno : 0;
}

int journal_file_make(struct journal_file *f, const struct journal *j, uint32_t number,
                      uint64_t first_seq, struct error *e)
{
    char name[JOURNAL_NAME], part[JOURNAL_NAME + 8];
    journal_file_name(name, number);
    snprintf(part, sizeof part, "%s.part", name);
    *f = (struct journal_file){.bytes = j->file_bytes, .first_seq = first_seq, .number = number};
    if (getrandom(&f->salt, sizeof f->salt, 0) != sizeof f->salt)
        f->salt = (uint32_t)time(NULL) * 2654435761u ^ number;
    f->fd = openat(j->folder_fd, part, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (f->fd < 0)
        return error_set(e, -errno, "%s/%s: %s", j->folder, part, strerror(errno));
    int rc = fill_file(f, j);
    if (rc == 0 && renameat(j->folder_fd, part, j->folder_fd, name) != 0)
        rc = -errno;
    if (rc == 0 && j->sync != PN_JS_NONE && fsync(j->folder_fd) != 0)
        rc = -errno;
    if (rc != 0) {
        (void)unlinkat(j->folder_fd, part, 0);
        journal_file_close(f);
        return error_set(e, rc, "%s/%s: no room made for %llu bytes: %s", j->folder, name,
                         (unsigned long long)j->file_bytes, strerror(-rc));
    }
    return 0;
}

int journal_file_map(struct journal_file *f, const struct journal *j, uint32_t number,
                     struct error *e)
{
    char name[JOURNAL_NAME];
    struct pn_journal_head h;
    journal_file_name(name, number);
    *f = (struct journal_file){.number = number};
    f->fd = openat(j->folder_fd, name, O_RDWR | O_CLOEXEC);
    if (f->fd < 0)
        return error_set(e, -errno, "%s/%s: %s", j->folder, name, strerror(errno));
    int rc = journal_head_read(f->fd, j->folder, number, &h, e);
    if (rc == 0) {
        f->bytes = h.bytes;
        f->first_seq = h.first_seq;
        f->salt = h.salt;
        rc = reserve(f->fd, f->bytes); /* a copy may have lost its end or become sparse */
        if (rc == 0)
            rc = map_file(f);
        if (rc != 0)
            error_set(e, rc, "%s/%s: %s", j->folder, name, strerror(-rc));
    }
    if (rc != 0)
        journal_file_close(f);
    return rc;
}

void journal_file_close(struct journal_file *f)
{
    if (f->map)
        munmap(f->map, f->bytes);
    if (f->fd >= 0)
        close(f->fd);
    f->map = NULL;
    f->fd = -1;
}

int journal_file_unlink(int folder_fd, uint32_t number)
{
    char name[JOURNAL_NAME];
    journal_file_name(name, number);
    return unlinkat(folder_fd, name, 0) == 0 ? 0 : -errno;
}
