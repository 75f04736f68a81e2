/*
 * journal_read.c - records of a folder in order, each one checked. Files are read, not mapped, so
 * that a disk that fails or a file that is cut under the reader is an error and no signal.
 *
 * The end is where no sound record follows. A sound one behind an unsound one is damage: something
 * in the middle is lost, and who would go on without it would not have the state that was.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "order/journal.h"
#include "order/journal_file.h"

enum { BUFFER_RECORDS = 4096 };

struct journal_reader {
    char folder[256];
    int folder_fd;
    int fd;
    uint32_t number;
    uint32_t salt;
    uint64_t room;      /* records of the file */
    uint64_t first_seq; /* of the file */
    uint64_t index;     /* of the next record in the file */
    uint64_t at;        /* record that the buffer begins with */
    uint64_t have;      /* records in the buffer */
    uint64_t end_index; /* where the end was last found, + 1 */
    struct journal_read_stats stats;
    struct pn_journal_record buffer[BUFFER_RECORDS];
};

/* Fills `to` with the file's records from `index` on; what the file is short of is zeros. */
static int64_t load(int fd, uint64_t room, uint64_t index, struct pn_journal_record *to,
                    uint64_t cap)
{
    uint64_t n = room - index < cap ? room - index : cap, want = n * JOURNAL_RECORD, got = 0;
    while (got < want) {
        ssize_t k =
            pread(fd, (uint8_t *)to + got, want - got, (off_t)((index + 1) * JOURNAL_RECORD + got));
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return -errno;
        if (k == 0)
            break;
        got += (uint64_t)k;
    }
    memset((uint8_t *)to + got, 0, want - got);
    return (int64_t)n;
}

static int open_file(struct journal_reader *r, uint32_t number, struct error *e)
{
    char name[JOURNAL_NAME];
    struct pn_journal_head h;
    journal_file_name(name, number);
    int fd = openat(r->folder_fd, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set(e, -errno, "%s/%s: %s", r->folder, name, strerror(errno));
    int rc = journal_head_read(fd, r->folder, number, &h, e);
    if (rc == 0 && r->fd >= 0 && h.first_seq != r->first_seq + r->room)
        rc = error_set(e, -EBADMSG,
                       "%s/%s: begins with record %llu, the file before it ends with %llu",
                       r->folder, name, (unsigned long long)h.first_seq,
                       (unsigned long long)(r->first_seq + r->room - 1));
    if (rc != 0) {
        close(fd);
        return rc;
    }
    if (r->fd >= 0)
        close(r->fd);
    r->fd = fd;
    r->number = number;
    r->salt = h.salt;
    r->room = journal_room(h.bytes);
    r->first_seq = h.first_seq;
    r->index = r->at = r->have = r->end_index = 0;
    return 0;
}

static int is_nothing(const struct pn_journal_record *r)
{
    const uint8_t *p = (const uint8_t *)r;
    uint64_t any = 0;
    for (uint32_t i = 0; i < JOURNAL_RECORD; i += 8)
        any |= load_u64_le(p + i);
    return any == 0;
}

static int damaged(const struct journal_reader *r, uint64_t index, const char *why, uint64_t sound,
                   struct error *e)
{
    char name[JOURNAL_NAME];
    journal_file_name(name, r->number);
    return error_set(
        e, -EBADMSG, "%s/%s: record %llu, at byte %llu, %s, and record %llu is sound behind it",
        r->folder, name, (unsigned long long)(r->first_seq + index),
        (unsigned long long)((index + 1) * JOURNAL_RECORD), why, (unsigned long long)sound);
}

/* The first sound record of the file from `index` on, or room; counts what else is there. */
static int64_t next_sound(struct journal_reader *r, uint64_t index, struct pn_journal_record *some)
{
    r->stats.torn_bytes = 0;
    for (uint64_t from = index; index < r->room;) {
        int64_t n = load(r->fd, r->room, index, some, BUFFER_RECORDS);
        if (n < 0)
            return n;
        for (int64_t i = 0; i < n; i++, index++) {
            if (is_nothing(&some[i]))
                continue;
            if (journal_sound(&some[i], r->salt, r->first_seq + index))
                return (int64_t)index;
            const uint8_t *last = (const uint8_t *)&some[i] + JOURNAL_RECORD - 1;
            while (!*last)
                last--;
            r->stats.torn_bytes =
                (index - from) * JOURNAL_RECORD + (uint64_t)(last - (const uint8_t *)&some[i]) + 1;
        }
    }
    return (int64_t)r->room;
}

/* Whether the file after this one holds anything. */
static int64_t next_file_used(const struct journal_reader *r, struct pn_journal_record *some)
{
    char name[JOURNAL_NAME];
    journal_file_name(name, r->number + 1);
    int fd = openat(r->folder_fd, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    struct pn_journal_head h;
    int64_t rc = journal_head_read(fd, r->folder, r->number + 1, &h, NULL);
    for (uint64_t index = 0; rc == 0 && index < journal_room(h.bytes);) {
        int64_t n = load(fd, journal_room(h.bytes), index, some, BUFFER_RECORDS);
        if (n <= 0)
            rc = n;
        for (int64_t i = 0; i < n && rc == 0; i++)
            rc = !is_nothing(&some[i]);
        index += (uint64_t)(n > 0 ? n : 0);
    }
    close(fd);
    return rc;
}

/* Sound behind unsound: damage, unless who writes has finished the record meanwhile. */
static int judge(const struct journal_reader *r, uint64_t sound, struct error *e)
{
    struct pn_journal_record one;
    int64_t n = load(r->fd, r->room, r->index, &one, 1);
    if (n == 1 && journal_sound(&one, r->salt, r->first_seq + r->index))
        return 1;
    return damaged(r, r->index, is_nothing(&one) ? "is missing" : "is not sound", sound, e);
}

/* Nothing sound at the index: the end, or damage? 0 the end, 1 it is sound by now. */
static int at_end(struct journal_reader *r, struct error *e)
{
    struct pn_journal_record *some = malloc(sizeof r->buffer);
    if (!some)
        return error_set(e, -ENOMEM, "no memory to read the journal");
    uint32_t file = r->number;
    int64_t rc = next_sound(r, r->index, some);
    if (rc >= 0 && (uint64_t)rc < r->room) {
        rc = judge(r, r->first_seq + (uint64_t)rc, e);
    } else {
        if (rc >= 0) {
            file++;
            rc = next_file_used(r, some);
        }
        if (rc > 0)
            rc = judge(r, r->first_seq + r->room, e);
        else if (rc < 0)
            error_set(e, (int)rc, "%s: file %u: %s", r->folder, file, strerror((int)-rc));
    }
    free(some);
    if (rc == 0)
        r->end_index = r->index + 1;
    return (int)rc;
}

/* 1 when there is a next file, 0 when this is the last. */
static int next_file(struct journal_reader *r, struct error *e)
{
    struct journal_range range;
    char name[JOURNAL_NAME];
    journal_file_name(name, r->number + 1);
    if (faccessat(r->folder_fd, name, F_OK, 0) != 0) {
        int rc = journal_folder_range(r->folder_fd, &range);
        if (rc != 0)
            return error_set(e, rc, "%s: %s", r->folder, strerror(-rc));
        if (range.last > r->number + 1)
            return error_set(e, -EBADMSG, "%s/%s is missing, and there are files behind it",
                             r->folder, name);
        if (range.last <= r->number)
            return 0;
    }
    int rc = open_file(r, r->number + 1, e);
    return rc == 0 ? 1 : rc;
}

static int fill(struct journal_reader *r, struct error *e)
{
    int64_t n = load(r->fd, r->room, r->index, r->buffer, BUFFER_RECORDS);
    if (n < 0)
        return error_set(e, (int)n, "%s: file %u: %s", r->folder, r->number, strerror((int)-n));
    r->at = r->index;
    r->have = (uint64_t)n;
    return 0;
}

/* Sound records at the index that the buffer holds, up to cap. */
static uint64_t sound_here(const struct journal_reader *r, uint64_t cap)
{
    const struct pn_journal_record *some = &r->buffer[r->index - r->at];
    uint64_t n = 0, left = r->at + r->have - r->index, seq = r->first_seq + r->index;
    if (left > cap)
        left = cap;
    while (n < left && journal_sound(&some[n], r->salt, seq + n))
        n++;
    return n;
}

int64_t journal_read(struct journal_reader *r, const struct pn_journal_record **out, uint64_t cap,
                     struct error *e)
{
    for (;;) {
        int rc = 0;
        if (r->index == r->room) {
            rc = next_file(r, e);
            if (rc <= 0)
                return rc;
            continue;
        }
        if (r->index == r->at + r->have || r->end_index) {
            rc = fill(r, e);
            if (rc != 0)
                return rc;
        }
        uint64_t n = sound_here(r, cap);
        if (n) {
            *out = &r->buffer[r->index - r->at];
            r->index += n;
            r->end_index = 0;
            r->stats.torn_bytes = 0;
            r->stats.records += n;
            r->stats.last_seq = r->first_seq + r->index - 1;
            if (r->stats.file != r->number)
                r->stats.files++;
            r->stats.file = r->number;
            return (int64_t)n;
        }
        if (!cap || r->end_index == r->index + 1)
            return 0;
        r->have = r->index - r->at; /* what the buffer has from here on may be out of date */
        rc = at_end(r, e);
        if (rc <= 0)
            return rc;
    }
}

int journal_read_open_at(struct journal_reader **out, const char *folder, uint32_t file,
                         struct error *e)
{
    *out = NULL;
    struct journal_range range;
    struct journal_reader *r = malloc(sizeof *r);
    if (!r)
        return error_set(e, -ENOMEM, "no memory to read the journal");
    memset(r, 0, sizeof *r - sizeof r->buffer);
    r->fd = -1;
    snprintf(r->folder, sizeof r->folder, "%s", folder);
    r->folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = r->folder_fd < 0 ? -errno : journal_folder_range(r->folder_fd, &range);
    if (rc != 0)
        error_set(e, rc, "%s: %s", folder, strerror(-rc));
    else if (!range.first)
        rc = error_set(e, -ENOENT, "%s: there is no journal in it", folder);
    if (rc == 0)
        rc = open_file(r, file ? file : range.first, e);
    if (rc != 0) {
        journal_read_close(r);
        return rc;
    }
    r->stats.file = r->number;
    r->stats.files = 1;
    r->stats.first_seq = r->first_seq;
    r->stats.last_seq = r->first_seq - 1;
    *out = r;
    return 0;
}

int journal_read_open(struct journal_reader **out, const char *folder, struct error *e)
{
    struct journal_range range = {0};
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        int rc = journal_folder_range(fd, &range);
        close(fd);
        if (rc == 0 && range.first > 1)
            return error_set(e, -EBADMSG,
                             "%s: journal-00000001.pnj is missing: what was before file %u is "
                             "not known",
                             folder, range.first);
    }
    return journal_read_open_at(out, folder, 0, e);
}

void journal_read_stats(const struct journal_reader *r, struct journal_read_stats *out)
{
    *out = r->stats;
}

void journal_read_close(struct journal_reader *r)
{
    if (!r)
        return;
    if (r->fd >= 0)
        close(r->fd);
    if (r->folder_fd >= 0)
        close(r->folder_fd);
    free(r);
}
