/*
 * fixtures.c - the kinds of ports that the conformance test runs against, and the simple ones. A
 * new kind is one row at the end, its functions in a file of their own if they are more than a few,
 * and its name in test_conformance.py.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fixture.h"

/* A capture file, written frame by frame, nanosecond format. */
static char file_path[64];
static FILE *file;

static int file_begin(const struct fixture *f)
{
    const uint32_t header[6] = {0xa1b23c4d, 4 << 16 | 2, 0, 0, 262144, 1};
    snprintf(file_path, sizeof file_path, "/tmp/pn-conformance-%d.pcap", getpid());
    file = fopen(file_path, "wb");
    if (!file || fwrite(header, sizeof header, 1, file) != 1)
        return 1;
    return 0;
}

static int file_put(struct io_port *port, const struct test_frame *frame)
{
    const uint32_t record[4] = {(uint32_t)(frame->ts_ns / 1000000000u),
                                (uint32_t)(frame->ts_ns % 1000000000u), frame->len, frame->len};
    return fwrite(record, sizeof record, 1, file) == 1 &&
                   fwrite(frame->data, frame->len, 1, file) == 1
               ? 0
               : -EIO;
}

static int file_open(const struct fixture *f, struct io_port **out, struct error *e)
{
    fflush(file);
    return io_file_open(out, file_path, 3, e);
}

static void file_end(void)
{
    if (file)
        fclose(file);
    file = NULL;
    unlink(file_path);
}

static int no_begin(const struct fixture *f)
{
    return 0;
}

static void no_end(void)
{
}

static int memory_open(const struct fixture *f, struct io_port **out, struct error *e)
{
    return io_memory_open(out, 1 << 20, 1024, 3, e);
}

static int memory_put(struct io_port *port, const struct test_frame *frame)
{
    return io_memory_push(port, frame->data, frame->len, frame->len, frame->ts_ns, IO_LINK_ETHERNET,
                          3);
}

#define WIRE \
    .begin = wire_begin, .open = wire_open, .put = wire_put, .take = wire_take, .end = wire_end
enum { WIRE_TRAITS = FIX_TX | FIX_DROPS | FIX_STEERS | FIX_STATUS };

const struct fixture fixtures[] = {
    {.name = "pcap",
     .traits = FIX_STORED | FIX_ENDS | FIX_OWN_TIME,
     .longest = FRAME_LONGEST,
     .begin = file_begin,
     .open = file_open,
     .put = file_put,
     .end = file_end},
    {.name = "memory",
     .traits = FIX_OWN_TIME | FIX_REFUSES,
     .longest = FRAME_LONGEST,
     .capacity = 64,
     .begin = no_begin,
     .open = memory_open,
     .put = memory_put,
     .end = no_end},
#ifdef PN_AF_XDP
    {.name = "af_xdp",
     .traits = WIRE_TRAITS,
     .longest = 1514,
     .capacity = 512,
     .how = &(const struct wire_how){.mtu = 1500, .queues = 1, .buffer_bytes = 2048},
     WIRE},
    {.name = "af_xdp_large",
     .traits = WIRE_TRAITS,
     .longest = 3514,
     .capacity = 512,
     .how = &(const struct wire_how){.mtu = 3500, .queues = 1, .buffer_bytes = 4096},
     WIRE},
    /* Beyond what veth's driver mode takes, so the program runs generic. */
    {.name = "af_xdp_generic",
     .traits = WIRE_TRAITS,
     .longest = 3764,
     .capacity = 512,
     .how = &(const struct wire_how){.mtu = 3750, .queues = 1, .buffer_bytes = 4096},
     WIRE},
    {.name = "af_xdp_queues",
     .traits = WIRE_TRAITS,
     .longest = 1514,
     .capacity = 512,
     .how = &(const struct wire_how){.mtu = 1500, .queues = 4, .buffer_bytes = 2048},
     WIRE},
    {.name = "af_xdp_busy_poll",
     .traits = WIRE_TRAITS,
     .longest = 1514,
     .capacity = 512,
     .how = &(
         const struct wire_how){.mtu = 1500, .queues = 1, .busy_poll_us = 20, .buffer_bytes = 2048},
     WIRE},
#endif
#ifdef WITH_DPDK
    {.name = "dpdk_ring",
     .traits = FIX_REFUSES | FIX_STATUS | FIX_AHEAD | FIX_LOOPS,
     .longest = 1514,
     .capacity = 512,
     .begin = ring_begin,
     .open = ring_open,
     .put = ring_put,
     .end = dpdk_end},
#endif
    {0},
};
