/*
 * io.h - ports: where frames come from and go to. One small ops table; nothing above it knows
 * which backend it has.
 *
 * A frame's bytes belong to the port and stay valid until the port's next rx_burst or close.
 * Times are ns since the epoch (raw ITCH files: ns since midnight) and come from the input, never
 * from a clock read here.
 */
#ifndef PN_IO_IO_H
#define PN_IO_IO_H

#include <stdint.h>

#include "base/error.h"
#include "base/reasons.h"
#include "shm/abi_control.h"

enum io_limits {
    IO_BURST_MAX = 256,
    IO_FRAME_MAX = 262144, /* longest capture record that is accepted */
    IO_INPUTS_MAX = 16,
    /* Input number of frames made from answers of a re-request server; they belong to the line
     * whose group and port they carry, whatever its input. */
    IO_INPUT_RECOVERY = IO_INPUTS_MAX
};

/* What the first byte of a frame is; capture link types are mapped onto these. */
enum io_link {
    IO_LINK_ETHERNET = 0,
    IO_LINK_IP,     /* no link header, the version nibble tells 4 from 6 */
    IO_LINK_NULL,   /* BSD loopback: 4-byte family, either byte order */
    IO_LINK_SLL,    /* Linux cooked, 16 bytes */
    IO_LINK_SLL2,   /* Linux cooked v2, 20 bytes */
    IO_LINK_BLOCKS, /* no packet: u16 length + message, back to back (raw ITCH) */
    IO_LINK_UNKNOWN
};

struct io_frame {
    const uint8_t *data;
    uint32_t caplen; /* bytes at data */
    uint32_t len;    /* bytes that were on the wire, >= caplen */
    uint64_t ts_ns;
    uint16_t input; /* number of the input the frame came from */
    uint16_t link;  /* enum io_link */
    uint32_t reserved;
};

struct io_stats {
    uint64_t rx_frames;
    uint64_t rx_bytes;
    uint64_t tx_frames;
    uint64_t tx_bytes;
    uint64_t input_bytes; /* of the file, before decompression; for progress */
    uint64_t input_total; /* size of the file, 0 = unknown */
    uint64_t drops[PN_REASON_COUNT];
};

struct io_port;

struct io_ops {
    const char *name;
    /* Opens a live port. NULL for ports that are opened by a function of their own, below. */
    int (*open)(struct io_port **out, const struct pn_port_config *cfg, uint16_t input,
                struct error *e);
    /* Up to n frames into out; 0 with port->at_end set means the input is exhausted. */
    uint32_t (*rx_burst)(struct io_port *port, struct io_frame *out, uint32_t n);
    /* Sends up to n frames; returns how many were taken. NULL where a port cannot send. */
    uint32_t (*tx_burst)(struct io_port *port, const struct io_frame *in, uint32_t n);
    void (*stats)(struct io_port *port, struct io_stats *out);
    /* What a live port says of itself and its device, drops included; may be slow. */
    void (*status)(struct io_port *port, struct pn_port_status *out);
    void (*close)(struct io_port *port);
};

/* Head of every backend's own port structure. */
struct io_port {
    const struct io_ops *ops;
    uint64_t now_ns; /* live ports: written by the caller before rx_burst, time of frames without */
    uint16_t input;
    uint8_t at_end;
};

/* Opens a live port of any kind that this build has; -ENOTSUP, with how to get it, else. */
int io_open(struct io_port **out, const struct pn_port_config *cfg, uint16_t input,
            struct error *e);

/* Capture or raw ITCH file, plain, .gz or .zst, by content; "-" is standard input. */
int io_file_open(struct io_port **out, const char *path, uint16_t input, struct error *e);

/*
 * Frames pushed by another thread: one producer, one consumer, never a wait. Made for `frames`
 * frames of `bytes` in all; both are powers of two. ts_ns 0 stands for the now_ns of the rx_burst
 * that hands the frame out.
 */
int io_ring_open(struct io_port **out, uint64_t bytes, uint32_t frames, uint16_t input,
                 struct error *e);
/* Copies a frame in; -ENOSPC when the ring is full, -EMSGSIZE when it never fits. Producer only. */
int io_ring_push(struct io_port *port, const struct io_frame *frame);
/* Frames pushed and not yet handed out; either thread, a moment ago. */
uint64_t io_ring_waiting(const struct io_port *port);

/*
 * A port that hands on the frames of another one, which it owns, and copies them into a ring while
 * recording is on; frames that the ring has no room for are counted and left out of the record.
 */
int io_tap_open(struct io_port **out, struct io_port *inner, struct io_port *ring, struct error *e);
/* On and off; any thread. Takes effect at the next rx_burst. */
void io_tap_record(struct io_port *tap, int on);
/* Frames copied and left out since the tap was opened; any thread. */
void io_tap_counts(const struct io_port *tap, uint64_t *copied, uint64_t *dropped);

/* Several ports as one, by receive time; ties go to the lower input number. Owns the ports. */
int io_merge_open(struct io_port **out, struct io_port **ports, uint32_t count, struct error *e);

/* Live ports of one shard as one, in turn (io/poll.c). Owns the ports. */
int io_poll_open(struct io_port **out, struct io_port **ports, uint32_t count, struct error *e);

/* Frames pushed by the caller: a ring of `frames` frames of `bytes` in all. */
int io_memory_open(struct io_port **out, uint64_t bytes, uint32_t frames, uint16_t input,
                   struct error *e);
/* Copies a frame in; -ENOSPC when the ring is full. */
int io_memory_push(struct io_port *port, const uint8_t *data, uint32_t caplen, uint32_t len,
                   uint64_t ts_ns, uint16_t link, uint16_t input);
/* No more frames will be pushed: at_end is set when the ring has run empty. */
void io_memory_finish(struct io_port *port);

#endif
