/*
 * pcap.c - classic pcap files, version 2.4: microsecond and nanosecond records in either byte
 * order (draft-ietf-opsawg-pcap). Frames are views into the source's window; nothing is copied.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/bits.h"
#include "io/capture.h"

enum {
    MAGIC_US = (int)0xa1b2c3d4,
    MAGIC_NS = (int)0xa1b23c4d,
    FILE_HEADER = 24,
    RECORD_HEADER = 16,
    LINKTYPE_MASK = 0x03ffffff, /* above it: length of the frame check sequence */
    HUGE_MAX = 128 << 20        /* no link type has longer frames */
};

struct pcap {
    struct capture c;
    uint32_t frac_ns; /* ns in one unit of the record's fraction */
    uint32_t snaplen;
    uint16_t link;
};

PN_HOT uint32_t load_u32(const uint8_t *p, bool swapped)
{
    return swapped ? load_u32_be(p) : load_u32_le(p);
}

bool pcap_recognise(const uint8_t *p, size_t n)
{
    if (n < 4)
        return false;
    uint32_t le = load_u32_le(p), be = load_u32_be(p);
    return le == (uint32_t)MAGIC_US || le == (uint32_t)MAGIC_NS || be == (uint32_t)MAGIC_US ||
           be == (uint32_t)MAGIC_NS;
}

/*
 * A record with lengths that no capture has ends the input, as where the next one begins is not
 * known; one that is only too long for the window, as the file's snap length allows, is stepped
 * over.
 */
static void refuse_record(struct pcap *p, uint32_t caplen, uint32_t len)
{
    if (caplen > len || caplen > p->snaplen || caplen > HUGE_MAX)
        capture_stop(&p->c, PN_R_IO_RECORD_BAD);
    else if (source_discard(p->c.src, RECORD_HEADER + (uint64_t)caplen))
        p->c.stats.drops[PN_R_IO_FRAME_HUGE]++;
    else
        capture_cut(&p->c);
}

/*
 * The record at src is not whole within the window, or its lengths are not believed: makes it
 * whole, steps over it, or ends the input. Frames already handed out must not move, so this is
 * only for the beginning of a burst.
 */
static void mend(struct pcap *p, bool swapped)
{
    struct source *src = p->c.src;
    size_t need = RECORD_HEADER;
    if (source_fill(src, need) >= need) {
        const uint8_t *at = source_at(src);
        uint32_t caplen = load_u32(at + 8, swapped), len = load_u32(at + 12, swapped);
        if (caplen > IO_FRAME_MAX || caplen > len) {
            refuse_record(p, caplen, len);
            return;
        }
        need += caplen;
    }
    if (source_fill(src, need) < need)
        capture_end(&p->c);
}

PN_HOT uint32_t rx_records(struct pcap *p, struct io_frame *out, uint32_t n, bool swapped)
{
    struct source *src = p->c.src;
    const uint64_t frac_ns = p->frac_ns;
    const uint16_t input = p->c.port.input, link = p->link;
    uint64_t bytes = 0, snapped = 0;
    uint32_t made = 0;

    while (made == 0 && n && !p->c.port.at_end) {
        const uint8_t *at = source_at(src), *end = at + source_left(src);
        while (made < n && end - at >= RECORD_HEADER) {
            uint32_t caplen = load_u32(at + 8, swapped), len = load_u32(at + 12, swapped);
            if (PN_UNLIKELY(caplen > IO_FRAME_MAX || caplen > len ||
                            (size_t)(end - at) < RECORD_HEADER + (size_t)caplen))
                break;
            out[made++] = (struct io_frame){
                .data = at + RECORD_HEADER,
                .caplen = caplen,
                .len = len,
                .ts_ns =
                    load_u32(at, swapped) * 1000000000ull + load_u32(at + 4, swapped) * frac_ns,
                .input = input,
                .link = link,
            };
            bytes += caplen;
            snapped += caplen < len;
            at += RECORD_HEADER + (size_t)caplen;
        }
        source_take(src, (size_t)(at - source_at(src)));
        if (made == 0)
            mend(p, swapped);
    }
    p->c.stats.rx_frames += made;
    p->c.stats.rx_bytes += bytes;
    p->c.stats.drops[PN_R_IO_SNAPPED] += snapped;
    return made;
}

static uint32_t pcap_rx_native(struct io_port *port, struct io_frame *out, uint32_t n)
{
    return rx_records((struct pcap *)port, out, n, false);
}

static uint32_t pcap_rx_swapped(struct io_port *port, struct io_frame *out, uint32_t n)
{
    return rx_records((struct pcap *)port, out, n, true);
}

static const struct io_ops pcap_native = {
    .name = "pcap", .rx_burst = pcap_rx_native, .stats = capture_stats, .close = capture_close};
static const struct io_ops pcap_swapped = {
    .name = "pcap", .rx_burst = pcap_rx_swapped, .stats = capture_stats, .close = capture_close};

int pcap_open(struct io_port **out, struct source *src, uint16_t input, const char *name,
              struct error *e)
{
    if (source_fill(src, FILE_HEADER) < FILE_HEADER)
        return error_set(e, -EINVAL, "%s: ends inside the pcap file header; record it again", name);
    const uint8_t *h = source_at(src);
    uint32_t magic = load_u32_le(h);
    bool swapped = magic != (uint32_t)MAGIC_US && magic != (uint32_t)MAGIC_NS;
    unsigned major = swapped ? load_u16_be(h + 4) : load_u16_le(h + 4);
    unsigned minor = swapped ? load_u16_be(h + 6) : load_u16_le(h + 6);
    if (major != 2 || minor != 4)
        return error_set(e, -EINVAL, "%s: pcap version %u.%u is not read; convert it with editcap",
                         name, major, minor);
    struct pcap *p = calloc(1, sizeof *p);
    if (!p)
        return error_set(e, -ENOMEM, "%s: out of memory", name);
    p->c.port.ops = swapped ? &pcap_swapped : &pcap_native;
    p->c.port.input = input;
    p->c.src = src;
    p->frac_ns = load_u32(h, swapped) == (uint32_t)MAGIC_NS ? 1 : 1000;
    p->snaplen = load_u32(h + 16, swapped);
    p->link = capture_link(load_u32(h + 20, swapped) & LINKTYPE_MASK);
    source_take(src, FILE_HEADER);
    *out = &p->c.port;
    return 0;
}
