/*
 * journal_blob.h - a struct that journal_append_blob has cut into records, put together again.
 */
#ifndef PN_ORDER_JOURNAL_BLOB_H
#define PN_ORDER_JOURNAL_BLOB_H

#include "base/bits.h"
#include "shm/abi_trade.h"

enum { JOURNAL_BLOB_MAX = 256, JOURNAL_BLOB_PIECE = 24 };

struct journal_blob {
    uint8_t data[JOURNAL_BLOB_MAX];
    uint32_t bytes; /* had so far */
    uint8_t kind;
};

/*
 * Takes the next record of a blob. 1 when `bytes` of it are there and were copied out; a piece out
 * of its place begins anew, so that half a struct is never taken for a whole one.
 */
static inline int journal_blob_add(struct journal_blob *b, const struct pn_journal_record *r,
                                   void *out, uint32_t bytes)
{
    if (r->ref == 0 || r->kind != b->kind || r->ref != b->bytes) {
        b->bytes = 0;
        b->kind = r->kind;
        if (r->ref != 0)
            return 0;
    }
    if (b->bytes + JOURNAL_BLOB_PIECE > JOURNAL_BLOB_MAX)
        return 0;
    memcpy(b->data + b->bytes, r->u, JOURNAL_BLOB_PIECE);
    b->bytes += JOURNAL_BLOB_PIECE;
    if (b->bytes < bytes)
        return 0;
    memcpy(out, b->data, bytes);
    b->bytes = 0;
    return 1;
}

#endif
