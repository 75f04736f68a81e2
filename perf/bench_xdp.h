/* bench_xdp.h - what bench_af_xdp.c needs besides bench.h: the frame source on a veth pair. */
#ifndef BENCH_XDP_H
#define BENCH_XDP_H

#include "bench.h"
#include "inject.h"

enum { BENCH_PORT = 26477, BENCH_STAMP_AT = 6 };

/* Makes a frame of every message of the stream, to be sent out of a device of this namespace. */
void inject_open(const struct bench_stream *s, const char *device);
/* Sends so many frames, the list from its beginning again and again, each pass a session; frames a
 * second, 0 = as fast as it goes. Returns at once. */
void inject_start(uint64_t frames, double rate);
uint64_t inject_sent(void);
/* Waits for the end of what was started. */
void inject_finish(void);

#endif
