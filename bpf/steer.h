/*
 * steer.h - what the steering program and the data plane agree on: the maps' keys, values and
 * counters. Read by both compilers; changed in one place only.
 */
#ifndef PN_BPF_STEER_H
#define PN_BPF_STEER_H

#include <linux/types.h>

#define STEER_PROGRAM "pn_steer" /* the program's name; its section is "xdp" */
#define STEER_FLOWS "pn_flows"
#define STEER_SOCKETS "pn_sockets"
#define STEER_COUNTERS "pn_counters"

enum steer_limits {
    STEER_QUEUES = 64,      /* device queues that can have a socket */
    STEER_FLOWS_MAX = 2048, /* all ports of one device */
    STEER_VLANS = 2         /* tags that are looked behind */
};

/* A flow: IPv4 destination and UDP destination port, network order; 0 = any. */
struct steer_flow {
    __u32 group_be;
    __u16 port_be;
    __u16 zero;
};

/* Device queues on which a port takes the flow, a bit each. */
struct steer_queues {
    __u64 mask;
};

/* Where a frame went. STEER_STEERED goes to a socket, everything else to the kernel. */
enum steer_verdict {
    STEER_STEERED = 0,
    STEER_NO_SOCKET = 1,  /* a configured flow, on a queue that no socket takes it from */
    STEER_OTHER_FLOW = 2, /* UDP that nobody asked for */
    STEER_NOT_UDP = 3,
    STEER_NOT_IP4 = 4,   /* ARP, IPv6, more tags than are looked behind, ... */
    STEER_FRAGMENT = 5,  /* of an IPv4 packet */
    STEER_MALFORMED = 6, /* ends inside a header, or the header contradicts itself */
    STEER_VERDICTS = 8
};

/* One cache line a processor and queue: index processor * STEER_QUEUES + queue. */
struct steer_counters {
    __u64 verdict[STEER_VERDICTS];
};

#endif
