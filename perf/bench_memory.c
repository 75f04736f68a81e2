/*
 * bench_memory.c - memory of an engine that holds many orders, beside what its configuration
 * reserved: the region, and the heap as it was when the engine was ready. The stream comes from a
 * file that another process has written, so that only the engine's own memory counts.
 *
 *   bench_memory SYMBOLS MESSAGES LIVE_ORDERS DIR
 */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "sim/wire.h"

static void write_stream(char **argv, const char *path)
{
    char err[256];
    struct pn_flow_config flow;
    struct pn_wire_config wire;
    pn_flow_config_default(&flow);
    pn_wire_config_default(&wire);
    wire.format = PN_WIRE_ITCH;
    flow.symbols = (uint32_t)bench_number(argv[1]);
    flow.messages = bench_number(argv[2]);
    flow.max_live_orders = bench_number(argv[3]);
    struct pn_wire *w = pn_wire_open(&flow, &wire, path, NULL, err, sizeof err);
    if (!w)
        bench_fail(path, err);
    int more = 1;
    while (more > 0)
        more = pn_wire_step(w, err, sizeof err);
    if (more < 0 || pn_wire_close(w, err, sizeof err) != 0)
        bench_fail(path, err);
}

static void write_in_child(char **argv, const char *path)
{
    pid_t child = fork();
    if (child == 0) {
        write_stream(argv, path);
        _exit(0);
    }
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
        bench_fail(path, "not written");
}

/* A line of /proc/self/status in bytes, 0 if it is not there. */
static uint64_t status_bytes(const char *key)
{
    char line[256];
    uint64_t found = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, key, strlen(key)) == 0)
            found = strtoull(line + strlen(key), NULL, 10) << 10;
    if (f)
        fclose(f);
    return found;
}

static uint64_t heap_bytes(void)
{
    struct mallinfo2 m = mallinfo2();
    return m.uordblks + m.hblkhd;
}

static void print_memory(const char *when)
{
    printf("{\"when\": \"%s\", \"heap\": %" PRIu64 ", \"rss\": %" PRIu64 ", \"rss_peak\": %" PRIu64
           ", \"huge\": %" PRIu64 "}\n",
           when, heap_bytes(), status_bytes("VmRSS:"), status_bytes("VmHWM:"),
           status_bytes("HugetlbPages:"));
    fflush(stdout);
}

static void print_counters(struct pn_engine *engine)
{
    struct pn_counters c;
    uint64_t dropped = 0;
    const struct pn_region_header *h = pn_view_header(pn_engine_view(engine));
    const struct pn_pool *pool = (const void *)((const char *)h + h->section[PN_SEC_POOL].offset);
    pn_view_counters(pn_engine_view(engine), &c);
    for (uint32_t i = 0; i < PN_REASON_COUNT; i++)
        dropped += c.drops[i];
    printf("{\"messages\": %" PRIu64 ", \"dropped\": %" PRIu64 ", \"live_orders\": %" PRIu64
           ", \"peak_orders\": %u, \"pages\": %u, \"instruments\": %u}\n",
           c.messages, dropped, c.live_orders, pool->order_used, pool->page_used, h->instruments);
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: bench_memory SYMBOLS MESSAGES LIVE_ORDERS DIR\n");
        return 2;
    }
    char path[512], err[256];
    struct pn_config cfg;
    struct pn_run run = {0};
    snprintf(path, sizeof path, "%s/memory.itch", argv[4]);
    write_in_child(argv, path);
    print_memory("start");
    pn_config_default(&cfg);
    struct pn_engine *engine = pn_engine_open(&cfg, NULL, err, sizeof err);
    if (!engine)
        bench_fail("engine", err);
    if (pn_engine_add_file(engine, path, err, sizeof err) != 0)
        bench_fail("input", err);
    const struct pn_region_header *h = pn_view_header(pn_engine_view(engine));
    printf("{\"region_bytes\": %" PRIu64 ", \"hugepages\": %u, \"max_orders\": %" PRIu64
           ", \"max_instruments\": %" PRIu64 ", \"max_pages\": %" PRIu64 "}\n",
           h->bytes, h->hugepages, cfg.max_orders, cfg.max_instruments, cfg.max_pages);
    print_memory("open");
    while (run.end != PN_RUN_DONE)
        if (pn_engine_run(engine, &run) != 0)
            bench_fail("engine", "the run failed");
    print_memory("end");
    print_counters(engine);
    pn_engine_close(engine);
    unlink(path);
    return 0;
}
