/*
 * wire_file.c - capture files: classic pcap with nanoseconds, and pcapng with one interface a line
 * and nanosecond resolution. Little-endian, Ethernet, nothing cut. Never reads.
 */
#include "sim/wire_internal.h"

enum { PCAP_NS_MAGIC = 0xa1b23c4d, LINK_ETHERNET = 1, SNAP = 65535 };

static void put_u32(uint8_t **p, uint32_t v)
{
    memcpy(*p, &v, 4);
    *p += 4;
}

static void put_u16(uint8_t **p, uint16_t v)
{
    memcpy(*p, &v, 2);
    *p += 2;
}

static void sink_put(struct pn_wire *w, struct sink *sink, const void *data, uint64_t bytes)
{
    sink_write(sink, data, bytes);
    w->stats.file_bytes += bytes;
}

static void begin_pcapng(struct pn_wire *w, struct sink *sink, uint32_t interfaces)
{
    uint8_t head[128], *p = head;
    put_u32(&p, 0x0a0d0d0a); /* section header */
    put_u32(&p, 28);
    put_u32(&p, 0x1a2b3c4d);
    put_u16(&p, 1);
    put_u16(&p, 0);
    put_u32(&p, UINT32_MAX); /* section length unknown */
    put_u32(&p, UINT32_MAX);
    put_u32(&p, 28);
    for (uint32_t i = 0; i < interfaces; i++) {
        put_u32(&p, 1); /* interface description */
        put_u32(&p, 32);
        put_u16(&p, LINK_ETHERNET);
        put_u16(&p, 0);
        put_u32(&p, SNAP);
        put_u16(&p, 9); /* if_tsresol: 10^-9 */
        put_u16(&p, 1);
        put_u32(&p, 9);
        put_u32(&p, 0); /* end of options */
        put_u32(&p, 32);
    }
    sink_put(w, sink, head, (uint64_t)(p - head));
}

void wire_file_begin(struct pn_wire *w, struct sink *sink, uint32_t interfaces)
{
    uint8_t head[24], *p = head;
    if (w->cfg.format == PN_WIRE_PCAPNG) {
        begin_pcapng(w, sink, interfaces);
        return;
    }
    put_u32(&p, PCAP_NS_MAGIC);
    put_u16(&p, 2);
    put_u16(&p, 4);
    put_u32(&p, 0);
    put_u32(&p, 0);
    put_u32(&p, SNAP);
    put_u32(&p, LINK_ETHERNET);
    sink_put(w, sink, head, sizeof head);
}

void wire_file_frame(struct pn_wire *w, const struct wire_frame *frame)
{
    struct sink *sink = w->sink[w->sink[1] ? frame->line : 0];
    uint8_t head[28], tail[8] = {0}, *p = head;
    if (w->cfg.format == PN_WIRE_PCAPNG) {
        uint32_t pad = (4 - (frame->len & 3)) & 3, total = 32 + frame->len + pad;
        put_u32(&p, 6); /* enhanced packet */
        put_u32(&p, total);
        put_u32(&p, w->sink[1] ? 0 : frame->line);
        put_u32(&p, (uint32_t)(frame->due_ns >> 32));
        put_u32(&p, (uint32_t)frame->due_ns);
        put_u32(&p, frame->len);
        put_u32(&p, frame->len);
        memcpy(tail + pad, &total, 4);
        sink_put(w, sink, head, 28);
        sink_put(w, sink, frame->data, frame->len);
        sink_put(w, sink, tail, pad + 4);
        return;
    }
    put_u32(&p, (uint32_t)(frame->due_ns / 1000000000));
    put_u32(&p, (uint32_t)(frame->due_ns % 1000000000));
    put_u32(&p, frame->len);
    put_u32(&p, frame->len);
    sink_put(w, sink, head, 16);
    sink_put(w, sink, frame->data, frame->len);
}
