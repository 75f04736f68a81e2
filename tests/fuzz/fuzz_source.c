/* fuzz_source.c - decompression: gzip and Zstandard streams from arbitrary bytes. */
#include "capture_run.h"
#include "codec_pool.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A small input may stand for gigabytes: this much of them, through a window this small. */
enum { OUTPUT_MAX = 1 << 14, WINDOW = 1 << 12 };

/* Up to OUTPUT_MAX bytes into out; returns how many. */
static size_t read_all(const uint8_t *data, size_t size, size_t chunk, uint8_t *out, bool *bad)
{
    struct source *s;
    struct error e;
    size_t total = 0;
    MUST(source_open_memory(&s, data, size, chunk, WINDOW, &e) == 0);
    while (total < OUTPUT_MAX && source_fill(s, 1)) {
        MUST(s->head <= s->tail && s->tail <= s->window_bytes);
        MUST(s->input_bytes <= size);
        size_t n = source_left(s) < OUTPUT_MAX - total ? source_left(s) : OUTPUT_MAX - total;
        memcpy(out + total, source_at(s), n);
        total += n;
        source_take(s, source_left(s));
    }
    MUST(total == OUTPUT_MAX || s->at_end);
    *bad = s->bad;
    source_close(s);
    return total;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t out[2][OUTPUT_MAX];
    bool bad[2];
    codec_pool_begin(bytes_hash(size, data, size) >> 56 != 0);
    size_t whole = read_all(data, size, 0, out[0], &bad[0]);
    size_t pieces = read_all(data, size, 1 + size % 61, out[1], &bad[1]);
    codec_pool_end();
    /* After damage, how much came out before may depend on the pieces; otherwise nothing may. */
    MUST(whole == OUTPUT_MAX || pieces == OUTPUT_MAX || bad[0] == bad[1]);
    MUST(bad[0] || bad[1] || (whole == pieces && memcmp(out[0], out[1], whole) == 0));
    return 0;
}
