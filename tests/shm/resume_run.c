/*
 * resume_run.c - test helper: a writer that can be killed and started again.
 *
 *   resume_run CAPTURE REGION
 *
 * Goes on with the state segment at REGION if an earlier run has left one, else makes it; runs the
 * capture, from its beginning, into it (what was had before are duplicates); then prints the books
 * in the middle of an update that were found, and every named book. The segment stays.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "pipeline.h"
#include "shm/view.h"

static int fail(const struct error *e)
{
    fprintf(stderr, "resume_run: %s\n", e->text);
    return 2;
}

/* 1: the region of an earlier run, 0: a new one, negative: neither. */
static int open_region(struct region *r, const struct pn_config *cfg, const char *path,
                       struct error *e)
{
    int rc = region_reopen(r, cfg, path, e);
    if (rc == 0)
        return 1;
    return rc == -ENOENT ? region_create(r, cfg, path, e) : rc;
}

static void print_books(const struct pn_view *v)
{
    struct pn_top t;
    struct pn_instrument in;
    uint64_t trades, volume;
    for (uint32_t i = 0; pn_view_top(v, i, &t) == 0; i++) {
        pn_view_instrument(v, i, &in);
        pn_view_traded(v, i, &trades, &volume);
        if (in.name[0])
            printf("%s %u %d %" PRIu64 " %u %d %" PRIu64 " %u %" PRIu64 " %" PRIu64 "\n", in.name,
                   t.state, t.bid_px, t.bid_size, t.bid_orders, t.ask_px, t.ask_size, t.ask_orders,
                   trades, volume);
    }
}

int main(int argc, char **argv)
{
    struct error e = {0};
    struct pn_config cfg;
    struct region region;
    struct io_port *port;
    struct pn_channel_config channel = {
        .name = "x", .feed = PN_FEED_ITCH50, .lines = 1, .input = {-1}};
    if (argc != 3)
        return 2;
    pn_config_default(&cfg);
    cfg.max_orders = 1 << 20;
    cfg.max_instruments = 1 << 12;
    cfg.max_pages = 1 << 16;
    cfg.hugepages = 0;
    int old = open_region(&region, &cfg, argv[2], &e);
    struct pipeline *p = aligned_alloc(64, (sizeof *p + 63) & ~(size_t)63);
    if (old < 0 || !p)
        return fail(&e);
    memset(p, 0, sizeof *p);
    uint32_t torn = 0;
    if (pipeline_init(p, &region, &cfg, &e) != 0 ||
        channels_declare(&p->channels, &channel, &e) != 0 ||
        (old && pipeline_resume(p, &region, &torn, &e) != 0) ||
        io_file_open(&port, argv[1], 0, &e) != 0)
        return fail(&e);
    printf("started %d torn %u at %" PRIu64 "\n", old, torn, p->channels.pub[0].next_seq);
    fflush(stdout);
    p->port = port;
    struct pipeline_limits all = {.until_ns = UINT64_MAX};
    while (pipeline_fill(p))
        pipeline_apply(p, &all);
    struct pn_view view;
    view_bind(&view, &region);
    print_books(&view);
    port->ops->close(port);
    pipeline_free(p);
    free(p);
    return 0;
}
