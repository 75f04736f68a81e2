/* test_io_poll.c - several live ports as one: turns, time, counts, end, limits. */
#include <string.h>

#include "check.h"
#include "io/io.h"

enum { PORTS = 3 };

static void push(struct io_port *port, uint32_t n, uint8_t mark)
{
    uint8_t data[60];
    memset(data, mark, sizeof data);
    for (uint32_t i = 0; i < n; i++)
        CHECK_EQ(io_memory_push(port, data, sizeof data, sizeof data, 7, IO_LINK_ETHERNET, mark),
                 0);
}

static struct io_port *open_ports(struct io_port *inner[PORTS])
{
    struct io_port *port = NULL;
    struct error e;
    for (uint16_t i = 0; i < PORTS; i++)
        CHECK_EQ(io_memory_open(&inner[i], 1 << 16, 512, i, &e), 0);
    CHECK_EQ(io_poll_open(&port, inner, PORTS, &e), 0);
    return port;
}

static void test_turns(void)
{
    struct io_port *inner[PORTS], *port = open_ports(inner);
    struct io_frame f[64];
    struct io_stats s;
    uint32_t seen[PORTS] = {0};
    CHECK_EQ(port->ops->rx_burst(port, f, 64), 0);
    /* One that always has more than a burst does not starve the others. */
    push(inner[0], 300, 0);
    push(inner[1], 5, 1);
    push(inner[2], 5, 2);
    for (int round = 0; round < 2 * PORTS; round++) {
        uint32_t n = port->ops->rx_burst(port, f, 32);
        CHECK(n <= 32);
        for (uint32_t i = 0; i < n; i++) {
            uint32_t from = f[i].input % PORTS;
            CHECK_EQ(f[i].input, from);
            CHECK(f[i].data[0] == from && f[i].data[59] == from);
            seen[from]++;
        }
    }
    CHECK_EQ(seen[1], 5);
    CHECK_EQ(seen[2], 5);
    CHECK(seen[0] >= 64);
    for (int i = 0; i < 20; i++)
        port->ops->rx_burst(port, f, 64);
    port->ops->stats(port, &s);
    CHECK_EQ(s.rx_frames, 310);
    CHECK_EQ(s.rx_bytes, 310 * 60);
    port->ops->close(port);
}

static void test_time_and_end(void)
{
    struct io_port *inner[PORTS], *port = open_ports(inner);
    struct io_frame f[8];
    port->now_ns = 1234;
    CHECK_EQ(port->ops->rx_burst(port, f, 8), 0);
    for (int i = 0; i < PORTS; i++) {
        CHECK_EQ(inner[i]->now_ns, 1234);
        CHECK(!port->at_end);
        io_memory_finish(inner[i]);
        CHECK_EQ(port->ops->rx_burst(port, f, 8), 0);
    }
    CHECK(port->at_end);
    port->ops->close(port);
}

static void test_limits(void)
{
    struct io_port *inner[1], *port = NULL;
    struct error e;
    CHECK(io_poll_open(&port, inner, 0, &e) < 0);
    CHECK(io_poll_open(&port, inner, IO_INPUTS_MAX + 2, &e) < 0);
    CHECK_EQ(io_memory_open(&inner[0], 1 << 16, 512, 0, &e), 0);
    CHECK_EQ(io_poll_open(&port, inner, 1, &e), 0);
    /* So many bursts at one time of day, then a pause of one call. */
    struct io_frame f[8];
    uint32_t bursts = 0;
    push(inner[0], 64, 1);
    while (port->ops->rx_burst(port, f, 1))
        bursts++;
    CHECK_EQ(bursts, 8);
    CHECK_EQ(port->ops->rx_burst(port, f, 1), 1);
    for (port->now_ns = 1; port->now_ns < 50; port->now_ns++)
        CHECK_EQ(port->ops->rx_burst(port, f, 1), 1);
    port->ops->close(port);
}

int main(void)
{
    test_turns();
    test_time_and_end();
    test_limits();
    return check_done("io_poll");
}
