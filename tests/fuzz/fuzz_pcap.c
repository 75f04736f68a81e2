/* fuzz_pcap.c - classic pcap from arbitrary bytes. */
#include "capture_run.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct capture_sum s;
    if (!pcap_recognise(data, size) || !capture_run_both(&s, pcap_open, data, size))
        return 0;
    /* The input ends in one way only, and without one every byte is accounted for. */
    uint64_t ends = s.drops[PN_R_IO_RECORD_CUT] + s.drops[PN_R_IO_RECORD_BAD];
    MUST(ends <= 1 && s.drops[PN_R_IO_STREAM_BAD] == 0);
    MUST(s.drops[PN_R_IO_SNAPPED] <= s.frames);
    uint64_t used = 24 + 16 * s.frames + s.bytes;
    MUST(used <= size);
    MUST(ends || s.drops[PN_R_IO_FRAME_HUGE] || used == size);
    return 0;
}
