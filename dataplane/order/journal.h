/*
 * journal.h - the append-only record of everything that decided or followed from a decision: files
 * of 64-byte records in a folder, memory-mapped, each record under CRC32C. A record is written
 * before what it tells of has effect outside, so that whatever instruction a crash comes between,
 * no order and no fill is lost. The path only ever stores into memory that a housekeeper has made
 * ready.
 *
 * Files are journal-00000001.pnj and so on, full size from the start; record i of a file has the
 * number first_seq + i, and each file but the last is full. MARK records: u[0] best bid, u[1] best
 * ask, u[2] position, qty and ref the best own bid and ask that rest, 0 = none (a price's low 32
 * bits). FILL records: ref bit 0 = the fill is taken back, bit 1 = it made liquidity, bits 8 to 15
 * the venue's letter.
 *
 * A journal belongs to one thread; journal_keep and journal_sync to that one or any other.
 */
#ifndef PN_ORDER_JOURNAL_H
#define PN_ORDER_JOURNAL_H

#include "base/bits.h"
#include "base/error.h"
#include "shm/abi_trade.h"

#include "order/journal_state.h"

enum { JOURNAL_BYTES_MIN = 1 << 20, JOURNAL_BYTES_MAX = 1 << 30 };

struct journal_options {
    const char *folder;  /* NULL: in memory, one file's worth that begins anew when it is full */
    uint64_t file_bytes; /* of one file; a power of two, at least 1 MiB */
    uint32_t sync;       /* enum pn_journal_sync */
    uint32_t sync_ms;    /* INTERVAL: at most so long between two; 0 = 1000 */
    uint32_t shard;
    uint32_t keeper; /* 1: a thread prepares files and syncs; 0: journal_keep does, by the caller */
};

/*
 * Opens for writing after the last sound record that is there; a torn tail is cut and counted.
 * -EBUSY: another writer has the folder. -EBADMSG: damage before the end, e says where.
 */
int journal_open(struct journal **out, const struct journal_options *o, struct error *e);
/* With everything on the disk, unless the policy is none. */
void journal_close(struct journal *j);
/* Time and place that the records from now on carry. */
PN_HOT void journal_at(struct journal *j, uint64_t now_ns, uint64_t pos);
/*
 * Appends; seq, time, place and checksum are filled in. 0, or -ENOSPC once no file could be made
 * ready in time or the disk has failed: from then on nothing may be sent.
 */
PN_HOT int journal_append(struct journal *j, struct pn_journal_record *r);
/* Any struct, in pieces of 24 bytes (u[]): PARAMS, LIMITS, REQUEST, REPLY; ref = byte offset. */
int journal_append_blob(struct journal *j, uint8_t kind, uint8_t side, uint16_t slot,
                        const void *data, uint32_t bytes);
/* What slots, venues, strategies and accounts are: TRADED and NAME records, after START. */
int journal_append_config(struct journal *j, const struct pn_trade_config *cfg);
/*
 * Next file, sync: called by a thread of its own or, in process, between steps. Beside such a
 * thread it waits for the next file once three quarters of this one are used, so that who runs
 * faster than real time does not outrun the disk.
 */
void journal_keep(struct journal *j);
uint64_t journal_seq(const struct journal *j);
/* Records that a crash had left half written when the journal was opened: 0 or 1. */
uint64_t journal_torn(const struct journal *j);
/* 0, or the negative errno because of which it fails now or will when this file is full. */
int journal_trouble(const struct journal *j);
/* All that was appended is on the disk when this returns 0; slow. */
int journal_sync(struct journal *j);

/* Reading: records of a folder in order, each one checked; also while they are being written. */
struct journal_reader;

struct journal_read_stats {
    uint64_t files;
    uint64_t records;
    uint64_t first_seq, last_seq;
    uint64_t torn_bytes; /* behind the last sound record, not zero, up to the last such byte */
    uint32_t file;       /* number of the file last read */
    uint32_t reserved0;
};

/*
 * From record 1 on. -ENOENT: no journal there; -EBADMSG: file 1 is missing or its head is damaged;
 * -EPROTO: of a build with other layouts.
 */
int journal_read_open(struct journal_reader **out, const char *folder, struct error *e);
/* From the first record of a file on; 0 = the oldest file that is there. */
int journal_read_open_at(struct journal_reader **out, const char *folder, uint32_t file,
                         struct error *e);
/*
 * Up to cap records, as they are in the file, good until the next call; 0 at the end (more may
 * come), negative errno when it is damaged (-EBADMSG) or cannot be read; e says where.
 */
int64_t journal_read(struct journal_reader *r, const struct pn_journal_record **out, uint64_t cap,
                     struct error *e);
void journal_read_stats(const struct journal_reader *r, struct journal_read_stats *out);
void journal_read_close(struct journal_reader *r);

/* ---- the path, inline ---- */

PN_HOT void journal_at(struct journal *j, uint64_t now_ns, uint64_t pos)
{
    j->now_ns = now_ns;
    j->pos = pos;
}

PN_HOT int journal_append(struct journal *j, struct pn_journal_record *r)
{
    struct pn_journal_record *to = j->next;
    if (PN_UNLIKELY(to == j->end || __atomic_load_n(&j->failed, __ATOMIC_RELAXED))) {
        to = journal_turn(j);
        if (!to)
            return -ENOSPC;
    }
    r->seq = ++j->seq;
    r->now_ns = j->now_ns;
    r->pos = j->pos;
    r->crc = journal_crc(j->salt, r);
    journal_store(to, r);
    __atomic_signal_fence(__ATOMIC_RELEASE); /* no later record before this one is whole */
    __atomic_store_n(&j->next, to + 1, __ATOMIC_RELAXED);
    return PN_UNLIKELY(j->each) ? journal_sync(j) : 0;
}

#endif
