/*
 * steer_device.h - the steering program (bpf/) on one network device: loaded, attached by a link
 * that ends with this process, told flows and sockets. Ports of one process on the same device
 * share it. Cold, and not on any path; calls are serialised by a lock of its own.
 */
#ifndef PN_IO_STEER_DEVICE_H
#define PN_IO_STEER_DEVICE_H

#include <stdint.h>

#include "base/error.h"
#include "bpf/steer.h"
#include "shm/abi_control.h"

struct bpf_object;

struct steer_device {
    struct steer_device *next;
    char name[16];
    uint32_t ifindex;
    uint32_t users;
    uint32_t attached;
    uint32_t native; /* 1: in the driver; 0: generic, after the kernel has made a packet of it */
    uint32_t native_errno; /* why the driver did not take it */
    uint32_t removed;      /* left-over programs that were taken off */
    struct bpf_object *object;
    int program, flows, sockets, link;
    uint32_t *wildcards;             /* variable of the program, mapped */
    struct steer_counters *counters; /* its counters, mapped */
    uint64_t wildcard_bytes, counter_bytes;
    uint32_t processors;
};

/* The device's program, loaded if it is not yet. */
int steer_device_get(struct steer_device **out, const char *name, uint32_t ifindex,
                     struct error *e);
/* Lets go; the last one detaches the program. */
void steer_device_put(struct steer_device *d);
/* Adds (on = 1) or takes away flows of queues, a bit each. */
int steer_device_flows(struct steer_device *d, const struct pn_steer *steer, uint32_t count,
                       uint64_t queues, int on, struct error *e);
int steer_device_socket(struct steer_device *d, uint32_t queue, int fd, struct error *e);
/* Attaches it unless it is: in the driver, else generic. */
int steer_device_attach(struct steer_device *d, struct error *e);
/* Sum over all processors of the queues in the mask. */
void steer_device_count(const struct steer_device *d, uint64_t queues, struct steer_counters *out);

/*
 * Looks for XDP programs that are on the device already. Left-over ones of ours are taken off and
 * counted; for anything else -EBUSY with who it is and how to detach it. (steer_other.c)
 */
int steer_others(const char *name, uint32_t ifindex, uint32_t *removed, struct error *e);

#endif
