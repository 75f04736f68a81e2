/*
 * wire.h - packs a generated flow into capture files: MoldUDP64 datagrams in UDP, IPv4, Ethernet on
 * one or two lines, with loss, duplication and reordering from a seed; or a raw ITCH file.
 *
 * What was lost is known exactly: pn_wire_lost. A line's first datagram and the end of the session
 * are never harmed, so that a reader knows where the stream begins and ends.
 */
#ifndef ABI_CDEF
#pragma once
#include "sim/flow.h"
#endif

enum pn_wire_limits {
    PN_WIRE_LINES_MAX = 2,
    PN_WIRE_PAYLOAD_MAX = 1472, /* UDP payload of an Ethernet frame */
    PN_WIRE_PAYLOAD_MIN = 128,
    PN_WIRE_REORDER_MAX = 64, /* datagrams by which one can be late */
    PN_WIRE_ALL_LINES = 2     /* for pn_wire_lost: lost on every line */
};

enum pn_wire_format {
    PN_WIRE_PCAP = 0,   /* classic, nanoseconds */
    PN_WIRE_PCAPNG = 1, /* one interface a line, nanoseconds */
    PN_WIRE_ITCH = 2    /* u16 length and message; no lines, no faults */
};

struct pn_wire_line {
    uint32_t group_be; /* IPv4 destination and source, network order */
    uint32_t source_be;
    uint64_t delay_ns;  /* from the message's own time to the capture */
    uint64_t jitter_ns; /* up to so much more */
    uint16_t port;      /* UDP destination */
    uint16_t reserved;
    uint32_t own_boundaries; /* 1: groups messages differently from the other line */
    uint32_t loss_ppm;       /* of the datagrams, each for itself */
    uint32_t dup_ppm;
    uint32_t reorder_ppm;
    uint32_t reserved2;
};

struct pn_wire_config {
    uint64_t seed;
    uint64_t midnight_ns;    /* since the epoch: what the message times count from */
    uint64_t gather_ns;      /* messages so close together may share a datagram */
    uint64_t heartbeat_ns;   /* silence that calls for a heartbeat; 0 = none are sent */
    uint64_t reorder_ns;     /* no datagram is held back for longer */
    uint32_t heartbeats_max; /* per silence, so that a thin day stays small; 0 = no limit */
    uint32_t lines;
    uint32_t format;            /* enum pn_wire_format */
    uint32_t payload_max;       /* bytes of a datagram */
    uint32_t mean_messages;     /* of a datagram, where messages are that close */
    uint32_t reorder_datagrams; /* a held datagram comes after 1 .. this many later ones */
    uint32_t loss_all_ppm;      /* losses of the same messages on every line, begun
                                   per million times mean_messages messages */
    uint32_t loss_all_messages; /* mean number of messages in one of them */
    char session[16];           /* up to ten characters */
    struct pn_wire_line line[2];
};

struct pn_wire_line_stats {
    uint64_t datagrams; /* written, heartbeats, duplicates and end of session included */
    uint64_t messages;  /* in them, duplicates not counted */
    uint64_t heartbeats;
    uint64_t lost_datagrams;
    uint64_t lost_messages;
    uint64_t duplicated;
    uint64_t reordered; /* overtaken by at least one later datagram */
    uint64_t bytes;     /* of frames written */
};

struct pn_wire_stats {
    uint64_t messages;   /* generated; sequence numbers 1 .. messages */
    uint64_t frames;     /* written on all lines */
    uint64_t file_bytes; /* before compression */
    uint64_t first_ns;
    uint64_t last_ns;
    struct pn_wire_line_stats line[2];
};

/* Messages first .. first + count - 1. */
struct pn_wire_range {
    uint64_t first;
    uint64_t count;
};

struct pn_wire;

void pn_wire_config_default(struct pn_wire_config *cfg);
/* Files end in .gz or .zst to be compressed. path_b is the second line's own file, or NULL to have
 * both lines in one. */
struct pn_wire *pn_wire_open(const struct pn_flow_config *flow, const struct pn_wire_config *cfg,
                             const char *path_a, const char *path_b, char *err, uint64_t err_len);
/* Generates and writes on, about 10,000 messages. 1 more to come, 0 finished, negative errno. */
int pn_wire_step(struct pn_wire *wire, char *err, uint64_t err_len);
/* Writes out what is left. Without having finished, the files are cut short. */
int pn_wire_close(struct pn_wire *wire, char *err, uint64_t err_len);
void pn_wire_stats(const struct pn_wire *wire, struct pn_wire_stats *out);
/* Messages lost on a line, or on all; up to cap ranges, returns how many there are. */
uint64_t pn_wire_lost(const struct pn_wire *wire, uint32_t line, struct pn_wire_range *out,
                      uint64_t cap);
/* The generator behind; lives as long as the wire. */
const struct pn_flow *pn_wire_flow(const struct pn_wire *wire);
