/*
 * wire_internal.h - state shared by the wire*.c files and nobody else.
 *
 * Way of a message: packed into each line's open datagram (wire_pack.c); a closed datagram is lost,
 * held back, doubled or passed on (wire_fault.c) into a queue ordered by capture time, from which
 * frames go to the files (wire_file.c) once nothing earlier can come.
 */
#ifndef PN_SIM_WIRE_INTERNAL_H
#define PN_SIM_WIRE_INTERNAL_H

#include "base/bits.h"
#include "base/error.h"
#include "sim/rng.h"
#include "sim/sink.h"
#include "sim/wire.h"

#define WIRE_HEADERS 42 /* Ethernet, IPv4, UDP */
#define WIRE_MOLD 20    /* MoldUDP64 header */
#define WIRE_POOL 4096  /* frames waiting for their time */
#define WIRE_FLOW_BYTES (400u << 10)
#define WIRE_END_REPEATS 3

struct wire_frame {
    uint64_t due_ns;
    uint64_t order; /* of creation; decides between equal times */
    uint32_t len;
    uint32_t line;
    uint8_t data[WIRE_HEADERS + PN_WIRE_PAYLOAD_MAX];
};

struct wire_held {
    uint64_t release_ns;
    uint32_t frame;
    uint32_t left;   /* datagrams to let pass */
    uint32_t passed; /* that have passed */
    uint32_t reserved;
};

struct wire_ranges {
    struct pn_wire_range *range;
    uint64_t count;
    uint64_t cap;
};

struct wire_line {
    struct pn_wire_line cfg;
    struct rng pack_rng; /* equal on both lines unless boundaries are to differ */
    struct rng fault_rng;
    struct rng loss_rng; /* equal on both lines: losses common to all */
    uint64_t loss_from;  /* the common loss ahead: sequence numbers from .. to - 1 */
    uint64_t loss_to;
    uint64_t next_seq; /* of the first message of the open datagram */
    uint64_t first_ts; /* of the open datagram */
    uint64_t last_ts;
    uint64_t sent_ns; /* when the line last had a datagram */
    uint64_t last_due;
    uint32_t count;  /* messages in the open datagram */
    uint32_t used;   /* bytes of payload */
    uint32_t target; /* messages at which it is closed */
    uint32_t held_count;
    uint16_t ip_id;
    uint8_t payload[PN_WIRE_PAYLOAD_MAX];
    struct wire_held held[PN_WIRE_REORDER_MAX];
    struct wire_ranges lost;
    struct pn_wire_line_stats stats;
};

struct pn_wire {
    struct pn_wire_config cfg;
    struct pn_flow *flow;
    struct sink *sink[PN_WIRE_LINES_MAX];
    struct wire_line line[PN_WIRE_LINES_MAX];
    struct wire_frame *pool;
    uint32_t *free_list;
    uint32_t free_count;
    uint32_t *heap; /* frames by due_ns, then order */
    uint32_t heap_count;
    uint64_t orders;
    uint64_t out_ns; /* time of the last frame written */
    struct wire_ranges lost_all;
    struct pn_wire_stats stats;
    int finished;
    int no_memory;
    uint8_t *buffer;
};

/* wire_frame.c: headers around a payload already in place behind them. */
void wire_frame_build(uint8_t *frame, uint32_t payload, const struct pn_wire_line *cfg,
                      uint32_t line, uint16_t ip_id);
/* wire_pack.c */
void wire_pack_begin(struct pn_wire *w);
void wire_pack_message(struct pn_wire *w, uint32_t line, const uint8_t *framed, uint32_t bytes);
void wire_pack_flush(struct pn_wire *w, uint32_t line);
void wire_pack_end(struct pn_wire *w, uint32_t line);
/* wire_fault.c */
void wire_fault_begin(struct pn_wire *w);
/* Takes a datagram of `count` messages from sequence number seq on, sent at send_ns. */
void wire_fault_send(struct pn_wire *w, uint32_t line, const uint8_t *payload, uint32_t bytes,
                     uint64_t seq, uint32_t count, uint64_t send_ns);
/* As wire_fault_send, but nothing happens to it. */
void wire_fault_send_safe(struct pn_wire *w, uint32_t line, const uint8_t *payload, uint32_t bytes,
                          uint32_t count, uint64_t send_ns);
/* Held datagrams that may wait no longer than until_ns, at its end all of them. */
void wire_fault_release_due(struct pn_wire *w, uint32_t line, uint64_t until_ns);
void wire_fault_release_all(struct pn_wire *w, uint32_t line);
void wire_fault_intersect(struct pn_wire *w);
/* wire_queue.c */
struct wire_frame *wire_queue_frame(struct pn_wire *w, uint32_t *index);
void wire_queue_push(struct pn_wire *w, uint32_t index);
/* Writes all frames that are due up to that time. */
void wire_queue_drain(struct pn_wire *w, uint64_t until_ns);
/* wire_file.c */
void wire_file_begin(struct pn_wire *w, struct sink *sink, uint32_t interfaces);
void wire_file_frame(struct pn_wire *w, const struct wire_frame *frame);

#endif
