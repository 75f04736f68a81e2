/* send.c - paces frames, harms some of them on purpose, and hands them to the kernel. */
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "base/histogram.h"
#include "base/ticks.h"
#include "sim/send_internal.h"

enum {
    SOCKET_BUFFER = 4 << 20,
    SPIN_NS = 60000, /* waits shorter than this are spun through */
    FULL_NS = 20000, /* pause when the device's queue is full */
    SLACK_NS = 1000  /* how late the kernel may wake us */
};

void pn_send_config_default(struct pn_send_config *cfg)
{
    *cfg = (struct pn_send_config){.speed = 1,
                                   .loops = 1,
                                   .seed = 1,
                                   .late_frames = 8,
                                   .only_input = 65535,
                                   .payload_max = 1400};
    memcpy(cfg->session, "SIM0000001", 10);
}

static int check_config(const struct pn_send_config *cfg, uint32_t count, struct error *e)
{
    if (!count || count > PN_SEND_FILES_MAX)
        return error_set(e, -EINVAL, "%u files to send; give 1 to %d", count, PN_SEND_FILES_MAX);
    if (!(cfg->speed >= 0 && cfg->speed <= 1e6) || !(cfg->rate >= 0 && cfg->rate <= 1e9))
        return error_set(e, -EINVAL, "speed must be 0 to 1000000, the rate 0 to 1e9 a second");
    if (cfg->payload_max < 128 || cfg->payload_max > PN_SEND_FRAME_MAX - 42)
        return error_set(e, -EINVAL, "packets of %u bytes; use 128 to %d", cfg->payload_max,
                         PN_SEND_FRAME_MAX - 42);
    if (cfg->late_frames < 1 || cfg->late_frames > 4096)
        return error_set(e, -EINVAL, "late frames let 1 to 4096 others pass, not %u",
                         cfg->late_frames);
    return 0;
}

static int open_socket(struct pn_send *s, struct error *e)
{
    int one = 1, buffer = SOCKET_BUFFER;
    struct sockaddr_ll to = {.sll_family = AF_PACKET,
                             .sll_ifindex = (int)if_nametoindex(s->cfg.device)};
    if (!to.sll_ifindex)
        return error_set(e, -ENODEV, "no interface %s; see ip link", s->cfg.device);
    s->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0); /* protocol 0: receives nothing */
    if (s->fd < 0)
        return error_set(e, -errno, "%s: no packet socket: %s; run as root or with CAP_NET_RAW",
                         s->cfg.device, strerror(errno));
    if (bind(s->fd, (struct sockaddr *)&to, sizeof to) != 0)
        return error_set(e, -errno, "%s: %s", s->cfg.device, strerror(errno));
    /* Older kernels and some devices have no way past the queueing discipline: slower, no error. */
    setsockopt(s->fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof one);
    setsockopt(s->fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    return 0;
}

struct pn_send *pn_send_open(const struct pn_send_config *cfg, const char *const *paths,
                             uint32_t count, char *err, uint64_t err_len)
{
    static const uint8_t none[6];
    struct error e = {0};
    struct pn_send *s = NULL;
    int rc = check_config(cfg, count, &e);
    if (rc == 0 && !(s = calloc(1, sizeof *s)))
        rc = error_set(&e, -ENOMEM, "no memory for a sender");
    if (s) {
        s->cfg = *cfg;
        s->cfg.device[sizeof s->cfg.device - 1] = 0;
        s->fd = -1;
        s->rng = rng_seed(cfg->seed, 0);
        s->rewrites = cfg->group_be || cfg->source_be || cfg->port ||
                      memcmp(cfg->mac_to, none, 6) != 0 || memcmp(cfg->mac_from, none, 6) != 0;
        for (s->paths = 0; s->paths < count; s->paths++)
            s->path[s->paths] = strdup(paths[s->paths]);
        rc = send_open_files(s, &e);
        rc = rc ? rc : open_socket(s, &e);
        prctl(PR_SET_TIMERSLACK, SLACK_NS, 0, 0, 0);
    }
    snprintf(err, err_len, "%s", e.text);
    if (rc == 0)
        return s;
    pn_send_close(s);
    errno = -rc;
    return NULL;
}

void pn_send_close(struct pn_send *s)
{
    if (!s)
        return;
    if (s->port)
        s->port->ops->close(s->port);
    if (s->fd >= 0)
        close(s->fd);
    for (uint32_t i = 0; i < s->paths; i++)
        free((void *)(uintptr_t)s->path[i]);
    free(s);
}

void pn_send_stats(const struct pn_send *s, struct pn_send_stats *out)
{
    *out = s->stats;
    if (s->port) {
        struct io_stats io = {0};
        s->port->ops->stats(s->port, &io);
        out->input_bytes = io.input_bytes;
        out->input_total = io.input_total;
    }
}

/* When a frame is to go. */
static uint64_t due_of(struct pn_send *s, uint64_t ts_ns, uint64_t now)
{
    if (!s->start_wall_ns)
        s->start_wall_ns = now;
    if (!s->round_wall_ns) {
        s->round_wall_ns = now + (s->stats.rounds ? s->cfg.pause_ns : 0);
        s->round_ts_ns = ts_ns;
        s->stats.first_ns = ts_ns;
    }
    s->stats.now_ns = ts_ns;
    if (s->cfg.rate > 0)
        return s->start_wall_ns + (uint64_t)((double)s->made * 1e9 / s->cfg.rate);
    if (s->cfg.speed <= 0 || ts_ns <= s->round_ts_ns)
        return s->round_wall_ns;
    return s->round_wall_ns + (uint64_t)((double)(ts_ns - s->round_ts_ns) / s->cfg.speed);
}

static void queue(struct pn_send *s, const struct send_frame *f, uint64_t due)
{
    struct send_frame *out = &s->out[s->out_count];
    if (out != f) {
        out->len = f->len;
        memcpy(out->data, f->data, f->len);
    }
    s->due[s->out_count++] = due;
    s->made++;
}

/* Frames that were held back and have let enough others pass; at the end of a round all of them. */
static void release_late(struct pn_send *s, uint64_t due, int all)
{
    for (uint32_t i = 0; i < SEND_LATE_MAX && s->late_count; i++) {
        struct send_late *l = &s->late[i];
        if (!l->left || (--l->left && !all))
            continue;
        l->left = 0;
        s->late_count--;
        queue(s, &l->frame, due);
    }
}

static int hold_back(struct pn_send *s, const struct send_frame *f)
{
    for (uint32_t i = 0; i < SEND_LATE_MAX; i++) {
        struct send_late *l = &s->late[i];
        if (l->left)
            continue;
        l->left = 2 + rng_below(&s->rng, s->cfg.late_frames);
        l->frame.len = f->len;
        memcpy(l->frame.data, f->data, f->len);
        s->late_count++;
        s->stats.delayed++;
        return 1;
    }
    return 0;
}

/* Makes frames ready; 0 when the last round has ended. */
static int refill(struct pn_send *s, uint64_t now, struct error *e)
{
    s->out_at = s->out_count = 0;
    /* One frame can bring itself twice and all that were held back. */
    while (s->out_count + 2 + SEND_LATE_MAX <= SEND_BATCH) {
        struct send_frame *f = &s->out[s->out_count];
        if (!send_next_frame(s, f)) {
            release_late(s, s->out_count ? s->due[s->out_count - 1] : now, 1);
            s->stats.rounds++;
            if (s->cfg.loops && s->stats.rounds >= s->cfg.loops)
                s->ended = 2;
            if (s->ended == 2)
                break;
            int rc = send_open_files(s, e);
            if (rc != 0)
                return rc;
            s->round_wall_ns = 0;
            if (s->out_count)
                break;
            continue;
        }
        uint64_t due = due_of(s, f->ts_ns, now);
        if (rng_ppm(&s->rng, s->cfg.lose_ppm)) {
            s->stats.lost++;
            s->made++;
            continue;
        }
        if (rng_ppm(&s->rng, s->cfg.late_ppm) && hold_back(s, f))
            continue;
        queue(s, f, due);
        if (rng_ppm(&s->rng, s->cfg.double_ppm)) {
            s->stats.doubled++;
            queue(s, f, due);
        }
        release_late(s, due, 0);
    }
    return s->out_count != 0;
}

/* Sends what is due; 0 or a negative errno. */
static int send_due(struct pn_send *s, uint64_t now, struct error *e)
{
    uint32_t n = 0, at = s->out_at;
    for (; at + n < s->out_count && s->due[at + n] <= now; n++) {
        s->vector[n] =
            (struct iovec){.iov_base = s->out[at + n].data, .iov_len = s->out[at + n].len};
        s->message[n].msg_hdr = (struct msghdr){.msg_iov = &s->vector[n], .msg_iovlen = 1};
    }
    int sent = sendmmsg(s->fd, s->message, n, MSG_DONTWAIT);
    if (sent < 0) {
        if (errno == EAGAIN || errno == ENOBUFS || errno == EINTR) {
            s->stats.full++;
            nanosleep(&(struct timespec){.tv_nsec = FULL_NS}, NULL);
            return 0;
        }
        if (errno != EMSGSIZE)
            return error_set(e, -errno, "%s: %s; is the interface up?", s->cfg.device,
                             strerror(errno));
        s->stats.skipped++;
        s->out_at++;
        return 0;
    }
    for (int i = 0; i < sent; i++) {
        uint64_t due = s->due[at + (uint32_t)i];
        s->stats.bytes += s->out[at + (uint32_t)i].len;
        histogram_record(&s->stats.late, s->cfg.rate > 0 || s->cfg.speed > 0 ? now - due : 0);
    }
    s->stats.frames += (uint64_t)sent;
    s->stats.elapsed_ns = now - s->start_wall_ns;
    s->out_at += (uint32_t)sent;
    return 0;
}

static void wait_until(uint64_t due, uint64_t end)
{
    uint64_t until = due < end ? due : end, now = ticks_wall_ns();
    if (now + SPIN_NS < until) {
        until -= SPIN_NS / 2;
        struct timespec t = {.tv_sec = (time_t)(until / 1000000000),
                             .tv_nsec = (long)(until % 1000000000)};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
    } else {
        sched_yield();
    }
}

int pn_send_run(struct pn_send *s, uint64_t budget_ns, char *err, uint64_t err_len)
{
    struct error e = {0};
    uint64_t now = ticks_wall_ns(), end = now + budget_ns;
    int rc = 0;
    while (rc == 0 && now < end) {
        if (s->out_at == s->out_count) {
            if (s->ended == 2)
                return 0;
            rc = refill(s, now, &e);
            if (rc < 0)
                break;
            rc = 0;
            now = ticks_wall_ns();
            continue;
        }
        now = ticks_wall_ns();
        if (s->due[s->out_at] > now)
            wait_until(s->due[s->out_at], end);
        else
            rc = send_due(s, now, &e);
    }
    if (rc < 0) {
        snprintf(err, err_len, "%s", e.text);
        return rc;
    }
    return 1;
}
