/*
 * engine.c - libpinnacle's front (api.h): opens the region, puts ports in front of the pipeline
 * and runs it to a limit. Not on the path itself.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api.h"
#include "base/ticks.h"
#include "config.h"
#include "desk_internal.h"
#include "digest.h"
#include "pipeline.h"
#include "shm/view.h"

struct pn_engine {
    struct region region;
    struct pipeline pipeline;
    struct pn_view view;
    struct io_port *input[IO_INPUTS_MAX];
    uint32_t inputs;
    struct io_port *memory;
    uint64_t ticks_start;
    uint64_t wall_start_ns;
};

static int report(char *err, uint64_t err_len, int rc, const struct error *e)
{
    if (err && err_len)
        snprintf(err, err_len, "%s", rc ? e->text : "");
    return rc;
}

static int engine_init(struct pn_engine *engine, const struct pn_config *cfg, const char *path,
                       struct error *e)
{
    struct pn_config c = *cfg;
    int rc = config_check(&c, e);
    if (rc != 0)
        return rc;
    rc = region_create(&engine->region, &c, path, e);
    if (rc != 0)
        return rc;
    rc = pipeline_init(&engine->pipeline, &engine->region, &c, e);
    if (rc != 0) {
        region_close(&engine->region);
        return rc;
    }
    view_bind(&engine->view, &engine->region);
    engine->ticks_start = ticks_now();
    engine->wall_start_ns = ticks_wall_ns();
    if (c.timing)
        engine->pipeline.clock = ticks_now;
    return 0;
}

struct pn_engine *pn_engine_open(const struct pn_config *cfg, const char *path, char *err,
                                 uint64_t err_len)
{
    struct error e = {0};
    struct pn_engine *engine = aligned_alloc(64, (sizeof *engine + 63) & ~(size_t)63);
    int rc;
    if (engine) {
        memset(engine, 0, sizeof *engine);
        rc = engine_init(engine, cfg, path, &e);
    } else {
        rc = error_set(&e, -ENOMEM, "no memory for an engine");
    }
    report(err, err_len, rc, &e);
    if (rc != 0) {
        free(engine);
        errno = -rc;
        return NULL;
    }
    return engine;
}

void pn_engine_close(struct pn_engine *engine)
{
    if (!engine)
        return;
    if (engine->pipeline.port)
        engine->pipeline.port->ops->close(engine->pipeline.port);
    else
        for (uint32_t i = 0; i < engine->inputs; i++)
            engine->input[i]->ops->close(engine->input[i]);
    pipeline_free(&engine->pipeline);
    region_close(&engine->region);
    free(engine);
}

int pn_engine_add_channel(struct pn_engine *engine, const struct pn_channel_config *channel,
                          char *err, uint64_t err_len)
{
    struct error e = {0};
    return report(err, err_len, channels_declare(&engine->pipeline.channels, channel, &e), &e);
}

static int can_add(const struct pn_engine *engine, struct error *e)
{
    if (engine->pipeline.port)
        return error_set(e, -EBUSY, "inputs are added before the first run");
    if (engine->memory)
        return error_set(e, -EBUSY, "a memory port has no other inputs beside it");
    if (engine->inputs == IO_INPUTS_MAX)
        return error_set(e, -ENOSPC, "at most %d inputs", IO_INPUTS_MAX);
    return 0;
}

int pn_engine_add_file(struct pn_engine *engine, const char *path, char *err, uint64_t err_len)
{
    struct error e = {0};
    int rc = can_add(engine, &e);
    if (rc == 0)
        rc = io_file_open(&engine->input[engine->inputs], path, (uint16_t)engine->inputs, &e);
    if (rc == 0)
        engine->inputs++;
    return report(err, err_len, rc, &e);
}

int pn_engine_add_port(struct pn_engine *engine, const struct pn_port_config *cfg, char *err,
                       uint64_t err_len)
{
    struct error e = {0};
    int rc = can_add(engine, &e);
    if (rc == 0)
        rc = io_open(&engine->input[engine->inputs], cfg, (uint16_t)engine->inputs, &e);
    if (rc == 0)
        engine->inputs++;
    return report(err, err_len, rc, &e);
}

void pn_engine_set_now(struct pn_engine *engine, uint64_t now_ns)
{
    for (uint32_t i = 0; i < engine->inputs; i++)
        engine->input[i]->now_ns = now_ns;
}

int pn_engine_port_status(struct pn_engine *engine, uint32_t input, struct pn_port_status *out)
{
    if (input >= engine->inputs || !engine->input[input]->ops->status)
        return -ENOENT;
    engine->input[input]->ops->status(engine->input[input], out);
    return 0;
}

int pn_engine_add_memory(struct pn_engine *engine, uint64_t bytes, uint32_t frames, char *err,
                         uint64_t err_len)
{
    struct error e = {0};
    int rc = can_add(engine, &e);
    if (rc == 0 && engine->inputs)
        rc = error_set(&e, -EBUSY, "a memory port has no other inputs beside it");
    if (rc == 0)
        rc = io_memory_open(&engine->memory, bytes, frames, 0, &e);
    if (rc == 0)
        engine->input[engine->inputs++] = engine->memory;
    return report(err, err_len, rc, &e);
}

int pn_engine_push(struct pn_engine *engine, const uint8_t *data, uint32_t caplen, uint32_t len,
                   uint64_t ts_ns, uint32_t link, uint32_t input)
{
    if (!engine->memory || caplen > len || link >= IO_LINK_UNKNOWN || input > UINT16_MAX)
        return -EINVAL;
    return io_memory_push(engine->memory, data, caplen, len, ts_ns, (uint16_t)link,
                          (uint16_t)input);
}

void pn_engine_finish(struct pn_engine *engine)
{
    if (engine->memory)
        io_memory_finish(engine->memory);
}

/* The inputs become one port at the first run. */
static int start(struct pn_engine *engine)
{
    if (engine->pipeline.port)
        return 0;
    if (!engine->inputs)
        return -ENOENT;
    if (engine->inputs == 1) {
        engine->pipeline.port = engine->input[0];
        return 0;
    }
    struct error e;
    return io_merge_open(&engine->pipeline.port, engine->input, engine->inputs, &e);
}

int pn_engine_run(struct pn_engine *engine, struct pn_run *run)
{
    struct pipeline *p = &engine->pipeline;
    int rc = start(engine);
    if (rc == 0 && ((run->bbo && run->bbo_cap < DECODE_EVENTS_MAX) ||
                    (run->event && run->event_cap < DECODE_EVENTS_MAX)))
        rc = -EINVAL;
    if (rc != 0)
        return rc;
    struct pipeline_limits limits = {
        .max_events = run->max_events,
        .until_ns = run->until_ns ? run->until_ns : UINT64_MAX,
        .event = run->event,
        .event_cap = run->event_cap,
    };
    p->books.bbo = run->bbo;
    p->books.bbo_count = 0;
    p->books.bbo_cap = run->bbo_cap;
    run->end = PN_RUN_MORE;
    for (;;) {
        uint32_t n = pipeline_fill(p);
        if (!n) {
            if (p->flushed)
                run->end = PN_RUN_DONE;
            break;
        }
        if (pipeline_apply(p, &limits) < n)
            break;
    }
    run->events = limits.events;
    run->bbos = p->books.bbo_count;
    p->books.bbo = NULL;
    p->counters->events += limits.events;
    p->counters->peak_orders = p->books.orders.pool->order_used;
    struct io_stats stats = {0};
    p->port->ops->stats(p->port, &stats);
    for (uint32_t i = PN_R_IO_RECORD_CUT; i < PN_R_NET_SHORT; i++)
        if (i != PN_R_IO_LINK_TYPE) /* counted by net */
            p->counters->drops[i] = stats.drops[i];
    p->counters->now_ns = p->counters->last_ns;
    return 0;
}

void pn_engine_progress(struct pn_engine *engine, uint64_t *done, uint64_t *total)
{
    *done = *total = 0;
    int known = 1;
    for (uint32_t i = 0; i < engine->inputs; i++) {
        struct io_stats stats = {0};
        engine->input[i]->ops->stats(engine->input[i], &stats);
        *done += stats.input_bytes;
        *total += stats.input_total;
        known &= stats.input_total != 0;
    }
    if (!known)
        *total = 0;
}

void pipeline_digest(struct pipeline *p, uint64_t digest[2])
{
    digest[0] = digest_channels(p->channels.pub, p->channels.count);
    digest[1] = book_digest(&p->books);
}

void pn_engine_digest(struct pn_engine *engine, uint64_t digest[2])
{
    pipeline_digest(&engine->pipeline, digest);
}

double pn_engine_tick_hz(struct pn_engine *engine)
{
    uint64_t wall = ticks_wall_ns() - engine->wall_start_ns;
    return wall ? (double)(ticks_now() - engine->ticks_start) * 1e9 / (double)wall : 0;
}

int pn_engine_queue(struct pn_engine *engine, uint64_t ref, uint32_t instrument,
                    uint64_t *size_ahead, uint64_t *orders_ahead)
{
    return book_queue(&engine->pipeline.books, ref, instrument, size_ahead, orders_ahead);
}

uint64_t pn_engine_orders(struct pn_engine *engine, uint32_t instrument, uint32_t side,
                          struct pn_order *out, uint64_t cap)
{
    return book_orders(&engine->pipeline.books, instrument, side, out, cap);
}

struct pn_view *pn_engine_view(struct pn_engine *engine)
{
    return &engine->view;
}

int engine_open_desk(struct pn_engine *engine, const struct pn_trade_control *control,
                     struct desk **out, struct error *e)
{
    int rc = start(engine);
    if (rc != 0)
        return error_set(e, rc, "an engine without inputs cannot be replayed");
    return desk_open(out, &engine->region, &engine->pipeline, control, e);
}
