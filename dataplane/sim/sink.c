/* sink.c - see sink.h. */
#include "sim/sink.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#define OUT_BYTES (256u << 10)
#define IN_BYTES (64u << 10)
#define GZIP_WINDOW (15 + 16) /* zlib: largest window, gzip header */
#define GZIP_LEVEL 3
#define ZSTD_LEVEL 3

enum kind { PLAIN, GZIP, ZSTD };

struct sink {
    FILE *file;
    enum kind kind;
    int status;
    z_stream gz;
    ZSTD_CStream *zst;
    char path[4096];
    uint64_t used; /* bytes gathered in `in` */
    uint8_t in[IN_BYTES];
    uint8_t out[OUT_BYTES];
};

static int ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), k = strlen(end);
    return n >= k && !strcmp(text + n - k, end);
}

struct sink *sink_open(const char *path, struct error *error)
{
    struct sink *s = calloc(1, sizeof *s);
    if (!s) {
        error_set(error, -ENOMEM, "not enough memory");
        return NULL;
    }
    s->kind = ends_with(path, ".gz") ? GZIP : ends_with(path, ".zst") ? ZSTD : PLAIN;
    snprintf(s->path, sizeof s->path, "%s", path);
    int ready = 1;
    if (s->kind == GZIP)
        ready = deflateInit2(&s->gz, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) ==
                Z_OK;
    if (s->kind == ZSTD) {
        s->zst = ZSTD_createCStream();
        ready = s->zst &&
                !ZSTD_isError(ZSTD_CCtx_setParameter(s->zst, ZSTD_c_compressionLevel, ZSTD_LEVEL));
    }
    if (!ready)
        error_set(error, -ENOMEM, "%s: the compressor does not start", path);
    else if (!(s->file = fopen(path, "wb")))
        error_set(error, -errno, "%s: %s", path, strerror(errno));
    if (s->file)
        return s;
    if (s->kind == GZIP && ready)
        deflateEnd(&s->gz);
    ZSTD_freeCStream(s->zst);
    free(s);
    return NULL;
}

static void put(struct sink *s, const void *data, uint64_t bytes)
{
    if (bytes && fwrite(data, 1, bytes, s->file) != bytes && !s->status)
        s->status = errno ? -errno : -EIO;
}

static void write_gzip(struct sink *s, const void *data, uint64_t bytes, int flush)
{
    s->gz.next_in = (Bytef *)(uintptr_t)data;
    s->gz.avail_in = (uInt)bytes;
    do {
        s->gz.next_out = s->out;
        s->gz.avail_out = OUT_BYTES;
        deflate(&s->gz, flush);
        put(s, s->out, OUT_BYTES - s->gz.avail_out);
    } while (!s->gz.avail_out && !s->status);
}

static void write_zstd(struct sink *s, const void *data, uint64_t bytes, ZSTD_EndDirective end)
{
    ZSTD_inBuffer in = {data, bytes, 0};
    size_t left;
    do {
        ZSTD_outBuffer out = {s->out, OUT_BYTES, 0};
        left = ZSTD_compressStream2(s->zst, &out, &in, end);
        if (ZSTD_isError(left)) {
            s->status = s->status ? s->status : -EIO;
            return;
        }
        put(s, s->out, out.pos);
    } while ((in.pos < in.size || (end == ZSTD_e_end && left)) && !s->status);
}

static void write_through(struct sink *s, const void *data, uint64_t bytes)
{
    if (s->status)
        return;
    if (s->kind == PLAIN)
        put(s, data, bytes);
    else if (s->kind == GZIP)
        write_gzip(s, data, bytes, Z_NO_FLUSH);
    else
        write_zstd(s, data, bytes, ZSTD_e_continue);
}

/* Small pieces are gathered: a call of the compressor for each would cost more than its work. */
void sink_write(struct sink *sink, const void *data, uint64_t bytes)
{
    if (sink->used + bytes > IN_BYTES) {
        write_through(sink, sink->in, sink->used);
        sink->used = 0;
    }
    if (bytes > IN_BYTES) {
        write_through(sink, data, bytes);
        return;
    }
    memcpy(sink->in + sink->used, data, bytes);
    sink->used += bytes;
}

int sink_status(const struct sink *sink)
{
    return sink->status;
}

int sink_close(struct sink *sink, struct error *error)
{
    write_through(sink, sink->in, sink->used);
    if (!sink->status && sink->kind == GZIP)
        write_gzip(sink, NULL, 0, Z_FINISH);
    if (!sink->status && sink->kind == ZSTD)
        write_zstd(sink, NULL, 0, ZSTD_e_end);
    if (fclose(sink->file) && !sink->status)
        sink->status = -errno;
    if (sink->kind == GZIP)
        deflateEnd(&sink->gz);
    ZSTD_freeCStream(sink->zst);
    int status = sink->status;
    if (status)
        error_set(error, status, "%s: %s", sink->path, strerror(-status));
    free(sink);
    return status;
}
