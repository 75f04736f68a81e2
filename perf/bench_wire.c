/*
 * bench_wire.c - from frames in memory to published books, one message a frame and one frame a
 * burst: what the engine adds to what a port takes.
 *
 *   bench_wire SYMBOLS MESSAGES ROUNDS
 */
#include "bench.h"

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: bench_wire SYMBOLS MESSAGES ROUNDS\n");
        return 2;
    }
    struct bench_stream s;
    struct bench_port port;
    uint64_t rounds = bench_number(argv[3]);
    bench_stream_make(&s, bench_number(argv[1]), bench_number(argv[2]), 0);
    bench_port_wire(&port, s.begin, s.end, s.messages);
    for (uint64_t i = 0; i < rounds; i++) {
        bench_latency(&s, &port, i, &(struct bench_timed){.name = "add", .type = 'A'});
        bench_latency(&s, &port, i, &(struct bench_timed){.name = "all"});
    }
    pn_flow_close(s.flow);
    return 0;
}
