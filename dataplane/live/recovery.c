/* recovery.c - see recovery.h. */
#include "live/recovery.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/ticks.h"
#include "live/asker.h"
#include "net/build.h"

enum {
    ANSWERS_A_TURN = 256, /* of one server, before the others get their turn */
    RECEIVE_BUFFER = 4 << 20,
    TTL = 64,
    FAILS_BACKOFF = 10
};

#define PAUSE_NS 1000000ull        /* of a server after its first failure, doubled from then on */
#define PAUSE_MAX_NS 1000000000ull /* but no longer */
#define BURST_NS 20000000ull       /* unused rate is kept for so long */

struct server {
    struct pn_server_config cfg;
    int fd;
    uint32_t fails;        /* in a row */
    uint64_t pause_until;  /* not asked before */
    uint64_t next_send_ns; /* by the rate */
};

struct watched {
    const struct pn_channel *pub; /* NULL: no server, or not of this process */
    const struct pn_channel_config *cfg;
    const struct recovery_shard *shard;
    struct asker asker;
    uint64_t gaps_seen;
    uint32_t server[PN_SERVERS_MAX]; /* indexes of its servers */
    uint32_t servers;
    uint32_t turn; /* place in server[] of the one that is asked now */
};

struct recovery {
    pthread_t thread;
    _Atomic int stop;
    uint32_t servers;
    uint32_t channels;
    struct recovery_shard shard[PN_SHARDS_MAX];
    struct server server[PN_SERVERS_MAX];
    struct watched channel[PN_CHANNELS_MAX];
    _Atomic uint64_t refused[PN_REASON_COUNT];
    uint8_t frame[NET_HEADERS + NET_PAYLOAD_MAX + 1];
};

/* One writer a counter: no read-modify-write is needed; readers may be anywhere. */
static void count(uint64_t *counter)
{
    __atomic_store_n(counter, *counter + 1, __ATOMIC_RELAXED);
}

static void refuse(struct recovery *r, const struct watched *w, uint32_t why)
{
    atomic_fetch_add_explicit(&r->refused[why - 1], 1, memory_order_relaxed);
    count(&w->shard->daemon->rerequest_refused);
}

uint64_t recovery_refused(const struct recovery *r, enum pn_reason reason)
{
    return atomic_load_explicit(&r->refused[reason], memory_order_relaxed);
}

static void server_failed(struct server *s, uint64_t now_ns)
{
    uint64_t pause = PAUSE_NS << (s->fails < FAILS_BACKOFF ? s->fails : FAILS_BACKOFF);
    s->pause_until = now_ns + (pause < PAUSE_MAX_NS ? pause : PAUSE_MAX_NS);
    s->fails++;
}

/* The server to ask next; NULL when all of them pause or have had their share. */
static struct server *choose_server(struct recovery *r, struct watched *w, uint64_t now_ns)
{
    for (uint32_t i = 0; i < w->servers; i++) {
        uint32_t at = (w->turn + i) % w->servers;
        struct server *s = &r->server[w->server[at]];
        if (now_ns < s->pause_until || now_ns < s->next_send_ns)
            continue;
        w->turn = at;
        return s;
    }
    return NULL;
}

/* Sends what is due of one channel. */
static void ask_servers(struct recovery *r, struct watched *w, uint64_t now_ns)
{
    struct ask *ask;
    uint8_t request[ASKER_REQUEST];
    while ((ask = asker_due(&w->asker, now_ns)) != NULL) {
        if (asker_timed_out(ask)) {
            struct server *silent = &r->server[ask->server];
            /* One failure for all requests that were lost together. */
            if (now_ns >= silent->pause_until)
                server_failed(silent, now_ns);
            if (&r->server[w->server[w->turn]] == silent)
                w->turn = (w->turn + 1) % w->servers;
            ask->sent_ns = 0;
        }
        struct server *s = choose_server(r, w, now_ns);
        if (!s)
            return;
        uint64_t interval = 1000000000ull / (s->cfg.rate ? s->cfg.rate : 1);
        if (s->next_send_ns + BURST_NS < now_ns)
            s->next_send_ns = now_ns - (BURST_NS > interval ? BURST_NS - interval : 0);
        s->next_send_ns += interval;
        uint32_t bytes = asker_write(&w->asker, ask, request);
        asker_sent(ask, (uint16_t)(s - r->server), now_ns);
        if (send(s->fd, request, bytes, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)bytes)
            server_failed(s, now_ns);
        count(&w->shard->daemon->rerequests);
    }
}

/* Looks at a channel's record; 1 if it misses something. */
static int look(struct watched *w, uint64_t now_ns)
{
    const struct pn_channel *ch = w->pub;
    uint64_t gaps = __atomic_load_n(&ch->gaps, __ATOMIC_RELAXED);
    if (gaps != w->gaps_seen) {
        struct pn_daemon *d = w->shard->daemon;
        if (gaps > w->gaps_seen)
            __atomic_store_n(&d->rerequest_late, d->rerequest_late + gaps - w->gaps_seen,
                             __ATOMIC_RELAXED);
        w->gaps_seen = gaps;
    }
    uint32_t epoch = __atomic_load_n(&ch->epoch, __ATOMIC_ACQUIRE); /* of publish_epoch */
    uint64_t end = __atomic_load_n(&ch->wanted_end, __ATOMIC_RELAXED);
    uint64_t next = __atomic_load_n(&ch->next_seq, __ATOMIC_RELAXED);
    if (!(epoch & 1))
        end = 0;
    char session[ASKER_SESSION], again[ASKER_SESSION];
    memcpy(session, ch->session, sizeof session);
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    memcpy(again, ch->session, sizeof again);
    /* A session that changes just now: what was read is of no use, the next look is soon. */
    if (memcmp(session, again, sizeof session) != 0 ||
        __atomic_load_n(&ch->epoch, __ATOMIC_ACQUIRE) != epoch)
        return w->asker.running;
    asker_update(&w->asker, session, next, end, now_ns);
    return w->asker.running;
}

/* Makes a frame of an answer, as if a line of the channel had brought it. */
static int hand_over(struct recovery *r, const struct watched *w, const struct server *s,
                     uint32_t bytes)
{
    const struct pn_channel_config *cfg = w->cfg;
    struct net_headers h = {
        .mac_from = {0x02, 0, 0, 0, 0, 0xff},
        .to_be = cfg->group_be[0] ? cfg->group_be[0] : htonl(INADDR_LOOPBACK),
        .from_be = s->cfg.address_be,
        .port_to = cfg->port[0] ? cfg->port[0] : s->cfg.port,
        .port_from = s->cfg.port,
        .ttl = TTL,
    };
    net_build_udp(r->frame, bytes, &h);
    struct io_frame frame = {.data = r->frame,
                             .caplen = NET_HEADERS + bytes,
                             .len = NET_HEADERS + bytes,
                             .input = IO_INPUT_RECOVERY,
                             .link = IO_LINK_ETHERNET};
    return io_ring_push(w->shard->ring, &frame);
}

static void take_answer(struct recovery *r, struct server *s, uint32_t bytes, uint64_t now_ns)
{
    const uint8_t *payload = r->frame + NET_HEADERS;
    struct packet packet;
    struct watched *w = &r->channel[s->cfg.channel];
    if (!w->pub)
        return;
    uint32_t why = asker_answer(&w->asker, payload, bytes, &packet);
    if (!why && hand_over(r, w, s, bytes) != 0)
        why = PN_R_RECOVERY_FULL + 1;
    if (why) {
        refuse(r, w, why);
        return;
    }
    asker_taken(&w->asker, &packet, now_ns);
    count(&w->shard->daemon->rerequest_hits);
    s->fails = 0;
    s->pause_until = 0;
}

static void receive_answers(struct recovery *r, struct server *s)
{
    for (int i = 0; i < ANSWERS_A_TURN; i++) {
        ssize_t n = recv(s->fd, r->frame + NET_HEADERS, NET_PAYLOAD_MAX + 1, MSG_DONTWAIT);
        uint64_t now_ns = ticks_wall_ns();
        if (n < 0) {
            if (errno == ECONNREFUSED && now_ns >= s->pause_until)
                server_failed(s, now_ns);
            return;
        }
        take_answer(r, s, (uint32_t)n, now_ns);
    }
}

static void *run(void *arg)
{
    struct recovery *r = arg;
    struct pollfd fds[PN_SERVERS_MAX];
    for (uint32_t i = 0; i < r->servers; i++)
        fds[i] = (struct pollfd){.fd = r->server[i].fd, .events = POLLIN};
    while (!atomic_load_explicit(&r->stop, memory_order_relaxed)) {
        int waiting = 0;
        for (uint32_t i = 0; i < r->channels; i++) {
            uint64_t now_ns = ticks_wall_ns();
            struct watched *w = &r->channel[i];
            if (w->pub && look(w, now_ns)) {
                ask_servers(r, w, now_ns);
                waiting = 1;
            }
        }
        uint32_t us = waiting ? RECOVERY_POLL_WAITING_US : RECOVERY_POLL_US;
        struct timespec wait = {.tv_nsec = us * 1000L};
        if (ppoll(fds, r->servers, &wait, NULL) <= 0)
            continue;
        for (uint32_t i = 0; i < r->servers; i++)
            if (fds[i].revents)
                receive_answers(r, &r->server[i]);
    }
    return NULL;
}

static int open_server(struct server *s, const struct pn_server_config *cfg, struct error *e)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_addr.s_addr = cfg->address_be, .sin_port = htons(cfg->port)};
    char text[INET_ADDRSTRLEN];
    int buffer = RECEIVE_BUFFER;
    inet_ntop(AF_INET, &to.sin_addr, text, sizeof text);
    s->cfg = *cfg;
    s->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    /* Connected: the kernel drops what any other address sends. */
    if (s->fd < 0 || connect(s->fd, (struct sockaddr *)&to, sizeof to) != 0)
        return error_set(e, -errno, "re-request server %s:%u: %s; check recovery.servers", text,
                         cfg->port, strerror(errno));
    setsockopt(s->fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    return 0;
}

/* The channels that have a server, and where their records are. */
static int watch_channels(struct recovery *r, const struct pn_live_config *cfg, struct error *e)
{
    const struct recovery_shard *shard = r->shard;
    uint32_t place[PN_SHARDS_MAX] = {0};
    for (uint32_t i = 0; i < cfg->channels; i++) {
        uint32_t on = cfg->channel_shard[i];
        uint32_t at = place[on]++;
        struct watched *w = &r->channel[r->channels++];
        w->cfg = &cfg->channel[i];
        for (uint32_t s = 0; s < cfg->servers; s++)
            if (cfg->server[s].channel == i)
                w->server[w->servers++] = s;
        if (!w->servers || !shard[on].channel)
            continue;
        if (w->cfg->feed != PN_FEED_ITCH50)
            return error_set(e, -EINVAL, "channel %.24s: re-requests need MoldUDP64 (itch50)",
                             w->cfg->name);
        w->shard = &shard[on];
        w->pub = shard[on].channel + at;
        w->gaps_seen = w->pub->gaps;
        asker_init(&w->asker);
    }
    return 0;
}

int recovery_start(struct recovery **out, const struct pn_live_config *cfg,
                   const struct recovery_shard shard[PN_SHARDS_MAX], struct error *e)
{
    *out = NULL;
    if (!cfg->servers)
        return 0;
    struct recovery *r = calloc(1, sizeof *r);
    if (!r)
        return error_set(e, -ENOMEM, "no memory for the recovery of gaps");
    memcpy(r->shard, shard, sizeof r->shard);
    int rc = watch_channels(r, cfg, e);
    for (uint32_t i = 0; i < cfg->servers && rc == 0; i++) {
        r->servers++;
        rc = open_server(&r->server[i], &cfg->server[i], e);
    }
    if (rc == 0) {
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the main thread's */
        rc = -pthread_create(&r->thread, NULL, run, r);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (rc == 0) {
            pthread_setname_np(r->thread, "pn-recovery");
            *out = r;
            return 0;
        }
        error_set(e, rc, "no thread for the recovery of gaps: %s", strerror(-rc));
    }
    for (uint32_t i = 0; i < r->servers; i++)
        if (r->server[i].fd >= 0)
            close(r->server[i].fd);
    free(r);
    return rc;
}

void recovery_stop(struct recovery *r)
{
    if (!r)
        return;
    atomic_store_explicit(&r->stop, 1, memory_order_relaxed);
    pthread_join(r->thread, NULL);
    for (uint32_t i = 0; i < r->servers; i++)
        close(r->server[i].fd);
    free(r);
}
