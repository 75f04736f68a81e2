/*
 * source.h - a stream of bytes behind a sliding window: a plain file, gzip or Zstandard (told by
 * content, several members or frames back to back), standard input, or memory. It owns the
 * descriptor, the window and the decompressor; memory is bounded whatever the input is.
 *
 * Callers look at source_at .. source_at + source_left and step with source_take. Only source_fill
 * and source_discard move the window, so views live until the next call of one of these.
 */
#ifndef PN_IO_SOURCE_H
#define PN_IO_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/error.h"

enum source_limits {
    SOURCE_WINDOW = 1 << 20, /* the most that source_fill can make contiguous */
    SOURCE_INPUT = 1 << 18,  /* compressed bytes read at once */
    SOURCE_NAME = 120        /* longest name in messages */
};

struct source_codec;

struct source {
    uint8_t *window;
    size_t window_bytes;
    size_t head;
    size_t tail;
    uint64_t input_bytes; /* read from the file so far, before decompression */
    uint64_t input_total; /* size of the file, 0 = unknown */
    bool at_end;          /* nothing more will come after tail */
    bool bad;             /* it ended because it is damaged or cannot be read */
    int fd;               /* -1: memory */
    const uint8_t *memory;
    size_t memory_left;
    size_t chunk;               /* bytes handed out at once from memory */
    size_t input;               /* compressed bytes read at once */
    struct source_codec *codec; /* NULL: plain */
};

/* What messages call a file: the end of a path too long to leave room for the message. */
static inline const char *source_name(const char *path)
{
    size_t len = strlen(path);
    return len > SOURCE_NAME ? path + len - SOURCE_NAME : path;
}

/* "-" is standard input. */
int source_open_path(struct source **out, const char *path, struct error *e);
/*
 * Reads bytes that outlive the source, `chunk` at a time: how short reads are tested. window: of
 * decompressed bytes, 0 = SOURCE_WINDOW; it is then the most that source_fill makes contiguous.
 */
int source_open_memory(struct source **out, const uint8_t *data, size_t len, size_t chunk,
                       size_t window, struct error *e);
void source_close(struct source *s);

static inline const uint8_t *source_at(const struct source *s)
{
    return s->window + s->head;
}

static inline size_t source_left(const struct source *s)
{
    return s->tail - s->head;
}

/* Steps over n <= source_left bytes. */
static inline void source_take(struct source *s, size_t n)
{
    s->head += n;
}

/* Makes at least need <= SOURCE_WINDOW bytes contiguous; fewer only at the end of the input. */
size_t source_fill(struct source *s, size_t need);
/* Steps over n bytes, however many; false when the input ends before. */
bool source_discard(struct source *s, uint64_t n);

#endif
