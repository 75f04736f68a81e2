/* test_io_merge.c - several inputs as one: order, ties, views, live ports, counters. */
#include "bytes.h"

enum { INPUTS = 5 };

static struct io_port *open_numbered(const struct bytes *b, uint16_t input, size_t chunk)
{
    struct io_port *port = open_bytes(b, b->len, chunk);
    if (!port)
        abort();
    port->input = input;
    return port;
}

/* Inputs of different length and pace, with equal times among them. */
static void test_order(uint32_t burst_len, size_t chunk)
{
    struct bytes b[INPUTS] = {{0}};
    struct io_port *ports[INPUTS], *port;
    struct io_frame f[IO_BURST_MAX];
    struct error e;
    uint32_t want = 0, seen[INPUTS] = {0}, got, total = 0;
    uint64_t last_ns = 0;
    uint16_t last_input = 0;
    for (uint16_t i = 0; i < INPUTS; i++) {
        pcap_header(&b[i], 0xa1b23c4d, 65535, 1);
        for (uint32_t k = 0; k < 2000u * i; k++, want++)
            pcap_record(&b[i], 1, k * (i == 4 ? 1 : 3) / 2, 700, 700, k + i);
        ports[i] = open_numbered(&b[i], i, chunk);
    }
    CHECK_EQ(io_merge_open(&port, ports, INPUTS, &e), 0);
    do {
        got = port->ops->rx_burst(port, f, burst_len);
        for (uint32_t i = 0; i < got; i++, total++) {
            uint16_t in = f[i].input;
            CHECK(f[i].ts_ns > last_ns || (f[i].ts_ns == last_ns && in >= last_input));
            CHECK(is_pattern(f[i].data, seen[in] + in, 700));
            seen[in]++;
            last_ns = f[i].ts_ns;
            last_input = in;
        }
        struct io_stats s;
        port->ops->stats(port, &s);
        CHECK_EQ(s.rx_frames, total);
        CHECK_EQ(s.rx_bytes, total * 700ull);
    } while (got || !port->at_end);
    CHECK_EQ(total, want);
    CHECK_EQ(dropped_in_all(port), 0);
    port->ops->close(port);
    for (uint32_t i = 0; i < INPUTS; i++)
        free(b[i].data);
}

/* A live port that has nothing yet holds the others back; nothing comes out of order. */
static void test_live(void)
{
    struct bytes b = {0};
    struct io_port *ports[2], *port;
    struct io_frame f[8];
    struct error e;
    pcap_header(&b, 0xa1b23c4d, 65535, 1);
    pcap_record(&b, 0, 10, 4, 4, 0);
    pcap_record(&b, 0, 30, 4, 4, 0);
    ports[0] = open_numbered(&b, 0, 0);
    CHECK_EQ(io_memory_open(&ports[1], 4096, 16, 1, &e), 0);
    CHECK_EQ(io_merge_open(&port, ports, 2, &e), 0);
    CHECK_EQ(port->ops->rx_burst(port, f, 8), 0);
    CHECK(!port->at_end);
    CHECK_EQ(io_memory_push(ports[1], b.data, 4, 4, 20, IO_LINK_ETHERNET, 1), 0);
    CHECK_EQ(port->ops->rx_burst(port, f, 8), 2);
    CHECK_EQ(f[0].ts_ns, 10);
    CHECK_EQ(f[1].ts_ns, 20);
    CHECK_EQ(port->ops->rx_burst(port, f, 8), 0);
    io_memory_finish(ports[1]);
    CHECK_EQ(port->ops->rx_burst(port, f, 8), 1);
    CHECK_EQ(f[0].ts_ns, 30);
    CHECK_EQ(port->ops->rx_burst(port, f, 8), 0);
    CHECK(port->at_end);
    port->ops->close(port);
    free(b.data);
}

static void test_counters(void)
{
    struct bytes b = {0};
    struct io_port *ports[2], *port;
    struct io_stats s;
    struct error e;
    pcap_header(&b, 0xa1b23c4d, 65535, 1);
    pcap_record(&b, 0, 10, 4, 9, 0);
    bytes_u32(&b, 1); /* a cut record */
    ports[0] = open_numbered(&b, 0, 0);
    ports[1] = open_numbered(&b, 1, 0);
    CHECK(io_merge_open(&port, ports, 0, &e) < 0);
    CHECK(io_merge_open(&port, ports, IO_INPUTS_MAX + 1, &e) < 0);
    CHECK_EQ(io_merge_open(&port, ports, 1, &e), 0);
    CHECK(port == ports[0]);
    CHECK_EQ(io_merge_open(&port, ports, 2, &e), 0);
    CHECK_EQ(drain(port, NULL, 0, 256), 2);
    port->ops->stats(port, &s);
    CHECK_EQ(s.drops[PN_R_IO_SNAPPED], 2);
    CHECK_EQ(s.drops[PN_R_IO_RECORD_CUT], 2);
    CHECK_EQ(s.input_bytes, 2 * b.len);
    CHECK_EQ(s.input_total, 2 * b.len);
    port->ops->close(port);
    free(b.data);
}

int main(void)
{
    test_order(256, 0);
    test_order(256, 3000);
    test_order(7, 0);
    test_order(1, 100000);
    test_live();
    test_counters();
    return check_done("io_merge");
}
