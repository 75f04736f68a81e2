/*
 * privileges.h - what the daemon gives up once it is set up: its user, its capabilities, the power
 * to gain others, core dumps, and most system calls. In this order, before it reads one frame.
 */
#ifndef PN_LIVE_PRIVILEGES_H
#define PN_LIVE_PRIVILEGES_H

#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct identity {
    uid_t uid;
    gid_t gid;
    int change; /* 0: stays who it is */
};

/* Limits that set-up needs: memory to lock as much as the configuration asks for. */
void privileges_raise_limits(void);
/* Looks up the user to become; an empty name changes nothing. -ENOENT, -EPERM (not root). */
int privileges_find_user(struct identity *id, const char *user, struct error *e);
/*
 * Becomes the user, drops every capability (none is needed once ports are open: they are held by
 * their descriptors), no-new-privileges, not dumpable, no core files.
 */
int privileges_drop(const struct identity *id, struct error *e);

enum seccomp_profile {
    SECCOMP_ANY = 1,    /* what every daemon needs */
    SECCOMP_ORDERS = 4, /* order sessions connect again after a loss */
    SECCOMP_DEVICE = 2, /* an AF_XDP or DPDK port: ioctl and bpf map reads for its statistics */
};

/*
 * The filter, on all threads of the process: an allow-list; what is not on it fails with EPERM, and
 * a call by another architecture's table ends the process. New memory can never be executable, new
 * processes cannot be made, and sockets only where orders are sent.
 */
int seccomp_apply(uint32_t profile, struct error *e);

#endif
