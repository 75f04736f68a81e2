/*
 * janitor.h - a process that stays behind with root's rights to remove the segment files at an
 * orderly end, after the data plane has become another user. It does this one thing, when told
 * to, for paths fixed before it was made; when the data plane dies it goes without doing it.
 */
#ifndef PN_LIVE_JANITOR_H
#define PN_LIVE_JANITOR_H

#include "base/error.h"
#include "shm/abi_control.h"

struct janitor {
    int fd; /* -1: there is none */
    int pid;
};

/* Forks it; before any thread, lock or mapping that it must not inherit. */
int janitor_start(struct janitor *j, const struct pn_live_config *cfg, struct error *e);
/* Lets it go; remove = 1: it removes the files of all shards first. */
void janitor_end(struct janitor *j, int remove);

#endif
