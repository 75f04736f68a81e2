/* test_control.c - the control segment from both sides: commands, hostile bytes, bounds. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "config.h"
#include "live.h"
#include "shm/control.h"

static struct pn_live_config good(void)
{
    struct pn_live_config c = {.instance = "t", .shards = 1, .ports = 1, .heartbeat_lost_ms = 10};
    c.shard[0].engine = (struct pn_config){.max_orders = 16,
                                           .max_instruments = 16,
                                           .max_pages = 16,
                                           .max_trades = 16,
                                           .burst = 8,
                                           .reorder_datagrams = 8};
    strcpy(c.shard[0].state_path, "/tmp/x");
    c.shard[0].cpu = -1;
    strcpy(c.port[0].name, "p");
    strcpy(c.port[0].device, "d");
    c.port[0].kind = PN_PORT_PCAP;
    return c;
}

static void test_commands(const char *path)
{
    char err[256];
    struct error e;
    struct control seg = {0};
    struct pn_command got;
    struct pn_live_config cfg = good(), copy;
    struct pn_control_writer *w = pn_control_open(path, &cfg, err, sizeof err);
    CHECK(w != NULL);
    CHECK_EQ(control_attach(&seg, path, &copy, &e), 0);
    CHECK(memcmp(&cfg, &copy, sizeof cfg) == 0);
    CHECK(control_heartbeat_ns(&seg) > 0);
    CHECK_EQ(control_next(&seg, 0, &got), 0);
    CHECK_EQ(pn_control_command(w, PN_CMD_NONE, 0, ""), -EINVAL);
    CHECK_EQ(pn_control_command(w, PN_CMD_STOP, PN_SHARDS_MAX + 1, ""), -EINVAL);
    char longest[PN_COMMAND_TEXT + 1];
    memset(longest, 'a', sizeof longest);
    longest[PN_COMMAND_TEXT] = 0;
    CHECK_EQ(pn_control_command(w, PN_CMD_STOP, 0, longest), -EINVAL);
    longest[PN_COMMAND_TEXT - 1] = 0;
    CHECK_EQ(pn_control_command(w, PN_CMD_CAPTURE_START, 0, longest), 1);
    CHECK_EQ(control_next(&seg, 0, &got), 1);
    CHECK_EQ(got.number, 1);
    CHECK_EQ(strlen(got.text), PN_COMMAND_TEXT - 1);
    CHECK_EQ(control_next(&seg, 1, &got), 0);
    /* The ring is full while its oldest command may not have been read. */
    for (int i = 2; i <= PN_COMMANDS; i++)
        CHECK_EQ(pn_control_command(w, PN_CMD_STOP, 0, ""), i);
    CHECK_EQ(pn_control_command(w, PN_CMD_STOP, 0, ""), -EAGAIN);
    pn_control_beat(w, control_heartbeat_ns(&seg) + 2000000000u);
    CHECK_EQ(pn_control_command(w, PN_CMD_STOP, 0, ""), PN_COMMANDS + 1);
    /* A reader that was away for long goes on with the oldest that is still there. */
    CHECK_EQ(control_next(&seg, 0, &got), 1);
    CHECK_EQ(got.number, 2);
    control_close(&seg);
    pn_control_close(w, 1);
    CHECK(access(path, F_OK) != 0);
}

/* A writer that says anything: numbers are bounded, text is ended. */
static void test_hostile_commands(void)
{
    struct pn_control *raw = calloc(1, sizeof *raw);
    struct control seg = {.seg = raw, .bytes = sizeof *raw};
    struct pn_command got;
    raw->last_command = UINT64_MAX;
    CHECK_EQ(control_next(&seg, 0, &got), 0);
    raw->command[(UINT64_MAX - 1) % PN_COMMANDS].number = UINT64_MAX - 1;
    memset(raw->command[(UINT64_MAX - 1) % PN_COMMANDS].text, 'x', PN_COMMAND_TEXT);
    CHECK_EQ(control_next(&seg, 0, &got), 1);
    CHECK_EQ(strlen(got.text), PN_COMMAND_TEXT - 1);
    CHECK_EQ(control_next(&seg, UINT64_MAX, &got), 0);
    free(raw);
}

static int check(const struct pn_live_config *c)
{
    char err[256] = "";
    int rc = pn_live_config_check(c, err, sizeof err);
    CHECK((rc == 0) == (err[0] == 0));
    return rc;
}

#define REFUSED(change) \
    do { \
        struct pn_live_config c = good(); \
        change; \
        CHECK_EQ(check(&c), -EINVAL); \
    } while (0)

static void test_bounds(void)
{
    struct pn_live_config ok = good();
    CHECK_EQ(check(&ok), 0);
    REFUSED(memset(c.instance, 'a', sizeof c.instance));
    REFUSED(c.instance[0] = 0);
    REFUSED(c.instance[0] = '/');
    REFUSED(c.instance[0] = '\n');
    REFUSED(memset(c.user, 'a', sizeof c.user));
    REFUSED(memset(c.run_dir, 'a', sizeof c.run_dir));
    REFUSED(memset(c.eal, 'a', sizeof c.eal));
    REFUSED(c.eal[0] = 1);
    REFUSED(c.shards = 0);
    REFUSED(c.shards = PN_SHARDS_MAX + 1);
    REFUSED(c.ports = 0);
    REFUSED(c.ports = UINT32_MAX);
    REFUSED(c.channels = PN_CHANNELS_MAX + 1);
    REFUSED(c.servers = PN_SERVERS_MAX + 1);
    REFUSED(c.seccomp = 2);
    REFUSED(c.heartbeat_lost_ms = 0);
    REFUSED(c.shards = 2);
    REFUSED(c.shard[0].state_path[0] = 'x');
    REFUSED(c.shard[0].state_path[0] = 0);
    REFUSED(memset(c.shard[0].state_path, '/', PN_PATH_LEN));
    REFUSED(c.shard[0].cpu = -2);
    REFUSED(c.shard[0].cpu = 1 << 20);
    REFUSED(c.shard[0].engine.burst = 0);
    REFUSED(c.shard[0].engine.max_orders = UINT64_MAX);
    REFUSED(c.port[0].name[0] = 0);
    REFUSED(c.port[0].kind = PN_PORT_KINDS);
    REFUSED(c.port[0].shard = 1);
    REFUSED(c.port[0].steers = PN_STEERS_MAX + 1);
    REFUSED(c.port[0].rx_ring = 3);
    REFUSED(c.port[0].buffers = UINT32_MAX);
    REFUSED((c.port[0].queue = UINT16_MAX, c.port[0].queues = 1));
    REFUSED((c.ports = 2, c.port[1] = c.port[0]));
    REFUSED(c.channels = 1);
    REFUSED((c.channels = 1, c.channel[0].feed = 1, c.channel[0].lines = 5));
    REFUSED(
        (c.channels = 1, c.channel[0].feed = 1, c.channel[0].lines = 1, c.channel[0].input[0] = 1));
    REFUSED(
        (c.channels = 1, c.channel[0].feed = 1, c.channel[0].lines = 1, c.channel_shard[0] = 1));
    REFUSED(c.servers = 1);
}

int main(void)
{
    char path[] = "/tmp/pn_test_control_XXXXXX";
    int fd = mkstemp(path);
    CHECK(fd >= 0);
    close(fd);
    unlink(path);
    test_commands(path);
    test_hostile_commands();
    test_bounds();
    return check_done("control");
}
