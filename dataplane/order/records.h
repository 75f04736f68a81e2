/*
 * records.h - journal and ledger for Python: reading a journal's folder, and the arithmetic of
 * positions as the data plane does it. Cold functions return 0 or a negative errno with a message
 * in err (of err_len bytes, always NUL terminated).
 */
#ifndef ABI_CDEF
#pragma once
#include <stdint.h>

#include "shm/abi_trade.h"
#endif

struct pn_journal;
struct pn_ledger;

struct pn_journal_stats {
    uint64_t files;
    uint64_t records;
    uint64_t first_seq;
    uint64_t last_seq;
    uint64_t torn_bytes; /* behind the last sound record, up to the last that is not zero */
    uint32_t file;       /* number of the file that the last record was in */
    uint32_t reserved0;
};

/* file: where to begin, 0 = the oldest there is. NULL with the negative errno in code. */
struct pn_journal *pn_journal_open(const char *folder, uint32_t file, int32_t *code, char *err,
                                   uint64_t err_len);
/* Copies up to cap records; 0 at the end (more may come), or a negative errno. */
int64_t pn_journal_read(struct pn_journal *j, struct pn_journal_record *out, uint64_t cap,
                        char *err, uint64_t err_len);
void pn_journal_stats(const struct pn_journal *j, struct pn_journal_stats *out);
void pn_journal_close(struct pn_journal *j);
/* Numbers of the oldest and the newest file of a folder; 0, or a negative errno. */
int pn_journal_files(const char *folder, uint32_t *first, uint32_t *last);
/* CRC32C of any bytes, continuing one that is seed. by_table: without the processor's help. */
uint32_t pn_crc32c(uint32_t seed, const void *data, uint64_t n, int by_table);

/* As order/ledger.h has it. cfg is copied. */
struct pn_ledger *pn_ledger_open(const struct pn_trade_config *cfg, uint32_t lots, uint32_t matches,
                                 char *err, uint64_t err_len);
void pn_ledger_close(struct pn_ledger *l);
int pn_ledger_fill(struct pn_ledger *l, struct pn_fill *fill);
int pn_ledger_break(struct pn_ledger *l, uint32_t slot, uint64_t match, struct pn_fill *out);
int pn_ledger_mark(struct pn_ledger *l, uint32_t slot, int64_t bid_px, int64_t ask_px);
int pn_ledger_position(const struct pn_ledger *l, uint32_t slot, struct pn_position *out);
/* Times that lots of FIFO were taken together for want of room. */
uint64_t pn_ledger_merged(const struct pn_ledger *l);
