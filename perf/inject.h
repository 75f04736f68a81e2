/* inject.h - what the frame source (inject.bpf.c) and its driver (inject.c) share. */
#ifndef BENCH_INJECT_H
#define BENCH_INJECT_H

#include <linux/types.h>

enum { INJECT_BYTES = 128 };

/* One frame, at most so long that one message in a datagram fits. */
struct inject_frame {
    __u32 len;
    __u8 data[INJECT_BYTES - 4];
};

struct inject_state {
    __u64 sent;
    __u64 begin_ns;    /* CLOCK_MONOTONIC, of the first frame */
    __u64 interval_ps; /* between frames; 0 = as fast as it goes */
    __u32 at;          /* next frame of the list */
    __u32 count;       /* frames in it */
    __u32 pass;        /* how often the list was sent */
    __u32 ifindex;     /* to send out of */
};

#endif
