/*
 * fuzz_live_config.c - a control segment with changed bytes. The input is a list of patches:
 * u32 offset, then 8 bytes. What is accepted must be in bounds, and reading commands must end.
 */
#include <stdlib.h>

#include "base/bits.h"
#include "io/io.h"
#include "live.h"
#include "shm/control.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(cond) \
    do { \
        if (!(cond)) \
            abort(); \
    } while (0)

enum { PATCH = 12, COMMANDS_READ_MAX = 4 * PN_COMMANDS };

static void begin(struct pn_control *seg)
{
    struct pn_live_config *c = &seg->config;
    memset(seg, 0, sizeof *seg);
    memcpy(c->instance, "main", 5);
    c->shards = 2;
    c->ports = 3;
    c->channels = 2;
    c->servers = 1;
    c->heartbeat_lost_ms = 500;
    for (int i = 0; i < 2; i++) {
        struct pn_shard_config *s = &c->shard[i];
        s->engine = (struct pn_config){1024, 1024, 1024, 1024, 64, 64, 1000, 0, 0, 0, 0, 0, 0};
        memcpy(s->state_path, "/s", 3);
        s->state_path[1] = (char)('a' + i);
        s->cpu = -1;
        c->channel[i] = (struct pn_channel_config){.name = "c", .feed = 1, .lines = 2};
        c->channel_shard[i] = (uint32_t)i;
        c->channel[i].input[0] = i;
        c->channel[i].input[1] = -1;
    }
    for (int i = 0; i < 3; i++) {
        c->port[i] = (struct pn_port_config){.device = "eth0", .kind = 2, .queues = 1, .steers = 1};
        c->port[i].name[0] = (char)('a' + i);
        c->port[i].shard = (uint32_t)i % 2;
    }
    c->server[0] = (struct pn_server_config){1, 1, 1, 0, 100};
}

static void must_be_text(const char *text, size_t room)
{
    MUST(strnlen(text, room) < room);
}

static void must_be_in_bounds(const struct pn_live_config *c)
{
    must_be_text(c->instance, sizeof c->instance);
    must_be_text(c->user, sizeof c->user);
    must_be_text(c->run_dir, sizeof c->run_dir);
    must_be_text(c->eal, sizeof c->eal);
    MUST(c->shards >= 1 && c->shards <= PN_SHARDS_MAX && c->ports >= 1);
    MUST(c->ports <= PN_PORTS_MAX && c->channels <= PN_CHANNELS_MAX);
    MUST(c->servers <= PN_SERVERS_MAX && c->heartbeat_lost_ms);
    for (uint32_t i = 0; i < c->shards; i++) {
        must_be_text(c->shard[i].state_path, PN_PATH_LEN);
        MUST(c->shard[i].engine.burst >= 1 && c->shard[i].engine.burst <= IO_BURST_MAX);
        MUST(c->shard[i].cpu >= -1);
    }
    for (uint32_t i = 0; i < c->ports; i++) {
        must_be_text(c->port[i].name, sizeof c->port[i].name);
        must_be_text(c->port[i].device, sizeof c->port[i].device);
        MUST(c->port[i].shard < c->shards && c->port[i].steers <= PN_STEERS_MAX);
        MUST(c->port[i].kind > PN_PORT_NONE && c->port[i].kind < PN_PORT_KINDS);
    }
    for (uint32_t i = 0; i < c->channels; i++) {
        must_be_text(c->channel[i].name, sizeof c->channel[i].name);
        MUST(c->channel[i].lines >= 1 && c->channel[i].lines <= PN_LINES_MAX);
        MUST(c->channel_shard[i] < c->shards);
        for (uint32_t k = 0; k < c->channel[i].lines; k++)
            MUST(c->channel[i].input[k] >= -1 && c->channel[i].input[k] < (int32_t)c->ports);
    }
    for (uint32_t i = 0; i < c->servers; i++)
        MUST(c->server[i].channel < c->channels);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct pn_control seg;
    char err[256];
    begin(&seg);
    for (size_t at = 0; at + PATCH <= size; at += PATCH)
        memcpy((uint8_t *)&seg + load_u32_le(data + at) % (sizeof seg - 7), data + at + 4, 8);
    if (pn_live_config_check(&seg.config, err, sizeof err) == 0)
        must_be_in_bounds(&seg.config);
    MUST(strnlen(err, sizeof err) < sizeof err);

    struct control control = {.seg = &seg, .bytes = sizeof seg};
    struct pn_command c;
    uint64_t done = 0;
    uint32_t reads = 0;
    while (control_next(&control, done, &c)) {
        MUST(c.number > done && ++reads < COMMANDS_READ_MAX);
        must_be_text(c.text, sizeof c.text);
        done = c.number;
    }
    return 0;
}
