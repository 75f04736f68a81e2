/*
 * scan.c - see scan.h. Frames come from an io port, datagrams from net, the guess from feed.
 * Payload bytes are hostile: nothing is read beyond caplen.
 */
#include "scan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "feed/recognise.h"
#include "io/io.h"
#include "net/net.h"

enum {
    SCAN_SLOTS = 4 * PN_SCAN_FLOWS_MAX, /* hash slots, a power of two */
    SCAN_BURST = 64
};

#define SECOND_NS 1000000000ull
#define MILLI_NS 1000000ull

struct pn_scan {
    struct io_port *port;
    struct pn_scan_totals totals;
    uint16_t slot[SCAN_SLOTS]; /* flow number plus 1, 0 = free */
    struct pn_scan_flow flow[PN_SCAN_FLOWS_MAX];
};

struct pn_scan *pn_scan_open(const char *path, char *err, uint64_t err_len)
{
    struct error e = {.text = "out of memory"};
    struct pn_scan *scan = calloc(1, sizeof *scan);
    int code = scan ? io_file_open(&scan->port, path, 0, &e) : -ENOMEM;
    if (code < 0) {
        free(scan);
        snprintf(err, err_len, "%s", e.text);
        errno = -code;
        return NULL;
    }
    return scan;
}

void pn_scan_close(struct pn_scan *scan)
{
    if (scan) {
        scan->port->ops->close(scan->port);
        free(scan);
    }
}

static void rate_count(struct pn_scan_rate *rate, uint64_t bucket)
{
    if (bucket != rate->bucket) {
        rate->bucket = bucket;
        rate->count = 0;
    }
    if (++rate->count > rate->peak) {
        rate->peak = rate->count;
        rate->peak_bucket = bucket;
    }
}

static int same_flow(const struct pn_scan_flow *f, const struct net_datagram *d)
{
    return f->src_be == d->src_be && f->group_be == d->group_be && f->src_port == d->src_port &&
           f->port == d->port && f->ip6 == d->ip6 && f->blocks == (d->link == IO_LINK_BLOCKS);
}

/* The flow of a datagram, made at first sight; NULL when there are too many. */
static struct pn_scan_flow *flow_of(struct pn_scan *scan, const struct net_datagram *d)
{
    uint64_t key = (uint64_t)d->src_be << 32 ^ d->group_be;
    key = (key ^ (uint64_t)d->src_port << 48 ^ (uint64_t)d->port << 16) * 0x9e3779b97f4a7c15ull;
    uint32_t i = (uint32_t)(key >> 40) & (SCAN_SLOTS - 1);
    while (scan->slot[i]) {
        struct pn_scan_flow *f = &scan->flow[scan->slot[i] - 1];
        if (same_flow(f, d))
            return f;
        i = (i + 1) & (SCAN_SLOTS - 1);
    }
    if (scan->totals.flows == PN_SCAN_FLOWS_MAX)
        return NULL;
    struct pn_scan_flow *f = &scan->flow[scan->totals.flows++];
    scan->slot[i] = (uint16_t)scan->totals.flows;
    f->src_be = d->src_be;
    f->group_be = d->group_be;
    f->src_port = d->src_port;
    f->port = d->port;
    f->ip6 = d->ip6;
    f->blocks = d->link == IO_LINK_BLOCKS;
    f->first_ns = d->ts_ns;
    return f;
}

/* Messages of a datagram as its framing header says; 0 where it does not reach that far. */
static uint64_t framed_messages(const struct net_datagram *d, uint32_t framing)
{
    if (framing == PN_FRAMING_MOLDUDP64 && d->caplen >= 20) {
        uint16_t count = load_u16_be(d->payload + 18);
        return count == 0xffff ? 0 : count;
    }
    if (framing == PN_FRAMING_IEXTP && d->caplen >= 16)
        return load_u16_le(d->payload + 14);
    uint64_t count = 0;
    if (framing == PN_FRAMING_BLOCKS) {
        for (uint32_t at = 0; d->caplen - at >= 2; count++) {
            uint32_t end = at + 2 + load_u16_be(d->payload + at);
            if (end > d->caplen)
                break;
            at = end;
        }
    }
    return count;
}

static void scan_datagram(struct pn_scan *scan, const struct net_datagram *d)
{
    struct pn_scan_flow *f = flow_of(scan, d);
    scan->totals.datagrams++;
    if (!f) {
        scan->totals.unlisted++;
        return;
    }
    uint32_t framing = PN_FRAMING_NONE;
    uint32_t feed = PN_FEED_NONE;
    if (d->link == IO_LINK_BLOCKS) {
        framing = PN_FRAMING_BLOCKS; /* io offers blocks only for raw ITCH 5.0 files */
        feed = PN_FEED_ITCH50;
    } else {
        feed = recognise_feed(d->payload, d->caplen, d->len, &framing);
    }
    if (f->feed == PN_FEED_NONE)
        f->feed = feed;
    if (f->framing == PN_FRAMING_NONE || (feed != PN_FEED_NONE && f->recognised == 0))
        f->framing = framing;
    f->datagrams++;
    f->bytes += d->len;
    f->recognised += feed != PN_FEED_NONE && feed == f->feed;
    if (framing != PN_FRAMING_NONE && framing == f->framing) {
        f->framed++;
        f->messages += framed_messages(d, framing);
    }
    f->last_ns = d->ts_ns;
    rate_count(&f->second, d->ts_ns / SECOND_NS);
    rate_count(&f->milli, d->ts_ns / MILLI_NS);
}

static void scan_frame(struct pn_scan *scan, const struct io_frame *frame)
{
    struct pn_scan_totals *t = &scan->totals;
    if (t->frames == 0)
        t->first_ns = frame->ts_ns;
    else if (frame->ts_ns < t->last_ns)
        t->backwards++;
    t->frames++;
    t->bytes += frame->len;
    t->last_ns = frame->ts_ns;
    rate_count(&t->second, frame->ts_ns / SECOND_NS);
    rate_count(&t->milli, frame->ts_ns / MILLI_NS);
    struct net_datagram d;
    uint32_t drop = net_parse_frame(frame, &d);
    if (drop)
        t->drops[drop - 1]++;
    else
        scan_datagram(scan, &d);
}

int pn_scan_run(struct pn_scan *scan, uint64_t max_frames)
{
    struct io_frame frame[SCAN_BURST];
    while (max_frames) {
        uint32_t want = max_frames < SCAN_BURST ? (uint32_t)max_frames : SCAN_BURST;
        uint32_t n = scan->port->ops->rx_burst(scan->port, frame, want);
        if (n == 0 && scan->port->at_end)
            return 0;
        for (uint32_t i = 0; i < n; i++)
            scan_frame(scan, &frame[i]);
        max_frames -= n;
    }
    return 1;
}

void pn_scan_sum(const struct pn_scan *scan, struct pn_scan_totals *out)
{
    struct io_stats stats;
    memset(&stats, 0, sizeof stats);
    scan->port->ops->stats(scan->port, &stats);
    *out = scan->totals;
    out->input_done = stats.input_bytes;
    out->input_total = stats.input_total;
    for (uint32_t i = 0; i < PN_REASON_COUNT; i++)
        out->drops[i] += stats.drops[i];
}

uint32_t pn_scan_list(const struct pn_scan *scan, struct pn_scan_flow *out, uint32_t cap)
{
    uint32_t n = (uint32_t)scan->totals.flows;
    memcpy(out, scan->flow, (n < cap ? n : cap) * sizeof *out);
    return n;
}
