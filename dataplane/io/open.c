/* open.c - the live ports that this build has, by kind; see io.h. */
#include <errno.h>
#include <stddef.h>

#include "io/io.h"

/* Part of the programs that are linked with DPDK (meson: dpdk_io_dep), missing in all others. */
extern const struct io_ops io_dpdk_ops __attribute__((weak));

#ifdef PN_AF_XDP
extern const struct io_ops af_xdp_ops;
#endif

/* A capture file in place of a device. */
static int open_capture(struct io_port **out, const struct pn_port_config *cfg, uint16_t input,
                        struct error *e)
{
    return io_file_open(out, cfg->device, input, e);
}

static const struct io_ops capture_ops = {.name = "pcap", .open = open_capture};

int io_open(struct io_port **out, const struct pn_port_config *cfg, uint16_t input, struct error *e)
{
    static const struct io_ops *const backends[PN_PORT_KINDS] = {
        [PN_PORT_PCAP] = &capture_ops,
#ifdef PN_AF_XDP
        [PN_PORT_AF_XDP] = &af_xdp_ops,
#endif
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
