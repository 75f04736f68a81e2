/*
 * region.h - the state segment: reserved whole at start, addressed by offsets, written by the
 * data plane only. Backed by hugetlbfs where there is some, else by a plain file or, without a
 * path, by anonymous memory; which of them is recorded in the header.
 */
#ifndef PN_SHM_REGION_H
#define PN_SHM_REGION_H

#include <stdint.h>

#include "base/error.h"
#include "shm/abi.h"

#define PN_REGION_MAGIC 0x314d4d454c434e50ull /* "PNCLEMM1" */

struct region {
    uint8_t *base;
    uint64_t bytes;
    char path[256]; /* empty: anonymous, or attached */
    int lock;       /* descriptor whose lock says that the writer lives, plus 1; 0 = none */
};

/* Creates and zeroes the segment for cfg. 0 or a negative errno. */
int region_create(struct region *r, const struct pn_config *cfg, const char *path, struct error *e);
/*
 * Maps the segment that an earlier writer has left, for writing, with all that is in it. 0, -ENOENT
 * if there is none (or one only begun, which is removed), -EALREADY while its writer lives,
 * -EINVAL, -EPROTO if it is another build's, -ESTALE if it was made from other limits.
 */
int region_reopen(struct region *r, const struct pn_config *cfg, const char *path, struct error *e);
/* Maps an existing segment read-only after checking magic, ABI and every section. */
int region_attach(struct region *r, const char *path, struct error *e);
/* Unmaps; the file of a segment that was created or taken over is removed. */
void region_close(struct region *r);
/* Unmaps and leaves the file for a later writer. */
void region_leave(struct region *r);

static inline struct pn_region_header *region_header(const struct region *r)
{
    return (struct pn_region_header *)r->base;
}

static inline void *region_section(const struct region *r, enum pn_section_id id)
{
    return r->base + region_header(r)->section[id].offset;
}

#endif
