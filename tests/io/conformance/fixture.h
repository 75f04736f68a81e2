/*
 * fixture.h - a kind of port for the conformance test: how it is opened, how frames get to it, and
 * where those that it sends come out. One row in fixtures.c a kind; the test knows no kind by name.
 */
#ifndef PN_TESTS_FIXTURE_H
#define PN_TESTS_FIXTURE_H

#include "io/io.h"

enum {
    FIXTURE_SKIP = 77,
    FRAME_HEADERS = 14 + 20 + 8,
    FRAME_SHORTEST = 60,
    FRAME_LONGEST = 9000,
    GROUP_BE = 0x016636e9, /* 233.54.102.1 */
    PORT = 26477,
    T0 = 1000000000, /* ns, of frame 0; the others follow 1,001 apart */
};

enum fixture_traits {
    FIX_STORED = 1 << 0,   /* frames are put before the port is opened */
    FIX_ENDS = 1 << 1,     /* says at_end after the last one */
    FIX_OWN_TIME = 1 << 2, /* frames carry the time they were put with, else port->now_ns */
    FIX_TX = 1 << 3,       /* sends; what it sent can be taken */
    FIX_DROPS = 1 << 4,    /* a slow reader loses frames, which are counted */
    FIX_REFUSES = 1 << 5,  /* ... or the sender is told that there is no room */
    FIX_STEERS = 1 << 6,   /* takes only the flow above and leaves the rest to the kernel */
    FIX_STATUS = 1 << 7,   /* says how it is */
    FIX_AHEAD = 1 << 8,    /* takes frames ahead: their time is that of an earlier rx_burst too */
    FIX_LOOPS = 1 << 9     /* sends, and receives what it has sent */
};

struct test_frame {
    uint8_t data[FRAME_LONGEST];
    uint32_t len;
    uint64_t ts_ns;
};

/* Frame number i, of any length from the shortest on: headers, number, pattern. (frame.c) */
void test_frame_make(struct test_frame *f, uint32_t i, uint32_t len);

struct fixture {
    const char *name;
    uint32_t traits;
    uint32_t longest;  /* frame that gets through */
    uint32_t capacity; /* frames that are kept while nobody reads */
    const void *how;   /* the fixture's own */
    /* Makes what the port needs; 0, or FIXTURE_SKIP after saying why on standard output. */
    int (*begin)(const struct fixture *f);
    int (*open)(const struct fixture *f, struct io_port **out, struct error *e);
    /* Brings a frame to the port (NULL where they are stored); -ENOSPC where it has no room. */
    int (*put)(struct io_port *port, const struct test_frame *frame);
    /* Next frame that the port has sent, waiting for it; its length or a negative errno. */
    int (*take)(struct io_port *port, uint8_t *data, uint32_t cap);
    void (*end)(void);
};

/* All kinds, ended by one without a name. */
extern const struct fixture fixtures[];

/* fixture_wire.c: two joined interfaces in a network namespace of their own. */
int wire_begin(const struct fixture *f);
int wire_open(const struct fixture *f, struct io_port **out, struct error *e);
int wire_put(struct io_port *port, const struct test_frame *frame);
int wire_take(struct io_port *port, uint8_t *data, uint32_t cap);
void wire_end(void);
struct wire_how {
    uint32_t mtu, queues, busy_poll_us, buffer_bytes;
};

/* fixture_dpdk.c: a DPDK device without hardware. */
int ring_begin(const struct fixture *f);
int ring_open(const struct fixture *f, struct io_port **out, struct error *e);
int ring_put(struct io_port *port, const struct test_frame *frame);
void dpdk_end(void);

#endif
