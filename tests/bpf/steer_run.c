/*
 * steer_run.c - the steering program on frames from standard input, run by the kernel
 * (BPF_PROG_TEST_RUN), as a device queue 0 with a socket would see them.
 *
 *   steer_run FLOW...      a flow is ADDRESS:PORT, 0 = any
 * Reads u32 length (host order) and that many bytes, again and again; answers each by a line
 * "ACTION VERDICT SAME": what the program returned, which counter it bumped, and 1 if the frame
 * was left as it was. Exit 77 where the kernel does not let us.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <linux/if_xdp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/steer_device.h"

enum { LOOPBACK = 1, FRAME_MAX = 4000, RING = 64 };

static int give_up(const char *why)
{
    printf("%s\n", why);
    return 77;
}

/* A socket that may stand in the map: it has a receive ring. */
static int make_socket(void)
{
    const uint32_t ring = RING;
    int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_XDP, XDP_RX_RING, &ring, sizeof ring) != 0)
        return -1;
    return fd;
}

static int read_flow(const char *text, struct pn_steer *out)
{
    char address[64];
    unsigned port;
    if (sscanf(text, "%63[^:]:%u", address, &port) != 2)
        return -1;
    out->port = (uint16_t)port;
    return inet_pton(AF_INET, address, &out->group_be) == 1 ? 0 : -1;
}

/* Which counter went up by one; STEER_VERDICTS if not exactly one did. */
static uint32_t bumped(const struct steer_counters *before, const struct steer_counters *after)
{
    uint32_t found = STEER_VERDICTS;
    for (uint32_t v = 0; v < STEER_VERDICTS; v++) {
        if (after->verdict[v] == before->verdict[v])
            continue;
        if (found != STEER_VERDICTS || after->verdict[v] != before->verdict[v] + 1)
            return STEER_VERDICTS;
        found = v;
    }
    return found;
}

static int run(const struct steer_device *d, const uint8_t *frame, uint32_t len)
{
    static uint8_t after[FRAME_MAX];
    struct steer_counters was, is;
    struct bpf_test_run_opts options = {.sz = sizeof options,
                                        .data_in = frame,
                                        .data_size_in = len,
                                        .data_out = after,
                                        .data_size_out = sizeof after,
                                        .repeat = 1};
    steer_device_count(d, UINT64_MAX, &was);
    int rc = bpf_prog_test_run_opts(d->program, &options);
    if (rc != 0)
        return rc;
    steer_device_count(d, UINT64_MAX, &is);
    printf("%u %u %d\n", options.retval, bumped(&was, &is),
           options.data_size_out == len && !memcmp(frame, after, len));
    fflush(stdout);
    return 0;
}

int main(int argc, char **argv)
{
    static struct pn_steer flows[PN_STEERS_MAX];
    static uint8_t frame[FRAME_MAX];
    struct steer_device *d;
    struct error e = {0};
    uint32_t len, count = 0;
    for (; count + 1 < (uint32_t)argc && count < PN_STEERS_MAX; count++)
        if (read_flow(argv[count + 1], &flows[count]) != 0)
            return 2;
    if (steer_device_get(&d, "lo", LOOPBACK, &e) != 0)
        return give_up(e.text);
    int fd = make_socket();
    if (fd < 0 || steer_device_flows(d, flows, count, 1, 1, &e) != 0 ||
        steer_device_socket(d, 0, fd, &e) != 0)
        return give_up(fd < 0 ? "no AF_XDP socket" : e.text);
    printf("ready\n");
    fflush(stdout);
    while (fread(&len, sizeof len, 1, stdin) == 1) {
        if (len > sizeof frame || fread(frame, 1, len, stdin) != len)
            return 2;
        int rc = run(d, frame, len);
        if (rc != 0)
            printf("error %d\n", rc);
        fflush(stdout);
    }
    close(fd);
    steer_device_put(d);
    return 0;
}
