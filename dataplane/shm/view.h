/* view.h - where things are in a mapped state segment, for reading; see api.h for the functions. */
#ifndef PN_SHM_VIEW_H
#define PN_SHM_VIEW_H

#include "shm/region.h"

struct pn_view {
    struct region region;
    const struct pn_region_header *header;
    const struct pn_book *book;
    const struct pn_page *page;
    const struct pn_channel *channel;
    const struct pn_instrument *instrument;
    const struct pn_counters *counters;
    const struct pn_histogram *stage;
    uint32_t pages;
    uint32_t instruments_max;
};

/* Points v into r, which stays the caller's. */
void view_bind(struct pn_view *v, const struct region *r);

/*
 * Whether to try a copy once more, after so many times; *since_ns is 0 before the first. A writer
 * that stays away for too long must be dead.
 */
int view_try_again(uint32_t tries, uint64_t *since_ns);

/* What the channel's condition adds to a book's own reasons to be stale. */
static inline uint8_t view_channel_why(const struct pn_channel *ch, uint32_t epoch,
                                       uint32_t book_epoch)
{
    uint32_t gap_epoch = __atomic_load_n(&ch->gap_epoch, __ATOMIC_ACQUIRE);
    uint32_t late = ch->late_join && !book_epoch;
    uint8_t why = 0;
    if (epoch & 1)
        why |= PN_STALE_WAITING;
    if (late || ch->unsequenced)
        why |= PN_STALE_LATE_JOIN;
    if (gap_epoch != (late ? 1 : book_epoch))
        why |= PN_STALE_GAP;
    return why;
}

#endif
