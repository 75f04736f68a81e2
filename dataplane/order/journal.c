/* journal.c - see journal.h: opening where the last run ended, going on to the next file. */
#include "order/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "order/journal_blob.h"
#include "order/journal_file.h"

enum { SYNC_MS_USUAL = 1000 };

struct pn_journal_record *journal_turn(struct journal *j)
{
    if (__atomic_load_n(&j->failed, __ATOMIC_RELAXED))
        return NULL;
    if (j->memory) {
        j->next = (struct pn_journal_record *)(j->file[0].map + JOURNAL_RECORD);
        return j->next;
    }
    if (__atomic_load_n(&j->ready, __ATOMIC_ACQUIRE) != j->turns) {
        __atomic_store_n(&j->failed, -ENOSPC, __ATOMIC_RELAXED);
        return NULL;
    }
    const struct journal_file *f = &j->file[(j->turns + 1) & 1];
    j->salt = f->salt;
    j->end = (struct pn_journal_record *)(f->map + f->bytes);
    __atomic_store_n(&j->next, (struct pn_journal_record *)(f->map + JOURNAL_RECORD),
                     __ATOMIC_RELAXED);
    __atomic_store_n(&j->turns, j->turns + 1, __ATOMIC_RELEASE);
    return j->next;
}

int journal_append_blob(struct journal *j, uint8_t kind, uint8_t side, uint16_t slot,
                        const void *data, uint32_t bytes)
{
    if (bytes > JOURNAL_BLOB_MAX)
        return -EINVAL;
    uint32_t each = j->each;
    int rc = 0;
    j->each = 0; /* once, after the last piece */
    for (uint32_t at = 0; at < bytes && rc == 0; at += JOURNAL_BLOB_PIECE) {
        struct pn_journal_record r = {
            .kind = kind, .side = side, .slot = slot, .qty = bytes, .ref = at};
        uint32_t left = bytes - at;
        memcpy(r.u, (const uint8_t *)data + at,
               left < JOURNAL_BLOB_PIECE ? left : JOURNAL_BLOB_PIECE);
        rc = journal_append(j, &r);
    }
    j->each = each;
    return rc == 0 && each ? journal_sync(j) : rc;
}

static int append_name(struct journal *j, uint8_t of, uint16_t index, const char *name,
                       uint32_t bytes)
{
    struct pn_journal_record r = {.kind = PN_JR_NAME, .side = of, .slot = index};
    if (!name[0])
        return 0;
    memcpy(r.u, name, bytes < sizeof r.u ? bytes : sizeof r.u);
    return journal_append(j, &r);
}

int journal_append_config(struct journal *j, const struct pn_trade_config *cfg)
{
    int rc = 0;
    for (uint16_t i = 0; i < PN_VENUES_MAX && rc == 0; i++)
        rc = append_name(j, PN_JN_VENUE, i, cfg->venue[i], sizeof cfg->venue[i]);
    for (uint16_t i = 0; i < PN_STRATEGIES_MAX && rc == 0; i++)
        rc = append_name(j, PN_JN_STRATEGY, i, cfg->strategy[i], sizeof cfg->strategy[i]);
    for (uint16_t i = 0; i < PN_ACCOUNTS_MAX && rc == 0; i++)
        rc = append_name(j, PN_JN_ACCOUNT, i, cfg->account[i], sizeof cfg->account[i]);
    for (uint32_t i = 0; i < cfg->traded && rc == 0; i++)
        rc = journal_append_blob(j, PN_JR_TRADED, 0, (uint16_t)i, &cfg->instrument[i],
                                 sizeof cfg->instrument[i]);
    return rc;
}

/* Sound records and what is behind them, from a file to the end. */
static int look(const struct journal *j, uint32_t from, struct journal_read_stats *out,
                struct error *e)
{
    struct journal_reader *r;
    const struct pn_journal_record *some;
    int64_t n = journal_read_open_at(&r, j->folder, from, e);
    if (n != 0)
        return (int)n;
    while ((n = journal_read(r, &some, UINT32_MAX, e)) > 0)
        ;
    journal_read_stats(r, out);
    journal_read_close(r);
    return (int)n;
}

/*
 * The file to go on with. Files behind it that were made ready and never written to are removed.
 * The one before it is read as well: it must be full.
 */
static int find_end(struct journal *j, struct journal_read_stats *s, uint32_t *number,
                    struct error *e)
{
    struct journal_range range;
    int rc = journal_folder_range(j->folder_fd, &range);
    if (rc != 0)
        return error_set(e, rc, "%s: %s", j->folder, strerror(-rc));
    *number = 0;
    if (!range.last)
        return 0;
    rc = look(j, range.last > range.first ? range.last - 1 : range.last, s, e);
    if (rc != 0)
        return rc;
    for (uint32_t n = range.last; n > s->file; n--) {
        rc = journal_file_unlink(j->folder_fd, n);
        if (rc != 0)
            return error_set(e, rc, "%s: cannot remove file %u, which is empty: %s", j->folder, n,
                             strerror(-rc));
    }
    *number = s->file;
    return 0;
}

/* Goes on behind the last sound record; what was half written there is made nothing. */
static int go_on(struct journal *j, uint32_t number, const struct journal_read_stats *s,
                 struct error *e)
{
    struct journal_file *f = &j->file[0];
    int rc = number ? journal_file_map(f, j, number, e) : journal_file_make(f, j, 1, 1, e);
    if (rc != 0)
        return rc;
    j->seq = f->first_seq - 1;
    if (number && s->last_seq > j->seq)
        j->seq = s->last_seq;
    uint64_t used = (j->seq - (f->first_seq - 1) + 1) * JOURNAL_RECORD;
    if (number && s->torn_bytes) {
        memset(f->map + used, 0, f->bytes - used);
        j->torn = 1;
        if (fdatasync(f->fd) != 0)
            return error_set(e, -errno, "%s: %s", j->folder, strerror(errno));
    }
    j->salt = f->salt;
    j->next = (struct pn_journal_record *)(f->map + used);
    j->end = (struct pn_journal_record *)(f->map + f->bytes);
    return journal_file_make(&j->file[1], j, f->number + 1, f->first_seq + journal_room(f->bytes),
                             e);
}

static int open_folder(struct journal *j, const char *folder, struct error *e)
{
    if (snprintf(j->folder, sizeof j->folder, "%s", folder) >= (int)sizeof j->folder)
        return error_set(e, -ENAMETOOLONG, "journal: the folder's name is too long: %s", folder);
    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        return error_set(e, -errno, "%s: %s", folder, strerror(errno));
    j->folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (j->folder_fd < 0)
        return error_set(e, -errno, "%s: %s", folder, strerror(errno));
    if (flock(j->folder_fd, LOCK_EX | LOCK_NB) != 0)
        return error_set(e, errno == EWOULDBLOCK ? -EBUSY : -errno,
                         "%s: another process writes this journal; stop it, or use another folder",
                         folder);
    return 0;
}

static int open_memory(struct journal *j, struct error *e)
{
    void *map = mmap(NULL, j->file_bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (map == MAP_FAILED)
        return error_set(e, -errno, "no memory for a journal of %llu bytes",
                         (unsigned long long)j->file_bytes);
    j->memory = 1;
    j->file[0].map = map;
    j->file[0].bytes = j->file_bytes;
    j->next = (struct pn_journal_record *)((uint8_t *)map + JOURNAL_RECORD);
    j->end = (struct pn_journal_record *)((uint8_t *)map + j->file_bytes);
    return 0;
}

static int open_files(struct journal *j, const struct journal_options *o, struct error *e)
{
    struct journal_read_stats s = {0};
    uint32_t number = 0;
    int rc = open_folder(j, o->folder, e);
    if (rc == 0)
        rc = find_end(j, &s, &number, e);
    if (rc == 0)
        rc = go_on(j, number, &s, e);
    if (rc == 0 && o->keeper)
        rc = journal_keeper_start(j, e);
    return rc;
}

int journal_open(struct journal **out, const struct journal_options *o, struct error *e)
{
    *out = NULL;
    if (o->file_bytes < JOURNAL_BYTES_MIN || o->file_bytes > JOURNAL_BYTES_MAX ||
        (o->file_bytes & (o->file_bytes - 1)) || o->sync > PN_JS_EACH)
        return error_set(e, -EINVAL,
                         "journal: a file has a power of two of bytes, 1 MiB to 1 GiB, and its "
                         "sync policy is 0, 1 or 2");
    struct journal *j = aligned_alloc(64, (sizeof *j + 63) & ~63ull);
    if (!j)
        return error_set(e, -ENOMEM, "no memory for the journal");
    memset(j, 0, sizeof *j);
    j->file_bytes = o->file_bytes;
    j->sync = o->sync;
    j->sync_ns = (o->sync_ms ? o->sync_ms : SYNC_MS_USUAL) * 1000000ull;
    j->each = o->folder && o->sync == PN_JS_EACH;
    j->shard = o->shard;
    j->folder_fd = j->file[0].fd = j->file[1].fd = -1;
    pthread_mutex_init(&j->lock, NULL);
    int rc = o->folder ? open_files(j, o, e) : open_memory(j, e);
    if (rc != 0) {
        journal_close(j);
        return rc;
    }
    *out = j;
    return 0;
}

void journal_close(struct journal *j)
{
    if (!j)
        return;
    journal_keeper_stop(j);
    if (!j->memory && j->next && j->sync != PN_JS_NONE)
        (void)journal_sync(j);
    const struct journal_file *spare = &j->file[(j->turns + 1) & 1];
    if (!j->memory && spare->map && j->ready == j->turns)
        (void)journal_file_unlink(j->folder_fd, spare->number);
    for (int i = 0; i < 2; i++)
        journal_file_close(&j->file[i]);
    if (j->folder_fd >= 0)
        close(j->folder_fd);
    pthread_mutex_destroy(&j->lock);
    free(j);
}

uint64_t journal_seq(const struct journal *j)
{
    return j->seq;
}

uint64_t journal_torn(const struct journal *j)
{
    return j->torn;
}

int journal_trouble(const struct journal *j)
{
    int failed = __atomic_load_n(&j->failed, __ATOMIC_RELAXED);
    return failed ? failed : __atomic_load_n(&j->trouble, __ATOMIC_RELAXED);
}
