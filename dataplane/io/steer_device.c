/* steer_device.c - see steer_device.h. libbpf; the program's bytes are in this library. */
#include "io/steer_device.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bpf/steer_object.h"

enum { XDP_GENERIC = 1u << 1, XDP_NATIVE = 1u << 2 }; /* XDP_FLAGS_* of linux/if_link.h */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct steer_device *devices;

/* A library does not print; what libbpf would say is in the error codes, as far as it helps. */
static int keep_quiet(enum libbpf_print_level level, const char *format, va_list arguments)
{
    return 0;
}

static int cannot(const struct steer_device *d, struct error *e, const char *what, int err)
{
    if (err == EPERM)
        return error_set(e, -EPERM,
                         "%s: cannot %s: not permitted; it takes CAP_BPF, CAP_NET_ADMIN and "
                         "CAP_NET_RAW, so run as root",
                         d->name, what);
    return error_set(e, -err, "%s: cannot %s: %s", d->name, what, strerror(err));
}

static uint64_t whole_pages(uint64_t bytes)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    return (bytes + page - 1) & ~(page - 1);
}

static int map_shared(const struct steer_device *d, struct bpf_map *map, uint64_t bytes, int how,
                      void **out, struct error *e)
{
    void *at = map ? mmap(NULL, bytes, how, MAP_SHARED, bpf_map__fd(map), 0) : MAP_FAILED;
    if (at == MAP_FAILED)
        return cannot(d, e, "map the steering program's memory", map ? errno : ENOENT);
    *out = at;
    return 0;
}

static int load(struct steer_device *d, struct error *e)
{
    struct bpf_object_open_opts options = {.sz = sizeof options, .object_name = STEER_PROGRAM};
    libbpf_set_print(keep_quiet);
    d->processors = (uint32_t)libbpf_num_possible_cpus();
    d->object = bpf_object__open_mem(steer_object, sizeof steer_object, &options);
    if (!d->object)
        return cannot(d, e, "read the steering program", errno);
    struct bpf_map *counters = bpf_object__find_map_by_name(d->object, STEER_COUNTERS);
    int rc = bpf_map__set_max_entries(counters, d->processors * STEER_QUEUES * STEER_VERDICTS);
    if (rc == 0)
        rc = bpf_object__load(d->object);
    if (rc != 0)
        return cannot(d, e, "load the steering program", -rc);
    d->program = bpf_program__fd(bpf_object__find_program_by_name(d->object, STEER_PROGRAM));
    d->flows = bpf_object__find_map_fd_by_name(d->object, STEER_FLOWS);
    d->sockets = bpf_object__find_map_fd_by_name(d->object, STEER_SOCKETS);
    d->counter_bytes =
        whole_pages((uint64_t)d->processors * STEER_QUEUES * sizeof(struct steer_counters));
    d->wildcard_bytes = whole_pages(sizeof *d->wildcards);
    rc = map_shared(d, counters, d->counter_bytes, PROT_READ, (void **)&d->counters, e);
    if (rc == 0)
        rc = map_shared(d, bpf_object__find_map_by_name(d->object, ".bss"), d->wildcard_bytes,
                        PROT_READ | PROT_WRITE, (void **)&d->wildcards, e);
    return rc;
}

static void destroy(struct steer_device *d)
{
    if (d->link >= 0)
        close(d->link);
    if (d->counters)
        munmap(d->counters, d->counter_bytes);
    if (d->wildcards)
        munmap(d->wildcards, d->wildcard_bytes);
    bpf_object__close(d->object);
    free(d);
}

static int create(struct steer_device **out, const char *name, uint32_t ifindex, struct error *e)
{
    struct steer_device *d = calloc(1, sizeof *d);
    if (!d)
        return error_set(e, -ENOMEM, "%s: out of memory", name);
    strncpy(d->name, name, sizeof d->name - 1);
    d->ifindex = ifindex;
    d->link = -1;
    int rc = load(d, e);
    if (rc == 0)
        rc = steer_others(name, ifindex, &d->removed, e);
    if (rc != 0) {
        destroy(d);
        return rc;
    }
    *out = d;
    return 0;
}

int steer_device_get(struct steer_device **out, const char *name, uint32_t ifindex, struct error *e)
{
    int rc = 0;
    pthread_mutex_lock(&lock);
    struct steer_device *d = devices;
    while (d && d->ifindex != ifindex)
        d = d->next;
    if (!d) {
        rc = create(&d, name, ifindex, e);
        if (rc == 0) {
            d->next = devices;
            devices = d;
        }
    }
    if (rc == 0) {
        d->users++;
        *out = d;
    }
    pthread_mutex_unlock(&lock);
    return rc;
}

void steer_device_put(struct steer_device *d)
{
    pthread_mutex_lock(&lock);
    if (--d->users == 0) {
        struct steer_device **at = &devices;
        while (*at != d)
            at = &(*at)->next;
        *at = d->next;
        destroy(d);
    }
    pthread_mutex_unlock(&lock);
}

static int change_flow(const struct steer_device *d, const struct pn_steer *s, uint64_t queues,
                       int on)
{
    struct steer_flow key = {.group_be = s->group_be, .port_be = __builtin_bswap16(s->port)};
    struct steer_queues value = {0};
    (void)bpf_map_lookup_elem(d->flows, &key, &value);
    value.mask = on ? value.mask | queues : value.mask & ~queues;
    if (!value.mask)
        return bpf_map_delete_elem(d->flows, &key);
    return bpf_map_update_elem(d->flows, &key, &value, BPF_ANY);
}

int steer_device_flows(struct steer_device *d, const struct pn_steer *steer, uint32_t count,
                       uint64_t queues, int on, struct error *e)
{
    int rc = 0;
    pthread_mutex_lock(&lock);
    for (uint32_t i = 0; i < count && rc == 0; i++) {
        const struct pn_steer *s = &steer[i];
        uint32_t kind = !s->group_be ? (!s->port ? 4 : 2) : (!s->port ? 1 : 0);
        if (on)
            *d->wildcards |= kind;
        rc = change_flow(d, s, queues, on);
    }
    pthread_mutex_unlock(&lock);
    return rc == 0 ? 0 : cannot(d, e, "set the flows to steer", -rc);
}

int steer_device_socket(struct steer_device *d, uint32_t queue, int fd, struct error *e)
{
    int rc = bpf_map_update_elem(d->sockets, &queue, &fd, BPF_ANY);
    return rc == 0 ? 0 : cannot(d, e, "steer to the socket", -rc);
}

int steer_device_attach(struct steer_device *d, struct error *e)
{
    static const uint32_t modes[] = {XDP_NATIVE, XDP_GENERIC};
    int rc = 0;
    pthread_mutex_lock(&lock);
    for (uint32_t i = 0; i < 2 && !d->attached; i++) {
        struct bpf_link_create_opts options = {.sz = sizeof options, .flags = modes[i]};
        d->link = bpf_link_create(d->program, (int)d->ifindex, BPF_XDP, &options);
        if (d->link < 0)
            rc = d->link;
        if (d->link < 0 && modes[i] == XDP_NATIVE)
            d->native_errno = (uint32_t)-rc;
        d->attached = d->link >= 0;
        d->native = modes[i] == XDP_NATIVE;
    }
    pthread_mutex_unlock(&lock);
    return d->attached ? 0 : cannot(d, e, "attach the steering program", -rc);
}

void steer_device_count(const struct steer_device *d, uint64_t queues, struct steer_counters *out)
{
    memset(out, 0, sizeof *out);
    for (uint32_t p = 0; p < d->processors; p++)
        for (uint32_t q = 0; q < STEER_QUEUES; q++)
            for (uint32_t v = 0; v < STEER_VERDICTS && queues >> q & 1; v++)
                out->verdict[v] += __atomic_load_n(&d->counters[p * STEER_QUEUES + q].verdict[v],
                                                   __ATOMIC_RELAXED);
}
