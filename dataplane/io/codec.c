/* codec.c - see codec.h. Formats: RFC 1952 (gzip), RFC 8878 (Zstandard). */
#include "io/codec.h"

#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include "base/bits.h"
#include "io/source.h"

enum {
    GZIP_MAGIC = 0x8b1f,
    GZIP_WINDOW = 15 + 16, /* largest window, gzip wrapper */
    ZSTD_WINDOW_LOG = 27,  /* frames that ask for more than 128 MiB are refused */
    ZSTD_HEADER_MAX = 18   /* RFC 8878, 3.1.1: magic number and longest frame header */
};

enum codec_kind codec_recognise(const uint8_t *p, size_t n)
{
    if (n >= 3 && load_u16_le(p) == GZIP_MAGIC && p[2] == 8)
        return CODEC_GZIP;
    if (n >= 4 && load_u32_le(p) == ZSTD_MAGICNUMBER)
        return CODEC_ZSTD;
    if (n >= 4 && (load_u32_le(p) & ZSTD_MAGIC_SKIPPABLE_MASK) == ZSTD_MAGIC_SKIPPABLE_START)
        return CODEC_ZSTD;
    return CODEC_PLAIN;
}

static void *gzip_new(void)
{
    z_stream *z = calloc(1, sizeof *z);
    if (z && inflateInit2(z, GZIP_WINDOW) != Z_OK) {
        free(z);
        return NULL;
    }
    return z;
}

static void *zstd_new(void)
{
    ZSTD_DStream *z = ZSTD_createDStream();
    if (z)
        ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG);
    return z;
}

struct source_codec *codec_open(enum codec_kind kind, size_t input)
{
    struct source_codec *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->kind = kind;
    c->between = true;
    c->in = malloc(input);
    c->state = kind == CODEC_GZIP ? gzip_new() : zstd_new();
    if (!c->in || !c->state) {
        codec_close(c);
        return NULL;
    }
    return c;
}

void codec_close(struct source_codec *c)
{
    if (c->state && c->kind == CODEC_GZIP) {
        inflateEnd(c->state);
        free(c->state);
    } else if (c->state) {
        ZSTD_freeDStream(c->state);
    }
    free(c->in);
    free(c);
}

static void give_up(struct source_codec *c)
{
    c->done = true;
    c->bad = true;
}

static size_t step_gzip(struct source_codec *c, uint8_t *out, size_t room)
{
    z_stream *z = c->state;
    if (c->between) {
        /* Zero bytes between and after members are padding (tar, tape blocks). */
        while (c->in_head < c->in_tail && c->in[c->in_head] == 0)
            c->in_head++;
        if (c->in_head == c->in_tail) {
            c->done = c->in_end;
            return 0;
        }
        inflateReset(z);
        c->between = false;
    }
    size_t had = c->in_tail - c->in_head;
    z->next_in = c->in + c->in_head;
    z->avail_in = (uInt)had;
    z->next_out = out;
    z->avail_out = (uInt)room;
    int rc = inflate(z, Z_NO_FLUSH);
    c->in_head += had - z->avail_in;
    size_t made = room - z->avail_out;
    if (rc == Z_STREAM_END)
        c->between = true;
    else if (rc != Z_OK && rc != Z_BUF_ERROR)
        give_up(c);
    else if (made == 0 && c->in_end && c->in_head == c->in_tail)
        give_up(c);
    return made;
}

/*
 * When a call completes a frame's header and what it was given looks like a whole frame, the
 * library takes a short cut, which is less strict than its streaming, and which mistakes a frame
 * behind part of a header for the one begun. Headers go in byte by byte, which rules that out: the
 * verdict does not depend on how the file was read.
 */
static size_t step_zstd(struct source_codec *c, uint8_t *out, size_t room)
{
    if (c->between && c->in_head == c->in_tail) {
        c->done = c->in_end;
        return 0;
    }
    if (c->between)
        c->header = 0;
    size_t give = c->in_tail - c->in_head;
    if (give && c->header < ZSTD_HEADER_MAX)
        give = 1;
    ZSTD_inBuffer in = {c->in, c->in_head + give, c->in_head};
    ZSTD_outBuffer to = {out, room, 0};
    size_t rc = ZSTD_decompressStream(c->state, &to, &in);
    if (c->header < ZSTD_HEADER_MAX)
        c->header += (uint8_t)(in.pos - c->in_head);
    c->in_head = in.pos;
    if (ZSTD_isError(rc)) {
        give_up(c);
        return to.pos;
    }
    c->between = rc == 0;
    if (rc != 0 && to.pos == 0 && c->in_end && c->in_head == c->in_tail)
        give_up(c);
    return to.pos;
}

size_t codec_step(struct source_codec *c, uint8_t *out, size_t room)
{
    if (c->done || room == 0)
        return 0;
    return c->kind == CODEC_GZIP ? step_gzip(c, out, room) : step_zstd(c, out, room);
}
