/* venue.c - see venue.h. */
#include "live/venue.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/bits.h"
#include "live/log.h"

enum { RING_BYTES = 1 << 18, THREAD_IDLE_SPINS = 2000, THREAD_IDLE_NS = 20000 };

#define LOOK_NS 3000ull /* input of a link without a thread is looked for so often */
#define RETRY_FIRST_NS 20000000ull
#define RETRY_LAST_NS 5000000000ull
#define CONNECT_NS 3000000000ull /* a connection that takes longer is given up */

/* Bytes from one side to the other: one producer, one consumer. */
struct ring {
    uint64_t head __attribute__((aligned(64))); /* written so far; the producer's */
    uint64_t tail __attribute__((aligned(64))); /* taken so far; the consumer's */
    uint8_t data[RING_BYTES] __attribute__((aligned(64)));
};

enum link_state { LINK_IDLE, LINK_CONNECTING, LINK_UP };

struct link {
    struct ring in, out;
    struct sockaddr_in to;
    char name[24];
    int fd;
    enum link_state state;
    uint64_t retry_ns, pause_ns, since_ns, looked_ns;
    /* Written by the moving side: odd while up; each change is one loss or one connect. */
    uint32_t generation __attribute__((aligned(64)));
    /* Written by the polling core: the last generation it has taken note of; a wish to drop. */
    uint32_t noted __attribute__((aligned(64)));
    uint32_t drop;
    uint32_t stop;
    uint32_t own_thread;
    int32_t cpu;
    pthread_t thread;
    uint32_t started;
};

struct venue {
    struct link *link[PN_SESSIONS_MAX];
    uint32_t links;
};

static uint64_t monotonic_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- the moving side ---- */

static void lose(struct link *l, uint64_t now, const char *why)
{
    int was_up = l->state == LINK_UP;
    if (l->fd >= 0)
        close(l->fd);
    l->fd = -1;
    l->state = LINK_IDLE;
    l->pause_ns = was_up ? RETRY_FIRST_NS : l->pause_ns * 2;
    if (l->pause_ns > RETRY_LAST_NS)
        l->pause_ns = RETRY_LAST_NS;
    l->retry_ns = now + l->pause_ns;
    if (!was_up)
        return;
    LOG("warning", "order session lost its connection", LOG_TEXT("session", l->name),
        LOG_TEXT("why", why));
    __atomic_store_n(&l->generation, l->generation + 1, __ATOMIC_RELEASE);
}

static void begin_connect(struct link *l, uint64_t now)
{
    /* Only once the core knows of the loss: nothing old may reach the new connection. */
    if (now < l->retry_ns || __atomic_load_n(&l->noted, __ATOMIC_ACQUIRE) != l->generation)
        return;
    __atomic_store_n(&l->drop, 0, __ATOMIC_RELAXED);
    l->since_ns = now;
    l->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (l->fd < 0 ||
        (connect(l->fd, (struct sockaddr *)&l->to, sizeof l->to) != 0 && errno != EINPROGRESS)) {
        lose(l, now, strerror(errno));
        return;
    }
    l->state = LINK_CONNECTING;
}

static void end_connect(struct link *l, uint64_t now)
{
    struct pollfd p = {.fd = l->fd, .events = POLLOUT};
    if (poll(&p, 1, 0) == 0) {
        if (now - l->since_ns > CONNECT_NS)
            lose(l, now, "no answer");
        return;
    }
    int err = 0, one = 1;
    socklen_t len = sizeof err;
    if (getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &err, &len) != 0 || err) {
        lose(l, now, strerror(err ? err : errno));
        return;
    }
    (void)setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    l->state = LINK_UP;
    l->out.tail = __atomic_load_n(&l->out.head, __ATOMIC_ACQUIRE);
    LOG("info", "order session is connected", LOG_TEXT("session", l->name));
    __atomic_store_n(&l->generation, l->generation + 1, __ATOMIC_RELEASE);
}

/* 1 when something moved. */
static int move_out(struct link *l, uint64_t now)
{
    uint64_t head = __atomic_load_n(&l->out.head, __ATOMIC_ACQUIRE), n = head - l->out.tail;
    uint64_t at = l->out.tail % RING_BYTES, piece = RING_BYTES - at;
    if (!n)
        return 0;
    ssize_t sent = send(l->fd, l->out.data + at, n < piece ? n : piece, MSG_NOSIGNAL);
    if (sent < 0) {
        if (errno != EAGAIN && errno != EINTR)
            lose(l, now, strerror(errno));
        return 0;
    }
    __atomic_store_n(&l->out.tail, l->out.tail + (uint64_t)sent, __ATOMIC_RELEASE);
    return 1;
}

static int move_in(struct link *l, uint64_t now)
{
    uint64_t tail = __atomic_load_n(&l->in.tail, __ATOMIC_ACQUIRE);
    uint64_t room = RING_BYTES - (l->in.head - tail);
    uint64_t at = l->in.head % RING_BYTES, piece = RING_BYTES - at;
    if (!room)
        return 0;
    ssize_t got = recv(l->fd, l->in.data + at, room < piece ? room : piece, 0);
    if (got == 0) {
        lose(l, now, "closed by the venue");
        return 0;
    }
    if (got < 0) {
        if (errno != EAGAIN && errno != EINTR)
            lose(l, now, strerror(errno));
        return 0;
    }
    __atomic_store_n(&l->in.head, l->in.head + (uint64_t)got, __ATOMIC_RELEASE);
    return 1;
}

static int move(struct link *l, uint64_t now, int look)
{
    if (l->state == LINK_IDLE)
        begin_connect(l, now);
    else if (l->state == LINK_CONNECTING)
        end_connect(l, now);
    else if (PN_UNLIKELY(__atomic_load_n(&l->drop, __ATOMIC_ACQUIRE)))
        lose(l, now, "dropped by us");
    if (l->state != LINK_UP)
        return 0;
    int moved = move_out(l, now);
    if (look && l->state == LINK_UP)
        moved |= move_in(l, now);
    return moved;
}

static void *thread_main(void *arg)
{
    struct link *l = arg;
    uint32_t idle = 0;
    while (!__atomic_load_n(&l->stop, __ATOMIC_RELAXED)) {
        if (move(l, monotonic_ns(), 1)) {
            idle = 0;
        } else if (++idle > THREAD_IDLE_SPINS || l->state != LINK_UP) {
            /* A core of its own spins; without one it must leave room for the others. */
            const struct timespec pause = {.tv_nsec = THREAD_IDLE_NS};
            if (l->cpu < 0 || l->state != LINK_UP)
                nanosleep(&pause, NULL);
            idle = 0;
        }
    }
    return NULL;
}

/* ---- set-up ---- */

static int open_link(struct venue *v, const struct pn_session_config *cfg, struct error *e)
{
    struct link *l = aligned_alloc(64, (sizeof *l + 63) & ~(size_t)63);
    if (!l)
        return error_set(e, -ENOMEM, "no memory for order session %s", cfg->name);
    memset(l, 0, sizeof *l);
    l->fd = -1;
    l->to = (struct sockaddr_in){
        .sin_family = AF_INET, .sin_addr.s_addr = cfg->address_be, .sin_port = htons(cfg->port)};
    snprintf(l->name, sizeof l->name, "%.*s", (int)sizeof cfg->name - 1, cfg->name);
    l->pause_ns = RETRY_FIRST_NS / 2;
    l->own_thread = cfg->own_thread;
    l->cpu = cfg->cpu;
    v->link[v->links++] = l;
    return 0;
}

int venue_open(struct venue **out, const struct pn_trade_config *cfg, struct error *e)
{
    struct venue *v = calloc(1, sizeof *v);
    int rc = v ? 0 : error_set(e, -ENOMEM, "no memory for order sessions");
    *out = v;
    for (uint32_t i = 0; i < cfg->sessions && rc == 0; i++)
        rc = open_link(v, &cfg->session[i], e);
    return rc;
}

int venue_start(struct venue *v, struct error *e)
{
    for (uint32_t i = 0; i < v->links; i++) {
        struct link *l = v->link[i];
        pthread_attr_t attr;
        sigset_t all, before;
        if (!l->own_thread)
            continue;
        pthread_attr_init(&attr);
        if (l->cpu >= 0) {
            cpu_set_t set;
            CPU_ZERO(&set);
            CPU_SET((unsigned)l->cpu, &set);
            pthread_attr_setaffinity_np(&attr, sizeof set, &set);
        }
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        int rc = pthread_create(&l->thread, &attr, thread_main, l);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        pthread_attr_destroy(&attr);
        if (rc != 0)
            return error_set(e, -rc, "order session %s: no thread on cpu %d: %s", l->name, l->cpu,
                             strerror(rc));
        l->started = 1;
    }
    return 0;
}

void venue_close(struct venue *v)
{
    if (!v)
        return;
    for (uint32_t i = 0; i < v->links; i++) {
        struct link *l = v->link[i];
        __atomic_store_n(&l->stop, 1, __ATOMIC_RELAXED);
        if (l->started)
            pthread_join(l->thread, NULL);
        if (l->fd >= 0)
            close(l->fd);
        free(l);
    }
    free(v);
}

/* ---- the polling core's side ---- */

int venue_news(struct venue *v, uint32_t session)
{
    struct link *l = v->link[session];
    uint32_t generation = __atomic_load_n(&l->generation, __ATOMIC_ACQUIRE);
    if (PN_LIKELY(generation == l->noted))
        return 0;
    /* One at a time: up is odd. Bytes that came before a loss are read before it is told. */
    int up = (l->noted & 1) == 0;
    if (!up && __atomic_load_n(&l->in.head, __ATOMIC_ACQUIRE) != l->in.tail)
        return 0;
    __atomic_store_n(&l->noted, l->noted + 1, __ATOMIC_RELEASE);
    return up ? 1 : -1;
}

uint32_t venue_received(struct venue *v, uint32_t session, const uint8_t **bytes)
{
    struct link *l = v->link[session];
    uint64_t head = __atomic_load_n(&l->in.head, __ATOMIC_ACQUIRE), n = head - l->in.tail;
    uint64_t at = l->in.tail % RING_BYTES, piece = RING_BYTES - at;
    *bytes = l->in.data + at;
    return (uint32_t)(n < piece ? n : piece);
}

void venue_took(struct venue *v, uint32_t session, uint32_t n)
{
    struct ring *r = &v->link[session]->in;
    __atomic_store_n(&r->tail, r->tail + n, __ATOMIC_RELEASE);
}

uint32_t venue_send(struct venue *v, uint32_t session, const uint8_t *bytes, uint32_t n)
{
    struct ring *r = &v->link[session]->out;
    uint64_t room = RING_BYTES - (r->head - __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE));
    if (n > room)
        n = (uint32_t)room;
    uint64_t at = r->head % RING_BYTES, piece = RING_BYTES - at;
    uint64_t first = n < piece ? n : piece;
    memcpy(r->data + at, bytes, first);
    memcpy(r->data, bytes + first, n - first);
    __atomic_store_n(&r->head, r->head + n, __ATOMIC_RELEASE);
    return n;
}

void venue_drop(struct venue *v, uint32_t session)
{
    __atomic_store_n(&v->link[session]->drop, 1, __ATOMIC_RELEASE);
}

void venue_work(struct venue *v, uint64_t now_ns)
{
    for (uint32_t i = 0; i < v->links; i++) {
        struct link *l = v->link[i];
        if (l->own_thread)
            continue;
        int look = now_ns - l->looked_ns >= LOOK_NS;
        if (look)
            l->looked_ns = now_ns;
        else if (__atomic_load_n(&l->out.head, __ATOMIC_RELAXED) == l->out.tail)
            continue;
        (void)move(l, l->state == LINK_UP ? now_ns : monotonic_ns(), look);
    }
}
