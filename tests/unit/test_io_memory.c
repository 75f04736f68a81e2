/* test_io_memory.c - the memory port: order, wrap, full in frames and in bytes, views. */
#include <errno.h>

#include "bytes.h"

static int push(struct io_port *port, uint32_t i, uint32_t caplen)
{
    struct bytes b = {0};
    bytes_pattern(&b, i, caplen);
    int rc = io_memory_push(port, b.data, caplen, caplen, i, IO_LINK_ETHERNET, 5);
    free(b.data);
    return rc;
}

/* Random sizes and bursts against what was pushed; the ring wraps thousands of times. */
static void test_wrap(uint64_t bytes, uint32_t frames, uint32_t longest)
{
    struct io_port *port;
    struct io_frame f[8];
    struct error e;
    uint32_t in = 0, seen = 0, full = 0, held = 0, held_from = 0;
    CHECK_EQ(io_memory_open(&port, bytes, frames, 1, &e), 0);
    srand(1);
    while (in < 20000) {
        for (int k = rand() % 8; k; k--) {
            int rc = push(port, in, (uint32_t)rand() % (longest + 1));
            CHECK(rc == 0 || rc == -ENOSPC);
            in += rc == 0;
            full += rc != 0;
        }
        /* What the last burst gave is untouched by the pushes since. */
        for (uint32_t i = 0; i < held; i++)
            CHECK(is_pattern(f[i].data, held_from + i, f[i].caplen));
        held_from = seen;
        held = port->ops->rx_burst(port, f, 1 + (uint32_t)rand() % 8);
        CHECK(!port->at_end);
        for (uint32_t i = 0; i < held; i++, seen++) {
            CHECK_EQ(f[i].ts_ns, seen);
            CHECK_EQ(f[i].input, 5);
            CHECK(is_pattern(f[i].data, seen, f[i].caplen));
        }
    }
    io_memory_finish(port);
    CHECK_EQ(push(port, 0, 1), -EINVAL);
    CHECK_EQ(seen + drain(port, NULL, 0, 3), in);
    CHECK(full > 0);
    port->ops->close(port);
}

static void test_limits(void)
{
    struct io_port *port;
    struct io_frame f[16];
    struct error e;
    CHECK_EQ(io_memory_open(&port, 0, 4, 0, &e), -EINVAL);
    CHECK_EQ(io_memory_open(&port, 64, 0, 0, &e), -EINVAL);
    CHECK_EQ(io_memory_open(&port, 64, 4, 0, &e), 0);
    for (uint32_t i = 0; i < 4; i++)
        CHECK_EQ(push(port, i, i == 3 ? 16 : 0), 0);
    CHECK_EQ(push(port, 4, 0), -ENOSPC); /* frames */
    CHECK_EQ(port->ops->rx_burst(port, f, 16), 4);
    CHECK_EQ(push(port, 4, 0), -ENOSPC); /* still in use by the reader */
    CHECK_EQ(port->ops->rx_burst(port, f, 16), 0);
    CHECK(!port->at_end);
    CHECK_EQ(push(port, 5, 64), 0);      /* empty: the whole ring can be had */
    CHECK_EQ(push(port, 6, 1), -ENOSPC); /* bytes */
    CHECK_EQ(push(port, 7, 65), -EMSGSIZE);
    CHECK_EQ(dropped(port, PN_R_IO_FRAME_HUGE), 1);
    CHECK_EQ(io_memory_push(port, NULL, 2, 1, 0, IO_LINK_ETHERNET, 0), -EINVAL);
    CHECK_EQ(io_memory_push(port, NULL, 0, 1, 0, IO_LINK_UNKNOWN, 0), -EINVAL);
    io_memory_finish(port);
    CHECK_EQ(drain(port, f, 16, 16), 1);
    CHECK_EQ(f[0].caplen, 64);
    CHECK(port->at_end);
    port->ops->close(port);
}

int main(void)
{
    test_wrap(1000, 5, 300);
    test_wrap(4096, 64, 200);
    test_wrap(1 << 16, 4, 100);
    test_limits();
    return check_done("io_memory");
}
