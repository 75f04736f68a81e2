/*
 * file.c - opens a file port: which format it is by content, and one clear line for what cannot
 * be opened. Nothing here runs on the path.
 */
#include <errno.h>
#include <stdlib.h>

#include "io/capture.h"

enum {
    SNIFF_BYTES = 4096,
    LINKTYPE_NULL = 0,
    LINKTYPE_ETHERNET = 1,
    LINKTYPE_RAW_BSD = 12,
    LINKTYPE_RAW_OPENBSD = 14,
    LINKTYPE_RAW = 101,
    LINKTYPE_LOOP = 108,
    LINKTYPE_LINUX_SLL = 113,
    LINKTYPE_IPV4 = 228,
    LINKTYPE_IPV6 = 229,
    LINKTYPE_LINUX_SLL2 = 276
};

uint16_t capture_link(uint32_t linktype)
{
    switch (linktype) {
    case LINKTYPE_ETHERNET:
        return IO_LINK_ETHERNET;
    case LINKTYPE_RAW_BSD:
    case LINKTYPE_RAW_OPENBSD:
    case LINKTYPE_RAW:
    case LINKTYPE_IPV4:
    case LINKTYPE_IPV6:
        return IO_LINK_IP;
    case LINKTYPE_NULL:
    case LINKTYPE_LOOP:
        return IO_LINK_NULL;
    case LINKTYPE_LINUX_SLL:
        return IO_LINK_SLL;
    case LINKTYPE_LINUX_SLL2:
        return IO_LINK_SLL2;
    default:
        return IO_LINK_UNKNOWN;
    }
}

void capture_stop(struct capture *c, enum pn_reason reason)
{
    c->stats.drops[reason]++;
    c->port.at_end = 1;
}

void capture_cut(struct capture *c)
{
    capture_stop(c, c->src->bad ? PN_R_IO_STREAM_BAD : PN_R_IO_RECORD_CUT);
}

void capture_end(struct capture *c)
{
    if (c->src->bad || source_left(c->src))
        capture_cut(c);
    c->port.at_end = 1;
}

void capture_stats(struct io_port *port, struct io_stats *out)
{
    struct capture *c = (struct capture *)port;
    *out = c->stats;
    out->input_bytes = c->src->input_bytes;
    out->input_total = c->src->input_total;
}

void capture_close(struct io_port *port)
{
    struct capture *c = (struct capture *)port;
    source_close(c->src);
    free(c);
}

int capture_open(struct io_port **out, struct source *src, uint16_t input, const char *name,
                 struct error *e)
{
    size_t n = source_fill(src, SNIFF_BYTES);
    const uint8_t *p = source_at(src);
    if (n == 0 && src->bad)
        return error_set(e, -EIO, "%s: nothing can be read or decompressed; fetch it again", name);
    if (n == 0)
        return error_set(e, -ENODATA, "%s: is empty; record or download it again", name);
    if (pcap_recognise(p, n))
        return pcap_open(out, src, input, name, e);
    if (pcapng_recognise(p, n))
        return pcapng_open(out, src, input, name, e);
    if (raw_itch_recognise(p, n))
        return raw_itch_open(out, src, input, name, e);
    return error_set(e, -EINVAL,
                     "%s: not a capture; give a pcap, pcapng or raw ITCH 5.0 file "
                     "(plain, .gz or .zst)",
                     name);
}

int io_file_open(struct io_port **out, const char *path, uint16_t input, struct error *e)
{
    struct source *src;
    int rc = source_open_path(&src, path, e);
    if (rc)
        return rc;
    rc = capture_open(out, src, input, source_name(path), e);
    if (rc)
        source_close(src);
    return rc;
}
