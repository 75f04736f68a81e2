/* send_make.c - the frames of a round: read, rewritten where asked for, or made from raw ITCH. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "base/bits.h"
#include "feed/framing.h"
#include "feed/recognise.h"
#include "net/build.h"
#include "net/net.h"
#include "sim/send_internal.h"

enum { ETH = 14, SESSION = 10, SOURCE_PORT = 18000, TTL = 16 };

int send_open_files(struct pn_send *s, struct error *e)
{
    struct io_port *port[PN_SEND_FILES_MAX];
    uint32_t n = 0;
    int rc = 0;
    if (s->port)
        s->port->ops->close(s->port);
    s->port = NULL;
    s->burst_at = s->burst_count = s->raw_left = s->ended = 0;
    s->raw_seq = 1;
    for (; n < s->paths && rc == 0; n++)
        rc = io_file_open(&port[n], s->path[n], (uint16_t)n, e);
    if (rc == 0)
        rc = io_merge_open(&s->port, port, n, e);
    else
        n--;
    for (uint32_t i = 0; i < n && rc != 0; i++)
        port[i]->ops->close(port[i]);
    return rc;
}

/* The session of this round: the digits at the end of the name count up, with carry. */
static void count_session(uint8_t *session, uint64_t rounds)
{
    for (int i = SESSION - 1; i >= 0 && rounds; i--) {
        if (session[i] == ' ' || session[i] == 0)
            continue;
        if (session[i] < '0' || session[i] > '9')
            return;
        rounds += session[i] - '0';
        session[i] = (uint8_t)('0' + rounds % 10);
        rounds /= 10;
    }
}

static int is_mold(const uint8_t *payload, uint32_t bytes)
{
    uint32_t framing = PN_FRAMING_NONE;
    recognise_feed(payload, bytes, bytes, &framing);
    return framing == PN_FRAMING_MOLDUDP64;
}

/* Addresses and session, in a whole IPv4 datagram over plain Ethernet; others stay as they are. */
static void rewrite(const struct pn_send *s, struct send_frame *f)
{
    static const uint8_t none[6];
    const struct pn_send_config *cfg = &s->cfg;
    uint8_t *ip = f->data + ETH, *udp = ip + 20;
    int udp4 = f->len >= NET_HEADERS && load_u16_be(f->data + 12) == 0x0800 && ip[0] == 0x45 &&
               ip[9] == 17 && !(load_u16_be(ip + 6) & 0x3fff) &&
               ETH + 20u + load_u16_be(udp + 4) <= f->len && load_u16_be(udp + 4) >= 8;
    if (udp4) {
        uint32_t udp_bytes = load_u16_be(udp + 4);
        if (cfg->group_be) {
            memcpy(ip + 16, &cfg->group_be, 4);
            memcpy(f->data, (const uint8_t[]){0x01, 0x00, 0x5e, ip[17] & 0x7f, ip[18], ip[19]}, 6);
        }
        if (cfg->source_be)
            memcpy(ip + 12, &cfg->source_be, 4);
        if (cfg->port)
            store_u16_be(udp + 2, cfg->port);
        if (s->stats.rounds && udp_bytes >= 8 + MOLD_HEADER && is_mold(udp + 8, udp_bytes - 8))
            count_session(udp + 8, s->stats.rounds);
        net_build_checksums(ip, udp_bytes);
    }
    if (memcmp(cfg->mac_to, none, 6) != 0)
        memcpy(f->data, cfg->mac_to, 6);
    if (memcmp(cfg->mac_from, none, 6) != 0)
        memcpy(f->data + 6, cfg->mac_from, 6);
}

/* A MoldUDP64 packet around what is in place behind its header. */
static void make_packet(const struct pn_send *s, struct send_frame *f, uint64_t seq, uint32_t count,
                        uint32_t blocks)
{
    uint8_t *mold = f->data + NET_HEADERS;
    const struct net_headers h = {
        .mac_from = {0x02, 0, 0, 0, 0, 1},
        .to_be = s->cfg.group_be ? s->cfg.group_be : htonl(0xe9360c6fu), /* 233.54.12.111 */
        .from_be = s->cfg.source_be ? s->cfg.source_be : htonl(0xc0000201u),
        .port_to = s->cfg.port ? s->cfg.port : 26477,
        .port_from = SOURCE_PORT,
        .ttl = TTL,
    };
    memset(mold, ' ', SESSION);
    memcpy(mold, s->cfg.session, strnlen(s->cfg.session, SESSION));
    store_u64_be(mold + SESSION, seq);
    store_u16_be(mold + 18, (uint16_t)count);
    net_build_udp(f->data, MOLD_HEADER + blocks, &h);
    f->len = NET_HEADERS + MOLD_HEADER + blocks;
}

/* As many messages of a raw frame as one packet takes. */
static int take_raw(struct pn_send *s, struct send_frame *out)
{
    uint32_t used = 0, count = 0;
    while (s->raw_left - used >= 2) {
        uint32_t block = 2u + load_u16_be(s->raw + used);
        if (block > s->raw_left - used || MOLD_HEADER + used + block > s->cfg.payload_max)
            break;
        used += block;
        count++;
    }
    if (!count) {
        s->raw_left = 0;
        s->stats.skipped++;
        return 0;
    }
    memcpy(out->data + NET_HEADERS + MOLD_HEADER, s->raw, used);
    make_packet(s, out, s->raw_seq, count, used);
    out->ts_ns = s->raw_ns;
    s->raw_seq += count;
    s->raw += used;
    s->raw_left -= used;
    return 1;
}

/* Takes one captured frame; 1 if it gave one to send. */
static int take_frame(struct pn_send *s, const struct io_frame *f, struct send_frame *out)
{
    if (f->link == IO_LINK_BLOCKS) {
        s->raw = f->data;
        s->raw_left = f->caplen;
        s->raw_ns = f->ts_ns;
        return take_raw(s, out);
    }
    int other = f->input == IO_INPUT_RECOVERY ||
                (s->cfg.only_input != UINT16_MAX && f->input != s->cfg.only_input);
    if (other || f->link != IO_LINK_ETHERNET || f->caplen < ETH || f->caplen != f->len ||
        f->caplen > PN_SEND_FRAME_MAX) {
        s->stats.skipped++;
        return 0;
    }
    memcpy(out->data, f->data, f->caplen);
    out->len = f->caplen;
    out->ts_ns = f->ts_ns;
    return 1;
}

int send_next_frame(struct pn_send *s, struct send_frame *out)
{
    int made = 0;
    while (!made) {
        if (s->raw_left >= 2) {
            made = take_raw(s, out);
        } else if (s->burst_at < s->burst_count) {
            made = take_frame(s, &s->burst[s->burst_at++], out);
        } else if (!s->port->at_end) {
            s->burst_at = 0;
            s->burst_count = s->port->ops->rx_burst(s->port, s->burst, SEND_BATCH);
        } else if (s->raw_seq > 1 && !s->ended) {
            make_packet(s, out, s->raw_seq, MOLD_END, 0);
            out->ts_ns = s->raw_ns;
            s->ended = made = 1;
        } else {
            return 0;
        }
    }
    if (s->rewrites || s->stats.rounds)
        rewrite(s, out);
    return 1;
}
