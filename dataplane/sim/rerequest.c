/* rerequest.c - see rerequest.h. */
#include "sim/rerequest.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/ticks.h"
#include "feed/framing.h"
#include "sim/rng.h"

enum {
    REQUEST = 20,
    SESSION = 10,
    PAYLOAD_MAX = 65507,
    PAYLOAD_MIN = 64,
    BATCH = 64, /* requests between looks at the clock */
    SOCKET_BUFFER = 4 << 20
};

#define SEQ_MAX (1ull << 30)

struct pn_rerequest {
    struct pn_rerequest_config cfg;
    int fd;
    uint16_t port;
    struct rng rng;
    char session[SESSION];
    uint8_t *bytes; /* blocks: length and message; byte 0 unused */
    uint64_t used, room;
    uint64_t *at; /* by sequence number, 0 = not there */
    uint64_t at_room;
    struct pn_rerequest_stats stats;
    uint32_t late_bytes; /* an answer held back for the next one */
    struct sockaddr_in late_to;
    uint8_t late[PAYLOAD_MAX];
};

void pn_rerequest_config_default(struct pn_rerequest_config *cfg)
{
    *cfg = (struct pn_rerequest_config){
        .seed = 1, .address_be = htonl(INADDR_LOOPBACK), .payload_max = 1400};
    memcpy(cfg->session, "SIM0000001", SESSION);
}

static void *grown(void *p, uint64_t *room, uint64_t need, uint64_t size)
{
    if (need <= *room)
        return p;
    uint64_t to = need * 2 < 4096 ? 4096 : need * 2;
    uint8_t *larger = realloc(p, to * size);
    if (!larger)
        return NULL;
    memset(larger + *room * size, 0, (to - *room) * size);
    *room = to;
    return larger;
}

static int store(struct pn_rerequest *s, uint64_t seq, const uint8_t *block)
{
    uint32_t bytes = 2u + load_u16_be(block);
    if (seq == 0 || seq > SEQ_MAX)
        return 0;
    uint64_t *at = grown(s->at, &s->at_room, seq + 1, sizeof *s->at);
    if (!at)
        return -ENOMEM;
    s->at = at;
    if (at[seq])
        return 0;
    uint8_t *to = grown(s->bytes, &s->room, s->used + bytes, 1);
    if (!to)
        return -ENOMEM;
    s->bytes = to;
    memcpy(to + s->used, block, bytes);
    at[seq] = s->used;
    s->used += bytes;
    s->stats.messages++;
    if (seq > s->stats.last_seq)
        s->stats.last_seq = seq;
    return 0;
}

/* The messages of one frame; of MoldUDP64, those of the first session only. */
static int store_frame(struct pn_rerequest *s, const struct io_frame *f, uint64_t *counted)
{
    struct net_datagram d;
    struct packet p;
    if (net_parse_frame(f, &d) != 0)
        return 0;
    int blocks = d.link == IO_LINK_BLOCKS;
    if ((blocks ? framing_blocks(&d, &p) : framing_mold(&d, &p)) != 0 || p.kind != PACKET_DATA)
        return 0;
    if (!blocks) {
        if (!s->stats.messages)
            memcpy(s->session, d.payload, SESSION);
        else if (memcmp(s->session, d.payload, SESSION) != 0)
            return 0;
    }
    uint64_t seq = blocks ? *counted : p.seq;
    const uint8_t *block = p.blocks;
    int rc = 0;
    for (uint32_t i = 0; i < p.count && rc == 0; i++, block += 2 + load_u16_be(block))
        rc = store(s, seq + i, block);
    *counted += p.count;
    return rc;
}

static int load(struct pn_rerequest *s, const char *path, struct error *e)
{
    struct io_port *port;
    struct io_frame frame[IO_BURST_MAX];
    uint64_t counted = 1;
    int rc = io_file_open(&port, path, 0, e);
    if (rc != 0)
        return rc;
    memcpy(s->session, s->cfg.session, SESSION);
    for (int i = 0; i < SESSION; i++)
        if (!s->session[i])
            s->session[i] = ' ';
    s->used = 1;
    while (!port->at_end && rc == 0) {
        uint32_t n = port->ops->rx_burst(port, frame, IO_BURST_MAX);
        for (uint32_t i = 0; i < n && rc == 0; i++)
            rc = store_frame(s, &frame[i], &counted);
    }
    port->ops->close(port);
    if (rc != 0)
        return error_set(e, rc, "%s: no memory for its messages", path);
    if (!s->stats.messages)
        return error_set(e, -ENODATA, "%s: holds no MoldUDP64 or raw ITCH messages", path);
    return 0;
}

static int open_socket(struct pn_rerequest *s, struct error *e)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr.s_addr = s->cfg.address_be,
                             .sin_port = htons(s->cfg.port)};
    socklen_t len = sizeof at;
    int buffer = SOCKET_BUFFER;
    if (!s->cfg.address_be)
        return 0;
    s->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s->fd < 0 || bind(s->fd, (struct sockaddr *)&at, sizeof at) != 0 ||
        getsockname(s->fd, (struct sockaddr *)&at, &len) != 0)
        return error_set(e, -errno, "re-request server: port %u: %s", s->cfg.port, strerror(errno));
    setsockopt(s->fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    setsockopt(s->fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    s->port = ntohs(at.sin_port);
    return 0;
}

struct pn_rerequest *pn_rerequest_open(const struct pn_rerequest_config *cfg, const char *path,
                                       char *err, uint64_t err_len)
{
    struct error e = {0};
    struct pn_rerequest *s = calloc(1, sizeof *s);
    int rc = s ? 0 : error_set(&e, -ENOMEM, "no memory for a re-request server");
    if (s) {
        s->fd = -1;
        s->cfg = *cfg;
        s->rng = rng_seed(cfg->seed, 0);
        if (cfg->payload_max < PAYLOAD_MIN || cfg->payload_max > PAYLOAD_MAX)
            rc = error_set(&e, -EINVAL, "re-request server: %u bytes an answer; use %d to %d",
                           cfg->payload_max, PAYLOAD_MIN, PAYLOAD_MAX);
        rc = rc ? rc : load(s, path, &e);
        rc = rc ? rc : open_socket(s, &e);
    }
    snprintf(err, err_len, "%s", e.text);
    if (rc == 0)
        return s;
    pn_rerequest_close(s);
    errno = -rc;
    return NULL;
}

void pn_rerequest_close(struct pn_rerequest *s)
{
    if (!s)
        return;
    if (s->fd >= 0)
        close(s->fd);
    free(s->bytes);
    free(s->at);
    free(s);
}

uint16_t pn_rerequest_port(const struct pn_rerequest *s)
{
    return s->port;
}

void pn_rerequest_stats(const struct pn_rerequest *s, struct pn_rerequest_stats *out)
{
    *out = s->stats;
}

/* Ours, or ours of another round: equal up to the digits at its end. */
static int knows_session(const struct pn_rerequest *s, const uint8_t *session)
{
    uint32_t same = SESSION;
    if (s->cfg.any_loop)
        while (same && s->session[same - 1] >= '0' && s->session[same - 1] <= '9' &&
               session[same - 1] >= '0' && session[same - 1] <= '9')
            same--;
    return memcmp(s->session, session, same) == 0;
}

uint32_t pn_rerequest_answer(struct pn_rerequest *s, const uint8_t *request, uint64_t bytes,
                             uint8_t *out)
{
    if (bytes != REQUEST) {
        s->stats.bad_requests++;
        return 0;
    }
    uint64_t seq = load_u64_be(request + SESSION);
    uint32_t want = load_u16_be(request + 18), used = MOLD_HEADER, count = 0;
    s->stats.requests++;
    if (knows_session(s, request))
        for (; count < want && seq < s->at_room && seq + count <= s->stats.last_seq; count++) {
            uint64_t at = s->at[seq + count];
            uint32_t block = at ? 2u + load_u16_be(s->bytes + at) : 0;
            if (!at || used + block > s->cfg.payload_max)
                break;
            memcpy(out + used, s->bytes + at, block);
            used += block;
        }
    if (!count) {
        s->stats.unknown++;
        return 0;
    }
    memcpy(out, request, 18);
    store_u16_be(out + 18, (uint16_t)count);
    s->stats.answered_messages += count;
    return used;
}

static int happens(struct pn_rerequest *s, uint32_t ppm)
{
    int yes = rng_ppm(&s->rng, ppm);
    s->stats.faults += (uint64_t)yes;
    return yes;
}

/* One of the ways in which an answer can be wrong. */
static uint32_t damage(struct pn_rerequest *s, uint8_t *out, uint32_t bytes)
{
    switch (rng_below(&s->rng, 4)) {
    case 0:
        return bytes - 1;
    case 1:
        /* Far off: a server that lies about numbers near by cannot be found out. */
        store_u64_be(out + 10, load_u64_be(out + 10) + SEQ_MAX);
        return bytes;
    case 2:
        store_u16_be(out + 18, (uint16_t)(load_u16_be(out + 18) + 1));
        return bytes;
    default:
        return (uint32_t)rng_below(&s->rng, MOLD_HEADER);
    }
}

static void put(struct pn_rerequest *s, const uint8_t *out, uint32_t bytes,
                const struct sockaddr_in *to)
{
    if (sendto(s->fd, out, bytes, MSG_DONTWAIT, (const struct sockaddr *)to, sizeof *to) >= 0)
        s->stats.answers++;
}

static void answer(struct pn_rerequest *s, uint8_t *out, uint32_t bytes,
                   const struct sockaddr_in *to)
{
    if (happens(s, s->cfg.lose_ppm))
        return;
    if (happens(s, s->cfg.refuse_ppm))
        memset(out, ' ', SESSION);
    if (happens(s, s->cfg.damage_ppm))
        bytes = damage(s, out, bytes);
    if (!s->late_bytes && happens(s, s->cfg.late_ppm)) {
        memcpy(s->late, out, bytes);
        s->late_bytes = bytes;
        s->late_to = *to;
        return;
    }
    put(s, out, bytes, to);
    if (happens(s, s->cfg.double_ppm))
        put(s, out, bytes, to);
    if (s->late_bytes)
        put(s, s->late, s->late_bytes, &s->late_to);
    s->late_bytes = 0;
}

int pn_rerequest_serve(struct pn_rerequest *s, uint32_t timeout_ms)
{
    uint8_t request[REQUEST + 1], out[PAYLOAD_MAX];
    uint64_t end = ticks_wall_ns() + timeout_ms * 1000000ull;
    int served = 0;
    if (s->fd < 0)
        return -ENOTCONN;
    for (;;) {
        uint64_t now = ticks_wall_ns();
        if (now >= end)
            return served;
        struct pollfd fd = {.fd = s->fd, .events = POLLIN};
        if (poll(&fd, 1, (int)((end - now) / 1000000) + 1) < 0)
            return errno == EINTR ? served : -errno;
        for (int i = 0; i < BATCH; i++) {
            struct sockaddr_in from;
            socklen_t len = sizeof from;
            ssize_t n = recvfrom(s->fd, request, sizeof request, MSG_DONTWAIT,
                                 (struct sockaddr *)&from, &len);
            if (n < 0)
                break;
            served++;
            uint32_t bytes = pn_rerequest_answer(s, request, (uint64_t)n, out);
            if (bytes)
                answer(s, out, bytes, &from);
        }
    }
}
