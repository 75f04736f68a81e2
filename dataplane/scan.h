/*
 * scan.h - what is inside a capture: flows, guessed feeds, rates, drops; no books.
 *
 * Parsed by cffi like api.h, so the same plain C. A scan belongs to one thread. Flows beyond
 * PN_SCAN_FLOWS_MAX are counted together and not listed.
 */
#ifndef ABI_CDEF
#pragma once
#include <stdint.h>

#include "shm/abi.h"
#endif

enum pn_scan_limits { PN_SCAN_FLOWS_MAX = 1024 };

/* Frames counted into buckets of receive time; the fullest bucket is kept. */
struct pn_scan_rate {
    uint64_t bucket;      /* number of the bucket being filled */
    uint64_t count;       /* frames in it */
    uint64_t peak;        /* frames in the fullest bucket so far */
    uint64_t peak_bucket; /* its number: start time / width */
};

/* UDP datagrams with one source and one destination. */
struct pn_scan_flow {
    uint32_t src_be;
    uint32_t group_be;
    uint16_t src_port;
    uint16_t port;
    uint32_t blocks; /* 1: raw message blocks, no addresses */
    uint32_t ip6;    /* 1: IPv6, both addresses folded to 32 bits */
    uint32_t reserved;
    uint32_t feed;    /* enum pn_feed, as the first recognised datagram says */
    uint32_t framing; /* enum pn_framing, likewise; known framing may go with no feed */
    uint64_t datagrams;
    uint64_t bytes;      /* of payload */
    uint64_t recognised; /* datagrams that decode as `feed` */
    uint64_t framed;     /* datagrams that fit `framing` */
    uint64_t messages;   /* in framed datagrams, as their headers say */
    uint64_t first_ns;
    uint64_t last_ns;
    struct pn_scan_rate second;
    struct pn_scan_rate milli;
};

struct pn_scan_totals {
    uint64_t frames;
    uint64_t bytes;
    uint64_t datagrams;
    uint64_t flows;
    uint64_t unlisted; /* datagrams of flows beyond the limit */
    uint64_t first_ns;
    uint64_t last_ns;
    uint64_t backwards;  /* frames with an earlier time than the one before */
    uint64_t input_done; /* bytes of the file read, and in all (0 unknown) */
    uint64_t input_total;
    struct pn_scan_rate second;
    struct pn_scan_rate milli;
    uint64_t drops[96]; /* by reason */
};

struct pn_scan;

/* Opens a capture or raw ITCH file ("-": stdin). NULL with errno set and a message in err. */
struct pn_scan *pn_scan_open(const char *path, char *err, uint64_t err_len);
void pn_scan_close(struct pn_scan *scan);
/* Reads up to max_frames more frames; 1 while there are more, 0 at the end. */
int pn_scan_run(struct pn_scan *scan, uint64_t max_frames);
void pn_scan_sum(const struct pn_scan *scan, struct pn_scan_totals *out);
/* Up to cap flows in order of first sight; returns how many there are. */
uint32_t pn_scan_list(const struct pn_scan *scan, struct pn_scan_flow *out, uint32_t cap);
