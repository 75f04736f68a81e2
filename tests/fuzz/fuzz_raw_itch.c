/* fuzz_raw_itch.c - raw ITCH files from arbitrary bytes, recognised or not. */
#include "capture_run.h"
#include "io/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct capture_sum s;
    if (codec_recognise(data, size) != CODEC_PLAIN)
        return 0;
    raw_itch_recognise(data, size);
    MUST(capture_run_both(&s, raw_itch_open, data, size));
    /* All whole blocks come out, in order: walk them here the plain way. */
    size_t at = 0;
    while (size - at >= 2 && size - at - 2 >= load_u16_be(data + at))
        at += 2u + load_u16_be(data + at);
    bool mark = at == size && s.bytes + 2 == size; /* end mark left out */
    MUST(s.bytes == at || mark);
    MUST(s.drops[PN_R_IO_RECORD_CUT] == (at != size));
    MUST(s.datagrams == s.frames);
    return 0;
}
