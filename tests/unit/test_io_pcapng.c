/* test_io_pcapng.c - pcapng: sections, interfaces, resolutions, block kinds, damage. */
#include "bytes.h"

static size_t block_begin(struct bytes *b, uint32_t type)
{
    bytes_u32(b, type);
    bytes_u32(b, 0);
    return b->len - 8;
}

static void block_end(struct bytes *b, size_t start)
{
    while (b->len % 4)
        bytes_put(b, "", 1);
    uint32_t total = (uint32_t)(b->len - start + 4);
    bytes_u32(b, total);
    memcpy(b->data + start + 4, b->data + b->len - 4, 4);
}

static void section(struct bytes *b)
{
    size_t at = block_begin(b, 0x0a0d0d0a);
    bytes_u32(b, 0x1a2b3c4d);
    bytes_u16(b, 1);
    bytes_u16(b, 0);
    bytes_u32(b, 0xffffffff);
    bytes_u32(b, 0xffffffff);
    block_end(b, at);
}

/* tsresol < 0: no such option. */
static void interface(struct bytes *b, uint16_t link, uint32_t snaplen, int tsresol,
                      int64_t offset_s)
{
    size_t at = block_begin(b, 1);
    bytes_u16(b, link);
    bytes_u16(b, 0);
    bytes_u32(b, snaplen);
    bytes_u16(b, 2); /* if_name, so that options have to be stepped over */
    bytes_u16(b, 5);
    bytes_put(b, "eth0\0\0\0\0", 8);
    if (tsresol >= 0) {
        uint8_t v[4] = {(uint8_t)tsresol};
        bytes_u16(b, 9);
        bytes_u16(b, 1);
        bytes_put(b, v, 4);
    }
    if (offset_s) {
        uint64_t v = (uint64_t)offset_s;
        v = b->be ? __builtin_bswap64(v) : v;
        bytes_u16(b, 14);
        bytes_u16(b, 8);
        bytes_put(b, &v, 8);
    }
    bytes_u32(b, 0);
    block_end(b, at);
}

static void enhanced(struct bytes *b, uint32_t id, uint64_t ticks, uint32_t caplen, uint32_t len,
                     uint32_t seed)
{
    size_t at = block_begin(b, 6);
    bytes_u32(b, id);
    bytes_u32(b, (uint32_t)(ticks >> 32));
    bytes_u32(b, (uint32_t)ticks);
    bytes_u32(b, caplen);
    bytes_u32(b, len);
    bytes_pattern(b, seed, caplen);
    block_end(b, at);
}

static void obsolete(struct bytes *b, uint16_t id, uint64_t ticks, uint32_t len, uint32_t seed)
{
    size_t at = block_begin(b, 2);
    bytes_u16(b, id);
    bytes_u16(b, 7); /* drops */
    bytes_u32(b, (uint32_t)(ticks >> 32));
    bytes_u32(b, (uint32_t)ticks);
    bytes_u32(b, len);
    bytes_u32(b, len);
    bytes_pattern(b, seed, len);
    block_end(b, at);
}

static void simple(struct bytes *b, uint32_t len, uint32_t there, uint32_t seed)
{
    size_t at = block_begin(b, 3);
    bytes_u32(b, len);
    bytes_pattern(b, seed, there);
    block_end(b, at);
}

static void unknown(struct bytes *b, uint32_t type, size_t len)
{
    size_t at = block_begin(b, type);
    bytes_pattern(b, 9, len);
    block_end(b, at);
}

static void test_kinds(void)
{
    struct io_frame f[16];
    for (int be = 0; be < 2; be++)
        for (size_t chunk = 0; chunk < 40; chunk += 3) {
            struct bytes b = {.be = be};
            section(&b);
            unknown(&b, 0x0bad, 40);
            interface(&b, 1, 0, -1, 0);
            interface(&b, 101, 30, 9, 0);
            enhanced(&b, 0, 1700000000000001, 61, 61, 1);
            enhanced(&b, 1, 1700000000000000007, 30, 100, 2);
            simple(&b, 33, 33, 3);
            unknown(&b, 5, 0);
            obsolete(&b, 1, 42, 17, 4);
            enhanced(&b, 2, 1, 5, 5, 5); /* no such interface */
            b.be = !be;                  /* a second section of the other order */
            section(&b);
            simple(&b, 5, 5, 5); /* its interfaces are its own: none yet */
            interface(&b, 113, 10, 9, 0);
            enhanced(&b, 0, 77, 8, 8, 6);
            simple(&b, 33, 10, 7);
            struct io_port *port = open_bytes(&b, b.len, chunk);
            CHECK(port != NULL);
            CHECK_EQ(drain(port, f, 16, 256), 6);
            CHECK_EQ(f[0].ts_ns, 1700000000000001000ull);
            CHECK_EQ(f[0].caplen, 61);
            CHECK_EQ(f[0].link, IO_LINK_ETHERNET);
            CHECK_EQ(f[1].ts_ns, 1700000000000000007ull);
            CHECK_EQ(f[1].caplen, 30);
            CHECK_EQ(f[1].len, 100);
            CHECK_EQ(f[1].link, IO_LINK_IP);
            CHECK_EQ(f[2].ts_ns, f[1].ts_ns); /* simple: no time of its own */
            CHECK_EQ(f[2].caplen, 33);
            CHECK_EQ(f[2].link, IO_LINK_ETHERNET);
            CHECK_EQ(f[3].ts_ns, 42);
            CHECK_EQ(f[3].caplen, 17);
            CHECK_EQ(f[4].ts_ns, 77);
            CHECK_EQ(f[4].link, IO_LINK_SLL);
            CHECK_EQ(f[5].caplen, 10);
            CHECK_EQ(f[5].len, 33);
            if (chunk == 0) /* all in one window and one burst: still there */
                CHECK(is_pattern(f[0].data, 1, 61) && is_pattern(f[3].data, 4, 17) &&
                      is_pattern(f[5].data, 7, 10));
            CHECK_EQ(dropped(port, PN_R_IO_INTERFACE), 2);
            CHECK_EQ(dropped(port, PN_R_IO_SNAPPED), 2);
            CHECK_EQ(dropped_in_all(port), 4);
            port->ops->close(port);
            free(b.data);
        }
}

static void check_time(int tsresol, int64_t offset_s, uint64_t ticks, uint64_t ns)
{
    struct bytes b = {0};
    struct io_frame f = {0};
    section(&b);
    interface(&b, 1, 0, tsresol, offset_s);
    enhanced(&b, 0, ticks, 4, 4, 1);
    struct io_port *port = open_bytes(&b, b.len, 0);
    CHECK_EQ(drain(port, &f, 1, 1), 1);
    CHECK_EQ(f.ts_ns, ns);
    port->ops->close(port);
    free(b.data);
}

static void test_resolutions(void)
{
    const uint64_t s = 1000000000;
    check_time(-1, 0, 5, 5000);
    check_time(0, 0, 5, 5 * s);
    check_time(3, 0, 5, 5000000);
    check_time(9, 0, UINT64_MAX, UINT64_MAX);
    check_time(10, 0, 59, 5);
    check_time(12, 0, 5999, 5);
    check_time(28, 0, UINT64_MAX, 1);
    check_time(29, 0, UINT64_MAX, 0);
    check_time(127, 0, UINT64_MAX, 0);
    check_time(0x80, 0, 5, 5 * s);
    check_time(0x81, 0, 5, 5 * s / 2);
    check_time(0x80 | 20, 0, 3 << 19, 3 * s / 2);
    check_time(0x80 | 32, 0, 0x180000000, 3 * s / 2);
    check_time(0xff, 0, UINT64_MAX, 0);
    check_time(0, 0, UINT64_MAX, UINT64_MAX); /* beyond 64 bits of ns */
    check_time(6, 0, UINT64_MAX, UINT64_MAX);
    check_time(6, 100, 1000000, 101 * s);
    check_time(9, -3, 5 * s, 2 * s);
    check_time(9, -3, s, 0); /* before the epoch */
    check_time(9, INT64_MAX, 0, UINT64_MAX);
    check_time(9, INT64_MIN, UINT64_MAX, 0);
}

static void test_every_truncation(void)
{
    struct bytes b = {0};
    size_t end[16], blocks = 0;
    uint32_t frames[16] = {0};
    section(&b);
    end[blocks] = b.len;
    interface(&b, 1, 0, -1, 0);
    end[++blocks] = b.len;
    for (uint32_t i = 1; i <= 4; i++) {
        if (i == 3)
            unknown(&b, 0x80000001, 20);
        else
            enhanced(&b, 0, i, i * 13, i * 13, i);
        end[++blocks] = b.len;
        frames[blocks] = frames[blocks - 1] + (i != 3);
    }
    for (size_t cut = 12; cut <= b.len; cut++) {
        struct io_port *port = open_bytes(&b, cut, cut % 3);
        size_t whole = 0;
        bool exact = false;
        uint32_t expect = 0;
        for (whole = 0; whole <= blocks; whole++) {
            exact |= end[whole] == cut;
            if (end[whole] <= cut)
                expect = frames[whole];
        }
        CHECK_EQ(drain(port, NULL, 0, 256), expect);
        CHECK_EQ(dropped(port, PN_R_IO_RECORD_CUT), !exact);
        CHECK_EQ(dropped_in_all(port), !exact);
        port->ops->close(port);
    }
    for (size_t cut = 0; cut < 12; cut++)
        CHECK(open_bytes(&b, cut, 0) == NULL);
    free(b.data);
}

/* Sets a 32-bit field of the second packet block and checks what becomes of three. */
static void check_damage(size_t field, uint32_t value, uint32_t frames, enum pn_reason reason)
{
    struct bytes b = {0};
    section(&b);
    interface(&b, 1, 0, -1, 0);
    enhanced(&b, 0, 1, 20, 20, 1);
    size_t at = b.len;
    enhanced(&b, 0, 2, 20, 20, 2);
    size_t end = b.len;
    enhanced(&b, 0, 3, 20, 20, 3);
    memcpy(b.data + (field == SIZE_MAX ? end - 4 : at + field), &value, 4);
    struct io_port *port = open_bytes(&b, b.len, 0);
    CHECK_EQ(drain(port, NULL, 0, 256), frames);
    CHECK_EQ(dropped(port, reason), 1);
    CHECK_EQ(dropped_in_all(port), 1);
    port->ops->close(port);
    free(b.data);
}

static void test_damage(void)
{
    check_damage(4, 0, 1, PN_R_IO_BLOCK_BAD);
    check_damage(4, 8, 1, PN_R_IO_BLOCK_BAD);
    check_damage(4, 53, 1, PN_R_IO_BLOCK_BAD);
    check_damage(4, 48, 1, PN_R_IO_BLOCK_BAD); /* ends do not agree */
    check_damage(SIZE_MAX, 0, 1, PN_R_IO_BLOCK_BAD);
    check_damage(4, 0xfffffffc, 1, PN_R_IO_RECORD_CUT); /* more than the file has */
    check_damage(4, 1 << 20, 1, PN_R_IO_RECORD_CUT);
    check_damage(20, 21, 2, PN_R_IO_RECORD_BAD); /* caplen > len */
    check_damage(20, 0xffffffff, 2, PN_R_IO_RECORD_BAD);
    check_damage(24, 0xffffffff, 3, PN_R_IO_SNAPPED);
    check_damage(24, 19, 2, PN_R_IO_RECORD_BAD);
    check_damage(8, 1, 2, PN_R_IO_INTERFACE);
    check_damage(8, 0xffffffff, 2, PN_R_IO_INTERFACE);
    check_damage(0, 0x0a0d0d0a, 1, PN_R_IO_BLOCK_BAD); /* section without its magic */
}

/* The verdict on a bad length at the end of a file does not depend on how the file was read. */
static void test_pieces(void)
{
    struct bytes b = {0};
    section(&b);
    size_t end = b.len;
    bytes_u32(&b, 0x101);
    bytes_u32(&b, 0x10101);
    bytes_u32(&b, 0);
    for (size_t len = end + 8; len <= b.len; len++)
        for (size_t chunk = 0; chunk < 20; chunk++) {
            struct io_port *port = open_bytes(&b, len, chunk);
            CHECK_EQ(drain(port, NULL, 0, 256), 0);
            CHECK_EQ(dropped(port, PN_R_IO_BLOCK_BAD), 1);
            CHECK_EQ(dropped_in_all(port), 1);
            port->ops->close(port);
        }
    free(b.data);
}

/* Blocks too small for their type, and options that overrun their block. */
static void test_small_blocks(void)
{
    struct bytes b = {0};
    section(&b);
    interface(&b, 1, 0, -1, 0);
    unknown(&b, 6, 16);
    unknown(&b, 2, 0);
    unknown(&b, 3, 0);
    simple(&b, 100, 8, 1); /* declares more than the block holds */
    size_t at = block_begin(&b, 1);
    bytes_u32(&b, 1);
    bytes_u32(&b, 0);
    bytes_u16(&b, 9); /* if_tsresol of 200 bytes */
    bytes_u16(&b, 200);
    block_end(&b, at);
    enhanced(&b, 1, 1000, 4, 4, 1);
    struct io_frame f = {0};
    struct io_port *port = open_bytes(&b, b.len, 0);
    CHECK_EQ(drain(port, &f, 1, 256), 1);
    CHECK_EQ(f.ts_ns, 1000000);
    CHECK_EQ(dropped(port, PN_R_IO_RECORD_BAD), 4);
    CHECK_EQ(dropped_in_all(port), 4);
    port->ops->close(port);
    at = b.len;
    unknown(&b, 1, 4); /* interface block without a snap length: structure lost */
    port = open_bytes(&b, b.len, 0);
    CHECK_EQ(drain(port, NULL, 0, 256), 1);
    CHECK_EQ(dropped(port, PN_R_IO_BLOCK_BAD), 1);
    port->ops->close(port);
    free(b.data);
}

/* Long blocks and many interfaces: the limits. */
static void test_limits(void)
{
    struct bytes b = {0};
    struct io_frame f[4];
    section(&b);
    for (int i = 0; i < 1025; i++)
        interface(&b, 1, 0, -1, 0);
    enhanced(&b, 1023, 1, 4, 4, 1);
    enhanced(&b, 1024, 2, 4, 4, 2); /* one beyond the table */
    unknown(&b, 10, 5 << 20);       /* longer than the window */
    enhanced(&b, 0, 3, IO_FRAME_MAX, IO_FRAME_MAX, 3);
    enhanced(&b, 0, 4, IO_FRAME_MAX + 1, IO_FRAME_MAX + 1, 4);
    enhanced(&b, 0, 5, 2 << 20, 2 << 20, 5);
    enhanced(&b, 0, 6, 4, 4, 6);
    struct io_port *port = open_bytes(&b, b.len, 0);
    CHECK_EQ(drain(port, f, 4, 256), 3);
    CHECK_EQ(f[1].ts_ns, 3000);
    CHECK_EQ(f[2].ts_ns, 6000);
    CHECK_EQ(dropped(port, PN_R_IO_INTERFACE), 1);
    CHECK_EQ(dropped(port, PN_R_IO_FRAME_HUGE), 2);
    CHECK_EQ(dropped_in_all(port), 3);
    port->ops->close(port);
    free(b.data);
}

int main(void)
{
    test_kinds();
    test_resolutions();
    test_every_truncation();
    test_damage();
    test_pieces();
    test_small_blocks();
    test_limits();
    return check_done("io_pcapng");
}
