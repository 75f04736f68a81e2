/* open.c - the live ports that this build has, by kind; see io.h. */
#include <errno.h>

#include "io/io.h"

/* Part of the programs that are linked with DPDK (meson: dpdk_io_dep), and missing in all others. */
extern const struct io_ops io_dpdk_ops __attribute__((weak));

int io_open(struct io_port **out, const struct pn_port_config *cfg, uint16_t input, struct error *e)
{
    static const struct io_ops *const backends[PN_PORT_KINDS] = {
        [PN_PORT_DPDK] = &io_dpdk_ops,
    };
    if (cfg->kind >= PN_PORT_KINDS || cfg->kind == PN_PORT_NONE)
        return error_set(e, -EINVAL, "port %s: unknown kind %u", cfg->name, cfg->kind);
    const struct io_ops *ops = backends[cfg->kind];
    if (!ops)
        return error_set(e, -ENOTSUP,
                         "port %s: this build has no such port; see pinnacle-ctl version",
                         cfg->name);
    return ops->open(out, cfg, input, e);
}
