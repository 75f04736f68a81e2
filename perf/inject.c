/* inject.c - the frame source of bench_xdp.h: loads inject.bpf.c, fills its list, runs it in a
 * thread of its own on the first processor. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>

#include "base/bits.h"
#include "bench_xdp.h"
#include "perf/inject_object.h"

enum { HEADERS = 14 + 20 + 8, SESSION_HEADER = 20 };

static int program;
static struct inject_state *state;
static pthread_t thread;
static uint64_t asked;
static uint32_t batch;

static void *map_memory(struct bpf_map *map, uint64_t bytes)
{
    bytes = (bytes + 4095) & ~4095ull;
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);
    if (at == MAP_FAILED)
        bench_fail("inject", "cannot map its memory");
    return at;
}

/* A datagram with one message, as line A of the generator sends them. */
static void make_frame(struct inject_frame *f, const uint8_t *block, uint64_t seq)
{
    static const uint8_t head[HEADERS] = {1,
                                          0,
                                          0x5e,
                                          54,
                                          12,
                                          111,
                                          2,
                                          0,
                                          0,
                                          0,
                                          0,
                                          1,
                                          8,
                                          0, /* Ethernet */
                                          0x45,
                                          0,
                                          0,
                                          0,
                                          0,
                                          0,
                                          0,
                                          0,
                                          16,
                                          17,
                                          0,
                                          0,
                                          10,
                                          0,
                                          0,
                                          1,
                                          233,
                                          54,
                                          12,
                                          111,
                                          0x46,
                                          0x51,
                                          BENCH_PORT >> 8,
                                          BENCH_PORT & 255,
                                          0,
                                          0,
                                          0,
                                          0};
    uint32_t block_bytes = 2u + load_u16_be(block);
    uint32_t udp = 8 + SESSION_HEADER + block_bytes;
    uint8_t *p = f->data;
    f->len = HEADERS - 8 + udp;
    if (f->len > sizeof f->data)
        bench_fail("inject", "a message is too long");
    memcpy(p, head, sizeof head);
    store_u16_be(p + 16, (uint16_t)(20 + udp));
    store_u16_be(p + 38, (uint16_t)udp);
    memcpy(p + HEADERS, "AA00000001", 10);
    store_u64_be(p + HEADERS + 10, seq);
    store_u16_be(p + HEADERS + 18, 1);
    memcpy(p + HEADERS + SESSION_HEADER, block, block_bytes);
    if (f->len < 60)
        f->len = 60;
}

void inject_open(const struct bench_stream *s, const char *device)
{
    struct bpf_object_open_opts options = {.sz = sizeof options, .object_name = "inject"};
    struct bpf_object *object = bpf_object__open_mem(inject_object, sizeof inject_object, &options);
    if (!object)
        bench_fail("inject", "no program");
    struct bpf_map *list = bpf_object__find_map_by_name(object, "frames");
    bpf_map__set_max_entries(list, (uint32_t)s->messages);
    if (bpf_object__load(object) != 0)
        bench_fail("inject", "the kernel does not take it");
    program = bpf_program__fd(bpf_object__find_program_by_name(object, "inject"));
    struct inject_frame *frame = map_memory(list, s->messages * sizeof *frame);
    state = map_memory(bpf_object__find_map_by_name(object, "state"), sizeof *state);
    state->ifindex = if_nametoindex(device);
    state->count = (uint32_t)s->messages;
    uint64_t seq = 1;
    for (const uint8_t *at = s->begin; at < s->end; at += 2 + load_u16_be(at), seq++)
        make_frame(frame++, at, seq);
}

static void *run(void *unused)
{
    static uint8_t blank[INJECT_BYTES];
    struct bpf_test_run_opts options = {.sz = sizeof options,
                                        .data_in = blank,
                                        .data_size_in = sizeof blank,
                                        .repeat = (int)asked,
                                        .flags = BPF_F_TEST_XDP_LIVE_FRAMES,
                                        .batch_size = batch};
    int rc = bpf_prog_test_run_opts(program, &options);
    if (rc != 0)
        bench_fail("inject", strerror(-rc));
    return NULL;
}

void inject_start(uint64_t frames, double rate)
{
    enum { ONE_BY_ONE = 250000 }; /* below this rate a frame is not held back for others */
    struct timespec now;
    pthread_attr_t attribute;
    cpu_set_t first;
    clock_gettime(CLOCK_MONOTONIC, &now);
    state->sent = 0;
    state->at = 0;
    state->pass++; /* a session that was not there yet */
    state->begin_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec + 1000000;
    state->interval_ps = rate > 0 ? (uint64_t)(1e12 / rate) : 0;
    asked = frames;
    batch = rate > 0 && rate <= ONE_BY_ONE ? 1 : rate > 0 ? 16 : 64;
    CPU_ZERO(&first);
    CPU_SET(0, &first);
    pthread_attr_init(&attribute);
    pthread_attr_setaffinity_np(&attribute, sizeof first, &first);
    if (pthread_create(&thread, &attribute, run, NULL) != 0)
        bench_fail("inject", "no thread");
    pthread_attr_destroy(&attribute);
}

uint64_t inject_sent(void)
{
    return __atomic_load_n(&state->sent, __ATOMIC_ACQUIRE);
}

void inject_finish(void)
{
    pthread_join(thread, NULL);
}
