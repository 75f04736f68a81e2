/* records.c - see records.h: thin calls, nothing of its own. */
#include "order/records.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "order/journal.h"
#include "order/journal_file.h"
#include "order/ledger.h"

struct pn_ledger {
    struct pn_trade_config cfg;
    struct pn_position position[PN_TRADED_MAX];
    struct ledger *ledger;
};

static void tell(char *err, uint64_t err_len, const struct error *e)
{
    if (err && err_len)
        snprintf(err, err_len, "%s", e->text);
}

struct pn_journal *pn_journal_open(const char *folder, uint32_t file, int32_t *code, char *err,
                                   uint64_t err_len)
{
    struct error e = {0};
    struct journal_reader *r = NULL;
    *code = journal_read_open_at(&r, folder, file, &e);
    tell(err, err_len, &e);
    return (struct pn_journal *)r;
}

int64_t pn_journal_read(struct pn_journal *j, struct pn_journal_record *out, uint64_t cap,
                        char *err, uint64_t err_len)
{
    struct error e = {0};
    const struct pn_journal_record *some;
    uint64_t have = 0;
    while (have < cap) {
        int64_t n = journal_read((struct journal_reader *)j, &some, cap - have, &e);
        if (n > 0)
            memcpy(out + have, some, (size_t)n * sizeof *some);
        if (n < 0 && !have) {
            tell(err, err_len, &e);
            return n;
        }
        if (n <= 0)
            break; /* an error is found again by the next call */
        have += (uint64_t)n;
    }
    return (int64_t)have;
}

void pn_journal_stats(const struct pn_journal *j, struct pn_journal_stats *out)
{
    struct journal_read_stats s;
    journal_read_stats((const struct journal_reader *)j, &s);
    *out = (struct pn_journal_stats){
        .files = s.files,
        .records = s.records,
        .first_seq = s.first_seq,
        .last_seq = s.last_seq,
        .torn_bytes = s.torn_bytes,
        .file = s.file,
    };
}

void pn_journal_close(struct pn_journal *j)
{
    journal_read_close((struct journal_reader *)j);
}

int pn_journal_files(const char *folder, uint32_t *first, uint32_t *last)
{
    struct journal_range range = {0};
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 ? -errno : journal_folder_range(fd, &range);
    if (fd >= 0)
        close(fd);
    *first = range.first;
    *last = range.last;
    return rc;
}

uint32_t pn_crc32c(uint32_t seed, const void *data, uint64_t n, int by_table)
{
    return by_table ? crc32c_by_table(seed, data, n) : crc32c(seed, data, n);
}

struct pn_ledger *pn_ledger_open(const struct pn_trade_config *cfg, uint32_t lots, uint32_t matches,
                                 char *err, uint64_t err_len)
{
    struct error e = {0};
    struct pn_ledger *l = calloc(1, sizeof *l);
    int rc = -ENOMEM;
    if (l) {
        l->cfg = *cfg;
        rc = ledger_open(&l->ledger, &l->cfg, l->position, lots, matches, &e);
    } else {
        error_set(&e, rc, "no memory for a ledger");
    }
    tell(err, err_len, &e);
    if (rc == 0)
        return l;
    free(l);
    return NULL;
}

void pn_ledger_close(struct pn_ledger *l)
{
    if (l)
        ledger_close(l->ledger);
    free(l);
}

int pn_ledger_fill(struct pn_ledger *l, struct pn_fill *fill)
{
    return ledger_fill(l->ledger, fill);
}

int pn_ledger_break(struct pn_ledger *l, uint32_t slot, uint64_t match, struct pn_fill *out)
{
    return ledger_break(l->ledger, slot, match, 0, out);
}

int pn_ledger_mark(struct pn_ledger *l, uint32_t slot, int64_t bid_px, int64_t ask_px)
{
    if (slot >= l->cfg.traded)
        return -ENOENT;
    ledger_mark(l->ledger, slot, bid_px, ask_px);
    return 0;
}

int pn_ledger_position(const struct pn_ledger *l, uint32_t slot, struct pn_position *out)
{
    if (slot >= l->cfg.traded)
        return -ENOENT;
    *out = l->position[slot];
    return 0;
}

uint64_t pn_ledger_merged(const struct pn_ledger *l)
{
    return ledger_merged(l->ledger);
}
