/*
 * send.h - puts captures on a real interface: at recorded pace, faster or slower, or at a rate;
 * once or round and round, with faults from a seed. One thread, packet sockets (packet(7)), many
 * frames a system call, past the queueing discipline.
 *
 * Frames go out as captured unless something is to be rewritten. A raw ITCH file becomes MoldUDP64
 * in UDP, IPv4 and Ethernet. In every round after the first, MoldUDP64 packets get a session of
 * their own: the digits at the end of its name count up, as a receiver would otherwise take all of
 * them for duplicates.
 */
#ifndef ABI_CDEF
#pragma once
#include "shm/abi.h"
#endif

enum pn_send_limits {
    PN_SEND_FILES_MAX = 16,
    PN_SEND_FRAME_MAX = 9216 /* longer frames are left out */
};

struct pn_send_config {
    char device[16];   /* interface */
    double speed;      /* factor of recorded time; 0 = as fast as it goes; unless rate is given */
    double rate;       /* frames a second; 0 = by speed */
    uint64_t loops;    /* rounds; 0 = without end */
    uint64_t seed;     /* of the faults */
    uint64_t pause_ns; /* between rounds */
    uint32_t lose_ppm; /* frames not sent */
    uint32_t double_ppm;
    uint32_t late_ppm;    /* frames that let others pass */
    uint32_t late_frames; /* up to so many */
    uint32_t group_be;    /* UDP destination to rewrite to, 0 = as captured */
    uint32_t source_be;   /* IPv4 source, likewise */
    uint16_t port;        /* UDP destination port, 0 = as captured */
    uint16_t only_input;  /* of recordings: send frames of this input only; 65535 = all */
    uint8_t mac_to[6];    /* all zero: as captured, or by the group where that is rewritten */
    uint8_t mac_from[6];  /* all zero: as captured */
    uint32_t payload_max; /* of packets made from a raw ITCH file */
    char session[16];     /* of packets made from a raw ITCH file, up to ten characters */
};

struct pn_send_stats {
    uint64_t frames; /* sent */
    uint64_t bytes;
    uint64_t rounds;  /* finished */
    uint64_t skipped; /* not Ethernet, too long, of another input, or refused by the device */
    uint64_t lost;    /* faults */
    uint64_t doubled;
    uint64_t delayed;
    uint64_t full;       /* times that the device's queue was full */
    uint64_t elapsed_ns; /* from the first frame to the last */
    uint64_t first_ns;   /* capture time of the first and of the newest frame of this round */
    uint64_t now_ns;
    uint64_t input_bytes;     /* of the files, of this round */
    uint64_t input_total;     /* 0 = unknown */
    struct pn_histogram late; /* how long after its time a frame was handed to the kernel, ns */
};

struct pn_send;

void pn_send_config_default(struct pn_send_config *cfg);
struct pn_send *pn_send_open(const struct pn_send_config *cfg, const char *const *paths,
                             uint32_t count, char *err, uint64_t err_len);
void pn_send_close(struct pn_send *send);
/* Goes on for so long. 1 more to come, 0 finished, a negative errno. */
int pn_send_run(struct pn_send *send, uint64_t budget_ns, char *err, uint64_t err_len);
void pn_send_stats(const struct pn_send *send, struct pn_send_stats *out);
