/* fuzz_source.c - decompression: gzip and Zstandard streams from arbitrary bytes. */
#include "capture_run.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A small input may stand for gigabytes: this much of them, through a window this small. */
enum { OUTPUT_MAX = 1 << 16, WINDOW = 1 << 13 };

static uint64_t read_all(const uint8_t *data, size_t size, size_t chunk, uint64_t *hash, bool *bad)
{
    struct source *s;
    struct error e;
    uint64_t total = 0;
    *hash = 0;
    MUST(source_open_memory(&s, data, size, chunk, WINDOW, &e) == 0);
    while (total < OUTPUT_MAX && source_fill(s, 1)) {
        MUST(s->head <= s->tail && s->tail <= s->window_bytes);
        MUST(s->input_bytes <= size);
        for (size_t i = 0; i < source_left(s) && total + i < OUTPUT_MAX; i++)
            *hash = (*hash ^ source_at(s)[i]) * 0x100000001b3u;
        total += source_left(s);
        source_take(s, source_left(s));
    }
    MUST(total >= OUTPUT_MAX || s->at_end);
    *bad = s->bad;
    source_close(s);
    return total < OUTPUT_MAX ? total : OUTPUT_MAX;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t hash[2];
    bool bad[2];
    uint64_t whole = read_all(data, size, 0, &hash[0], &bad[0]);
    uint64_t pieces = read_all(data, size, 1 + size % 61, &hash[1], &bad[1]);
    /* After damage, how much came out before may depend on the pieces; otherwise nothing may. */
    MUST(whole == OUTPUT_MAX || bad[0] == bad[1]);
    MUST(bad[0] || bad[1] || (whole == pieces && hash[0] == hash[1]));
    return 0;
}
