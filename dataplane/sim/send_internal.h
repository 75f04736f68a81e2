/*
 * send_internal.h - state shared by the send*.c files and nobody else: files are read and made
 * ready (send_make.c), harmed on purpose, paced and handed to the kernel (send.c).
 */
#ifndef PN_SIM_SEND_INTERNAL_H
#define PN_SIM_SEND_INTERNAL_H

#include <sys/socket.h>
#include <sys/uio.h>

#include "base/error.h"
#include "io/io.h"
#include "sim/rng.h"
#include "sim/send.h"

enum { SEND_BATCH = 64, SEND_LATE_MAX = 16 };

/* A frame as it goes out. */
struct send_frame {
    uint64_t ts_ns; /* capture time */
    uint32_t len;
    uint8_t data[PN_SEND_FRAME_MAX];
};

struct send_late {
    uint32_t left; /* frames to let pass, plus 1; 0 = none here */
    struct send_frame frame;
};

struct pn_send {
    struct pn_send_config cfg;
    const char *path[PN_SEND_FILES_MAX];
    uint32_t paths;
    int fd;
    int rewrites; /* something is to be rewritten in every frame */
    struct rng rng;
    struct io_port *port;
    struct io_frame burst[SEND_BATCH];
    uint32_t burst_at, burst_count;
    uint64_t raw_seq;   /* of the next message of a raw ITCH file */
    const uint8_t *raw; /* what is left of a raw frame, and its time */
    uint32_t raw_left;
    uint64_t raw_ns;
    uint32_t ended; /* 1: the end of a raw session was made, 2: no more frames in this round */

    struct send_frame out[SEND_BATCH]; /* made ready, not sent; due[i] by the wall */
    uint64_t due[SEND_BATCH];
    uint32_t out_at, out_count;
    struct send_late late[SEND_LATE_MAX];
    uint32_t late_count;
    uint64_t made;          /* frames made ready in all, faults included */
    uint64_t round_wall_ns; /* wall time that capture time round_ts_ns stands for */
    uint64_t round_ts_ns;
    uint64_t start_wall_ns;
    struct mmsghdr message[SEND_BATCH];
    struct iovec vector[SEND_BATCH];
    struct pn_send_stats stats;
};

/* send_make.c: opens the files of a round. */
int send_open_files(struct pn_send *s, struct error *e);
/* The next frame of the round; 0 when there is none. */
int send_next_frame(struct pn_send *s, struct send_frame *out);

#endif
