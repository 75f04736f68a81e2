/*
 * dpdk.h - the process-wide half of the DPDK ports: DPDK's environment (EAL), started once,
 * before the first DPDK port is opened, and ended after the last one is closed. Only programs that
 * are linked with DPDK have these functions (meson: dpdk_io_dep); io_open asks for the ports in all
 * others and finds them missing.
 */
#ifndef PN_IO_DPDK_H
#define PN_IO_DPDK_H

#include "base/error.h"
#include "shm/abi_control.h"

/*
 * Starts DPDK with the arguments in eal, one a line ("--vdev=net_null0", "-l 2"). What they do not
 * say is chosen: the lowest allowed core, memory that leaves no files, no telemetry, and of the PCI
 * devices only those of the ports. ports, of all kinds, is what will be opened (NULL: not known):
 * a device whose queues go to several ports is set up for all of them at once.
 * DPDK's own messages go to log_fd; -1 = nowhere. The calling thread keeps its cores.
 */
int io_dpdk_start(const char *eal, const struct pn_port_config *ports, uint32_t count, int log_fd,
                  struct error *e);
/* Closes the devices and ends DPDK; it cannot be started again in this process. */
void io_dpdk_stop(void);

#endif
