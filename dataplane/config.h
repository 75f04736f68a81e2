/* config.h - bounds of every field of a configuration, before anything is made from it. */
#ifndef PN_CONFIG_H
#define PN_CONFIG_H

#include "base/error.h"
#include "shm/abi_control.h"

/* An engine's; rounds max_instruments up to whole chunks. 0 or -EINVAL. */
int config_check(struct pn_config *c, struct error *e);
/* A live instance's. c must be a copy that nobody else can change. 0 or -EINVAL. */
int config_check_live(const struct pn_live_config *c, struct error *e);

#endif
