/*
 * test_net.c - frames to datagrams: every link type, tag, option and extension header, each way to
 * be wrong, and every truncation. The inline path must agree with net_parse_any throughout.
 */
#include "bytes.h"
#include "net/net.h"

#define WHY(id) (PN_R_##id + 1)

enum { PAYLOAD = 40 };

static uint32_t parse_link(const struct bytes *b, size_t caplen, size_t len, uint16_t link,
                           struct net_datagram *d)
{
    uint8_t *exact = malloc(caplen + 1); /* no slack behind it: a sanitizer sees a read beyond */
    memcpy(exact, b->data, caplen);
    exact = realloc(exact, caplen ? caplen : 1);
    struct io_frame f = {.data = exact,
                         .caplen = (uint32_t)caplen,
                         .len = (uint32_t)len,
                         .ts_ns = 77,
                         .input = 3,
                         .link = link};
    struct net_datagram any;
    uint32_t why = net_parse_frame(&f, d);
    CHECK_EQ(net_parse_any(&f, &any), why);
    if (why == 0) {
        CHECK(any.payload == d->payload && any.caplen == d->caplen && any.len == d->len);
        CHECK(any.group_be == d->group_be && any.port == d->port && any.src_be == d->src_be);
        CHECK(any.src_port == d->src_port && any.input == d->input && any.link == d->link);
        CHECK(any.ts_ns == d->ts_ns);
        CHECK(d->payload >= exact && d->payload + d->caplen <= exact + caplen);
        CHECK(d->caplen <= d->len);
        CHECK(is_pattern(d->payload, 1, d->caplen));
    }
    free(exact);
    return why;
}

static uint32_t parse(const struct bytes *b, struct net_datagram *d)
{
    return parse_link(b, b->len, b->len, IO_LINK_ETHERNET, d);
}

static struct bytes ethernet(uint16_t type)
{
    struct bytes b = {.be = true};
    bytes_pattern(&b, 0, 12);
    bytes_u16(&b, type);
    return b;
}

static void udp(struct bytes *b, uint16_t len)
{
    bytes_u16(b, 4321);
    bytes_u16(b, 1234);
    bytes_u16(b, len);
    bytes_u16(b, 0xbeef);
    bytes_pattern(b, 1, PAYLOAD);
}

/* IPv4 with `words` words of options. */
static void ip4(struct bytes *b, unsigned words, uint16_t total, uint16_t fragment, uint8_t proto)
{
    uint8_t h[2] = {(uint8_t)(0x45 + words), 0}, t[2] = {64, proto};
    bytes_put(b, h, 2);
    bytes_u16(b, total);
    bytes_u16(b, 1);
    bytes_u16(b, fragment);
    bytes_put(b, t, 2);
    bytes_u16(b, 0);
    bytes_u32(b, 0x0a000001);
    bytes_u32(b, 0xe9360c6f);
    for (unsigned i = 0; i < words; i++)
        bytes_u32(b, 0x01010101);
}

static void ip6(struct bytes *b, uint16_t len, uint8_t next)
{
    uint8_t n[2] = {next, 64}, address[16] = {0xff, 0x0e};
    bytes_u32(b, 0x60000000);
    bytes_u16(b, len);
    bytes_put(b, n, 2);
    address[15] = 9;
    bytes_put(b, address, 16);
    address[15] = 5;
    bytes_put(b, address, 16);
}

/* An ordinary frame with its IP header at *ip, to be spoilt. */
static struct bytes ordinary(size_t *ip)
{
    struct bytes b = ethernet(0x0800);
    *ip = b.len;
    ip4(&b, 0, 20 + 8 + PAYLOAD, 0x4000, 17);
    udp(&b, 8 + PAYLOAD);
    return b;
}

static void test_good(void)
{
    struct net_datagram d = {0};
    for (unsigned tags = 0; tags < 3; tags++)
        for (unsigned words = 0; words <= 10; words++)
            for (unsigned padding = 0; padding < 30; padding += 7) {
                struct bytes b = ethernet(tags == 2 ? 0x88a8 : tags ? 0x8100 : 0x0800);
                for (unsigned i = tags; i; i--) {
                    bytes_u16(&b, 100);
                    bytes_u16(&b, i > 1 ? 0x8100 : 0x0800);
                }
                ip4(&b, words, (uint16_t)(28 + 4 * words + PAYLOAD), 0, 17);
                udp(&b, 8 + PAYLOAD);
                bytes_pattern(&b, 9, padding);
                CHECK_EQ(parse(&b, &d), 0);
                CHECK_EQ(d.caplen, PAYLOAD);
                CHECK_EQ(d.len, PAYLOAD);
                CHECK_EQ(d.port, 1234);
                CHECK_EQ(d.src_port, 4321);
                CHECK_EQ(__builtin_bswap32(d.group_be), 0xe9360c6f);
                CHECK_EQ(__builtin_bswap32(d.src_be), 0x0a000001);
                CHECK_EQ(d.ts_ns, 77);
                CHECK_EQ(d.input, 3);
                free(b.data);
            }
}

static void test_links(void)
{
    static const struct {
        uint16_t link;
        uint32_t header;
        uint32_t type_at; /* 0xffff: none; 0xfffe, 0xfffd: address family LE, BE */
    } links[] = {{IO_LINK_ETHERNET, 14, 12}, {IO_LINK_IP, 0, 0xffff}, {IO_LINK_NULL, 4, 0xfffe},
                 {IO_LINK_NULL, 4, 0xfffd},  {IO_LINK_SLL, 16, 14},   {IO_LINK_SLL2, 20, 0}};
    static const uint8_t families[] = {10, 24, 28, 30};
    struct net_datagram d = {0};
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++)
        for (int v6 = 0; v6 < 5; v6++) {
            struct bytes b = {.be = true};
            bytes_pattern(&b, 0x77, links[i].header);
            uint32_t family = v6 ? families[v6 - 1] : 2;
            if (links[i].type_at < 20)
                store_u16_be(b.data + links[i].type_at, v6 ? 0x86dd : 0x0800);
            else if (links[i].type_at == 0xfffd)
                store_u32_be(b.data, family);
            else if (links[i].type_at == 0xfffe)
                memcpy(b.data, &family, 4);
            if (v6)
                ip6(&b, 8 + PAYLOAD, 17);
            else
                ip4(&b, 0, 28 + PAYLOAD, 0, 17);
            udp(&b, 8 + PAYLOAD);
            CHECK_EQ(parse_link(&b, b.len, b.len, links[i].link, &d), 0);
            CHECK_EQ(d.caplen, PAYLOAD);
            CHECK_EQ(d.link, links[i].link);
            CHECK_EQ(__builtin_bswap32(d.group_be), v6 ? 0xff0e0005 : 0xe9360c6f);
            for (size_t cut = 0; cut < b.len; cut++) {
                uint32_t header_end = (uint32_t)b.len - PAYLOAD;
                uint32_t why = parse_link(&b, cut, b.len, links[i].link, &d);
                CHECK_EQ(why, cut < header_end ? WHY(NET_SHORT) : 0);
                if (why == 0)
                    CHECK(d.caplen == cut - header_end && d.len == PAYLOAD);
            }
            CHECK_EQ(parse_link(&b, b.len, b.len, IO_LINK_UNKNOWN, &d), WHY(IO_LINK_TYPE));
            CHECK_EQ(parse_link(&b, b.len, b.len, 99, &d), WHY(IO_LINK_TYPE));
            free(b.data);
        }
    struct bytes b = {0};
    bytes_pattern(&b, 1, 50);
    CHECK_EQ(parse_link(&b, 50, 50, IO_LINK_BLOCKS, &d), 0);
    CHECK(d.link == IO_LINK_BLOCKS && d.caplen == 50 && d.port == 0 && d.group_be == 0);
    CHECK_EQ(parse_link(&b, 50, 50, IO_LINK_NULL, &d), WHY(NET_NOT_IP));
    b.data[0] = 0x50;
    CHECK_EQ(parse_link(&b, 50, 50, IO_LINK_IP, &d), WHY(NET_NOT_IP));
    free(b.data);
}

/* One changed 16-bit field of an ordinary frame, relative to its IP header. */
static void check_field(size_t at, uint16_t value, uint32_t why)
{
    size_t ip;
    struct net_datagram d;
    struct bytes b = ordinary(&ip);
    store_u16_be(b.data + ip + at, value);
    CHECK_EQ(parse(&b, &d), why);
    free(b.data);
}

static void test_bad_ip4(void)
{
    check_field(0, 0x4400, WHY(NET_IP_BAD)); /* header of 16 bytes */
    check_field(0, 0x4000, WHY(NET_IP_BAD));
    check_field(0, 0x6500, WHY(NET_IP_BAD));  /* version against EtherType */
    check_field(0, 0x4f00, WHY(NET_UDP_BAD)); /* options reach into the payload */
    check_field(2, 0, WHY(NET_IP_BAD));       /* segmentation offload */
    check_field(2, 19, WHY(NET_IP_BAD));
    check_field(2, 20, WHY(NET_UDP_BAD));
    check_field(2, 27, WHY(NET_UDP_BAD));
    check_field(2, 28, WHY(NET_UDP_BAD)); /* UDP length beyond the packet */
    check_field(2, 28 + PAYLOAD - 1, WHY(NET_UDP_BAD));
    check_field(2, 28 + PAYLOAD + 1, WHY(NET_IP_BAD)); /* more than was sent */
    check_field(2, 0xffff, WHY(NET_IP_BAD));
    check_field(6, 0x2000, WHY(NET_FRAGMENT));
    check_field(6, 0x0001, WHY(NET_FRAGMENT));
    check_field(6, 0x1fff, WHY(NET_FRAGMENT));
    check_field(6, 0xc000, 0); /* don't fragment, reserved bit */
    check_field(8, 64 << 8 | 6, WHY(NET_NOT_UDP));
    check_field(8, 64 << 8 | 2, WHY(NET_NOT_UDP));
    check_field(24, 0, WHY(NET_UDP_BAD));
    check_field(24, 7, WHY(NET_UDP_BAD));
    check_field(24, 8, 0);
    check_field(24, 8 + PAYLOAD - 1, 0); /* shorter than the packet: the rest is not its own */
    check_field(24, 8 + PAYLOAD + 1, WHY(NET_UDP_BAD));
    check_field(24, 0xffff, WHY(NET_UDP_BAD));
    for (unsigned type = 0; type < 0x10000; type++)
        if (type != 0x0800 && type != 0x86dd && type != 0x8100 && type != 0x88a8 &&
            type != 0x9100) {
            size_t ip;
            struct net_datagram d;
            struct bytes b = ordinary(&ip);
            store_u16_be(b.data + 12, (uint16_t)type);
            CHECK_EQ(parse(&b, &d), WHY(NET_NOT_IP));
            free(b.data);
        }
}

static void test_vlan_depth(void)
{
    struct net_datagram d;
    for (unsigned tags = 1; tags < 5; tags++) {
        struct bytes b = ethernet(0x8100);
        for (unsigned i = tags; i; i--) {
            bytes_u16(&b, 100);
            bytes_u16(&b, i > 1 ? 0x9100 : 0x0806);
        }
        CHECK_EQ(parse(&b, &d), tags > 2 ? WHY(NET_VLAN_DEPTH) : WHY(NET_NOT_IP));
        free(b.data);
    }
}

/* A chain of extension headers before UDP; lengths are in the unit of each header. */
static uint32_t chain(const uint8_t *types, unsigned count, uint8_t units, uint8_t last)
{
    struct net_datagram d;
    struct bytes ext = {.be = true}, b = ethernet(0x86dd);
    for (unsigned i = 0; i < count; i++) {
        uint8_t h[2] = {i + 1 < count ? types[i + 1] : last, units};
        bytes_put(&ext, h, 2);
        bytes_pattern(&ext, 3, (types[i] == 51 ? (units + 2u) * 4 : (units + 1u) * 8) - 2);
    }
    ip6(&b, (uint16_t)(ext.len + 8 + PAYLOAD), count ? types[0] : last);
    if (ext.len)
        bytes_put(&b, ext.data, ext.len);
    udp(&b, 8 + PAYLOAD);
    uint32_t why = parse(&b, &d);
    for (size_t cut = 0; why == 0 && cut < b.len; cut++) {
        bool headers = cut >= b.len - PAYLOAD;
        CHECK_EQ(parse_link(&b, cut, b.len, IO_LINK_ETHERNET, &d), headers ? 0 : WHY(NET_SHORT));
    }
    free(ext.data);
    free(b.data);
    return why;
}

static void test_ip6(void)
{
    static const uint8_t all[] = {0, 60, 43, 51, 60, 60, 60, 60, 60, 60};
    static const uint8_t fragment[] = {0, 44}, mobility[] = {135}, hip[] = {139}, shim[] = {140};
    for (unsigned count = 0; count <= 8; count++)
        for (uint8_t units = 0; units < 4; units++)
            CHECK_EQ(chain(all, count, units == 0 ? 1 : units, 17), 0);
    CHECK_EQ(chain(all, 3, 0, 17), 0);
    CHECK_EQ(chain(all, 9, 0, 17), WHY(NET_IP6_EXT));
    CHECK_EQ(chain(fragment, 2, 0, 17), WHY(NET_FRAGMENT));
    CHECK_EQ(chain(mobility, 1, 0, 17), WHY(NET_IP6_EXT));
    CHECK_EQ(chain(hip, 1, 0, 17), WHY(NET_IP6_EXT));
    CHECK_EQ(chain(shim, 1, 0, 17), WHY(NET_IP6_EXT));
    CHECK_EQ(chain(all, 2, 0, 6), WHY(NET_NOT_UDP));
    CHECK_EQ(chain(all, 0, 0, 59), WHY(NET_NOT_UDP));
    CHECK_EQ(chain(all, 0, 0, 50), WHY(NET_NOT_UDP));

    struct net_datagram d;
    struct bytes b = ethernet(0x86dd);
    ip6(&b, 8 + PAYLOAD, 17);
    udp(&b, 8 + PAYLOAD);
    CHECK_EQ(parse(&b, &d), 0);
    store_u16_be(b.data + 18, 0); /* jumbogram */
    CHECK_EQ(parse(&b, &d), WHY(NET_IP_BAD));
    store_u16_be(b.data + 18, 8 + PAYLOAD + 1);
    CHECK_EQ(parse(&b, &d), WHY(NET_IP_BAD));
    store_u16_be(b.data + 18, 7);
    CHECK_EQ(parse(&b, &d), WHY(NET_UDP_BAD));
    b.data[20] = 60; /* what was UDP is now an extension header of impossible length */
    b.data[14 + 40 + 1] = 200;
    store_u16_be(b.data + 18, 8 + PAYLOAD);
    CHECK_EQ(parse(&b, &d), WHY(NET_IP_BAD));
    store_u16_be(b.data + 18, 7);
    CHECK_EQ(parse(&b, &d), WHY(NET_IP_BAD));
    b.data[14] = 0x50;
    CHECK_EQ(parse(&b, &d), WHY(NET_IP_BAD));
    free(b.data);
}

/* Every byte of good frames set to every value: never out of bounds, always one verdict. */
static void test_every_byte(void)
{
    for (int v6 = 0; v6 < 2; v6++) {
        size_t ip;
        struct net_datagram d;
        struct bytes b = v6 ? ethernet(0x86dd) : ordinary(&ip);
        if (v6) {
            ip6(&b, 16 + PAYLOAD, 60);
            bytes_put(&b, "\x11\0\1\4\0\0\0\0", 8);
            udp(&b, 8 + PAYLOAD);
        }
        for (size_t i = 12; i < b.len - PAYLOAD; i++)
            for (unsigned v = 0; v < 256; v++) {
                uint8_t old = b.data[i];
                b.data[i] = (uint8_t)v;
                for (size_t cap = b.len; cap + 3 > b.len; cap--) {
                    struct io_frame f = {
                        .data = b.data, .caplen = (uint32_t)cap, .len = (uint32_t)b.len};
                    uint32_t why = net_parse_frame(&f, &d);
                    CHECK(why <= PN_REASON_COUNT);
                    CHECK(why || d.payload + d.caplen <= b.data + cap);
                }
                b.data[i] = old;
            }
        free(b.data);
    }
}

int main(void)
{
    test_good();
    test_links();
    test_bad_ip4();
    test_vlan_depth();
    test_ip6();
    test_every_byte();
    return check_done("net");
}
