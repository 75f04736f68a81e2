/*
 * memory.c - a port fed by its caller: frames are copied into a ring of fixed size and handed out
 * as views. One thread. Space of a frame is free again at the rx_burst after the one that
 * returned it.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "io/io.h"

enum { MEMORY_ALIGN = 16 };

/* start and end are positions in the stream of all bytes ever stored, gaps at the wrap included. */
struct slot {
    struct io_frame frame;
    uint64_t end;
};

struct memory {
    struct io_port port;
    uint8_t *ring;
    struct slot *slot;
    uint64_t bytes;
    uint64_t slots;
    uint64_t tail;  /* slots pushed */
    uint64_t head;  /* slots handed out */
    uint64_t freed; /* slots whose space is free again */
    uint64_t byte_tail;
    uint64_t byte_freed;
    bool finished;
    struct io_stats stats;
};

static void release(struct memory *m)
{
    if (m->freed == m->head)
        return;
    m->byte_freed = m->slot[(m->head - 1) % m->slots].end;
    m->freed = m->head;
}

static uint32_t memory_rx(struct io_port *port, struct io_frame *out, uint32_t n)
{
    struct memory *m = (struct memory *)port;
    uint32_t made = 0;
    release(m);
    for (; made < n && m->head < m->tail; made++, m->head++) {
        out[made] = m->slot[m->head % m->slots].frame;
        m->stats.rx_bytes += out[made].caplen;
        m->stats.drops[PN_R_IO_SNAPPED] += out[made].caplen < out[made].len;
    }
    m->stats.rx_frames += made;
    port->at_end = m->finished && m->head == m->tail;
    return made;
}

static void memory_stats(struct io_port *port, struct io_stats *out)
{
    *out = ((struct memory *)port)->stats;
}

static void memory_close(struct io_port *port)
{
    struct memory *m = (struct memory *)port;
    free(m->ring);
    free(m->slot);
    free(m);
}

static const struct io_ops memory_ops = {
    .name = "memory", .rx_burst = memory_rx, .stats = memory_stats, .close = memory_close};

int io_memory_push(struct io_port *port, const uint8_t *data, uint32_t caplen, uint32_t len,
                   uint64_t ts_ns, uint16_t link, uint16_t input)
{
    struct memory *m = (struct memory *)port;
    uint64_t size = ((uint64_t)caplen + MEMORY_ALIGN - 1) & ~(uint64_t)(MEMORY_ALIGN - 1);
    if (m->finished || caplen > len || link >= IO_LINK_UNKNOWN)
        return -EINVAL;
    if (caplen > IO_FRAME_MAX || size > m->bytes) {
        m->stats.drops[PN_R_IO_FRAME_HUGE]++;
        return -EMSGSIZE;
    }
    if (m->freed == m->tail) /* empty: begin at the front, so that the longest frame fits */
        m->byte_freed = m->byte_tail = 0;
    uint64_t at = m->byte_tail % m->bytes;
    uint64_t start = m->byte_tail + (at + size > m->bytes ? m->bytes - at : 0);
    if (m->tail - m->freed == m->slots || start + size - m->byte_freed > m->bytes)
        return -ENOSPC;
    uint8_t *to = m->ring + start % m->bytes;
    if (caplen)
        memcpy(to, data, caplen);
    m->byte_tail = start + size;
    m->slot[m->tail++ % m->slots] = (struct slot){
        .frame = {.data = to,
                  .caplen = caplen,
                  .len = len,
                  .ts_ns = ts_ns,
                  .input = input,
                  .link = link},
        .end = m->byte_tail,
    };
    return 0;
}

void io_memory_finish(struct io_port *port)
{
    ((struct memory *)port)->finished = true;
}

int io_memory_open(struct io_port **out, uint64_t bytes, uint32_t frames, uint16_t input,
                   struct error *e)
{
    if (frames == 0 || bytes < MEMORY_ALIGN || bytes > UINT64_MAX / 2)
        return error_set(e, -EINVAL, "memory port: give at least 1 frame and %d bytes",
                         MEMORY_ALIGN);
    struct memory *m = calloc(1, sizeof *m);
    if (!m)
        return error_set(e, -ENOMEM, "memory port: out of memory");
    m->port.ops = &memory_ops;
    m->port.input = input;
    m->bytes = bytes & ~(uint64_t)(MEMORY_ALIGN - 1);
    m->slots = frames;
    m->ring = malloc(m->bytes);
    m->slot = calloc(frames, sizeof *m->slot);
    if (!m->ring || !m->slot) {
        memory_close(&m->port);
        return error_set(e, -ENOMEM, "memory port: no memory for %llu bytes and %u frames",
                         (unsigned long long)bytes, frames);
    }
    *out = &m->port;
    return 0;
}
