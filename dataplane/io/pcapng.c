/*
 * pcapng.c - pcapng files (draft-ietf-opsawg-pcapng): sections of either byte order, any number of
 * interfaces, Enhanced, Simple and the obsolete Packet Block; other blocks are stepped over.
 *
 * A block with impossible lengths ends the input, because where the next one begins is then not
 * known. A packet that does not fit its sound block is dropped alone.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "io/capture.h"
#include "io/pcapng_write.h"

enum {
    BLOCK_SECTION = 0x0a0d0d0a,
    BLOCK_INTERFACE = 1,
    BLOCK_PACKET = 2, /* obsolete */
    BLOCK_SIMPLE = 3,
    BLOCK_ENHANCED = 6,
    BYTE_ORDER_MAGIC = 0x1a2b3c4d,
    BLOCK_HEADER = 8,
    BLOCK_OVERHEAD = 12,
    SECTION_MIN = 28,
    INTERFACE_FIXED = 16, /* up to the options */
    PACKET_FIXED = 28,
    SIMPLE_FIXED = 12,
    OPTION_END = 0,
    OPTION_DESCRIPTION = 3,
    OPTION_TSRESOL = 9,
    OPTION_TSOFFSET = 14,
    INTERFACES_MAX = 1024,            /* records of interfaces beyond it are counted and dropped */
    BLOCK_MAX = IO_FRAME_MAX + 65536, /* largest block that is looked into */
    SECONDS_IN_NS = 1000000000
};

/* ns = (ticks * mul / div >> shift) + offset_ns */
struct interface {
    uint32_t snaplen;
    uint16_t link;
    uint8_t simple; /* ns = ticks * mul, nothing else */
    uint8_t shift;
    uint16_t input; /* as the recorder noted it, else the port's */
    uint32_t mul;
    uint64_t div;
    __int128 offset_ns;
};

struct pcapng {
    struct capture c;
    bool swapped;
    uint32_t interfaces;
    uint64_t last_ns; /* Simple Packet Blocks carry no time: they get that of the frame before */
    struct interface interface[INTERFACES_MAX];
};

static uint16_t get_u16(const struct pcapng *p, const uint8_t *at)
{
    return p->swapped ? load_u16_be(at) : load_u16_le(at);
}

static uint32_t get_u32(const struct pcapng *p, const uint8_t *at)
{
    return p->swapped ? load_u32_be(at) : load_u32_le(at);
}

static uint64_t get_u64(const struct pcapng *p, const uint8_t *at)
{
    return p->swapped ? load_u64_be(at) : load_u64_le(at);
}

bool pcapng_recognise(const uint8_t *p, size_t n)
{
    if (n < 12 || load_u32_le(p) != BLOCK_SECTION)
        return false;
    return load_u32_le(p + 8) == BYTE_ORDER_MAGIC || load_u32_be(p + 8) == BYTE_ORDER_MAGIC;
}

/* if_tsresol: 10^-v, or 2^-v with the top bit set. */
static void set_resolution(struct interface *f, uint8_t v)
{
    uint8_t power = v & 0x7f;
    f->mul = SECONDS_IN_NS;
    f->div = 1;
    f->shift = 0;
    if (v & 0x80) {
        f->shift = power;
        return;
    }
    for (; power && f->mul > 1; power--)
        f->mul /= 10;
    for (; power && f->div < UINT64_MAX / 10; power--)
        f->div *= 10;
    if (power)
        f->mul = 0; /* finer than any 64-bit count can show in ns */
}

/* Times outside what 64 bits of ns hold are put at its ends. */
static uint64_t to_ns(const struct interface *f, uint64_t ticks)
{
    uint64_t quick;
    if (PN_LIKELY(f->simple && !__builtin_mul_overflow(ticks, (uint64_t)f->mul, &quick)))
        return quick;
    __int128 ns = (__int128)ticks * f->mul;
    ns = ns / (__int128)f->div >> f->shift;
    ns += f->offset_ns;
    if (ns < 0)
        return 0;
    return ns > (__int128)UINT64_MAX ? UINT64_MAX : (uint64_t)ns;
}

static void read_section(struct pcapng *p, const uint8_t *at)
{
    p->swapped = load_u32_le(at + 8) != BYTE_ORDER_MAGIC;
    p->interfaces = 0;
}

/* The input number in a description that our own recorder wrote; otherwise that of the file. */
static uint16_t described_input(const uint8_t *text, uint16_t len, uint16_t otherwise)
{
    const uint16_t prefix = sizeof PCAPNG_INPUT - 1;
    uint32_t input = 0;
    if (len <= prefix || len > prefix + 2 || memcmp(text, PCAPNG_INPUT, prefix) != 0)
        return otherwise;
    for (uint16_t i = prefix; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return otherwise;
        input = input * 10 + text[i] - '0';
    }
    return input <= IO_INPUT_RECOVERY ? (uint16_t)input : otherwise;
}

static void read_interface(struct pcapng *p, const uint8_t *at, size_t total)
{
    if (p->interfaces == INTERFACES_MAX)
        return;
    struct interface *f = &p->interface[p->interfaces++];
    *f = (struct interface){.snaplen = get_u32(p, at + 12),
                            .input = p->c.port.input,
                            .link = capture_link(get_u16(p, at + 8))};
    set_resolution(f, 6);
    size_t i = INTERFACE_FIXED, end = total - 4;
    while (end - i >= 4) {
        uint16_t code = get_u16(p, at + i), len = get_u16(p, at + i + 2);
        i += 4;
        if (code == OPTION_END || len > end - i)
            break;
        if (code == OPTION_DESCRIPTION)
            f->input = described_input(at + i, len, p->c.port.input);
        if (code == OPTION_TSRESOL && len == 1)
            set_resolution(f, at[i]);
        if (code == OPTION_TSOFFSET && len == 8)
            f->offset_ns = (__int128)(int64_t)get_u64(p, at + i) * SECONDS_IN_NS;
        size_t padded = (len + 3u) & ~3u;
        if (padded > end - i)
            break;
        i += padded;
    }
    f->simple = f->shift == 0 && f->div == 1 && f->offset_ns == 0;
}

/* A packet block of either kind with a time; false when it holds no usable frame. */
static bool read_packet(struct pcapng *p, const uint8_t *at, size_t total, bool obsolete,
                        struct io_frame *out)
{
    uint64_t *drops = p->c.stats.drops;
    if (total < PACKET_FIXED + 4) {
        drops[PN_R_IO_RECORD_BAD]++;
        return false;
    }
    uint32_t id = obsolete ? get_u16(p, at + 8) : get_u32(p, at + 8);
    uint32_t caplen = get_u32(p, at + 20), len = get_u32(p, at + 24);
    if (caplen > len || caplen > total - PACKET_FIXED - 4) {
        drops[PN_R_IO_RECORD_BAD]++;
        return false;
    }
    if (id >= p->interfaces) {
        drops[PN_R_IO_INTERFACE]++;
        return false;
    }
    if (caplen > IO_FRAME_MAX) {
        drops[PN_R_IO_FRAME_HUGE]++;
        return false;
    }
    uint64_t ticks = (uint64_t)get_u32(p, at + 12) << 32 | get_u32(p, at + 16);
    p->last_ns = to_ns(&p->interface[id], ticks);
    *out = (struct io_frame){.data = at + PACKET_FIXED,
                             .caplen = caplen,
                             .len = len,
                             .ts_ns = p->last_ns,
                             .input = p->interface[id].input,
                             .link = p->interface[id].link};
    return true;
}

static bool read_simple(struct pcapng *p, const uint8_t *at, size_t total, struct io_frame *out)
{
    uint64_t *drops = p->c.stats.drops;
    if (p->interfaces == 0) {
        drops[PN_R_IO_INTERFACE]++;
        return false;
    }
    if (total < SIMPLE_FIXED + 4) {
        drops[PN_R_IO_RECORD_BAD]++;
        return false;
    }
    /* The captured length is not written: it is what snap length and block leave of the frame. */
    const struct interface *f = &p->interface[0];
    uint32_t len = get_u32(p, at + 8), caplen = len;
    if (f->snaplen && caplen > f->snaplen)
        caplen = f->snaplen;
    if (caplen > total - SIMPLE_FIXED - 4) {
        drops[PN_R_IO_RECORD_BAD]++;
        return false;
    }
    if (caplen > IO_FRAME_MAX) {
        drops[PN_R_IO_FRAME_HUGE]++;
        return false;
    }
    *out = (struct io_frame){.data = at + SIMPLE_FIXED,
                             .caplen = caplen,
                             .len = len,
                             .ts_ns = p->last_ns,
                             .input = f->input,
                             .link = f->link};
    return true;
}

static bool is_packet(uint32_t type)
{
    return type == BLOCK_ENHANCED || type == BLOCK_PACKET || type == BLOCK_SIMPLE;
}

/* Length of the block at at, 0 when it is impossible. A section header sets its own order. */
static uint32_t block_length(const struct pcapng *p, const uint8_t *at)
{
    uint32_t type = load_u32_le(at), total = get_u32(p, at + 4);
    if (type == BLOCK_SECTION) {
        bool le = load_u32_le(at + 8) == BYTE_ORDER_MAGIC;
        if (!le && load_u32_be(at + 8) != BYTE_ORDER_MAGIC)
            return 0;
        total = le ? load_u32_le(at + 4) : load_u32_be(at + 4);
        unsigned major = le ? load_u16_le(at + 12) : load_u16_be(at + 12);
        if (total < SECTION_MIN || major != 1)
            return 0;
    } else if (get_u32(p, at) == BLOCK_INTERFACE && total < INTERFACE_FIXED + 4) {
        return 0;
    }
    return total < BLOCK_OVERHEAD || total % 4 ? 0 : total;
}

/* Whether both length fields of a whole block agree. */
static bool block_closed(const uint8_t *at, uint32_t total)
{
    return memcmp(at + 4, at + total - 4, 4) == 0;
}

/* Steps over a block too long for the window; only at the beginning of a burst. */
static void skip_long(struct pcapng *p, uint32_t type, uint32_t total)
{
    struct source *src = p->c.src;
    uint32_t opening = load_u32_le(source_at(src) + 4);
    if (!source_discard(src, total - 4) || source_fill(src, 4) < 4)
        capture_cut(&p->c);
    else if (load_u32_le(source_at(src)) != opening || type == BLOCK_INTERFACE ||
             type == BLOCK_SECTION)
        capture_stop(&p->c, PN_R_IO_BLOCK_BAD);
    else
        source_take(src, 4);
    if (!p->c.port.at_end && is_packet(type))
        p->c.stats.drops[PN_R_IO_FRAME_HUGE]++;
}

/* One whole block; true when it gave a frame. */
static bool read_block(struct pcapng *p, const uint8_t *at, uint32_t total, struct io_frame *out)
{
    if (load_u32_le(at) == BLOCK_SECTION) {
        read_section(p, at);
        return false;
    }
    switch (get_u32(p, at)) {
    case BLOCK_ENHANCED:
        return read_packet(p, at, total, false, out);
    case BLOCK_PACKET:
        return read_packet(p, at, total, true, out);
    case BLOCK_SIMPLE:
        return read_simple(p, at, total, out);
    case BLOCK_INTERFACE:
        read_interface(p, at, total);
        return false;
    default:
        return false;
    }
}

/* Bytes that must be at hand to go on: a header, or the whole block that it announces. */
static size_t block_need(const struct pcapng *p, const uint8_t *at, size_t left)
{
    if (left < BLOCK_HEADER)
        return BLOCK_HEADER;
    /* The length of a section header is known only behind its byte order and version. */
    if (load_u32_le(at) == BLOCK_SECTION && left < SECTION_MIN)
        return SECTION_MIN;
    return block_length(p, at);
}

static uint32_t pcapng_rx(struct io_port *port, struct io_frame *out, uint32_t n)
{
    struct pcapng *p = (struct pcapng *)port;
    struct source *src = p->c.src;
    uint32_t made = 0;

    while (made < n && !port->at_end) {
        const uint8_t *at = source_at(src);
        size_t left = source_left(src), need = block_need(p, at, left);
        if (PN_LIKELY(need >= BLOCK_OVERHEAD && left >= need)) {
            if (!block_closed(at, (uint32_t)need)) {
                capture_stop(&p->c, PN_R_IO_BLOCK_BAD);
                break;
            }
            if (read_block(p, at, (uint32_t)need, &out[made])) {
                p->c.stats.rx_bytes += out[made].caplen;
                p->c.stats.drops[PN_R_IO_SNAPPED] += out[made].caplen < out[made].len;
                made++;
            }
            source_take(src, need);
            continue;
        }
        /* Frames already handed out must stay where they are: go on in the next burst. */
        if (made)
            break;
        if (need == 0)
            capture_stop(&p->c, PN_R_IO_BLOCK_BAD);
        else if (need > BLOCK_MAX)
            skip_long(p, load_u32_le(at) == BLOCK_SECTION ? BLOCK_SECTION : get_u32(p, at),
                      (uint32_t)need);
        else if (source_fill(src, need) < need)
            capture_end(&p->c);
    }
    p->c.stats.rx_frames += made;
    return made;
}

static const struct io_ops pcapng_ops = {
    .name = "pcapng", .rx_burst = pcapng_rx, .stats = capture_stats, .close = capture_close};

int pcapng_open(struct io_port **out, struct source *src, uint16_t input, const char *name,
                struct error *e)
{
    struct pcapng *p = calloc(1, sizeof *p);
    if (!p)
        return error_set(e, -ENOMEM, "%s: out of memory", name);
    p->c.port.ops = &pcapng_ops;
    p->c.port.input = input;
    p->c.src = src;
    *out = &p->c.port;
    return 0;
}
