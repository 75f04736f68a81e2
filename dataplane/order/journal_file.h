/* journal_file.h - files of a journal: names, heads, making them; for the journal's own sources. */
#ifndef PN_ORDER_JOURNAL_FILE_H
#define PN_ORDER_JOURNAL_FILE_H

#include "base/error.h"
#include "order/journal_state.h"

#define JOURNAL_MAGIC 0x314c4e524a4e50ull /* "PNJRNL1" */

enum { JOURNAL_RECORD = 64, JOURNAL_NAME = 32 };

/* Numbers of the files in a folder. */
struct journal_range {
    uint32_t first, last; /* 0 = there is none */
};

void journal_file_name(char out[JOURNAL_NAME], uint32_t number);
int journal_folder_range(int folder_fd, struct journal_range *out);
/* Checks the head of an open file. 0, -EBADMSG, -EPROTO (another build) or what reading says. */
int journal_head_read(int fd, const char *folder, uint32_t number, struct pn_journal_head *out,
                      struct error *e);
/*
 * Makes a file of full size with nothing but a head, on the disk and mapped, with its place
 * reserved. Appears under its name only when it is complete.
 */
int journal_file_make(struct journal_file *f, const struct journal *j, uint32_t number,
                      uint64_t first_seq, struct error *e);
/* Maps a file that is there for writing. */
int journal_file_map(struct journal_file *f, const struct journal *j, uint32_t number,
                     struct error *e);
void journal_file_close(struct journal_file *f);
int journal_file_unlink(int folder_fd, uint32_t number);

static inline uint64_t journal_room(uint64_t file_bytes)
{
    return file_bytes / JOURNAL_RECORD - 1;
}

/* Whether this is record `seq` of the file with that salt. */
static inline int journal_sound(const struct pn_journal_record *r, uint32_t salt, uint64_t seq)
{
    return r->seq == seq && r->kind != PN_JR_NONE && r->crc == journal_crc(salt, r);
}

/* What the housekeeper does when it is time, in journal_keep.c; the lock is held. */
void journal_keep_once(struct journal *j);
int journal_keeper_start(struct journal *j, struct error *e);
void journal_keeper_stop(struct journal *j);

#endif
