/*
 * control.h - the control segment as the data plane sees it: mapped read-only, every byte of it
 * another process's and hostile. The control plane's side of it is live.h.
 */
#ifndef PN_SHM_CONTROL_H
#define PN_SHM_CONTROL_H

#include "base/error.h"
#include "shm/abi_control.h"

#define PN_CONTROL_MAGIC 0x314c5254434c4e50ull /* "PNLCTRL1" */

struct control {
    const struct pn_control *seg;
    uint64_t bytes;
};

/*
 * Maps it and copies its configuration out, unchecked (config_check_live is next). -ENOENT,
 * -EACCES, -EPERM (others may write it), -EPROTO (another build), -EINVAL (no control segment).
 */
int control_attach(struct control *c, const char *path, struct pn_live_config *cfg,
                   struct error *e);
void control_close(struct control *c);
/* The trading half; another process writes it all the time. */
const struct pn_trade_control *control_trade(const struct control *c);
/* When the control plane was last alive, CLOCK_MONOTONIC. */
uint64_t control_heartbeat_ns(const struct control *c);
/* Number of the newest command. */
uint64_t control_newest(const struct control *c);
/*
 * Copies the next command after `done`: 1 with it in out, 0 if there is none. Commands that were
 * written over before they were read are passed over; what is copied is ended and in bounds.
 */
int control_next(const struct control *c, uint64_t done, struct pn_command *out);

#endif
