/*
 * wire.c - see wire.h. Opens the files, moves messages from the generator to the lines, and hands
 * out the statistics.
 */
#include "sim/wire_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define SECOND 1000000000ull

void pn_wire_config_default(struct pn_wire_config *cfg)
{
    *cfg = (struct pn_wire_config){.seed = 1,
                                   .midnight_ns =
                                       1609477200ull * SECOND, /* 2021-01-01 00:00 US Eastern */
                                   .gather_ns = 20000,
                                   .heartbeat_ns = SECOND,
                                   .reorder_ns = 1000000,
                                   .heartbeats_max = 3,
                                   .lines = 1,
                                   .format = PN_WIRE_PCAP,
                                   .payload_max = 1400,
                                   .mean_messages = 4,
                                   .reorder_datagrams = 8,
                                   .loss_all_messages = 8,
                                   .session = "SIM0000001"};
    static const uint8_t group[2][4] = {{233, 54, 12, 111}, {233, 49, 196, 111}};
    for (uint32_t i = 0; i < PN_WIRE_LINES_MAX; i++) {
        struct pn_wire_line *l = &cfg->line[i];
        memcpy(&l->group_be, group[i], 4);
        memcpy(&l->source_be, (const uint8_t[]){10, 0, (uint8_t)i, 1}, 4);
        l->port = 26477;
        l->delay_ns = 1500 + i * 3000;
        l->jitter_ns = 400 + i * 800;
    }
}

static int check_line(const struct pn_wire_line *l)
{
    uint8_t group[4];
    memcpy(group, &l->group_be, 4);
    return (group[0] & 0xf0) == 0xe0 && l->port && l->loss_ppm <= 1000000 &&
           l->dup_ppm <= 1000000 && l->reorder_ppm <= 1000000 && l->jitter_ns < SECOND &&
           l->delay_ns < 60 * SECOND;
}

static const char *check(const struct pn_wire_config *c, const char *path_b)
{
    if (c->format > PN_WIRE_ITCH)
        return "unknown format";
    if (!c->lines || c->lines > PN_WIRE_LINES_MAX)
        return "lines must be 1 or 2";
    if (path_b && (c->lines != 2 || c->format == PN_WIRE_ITCH))
        return "a second file needs a second line";
    if (c->payload_max < PN_WIRE_PAYLOAD_MIN || c->payload_max > PN_WIRE_PAYLOAD_MAX)
        return "payload limit must be 128 to 1472 bytes";
    if (!c->mean_messages || c->mean_messages > 1000)
        return "mean messages of a datagram must be 1 to 1000";
    if (!c->reorder_datagrams || c->reorder_datagrams > PN_WIRE_REORDER_MAX)
        return "reordering must be by 1 to 64 datagrams";
    if (c->loss_all_ppm > 1000000 || !c->loss_all_messages)
        return "loss on all lines: rate up to 1000000 ppm, at least one message";
    if (c->heartbeat_ns && c->heartbeat_ns < 1000000)
        return "heartbeats must be a millisecond apart or more";
    for (uint32_t i = 0; i < c->lines; i++) {
        if (!check_line(&c->line[i]))
            return "a line needs a multicast group, a port, rates up to 1000000 ppm, jitter "
                   "under 1 s and delay under 60 s";
    }
    return NULL;
}

static int take_memory(struct pn_wire *w)
{
    w->pool = malloc(sizeof *w->pool * WIRE_POOL);
    w->free_list = malloc(sizeof *w->free_list * WIRE_POOL);
    w->heap = malloc(sizeof *w->heap * WIRE_POOL);
    w->buffer = malloc(WIRE_FLOW_BYTES);
    if (!w->pool || !w->free_list || !w->heap || !w->buffer)
        return -ENOMEM;
    for (uint32_t i = 0; i < WIRE_POOL; i++)
        w->free_list[w->free_count++] = WIRE_POOL - 1 - i;
    return 0;
}

static void release(struct pn_wire *w)
{
    pn_flow_close(w->flow);
    for (uint32_t i = 0; i < PN_WIRE_LINES_MAX; i++)
        free(w->line[i].lost.range);
    free(w->lost_all.range);
    free(w->pool);
    free(w->free_list);
    free(w->heap);
    free(w->buffer);
    free(w);
}

static int open_files(struct pn_wire *w, const char *path_a, const char *path_b,
                      struct error *error)
{
    w->sink[0] = sink_open(path_a, error);
    if (w->sink[0] && path_b) {
        w->sink[1] = sink_open(path_b, error);
        if (!w->sink[1])
            sink_close(w->sink[0], NULL);
    }
    if (!w->sink[0] || (path_b && !w->sink[1]))
        return -1;
    for (uint32_t i = 0; i < PN_WIRE_LINES_MAX && w->cfg.format != PN_WIRE_ITCH; i++) {
        if (w->sink[i])
            wire_file_begin(w, w->sink[i], path_b ? 1 : w->cfg.lines);
    }
    return 0;
}

struct pn_wire *pn_wire_open(const struct pn_flow_config *flow, const struct pn_wire_config *cfg,
                             const char *path_a, const char *path_b, char *err, uint64_t err_len)
{
    const char *wrong = check(cfg, path_b);
    struct error error = {.text = "not enough memory"};
    struct pn_wire *w = wrong ? NULL : calloc(1, sizeof *w);
    if (wrong || !w) {
        snprintf(err, err_len, "%s", wrong ? wrong : error.text);
        return NULL;
    }
    w->cfg = *cfg;
    w->flow = pn_flow_open(flow, err, err_len);
    if (!w->flow) {
        release(w);
        return NULL;
    }
    if (take_memory(w) || open_files(w, path_a, path_b, &error)) {
        snprintf(err, err_len, "%s", error.text);
        release(w);
        return NULL;
    }
    wire_pack_begin(w);
    wire_fault_begin(w);
    return w;
}

static void pass_on(struct pn_wire *w, uint64_t bytes)
{
    const uint8_t *p = w->buffer, *end = p + bytes;
    while (p < end) {
        uint32_t framed = 2u + load_u16_be(p);
        uint64_t open_ts = UINT64_MAX;
        for (uint32_t i = 0; i < w->cfg.lines; i++) {
            wire_pack_message(w, i, p, framed);
            if (w->line[i].first_ts < open_ts)
                open_ts = w->line[i].first_ts;
        }
        /* Nothing that is still open can be due before its first message. */
        for (uint32_t i = 0; i < w->cfg.lines; i++)
            wire_fault_release_due(w, i, w->cfg.midnight_ns + open_ts);
        wire_queue_drain(w, w->cfg.midnight_ns + open_ts);
        p += framed;
    }
}

static void finish(struct pn_wire *w)
{
    for (uint32_t i = 0; i < w->cfg.lines && w->cfg.format != PN_WIRE_ITCH; i++)
        wire_pack_end(w, i);
    wire_queue_drain(w, UINT64_MAX);
    wire_fault_intersect(w);
    w->finished = 1;
}

int pn_wire_step(struct pn_wire *wire, char *err, uint64_t err_len)
{
    uint64_t messages, bytes;
    if (wire->finished)
        return 0;
    bytes = pn_flow_next(wire->flow, wire->buffer, WIRE_FLOW_BYTES, &messages);
    wire->stats.messages += messages;
    if (wire->cfg.format == PN_WIRE_ITCH) {
        sink_write(wire->sink[0], wire->buffer, bytes);
        wire->stats.file_bytes += bytes;
    } else {
        pass_on(wire, bytes);
    }
    if (!bytes)
        finish(wire);
    int status = wire->no_memory ? -ENOMEM : 0;
    for (uint32_t i = 0; i < PN_WIRE_LINES_MAX && !status; i++)
        status = wire->sink[i] ? sink_status(wire->sink[i]) : 0;
    if (status)
        snprintf(err, err_len, "writing failed: %s", strerror(-status));
    return status ? status : !wire->finished;
}

int pn_wire_close(struct pn_wire *wire, char *err, uint64_t err_len)
{
    struct error error = {.text = ""};
    int status = 0;
    for (uint32_t i = 0; i < PN_WIRE_LINES_MAX; i++) {
        int rc = wire->sink[i] ? sink_close(wire->sink[i], status ? NULL : &error) : 0;
        status = status ? status : rc;
    }
    release(wire);
    snprintf(err, err_len, "%s", error.text);
    return status;
}

void pn_wire_stats(const struct pn_wire *wire, struct pn_wire_stats *out)
{
    *out = wire->stats;
    for (uint32_t i = 0; i < PN_WIRE_LINES_MAX; i++)
        out->line[i] = wire->line[i].stats;
}

uint64_t pn_wire_lost(const struct pn_wire *wire, uint32_t line, struct pn_wire_range *out,
                      uint64_t cap)
{
    const struct wire_ranges *r = line < wire->cfg.lines      ? &wire->line[line].lost
                                  : line == PN_WIRE_ALL_LINES ? &wire->lost_all
                                                              : NULL;
    if (!r)
        return 0;
    uint64_t n = r->count < cap ? r->count : cap;
    if (n)
        memcpy(out, r->range, n * sizeof *out);
    return r->count;
}

const struct pn_flow *pn_wire_flow(const struct pn_wire *wire)
{
    return wire->flow;
}
