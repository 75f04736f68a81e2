/* pcapng_write.c - see pcapng_write.h. */
#include "io/pcapng_write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"

enum {
    BLOCK_SECTION = 0x0a0d0d0a,
    BLOCK_INTERFACE = 1,
    BLOCK_ENHANCED = 6,
    BYTE_ORDER_MAGIC = 0x1a2b3c4d,
    LINKTYPE_ETHERNET = 1,
    OPTION_IF_NAME = 2,
    OPTION_IF_DESCRIPTION = 3,
    OPTION_SHB_USERAPPL = 4,
    OPTION_IF_TSRESOL = 9,
    RESOLUTION_NS = 9,
    ENHANCED_FIXED = 28,
    BUFFER = 1 << 20,
    TEXT_MAX = 64
};

struct pcapng_writer {
    int fd;
    int error;
    uint64_t written;
    uint32_t used;
    int16_t id[IO_INPUT_RECOVERY + 1]; /* interface of an input, -1 = none */
    char path[PN_PATH_LEN];
    uint8_t buffer[BUFFER];
};

int pcapng_flush(struct pcapng_writer *w)
{
    uint32_t at = 0;
    while (at < w->used && !w->error) {
        ssize_t n = write(w->fd, w->buffer + at, w->used - at);
        if (n > 0)
            at += (uint32_t)n;
        else if (n == 0 || errno != EINTR)
            w->error = n == 0 ? -EIO : -errno;
    }
    w->written += at;
    w->used = 0;
    return w->error;
}

/* Room for a block that the caller fills; never larger than the buffer. */
static uint8_t *reserve(struct pcapng_writer *w, uint32_t bytes)
{
    if (w->used + bytes > BUFFER)
        pcapng_flush(w);
    uint8_t *at = w->buffer + w->used;
    w->used += bytes;
    return at;
}

static void put_u16(uint8_t *at, uint16_t v)
{
    memcpy(at, &v, sizeof v);
}

static void put_u32(uint8_t *at, uint32_t v)
{
    memcpy(at, &v, sizeof v);
}

/* One option, padded; returns where the next one goes. */
static uint8_t *put_option(uint8_t *at, uint16_t code, const void *value, uint16_t len)
{
    put_u16(at, code);
    put_u16(at + 2, len);
    memset(at + 4, 0, (len + 3u) & ~3u);
    memcpy(at + 4, value, len);
    return at + 4 + ((len + 3u) & ~3u);
}

/* A block whose body is `at` bytes long so far; both its lengths and the end of its options. */
static void put_block(struct pcapng_writer *w, uint32_t type, uint8_t *body, uint8_t *end)
{
    put_u32(end, 0);
    end += 4;
    uint32_t total = (uint32_t)(end - body) + 12;
    uint8_t *block = reserve(w, total);
    put_u32(block, type);
    put_u32(block + 4, total);
    memcpy(block + 8, body, total - 12);
    put_u32(block + total - 4, total);
}

static void put_section(struct pcapng_writer *w)
{
    uint8_t body[64 + TEXT_MAX];
    put_u32(body, BYTE_ORDER_MAGIC);
    put_u16(body + 4, 1);
    put_u16(body + 6, 0);
    memset(body + 8, 0xff, 8); /* section length not given */
    put_block(w, BLOCK_SECTION, body, put_option(body + 16, OPTION_SHB_USERAPPL, "PinnacleMM", 10));
}

static void put_interface(struct pcapng_writer *w, const struct pcapng_interface *f)
{
    uint8_t body[64 + 2 * TEXT_MAX], resolution = RESOLUTION_NS, *at = body + 8;
    char text[TEXT_MAX];
    put_u16(body, LINKTYPE_ETHERNET);
    put_u16(body + 2, 0);
    put_u32(body + 4, 0); /* no snap length */
    int len = snprintf(text, sizeof text, "%.40s", f->name);
    at = put_option(at, OPTION_IF_NAME, text, (uint16_t)len);
    len = snprintf(text, sizeof text, PCAPNG_INPUT "%u", f->input);
    at = put_option(at, OPTION_IF_DESCRIPTION, text, (uint16_t)len);
    at = put_option(at, OPTION_IF_TSRESOL, &resolution, 1);
    put_block(w, BLOCK_INTERFACE, body, at);
}

int pcapng_create(struct pcapng_writer **out, const char *path,
                  const struct pcapng_interface *interface, uint32_t interfaces, struct error *e)
{
    struct pcapng_writer *w = calloc(1, sizeof *w);
    if (!w)
        return error_set(e, -ENOMEM, "%s: no memory for a recording", path);
    memset(w->id, 0xff, sizeof w->id);
    snprintf(w->path, sizeof w->path, "%s", path);
    for (uint32_t i = 0; i < interfaces; i++) {
        if (interface[i].input > IO_INPUT_RECOVERY || w->id[interface[i].input] >= 0) {
            free(w);
            return error_set(e, -EINVAL, "%s: input %u is out of bounds or given twice", path,
                             interface[i].input);
        }
        w->id[interface[i].input] = (int16_t)i;
    }
    w->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (w->fd < 0) {
        int code = -errno;
        free(w);
        return error_set(e, code, "%s: %s; choose another place to record to", path,
                         code == -EEXIST ? "is there already" : strerror(-code));
    }
    put_section(w);
    for (uint32_t i = 0; i < interfaces; i++)
        put_interface(w, &interface[i]);
    *out = w;
    return 0;
}

int pcapng_write(struct pcapng_writer *w, const struct io_frame *frame)
{
    if (frame->input > IO_INPUT_RECOVERY || w->id[frame->input] < 0 ||
        frame->link != IO_LINK_ETHERNET || frame->caplen > IO_FRAME_MAX)
        return -EINVAL;
    if (w->error)
        return w->error;
    uint32_t padded = (frame->caplen + 3) & ~3u, total = ENHANCED_FIXED + padded + 4;
    uint8_t *block = reserve(w, total);
    put_u32(block, BLOCK_ENHANCED);
    put_u32(block + 4, total);
    put_u32(block + 8, (uint32_t)w->id[frame->input]);
    put_u32(block + 12, (uint32_t)(frame->ts_ns >> 32));
    put_u32(block + 16, (uint32_t)frame->ts_ns);
    put_u32(block + 20, frame->caplen);
    put_u32(block + 24, frame->len);
    if (padded)
        put_u32(block + ENHANCED_FIXED + padded - 4, 0);
    if (frame->caplen)
        memcpy(block + ENHANCED_FIXED, frame->data, frame->caplen);
    put_u32(block + total - 4, total);
    return w->error;
}

uint64_t pcapng_bytes(const struct pcapng_writer *w)
{
    return w->written + w->used;
}

int pcapng_close(struct pcapng_writer *w, struct error *e)
{
    pcapng_flush(w);
    if (close(w->fd) != 0 && !w->error)
        w->error = -errno;
    int code = w->error;
    if (code)
        error_set(e, code, "%s: %s; the recording is cut short", w->path, strerror(-code));
    free(w);
    return code;
}
