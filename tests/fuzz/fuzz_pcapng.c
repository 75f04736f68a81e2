/* fuzz_pcapng.c - pcapng from arbitrary bytes. */
#include "capture_run.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct capture_sum s;
    if (!pcapng_recognise(data, size) || !capture_run_both(&s, pcapng_open, data, size))
        return 0;
    MUST(s.drops[PN_R_IO_RECORD_CUT] + s.drops[PN_R_IO_BLOCK_BAD] <= 1);
    MUST(s.drops[PN_R_IO_STREAM_BAD] == 0 && s.drops[PN_R_IO_SNAPPED] <= s.frames);
    /* The smallest packet block has 16 bytes, and no byte is in two frames. */
    uint64_t records = s.frames + s.drops[PN_R_IO_RECORD_BAD] + s.drops[PN_R_IO_INTERFACE] +
                       s.drops[PN_R_IO_FRAME_HUGE];
    MUST(records * 12 + s.bytes <= size);
    return 0;
}
