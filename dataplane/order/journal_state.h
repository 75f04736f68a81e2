/*
 * journal_state.h - what an open journal is, for the append that callers inline; for nobody else.
 *
 * Two files are open: the one that is written and the next. `turns` counts how often the path went
 * on to the next one, `ready` how often the housekeeper has put one in the place of the last: the
 * path may turn when they are equal. The housekeeper's release store of `ready` pairs with the
 * path's acquire load, the path's of `turns` with the housekeeper's.
 */
#ifndef PN_ORDER_JOURNAL_STATE_H
#define PN_ORDER_JOURNAL_STATE_H

#include <errno.h>
#include <pthread.h>

#include "base/bits.h"
#include "base/crc32c.h"
#include "shm/abi_trade.h"

struct journal_file {
    uint8_t *map; /* NULL = not there */
    uint64_t bytes;
    uint64_t first_seq;
    uint32_t number;
    uint32_t salt;
    int fd;
    uint32_t reserved0;
};

struct journal {
    /* The path's. */
    struct pn_journal_record *next; /* where the next record goes; read by the housekeeper */
    struct pn_journal_record *end;
    uint64_t seq;
    uint64_t now_ns;
    uint64_t pos;
    uint32_t salt;
    int failed; /* not 0: stays so; set by either */
    uint64_t turns;
    uint32_t each;   /* 1: sync after every record */
    uint32_t memory; /* 1: no files */

    /* The housekeeper's, under the lock. */
    uint64_t ready __attribute__((aligned(64)));
    struct journal_file file[2]; /* written: [turns & 1] */
    pthread_mutex_t lock;
    pthread_t thread;
    uint64_t synced_ns;
    uint64_t sync_ns; /* INTERVAL */
    uint64_t torn;
    uint64_t file_bytes;
    uint32_t sync;
    uint32_t shard;
    uint32_t threaded;
    int stop;
    int trouble; /* why there is no next file */
    int folder_fd;
    char folder[256];
};

/* The file is full, or the journal has failed: place for a record in the next one, or NULL. */
struct pn_journal_record *journal_turn(struct journal *j);
int journal_sync(struct journal *j);

/* Checksum of a record's 60 bytes behind it, in steps of the words that they are stored by. */
PN_HOT uint32_t journal_crc(uint32_t salt, const struct pn_journal_record *r)
{
    uint64_t state = (uint32_t)~salt;
    state = crc32c_u32(state, (uint32_t)r->kind | (uint32_t)r->side << 8 | (uint32_t)r->slot << 16);
    state = crc32c_u64(state, r->seq);
    state = crc32c_u64(state, r->now_ns);
    state = crc32c_u64(state, r->pos);
    state = crc32c_u64(state, (uint64_t)r->qty | (uint64_t)r->ref << 32);
    state = crc32c_u64(state, r->u[0]);
    state = crc32c_u64(state, r->u[1]);
    state = crc32c_u64(state, r->u[2]);
    return ~(uint32_t)state;
}

/* Word by word: a copy in vectors would wait for the words that have just been stored. */
PN_HOT void journal_store(struct pn_journal_record *to, const struct pn_journal_record *r)
{
    to->crc = r->crc;
    to->kind = r->kind;
    to->side = r->side;
    to->slot = r->slot;
    to->seq = r->seq;
    to->now_ns = r->now_ns;
    to->pos = r->pos;
    to->qty = r->qty;
    to->ref = r->ref;
    to->u[0] = r->u[0];
    to->u[1] = r->u[1];
    to->u[2] = r->u[2];
}

#endif
