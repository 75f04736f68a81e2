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

#endif
