/*
 * codec.h - stream decompression for io/source: gzip of any number of members, Zstandard of any
 * number of frames. It never reads files and never sees what is inside.
 */
#ifndef PN_IO_CODEC_H
#define PN_IO_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum codec_kind { CODEC_PLAIN, CODEC_GZIP, CODEC_ZSTD };

/* Input between in + in_head and in + in_tail is the caller's to refill when it is used up. */
struct source_codec {
    enum codec_kind kind;
    uint8_t *in;
    size_t in_head;
    size_t in_tail;
    uint8_t header; /* Zstandard: bytes of this frame handed over, up to its longest header */
    bool in_end;    /* no more input will come */
    bool between;   /* the last member or frame is complete */
    bool done;      /* no more output will come */
    bool bad;       /* and that is because the stream is damaged or cut */
    void *state;
};

enum codec_kind codec_recognise(const uint8_t *p, size_t n);
/* input: how many compressed bytes are read at once. NULL when out of memory. */
struct source_codec *codec_open(enum codec_kind kind, size_t input);
void codec_close(struct source_codec *c);
/* Decompresses what it can into out; 0 means: more input, or done. */
size_t codec_step(struct source_codec *c, uint8_t *out, size_t room);

#endif
