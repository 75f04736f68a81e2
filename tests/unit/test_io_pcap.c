/* test_io_pcap.c - classic pcap: variants, every truncation, impossible lengths, views. */
#include "bytes.h"

enum { US = (int)0xa1b2c3d4, NS = (int)0xa1b23c4d };

static void test_variants(void)
{
    for (int be = 0; be < 2; be++)
        for (int ns = 0; ns < 2; ns++)
            for (size_t chunk = 0; chunk < 20; chunk++) {
                struct bytes b = {.be = be};
                struct io_frame f[4];
                pcap_header(&b, (uint32_t)(ns ? NS : US), 65535, 1);
                pcap_record(&b, 1700000000, 123456, 60, 60, 1);
                pcap_record(&b, 0xffffffff, 0xffffffff, 10, 99, 2);
                pcap_record(&b, 5, 6, 0, 0, 3);
                struct io_port *port = open_bytes(&b, b.len, chunk);
                CHECK(port != NULL);
                CHECK_EQ(port->ops->rx_burst(port, f, 1), 1);
                CHECK_EQ(f[0].ts_ns, 1700000000ull * 1000000000 + 123456ull * (ns ? 1 : 1000));
                CHECK_EQ(f[0].caplen, 60);
                CHECK_EQ(f[0].len, 60);
                CHECK_EQ(f[0].link, IO_LINK_ETHERNET);
                CHECK(is_pattern(f[0].data, 1, 60));
                CHECK_EQ(drain(port, f, 4, 256), 2);
                CHECK_EQ(f[0].ts_ns, 0xffffffffull * 1000000000 + 0xffffffffull * (ns ? 1 : 1000));
                CHECK_EQ(f[0].caplen, 10);
                CHECK_EQ(f[0].len, 99);
                CHECK_EQ(f[1].caplen, 0);
                CHECK_EQ(dropped(port, PN_R_IO_SNAPPED), 1);
                CHECK_EQ(dropped_in_all(port), 1);
                port->ops->close(port);
                free(b.data);
            }
}

static void test_every_truncation(void)
{
    struct bytes b = {0};
    size_t end[4];
    pcap_header(&b, (uint32_t)US, 65535, 1);
    end[0] = b.len;
    for (uint32_t i = 1; i < 4; i++) {
        pcap_record(&b, i, i, 20 * i, 20 * i, i);
        end[i] = b.len;
    }
    for (size_t cut = 0; cut <= b.len; cut++)
        for (size_t chunk = 1; chunk < 64; chunk += 31) {
            struct io_port *port = open_bytes(&b, cut, chunk);
            if (cut < end[0]) {
                CHECK(port == NULL);
                continue;
            }
            uint32_t whole = 0;
            while (whole < 3 && end[whole + 1] <= cut)
                whole++;
            CHECK_EQ(drain(port, NULL, 0, 2), whole);
            CHECK_EQ(dropped(port, PN_R_IO_RECORD_CUT), cut != end[whole]);
            CHECK_EQ(dropped_in_all(port), cut != end[whole]);
            port->ops->close(port);
        }
    free(b.data);
}

static void check_lengths(uint32_t snaplen, uint32_t caplen, uint32_t len, uint32_t frames,
                          enum pn_reason reason)
{
    struct bytes b = {0};
    pcap_header(&b, (uint32_t)US, snaplen, 1);
    pcap_record(&b, 1, 1, 50, 50, 1);
    bytes_u32(&b, 2);
    bytes_u32(&b, 2);
    bytes_u32(&b, caplen);
    bytes_u32(&b, len);
    bytes_pattern(&b, 2, caplen > 1000000 ? 1000000 : caplen);
    pcap_record(&b, 3, 3, 50, 50, 3);
    struct io_port *port = open_bytes(&b, b.len, 0);
    CHECK_EQ(drain(port, NULL, 0, 256), frames);
    CHECK_EQ(dropped(port, reason), reason != PN_REASON_COUNT - 1);
    CHECK_EQ(dropped_in_all(port), reason != PN_REASON_COUNT - 1);
    port->ops->close(port);
    free(b.data);
}

static void test_lengths(void)
{
    enum pn_reason none = PN_REASON_COUNT - 1; /* a reason that io never gives */
    check_lengths(65535, IO_FRAME_MAX, IO_FRAME_MAX, 3, none);
    check_lengths(65535, 0, 0, 3, none);
    check_lengths(65535, IO_FRAME_MAX + 1, IO_FRAME_MAX + 1, 1, PN_R_IO_RECORD_BAD);
    check_lengths(65535, 0xffffffff, 0xffffffff, 1, PN_R_IO_RECORD_BAD);
    check_lengths(65535, 51, 50, 1, PN_R_IO_RECORD_BAD);
    check_lengths(65535, 50, 51, 3, PN_R_IO_SNAPPED);
    check_lengths(65535, 50, 0xffffffff, 3, PN_R_IO_SNAPPED);
    check_lengths(0xffffffff, 0xffffffff, 0xffffffff, 1, PN_R_IO_RECORD_BAD);
    /* The file's own snap length allows it: stepped over, and the next is read. */
    check_lengths(1 << 20, IO_FRAME_MAX + 1, IO_FRAME_MAX + 1, 2, PN_R_IO_FRAME_HUGE);
    check_lengths(1 << 20, 1000000, 1000000, 2, PN_R_IO_FRAME_HUGE);
    check_lengths(1 << 24, 1 << 24, 1 << 24, 1, PN_R_IO_RECORD_CUT);
}

static void test_headers(void)
{
    static const struct {
        uint32_t linktype;
        enum io_link link;
    } links[] = {{0, IO_LINK_NULL},   {1, IO_LINK_ETHERNET},  {12, IO_LINK_IP},
                 {14, IO_LINK_IP},    {101, IO_LINK_IP},      {108, IO_LINK_NULL},
                 {113, IO_LINK_SLL},  {228, IO_LINK_IP},      {229, IO_LINK_IP},
                 {276, IO_LINK_SLL2}, {147, IO_LINK_UNKNOWN}, {0x14000001, IO_LINK_ETHERNET}};
    struct io_frame f;
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
        struct bytes b = {0};
        pcap_header(&b, (uint32_t)US, 65535, links[i].linktype);
        pcap_record(&b, 1, 1, 4, 4, 1);
        struct io_port *port = open_bytes(&b, b.len, 0);
        CHECK_EQ(drain(port, &f, 1, 1), 1);
        CHECK_EQ(f.link, links[i].link);
        port->ops->close(port);
        b.data[4] = 3; /* version */
        CHECK(open_bytes(&b, b.len, 0) == NULL);
        b.data[4] = 2;
        b.data[0] ^= 1;
        CHECK(open_bytes(&b, b.len, 0) == NULL);
        free(b.data);
    }
}

/* A file of several windows: all frames of a burst stay readable until the next. */
static void test_views(uint32_t burst_len, size_t chunk)
{
    enum { COUNT = 3000 };
    struct bytes b = {0};
    struct io_frame f[IO_BURST_MAX];
    uint32_t seen = 0, got;
    pcap_header(&b, (uint32_t)NS, 262144, 1);
    for (uint32_t i = 0; i < COUNT; i++) {
        uint32_t len = i % 500 == 7 ? 200000 : i % 1500;
        pcap_record(&b, 1, i, len, len, i);
    }
    struct io_port *port = open_bytes(&b, b.len, chunk);
    do {
        got = port->ops->rx_burst(port, f, burst_len);
        CHECK(got <= burst_len);
        for (uint32_t i = 0; i < got; i++, seen++) {
            CHECK_EQ(f[i].ts_ns, 1000000000ull + seen);
            CHECK(is_pattern(f[i].data, seen, f[i].caplen));
        }
    } while (got || !port->at_end);
    CHECK_EQ(seen, COUNT);
    CHECK_EQ(dropped_in_all(port), 0);
    struct io_stats s;
    port->ops->stats(port, &s);
    CHECK_EQ(s.rx_frames, COUNT);
    CHECK_EQ(s.input_bytes, b.len);
    CHECK_EQ(s.input_total, b.len);
    port->ops->close(port);
    free(b.data);
}

int main(void)
{
    test_variants();
    test_every_truncation();
    test_lengths();
    test_headers();
    test_views(1, 0);
    test_views(64, 4096);
    test_views(256, 0);
    return check_done("io_pcap");
}
