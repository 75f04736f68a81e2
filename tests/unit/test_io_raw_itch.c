/* test_io_raw_itch.c - raw ITCH files: frames of whole blocks, their times, every truncation. */
#include "bytes.h"

static void block_of(struct bytes *b, uint8_t type, uint32_t len, uint64_t ts_ns)
{
    uint8_t m[70000] = {0};
    store_u16_be(m, (uint16_t)len);
    m[2] = type;
    if (len >= 11)
        store_u48_be(m + 7, ts_ns);
    bytes_put(b, m, len + 2);
}

static struct bytes sample(uint32_t count, uint64_t step_ns)
{
    struct bytes b = {0};
    for (uint32_t i = 0; i < count; i++)
        block_of(&b, i % 3 ? 'D' : 'A', i % 3 ? 19 : 36, 34200000000000 + i * step_ns);
    return b;
}

static uint32_t count_blocks(const struct io_frame *f)
{
    uint32_t n = 0, at = 0;
    while (at < f->caplen) {
        CHECK(f->caplen - at >= 2);
        at += 2u + load_u16_be(f->data + at);
        n++;
    }
    CHECK_EQ(at, f->caplen);
    return n;
}

static void test_frames(uint32_t burst_len, size_t chunk)
{
    enum { COUNT = 60000 };
    struct bytes b = sample(COUNT, 20000);
    struct io_port *port = open_bytes(&b, b.len, chunk);
    struct io_frame f[IO_BURST_MAX];
    uint32_t got, blocks = 0, frames = 0;
    size_t at = 0;
    do {
        got = port->ops->rx_burst(port, f, burst_len);
        for (uint32_t i = 0; i < got; i++, frames++) {
            CHECK_EQ(f[i].link, IO_LINK_BLOCKS);
            CHECK(f[i].caplen <= 1400 && f[i].caplen == f[i].len);
            CHECK(memcmp(f[i].data, b.data + at, f[i].caplen) == 0);
            CHECK_EQ(f[i].ts_ns, load_u48_be(b.data + at + 7));
            at += f[i].caplen;
            blocks += count_blocks(&f[i]);
        }
    } while (got || !port->at_end);
    CHECK_EQ(blocks, COUNT);
    CHECK_EQ(at, b.len);
    /* 20 us apart: the 1 ms rule cuts frames at 51 blocks, whatever the chunks of reading. */
    CHECK_EQ(frames, (COUNT + 50) / 51);
    CHECK_EQ(dropped_in_all(port), 0);
    port->ops->close(port);
    free(b.data);
}

static void test_sizes(void)
{
    struct bytes b = sample(500, 0);
    struct io_port *port = open_bytes(&b, b.len, 0);
    struct io_frame f[64];
    uint32_t n = drain(port, f, 64, 256);
    CHECK_EQ(n, (b.len + 1399) / 1400);
    for (uint32_t i = 0; i + 1 < n; i++)
        CHECK(f[i].caplen > 1400 - 38);
    port->ops->close(port);
    /* A block longer than a frame stands alone; time going back begins a frame. */
    block_of(&b, 'A', 65535, 34200000000000);
    block_of(&b, 'D', 19, 34200000000000);
    block_of(&b, 'D', 19, 34199999999999);
    block_of(&b, 'D', 5, 0);
    port = open_bytes(&b, b.len, 4096);
    CHECK_EQ(drain(port, f, 64, 256), n + 3);
    CHECK_EQ(f[n].caplen, 65537);
    CHECK_EQ(f[n + 1].caplen, 21);
    CHECK_EQ(f[n + 2].caplen, 28);
    CHECK_EQ(f[n + 2].ts_ns, 34199999999999);
    CHECK_EQ(dropped_in_all(port), 0);
    port->ops->close(port);
    free(b.data);
}

static void test_every_truncation(void)
{
    struct bytes b = sample(12, 2000000); /* each its own frame */
    size_t end = 0;
    uint32_t whole = 0;
    for (size_t cut = 0; cut <= b.len; cut++) {
        if (whole < 12 && cut == end + 2 + (whole % 3 ? 19u : 36u)) {
            end = cut;
            whole++;
        }
        struct io_port *port = open_bytes(&b, cut, cut % 5);
        if (!port) {
            CHECK(cut < 13);
            continue;
        }
        CHECK_EQ(drain(port, NULL, 0, 1), whole);
        CHECK_EQ(dropped(port, PN_R_IO_RECORD_CUT), cut != end);
        CHECK_EQ(dropped_in_all(port), cut != end);
        port->ops->close(port);
    }
    CHECK_EQ(whole, 12);
    free(b.data);
}

static void test_end_mark(void)
{
    struct bytes b = sample(9, 0);
    struct io_frame f = {0};
    bytes_u16(&b, 0);
    struct io_port *port = open_bytes(&b, b.len, 0);
    CHECK_EQ(drain(port, &f, 1, 256), 1);
    CHECK_EQ(count_blocks(&f), 9);
    CHECK_EQ(dropped_in_all(port), 0);
    port->ops->close(port);
    /* Not at the end: an empty message like any other. */
    block_of(&b, 'D', 19, 34200000000000);
    port = open_bytes(&b, b.len, 0);
    CHECK_EQ(drain(port, &f, 1, 256), 1);
    CHECK_EQ(count_blocks(&f), 11);
    port->ops->close(port);
    free(b.data);
}

static void test_recognise(void)
{
    struct bytes b = sample(20, 1);
    for (size_t i = 0; i < 8; i++) {
        size_t at = i * 21 + (i + 2) / 3 * 17; /* of block i */
        struct bytes d = {0};
        bytes_put(&d, b.data, b.len);
        CHECK(raw_itch_recognise(d.data, d.len));
        d.data[at + 2] = 'z';
        CHECK(!raw_itch_recognise(d.data, d.len));
        d.data[at + 2] = 'A';
        d.data[at + 1] = 35;
        CHECK(!raw_itch_recognise(d.data, d.len));
        memcpy(d.data, b.data, b.len);
        d.data[at + 7] = 0xff; /* later than any day */
        CHECK(!raw_itch_recognise(d.data, d.len));
        free(d.data);
    }
    CHECK(!raw_itch_recognise((const uint8_t *)"#!/bin/sh\necho hello\n", 21));
    free(b.data);
}

int main(void)
{
    test_frames(1, 0);
    test_frames(64, 999);
    test_frames(256, 0);
    test_sizes();
    test_every_truncation();
    test_end_mark();
    test_recognise();
    return check_done("io_raw_itch");
}
