/*
 * source.c - see source.h. The bytes of the file come in by read(), go through the codec if there
 * is one, and land in the window. A file that shrinks while it is read just ends early.
 */
#include "io/source.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bits.h"
#include "io/codec.h"

enum { SNIFF_BYTES = 4 };

/* Up to n raw bytes; 0 at the end of the file and on a read error, which sets bad. */
static size_t read_raw(struct source *s, uint8_t *out, size_t n)
{
    if (s->fd < 0) {
        size_t take = n < s->chunk ? n : s->chunk;
        take = take < s->memory_left ? take : s->memory_left;
        memcpy(out, s->memory, take);
        s->memory += take;
        s->memory_left -= take;
        s->input_bytes += take;
        return take;
    }
    for (;;) {
        ssize_t got = read(s->fd, out, n);
        if (got >= 0) {
            s->input_bytes += (size_t)got;
            return (size_t)got;
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK) {
            struct pollfd wait = {.fd = s->fd, .events = POLLIN};
            poll(&wait, 1, -1);
        } else if (errno != EINTR) {
            s->bad = true;
            return 0;
        }
    }
}

/* One step of decompression into the window's free space. */
static void fill_coded(struct source *s)
{
    struct source_codec *c = s->codec;
    if (c->in_head == c->in_tail && !c->in_end) {
        c->in_head = 0;
        c->in_tail = read_raw(s, c->in, s->input);
        c->in_end = c->in_tail == 0;
    }
    s->tail += codec_step(c, s->window + s->tail, s->window_bytes - s->tail);
    s->at_end = c->done;
    s->bad |= c->bad;
}

size_t source_fill(struct source *s, size_t need)
{
    if (source_left(s) >= need || s->at_end)
        return source_left(s);
    memmove(s->window, s->window + s->head, source_left(s));
    s->tail -= s->head;
    s->head = 0;
    while (s->tail < need && !s->at_end) {
        if (s->codec) {
            fill_coded(s);
        } else {
            size_t got = read_raw(s, s->window + s->tail, s->window_bytes - s->tail);
            s->tail += got;
            s->at_end = got == 0;
        }
    }
    return source_left(s);
}

bool source_discard(struct source *s, uint64_t n)
{
    while (n > source_left(s)) {
        n -= source_left(s);
        s->head = s->tail;
        if (source_fill(s, 1) == 0)
            return false;
    }
    source_take(s, (size_t)n);
    return true;
}

/* Looks at the first bytes and puts a decompressor in front if they ask for one. */
static int start(struct source *s, const char *name, struct error *e)
{
    size_t first = s->window_bytes < s->input ? s->window_bytes : s->input, got = 1;
    while (s->tail < SNIFF_BYTES && got) {
        got = read_raw(s, s->window + s->tail, first - s->tail);
        s->tail += got;
    }
    s->at_end = got == 0;
    enum codec_kind kind = codec_recognise(source_at(s), source_left(s));
    if (kind == CODEC_PLAIN)
        return 0;
    s->codec = codec_open(kind, s->input);
    if (!s->codec)
        return error_set(e, -ENOMEM, "%s: out of memory for decompression", name);
    /* What was read so far is compressed: it becomes the codec's first input. */
    s->codec->in_tail = source_left(s);
    memcpy(s->codec->in, source_at(s), s->codec->in_tail);
    s->codec->in_end = s->at_end;
    s->head = s->tail = 0;
    s->at_end = false;
    return 0;
}

static struct source *source_new(size_t window_bytes)
{
    struct source *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->fd = -1;
    s->window_bytes = window_bytes;
    s->input = SOURCE_INPUT;
    s->window = aligned_alloc(4096, window_bytes);
    if (!s->window) {
        free(s);
        return NULL;
    }
    return s;
}

static int open_descriptor(struct source *s, const char *path, struct error *e)
{
    const char *name = source_name(path);
    struct stat st;
    bool standard = strcmp(path, "-") == 0;
    s->fd = standard ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    if (s->fd < 0) {
        int code = errno;
        if (code == ENOENT)
            return error_set(e, -code, "%s: no such file; check the path", name);
        if (code == EACCES)
            return error_set(e, -code, "%s: permission denied; make it readable (chmod u+r)", name);
        return error_set(e, -code, "%s: cannot be opened: %s", name, strerror(code));
    }
    if (fstat(s->fd, &st) == 0) {
        if (S_ISDIR(st.st_mode))
            return error_set(e, -EISDIR, "%s: is a directory; name a capture file in it", name);
        if (S_ISREG(st.st_mode))
            s->input_total = (uint64_t)st.st_size;
    }
    if (standard && isatty(s->fd))
        return error_set(e, -EINVAL, "standard input is a terminal; pipe a capture into it");
    posix_fadvise(s->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    return 0;
}

int source_open_path(struct source **out, const char *path, struct error *e)
{
    struct source *s = source_new(SOURCE_WINDOW);
    if (!s)
        return error_set(e, -ENOMEM, "%s: out of memory", source_name(path));
    int rc = open_descriptor(s, path, e);
    if (rc == 0)
        rc = start(s, source_name(path), e);
    if (rc) {
        source_close(s);
        return rc;
    }
    *out = s;
    return 0;
}

int source_open_memory(struct source **out, const uint8_t *data, size_t len, size_t chunk,
                       size_t window, struct error *e)
{
    /* Neither window nor input need be longer than the bytes there are. */
    size_t whole = (len / 4096 + 1) * 4096;
    window = window ? window : SOURCE_WINDOW;
    if (codec_recognise(data, len) == CODEC_PLAIN && whole < window)
        window = whole;
    struct source *s = source_new(window);
    if (!s)
        return error_set(e, -ENOMEM, "out of memory");
    s->memory = data;
    s->memory_left = len;
    s->input = whole < SOURCE_INPUT ? whole : SOURCE_INPUT;
    s->input_total = len;
    s->chunk = chunk ? chunk : SOURCE_WINDOW;
    int rc = start(s, "memory", e);
    if (rc) {
        source_close(s);
        return rc;
    }
    *out = s;
    return 0;
}

void source_close(struct source *s)
{
    if (!s)
        return;
    if (s->codec)
        codec_close(s->codec);
    if (s->fd >= 0)
        close(s->fd);
    free(s->window);
    free(s);
}
