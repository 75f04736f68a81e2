/*
 * resume.h - what a data plane that starts on an earlier one's segment does before its first frame:
 * channels go on behind the last message that is in the books, and what was being changed when the
 * earlier one died is put in order and marked stale.
 */
#ifndef PN_RESUME_H
#define PN_RESUME_H

#include "pipeline.h"

struct resume {
    uint32_t channels; /* that were in use */
    uint32_t repaired; /* out: books that were being changed */
    struct pn_channel was[PN_CHANNELS_MAX];
};

/* Notes what the segment says, before anything is declared on it. */
void resume_look(struct resume *r, const struct region *region);
/* After all channels are declared as before. -ESTALE where that is not possible. */
int resume_apply(struct resume *r, struct pipeline *p, uint64_t now_ns, struct error *e);

#endif
