/*
 * bench_machine.c - what the machine gives at this moment: ns of one load that depends on the one
 * before it, from memory of several sizes. Says how to read the other figures: on a shared machine
 * others use the same last cache and the same memory.
 */
#include <stdlib.h>

#include "bench.h"

enum { LINE = 64, LOADS = 4000000 };

/* A ring through every line of the memory in random order: nothing can be fetched ahead. */
static void *make_ring(uint64_t bytes)
{
    uint64_t lines = bytes / LINE, seed = 88172645463325252u;
    uint8_t *memory = bench_alloc(bytes);
    uint32_t *order = malloc(lines * sizeof *order);
    if (!order)
        bench_fail("memory", "not enough");
    for (uint64_t i = 0; i < lines; i++)
        order[i] = (uint32_t)i;
    for (uint64_t i = lines - 1; i > 0; i--) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        uint64_t k = seed % i;
        uint32_t keep = order[i];
        order[i] = order[k];
        order[k] = keep;
    }
    for (uint64_t i = 0; i < lines; i++)
        *(void **)(memory + i * LINE) = memory + (uint64_t)order[i] * LINE;
    free(order);
    return memory;
}

int main(void)
{
    static const uint64_t kib[] = {16, 512, 8192, 262144};
    for (uint32_t i = 0; i < sizeof kib / sizeof *kib; i++) {
        void *volatile sink;
        void **at = make_ring(kib[i] << 10);
        for (uint64_t n = 0; n < kib[i] << 10; n += LINE)
            at = *at;
        uint64_t t = bench_cpu_ns();
        for (uint64_t n = 0; n < LOADS; n++)
            at = *at;
        sink = at;
        (void)sink;
        printf("{\"kib\": %" PRIu64 ", \"ns\": %.2f}\n", kib[i],
               (double)(bench_cpu_ns() - t) / LOADS);
    }
    return 0;
}
