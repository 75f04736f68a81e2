/*
 * journal.h - the append-only record of everything that decided or followed from a decision: files
 * of 64-byte records in a folder, memory-mapped, each record under CRC32C. A record is written before
 * what it tells of has effect outside, so that whatever instruction a crash comes between, no order
 * and no fill is lost. The path only ever stores into memory that a housekeeper has made ready.
 */
#ifndef PN_ORDER_JOURNAL_H
#define PN_ORDER_JOURNAL_H

#include "base/bits.h"
#include "base/error.h"
#include "shm/abi_trade.h"

struct journal; /* order/journal_state.h, for the inline append */

struct journal_options {
    const char *folder;  /* NULL: in memory, one file's worth that begins anew when it is full */
    uint64_t file_bytes; /* of one file; a power of two, at least 1 MiB */
    uint32_t sync;       /* enum pn_journal_sync */
    uint32_t sync_ms;
    uint32_t shard;
    uint32_t keeper; /* 1: a thread prepares files and syncs; 0: journal_keep does, by the caller */
};

/* Opens for writing after the last sound record that is there; a torn tail is cut and counted. */
int journal_open(struct journal **out, const struct journal_options *o, struct error *e);
void journal_close(struct journal *j);
/* Time and place that the records from now on carry. */
void journal_at(struct journal *j, uint64_t now_ns, uint64_t pos);
/*
 * Appends; seq, time, place and checksum are filled in. 0, or -ENOSPC once no file could be made
 * ready in time: from then on nothing may be sent.
 */
int journal_append(struct journal *j, struct pn_journal_record *r);
/* Any struct, in pieces of 24 bytes (u[]): PARAMS, LIMITS, REQUEST, REPLY. */
int journal_append_blob(struct journal *j, uint8_t kind, uint8_t side, uint16_t slot,
                        const void *data, uint32_t bytes);
/* Next file, sync: called by a thread of its own or, in process, between steps. */
void journal_keep(struct journal *j);
uint64_t journal_seq(const struct journal *j);
/* All that was appended is on the disk when this returns 0; slow. */
int journal_sync(struct journal *j);

/* Reading: records of a folder in order, mapped, each one checked. */
struct journal_reader;
int journal_read_open(struct journal_reader **out, const char *folder, struct error *e);
/* Up to cap records, as they are in the file; 0 at the end, negative errno when it is damaged. */
int64_t journal_read(struct journal_reader *r, const struct pn_journal_record **out, uint64_t cap,
                     struct error *e);
void journal_read_close(struct journal_reader *r);

#endif
