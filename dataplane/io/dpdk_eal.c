/*
 * dpdk_eal.c - see dpdk.h: DPDK's environment, started once with the user's arguments and sensible
 * ones where he has said nothing. What DPDK and its drivers print is listened to, so that a refusal
 * can say why in one line.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "io/dpdk.h"
#include "io/dpdk_internal.h"

enum { ARGS_MAX = 128, ARG_TEXT = PN_EAL_LEN * 2, HEARD_MAX = 16384 };

static struct {
    bool started;
    struct pn_port_config plan[PN_PORTS_MAX];
    uint32_t planned;
    int log_fd;
    FILE *log;
    char heard[HEARD_MAX]; /* what was logged and printed while listening */
    size_t heard_len;
    bool listening;
    bool in_memory;      /* it keeps no files */
    bool own_files;      /* it would keep some for other processes, and there are none */
    int aside, out, err; /* standard output and error while they are led aside */
} eal = {.log_fd = -1, .aside = -1};

struct args {
    int count;
    char *arg[ARGS_MAX];
    char text[ARG_TEXT];
    size_t used;
};

bool dpdk_started(void)
{
    return eal.started;
}

const struct pn_port_config *dpdk_plan(uint32_t *count)
{
    *count = eal.planned;
    return eal.plan;
}

static void hear(const char *text, size_t n)
{
    size_t room = HEARD_MAX - 1 - eal.heard_len;
    n = n < room ? n : room;
    memcpy(eal.heard + eal.heard_len, text, n);
    eal.heard_len += n;
    eal.heard[eal.heard_len] = 0;
}

static ssize_t log_write(void *cookie, const char *text, size_t n)
{
    (void)cookie;
    if (eal.listening)
        hear(text, n);
    if (eal.log_fd >= 0 && write(eal.log_fd, text, n) < 0)
        eal.log_fd = -1; /* nowhere to say it */
    return (ssize_t)n;
}

void dpdk_listen_begin(void)
{
    eal.heard_len = 0;
    eal.heard[0] = 0;
    eal.listening = true;
    fflush(stdout);
    eal.aside = memfd_create("dpdk", MFD_CLOEXEC);
    eal.out = dup(STDOUT_FILENO);
    eal.err = dup(STDERR_FILENO);
    if (eal.aside >= 0 && eal.out >= 0 && eal.err >= 0) {
        dup2(eal.aside, STDOUT_FILENO);
        dup2(eal.aside, STDERR_FILENO);
    }
}

void dpdk_listen_end(void)
{
    char part[4096];
    fflush(stdout);
    if (eal.out >= 0) {
        dup2(eal.out, STDOUT_FILENO);
        close(eal.out);
    }
    if (eal.err >= 0) {
        dup2(eal.err, STDERR_FILENO);
        close(eal.err);
    }
    if (eal.aside >= 0) {
        ssize_t n = pread(eal.aside, part, sizeof part, 0);
        if (n > 0)
            log_write(NULL, part, (size_t)n);
        close(eal.aside);
    }
    eal.listening = false;
}

/* The line around a place in what was heard, without the name of the function that said it. */
static const char *line_at(const char *at)
{
    static char line[160];
    line[0] = 0;
    if (!at)
        return line;
    while (at > eal.heard && at[-1] != '\n')
        at--;
    size_t n = strcspn(at, "\n");
    const char *name = memmem(at, n, "(): ", 4);
    if (name) {
        n -= (size_t)(name + 4 - at);
        at = name + 4;
    }
    snprintf(line, sizeof line, "%.*s", (int)n, at);
    return line;
}

const char *dpdk_heard(const char *text)
{
    return line_at(strstr(eal.heard, text));
}

const char *dpdk_heard_last(const char *text)
{
    const char *at = eal.heard, *found = NULL;
    while ((at = strstr(at, text)) != NULL)
        found = at++;
    return line_at(found);
}

static int add(struct args *a, const char *text, size_t n)
{
    if (a->count == ARGS_MAX - 1 || a->used + n + 1 > sizeof a->text)
        return -E2BIG;
    a->arg[a->count++] = memcpy(a->text + a->used, text, n);
    a->text[a->used + n] = 0;
    a->used += n + 1;
    return 0;
}

/* A line is an argument; "-l 2" and "--vdev net_null0" may stand on one line. */
static int add_line(struct args *a, const char *line, size_t n)
{
    size_t word = strcspn(line, " \t=");
    if (*line == '-' && word < n && line[word] != '=') {
        size_t value = word + strspn(line + word, " \t");
        int rc = add(a, line, word);
        return rc ? rc : add(a, line + value, n - value);
    }
    return add(a, line, n);
}

static int add_text(struct args *a, const char *text)
{
    int rc = 0;
    while (*text && rc == 0) {
        text += strspn(text, " \t\r\n");
        size_t n = strcspn(text, "\r\n"), end = n;
        while (end && (text[end - 1] == ' ' || text[end - 1] == '\t'))
            end--;
        if (end)
            rc = add_line(a, text, end);
        text += n;
    }
    return rc;
}

/* Whether one of the options, separated by spaces, was given, alone or with "=value". */
static bool has(const struct args *a, const char *options)
{
    for (int i = 1; i < a->count; i++) {
        for (const char *o = options; *o;) {
            size_t n = strcspn(o, " ");
            const char *arg = a->arg[i];
            bool brief = n == 2; /* -l2 is -l 2 */
            if (strncmp(arg, o, n) == 0 && (brief || !arg[n] || arg[n] == '='))
                return true;
            o += n;
            o += strspn(o, " ");
        }
    }
    return false;
}

/* What the user has left open. */
static int add_defaults(struct args *a, const cpu_set_t *cpus)
{
    char text[PN_DEVICE_LEN + 16];
    int rc = 0, cpu = 0;
    if (!has(a, "-l -c --lcores")) {
        while (cpu < CPU_SETSIZE - 1 && !CPU_ISSET(cpu, cpus))
            cpu++;
        rc |= add(a, text, (size_t)snprintf(text, sizeof text, "--lcores=%d", cpu));
    }
    if (!has(a, "--telemetry --no-telemetry"))
        rc |= add_text(a, "--no-telemetry");
    if (has(a, "--no-huge")) { /* does not go with --in-memory */
        eal.own_files = !has(a, "--file-prefix --no-shconf");
        if (eal.own_files)
            rc |=
                add(a, text,
                    (size_t)snprintf(text, sizeof text, "--file-prefix=pinnacle%d", (int)getpid()));
        if (eal.own_files)
            rc |= add_text(a, "--no-shconf");
    } else if (!has(a, "--in-memory --file-prefix --proc-type --huge-dir"))
        rc |= add_text(a, "--in-memory");
    else if (!has(a, "--in-memory --huge-unlink --proc-type"))
        rc |= add_text(a, "--huge-unlink");
    if (has(a, "-a --allow -b --block --no-pci"))
        return rc;
    uint32_t pci = 0;
    for (uint32_t i = 0; i < eal.planned; i++) {
        if (eal.plan[i].kind != PN_PORT_DPDK || !dpdk_is_pci(eal.plan[i].device))
            continue;
        rc |= add(a, text, (size_t)snprintf(text, sizeof text, "--allow=%s", eal.plan[i].device));
        pci++;
    }
    if (!pci)
        rc |= add_text(a, "--no-pci");
    return rc;
}

/* DPDK leaves the files of a run where it kept them. */
static void remove_files(void)
{
    char path[512];
    const char *folder = rte_eal_get_runtime_dir();
    DIR *dir = opendir(folder);
    if (!dir)
        return;
    for (struct dirent *f; (f = readdir(dir)) != NULL;)
        if (f->d_name[0] != '.' &&
            snprintf(path, sizeof path, "%s/%s", folder, f->d_name) < (int)sizeof path)
            unlink(path);
    closedir(dir);
    rmdir(folder);
}

static int start(struct args *a)
{
    static const cookie_io_functions_t log_functions = {.write = log_write};
    eal.log = fopencookie(NULL, "w", log_functions);
    if (eal.log) {
        setvbuf(eal.log, NULL, _IOLBF, 0);
        rte_openlog_stream(eal.log);
    }
    dpdk_listen_begin();
    int rc = rte_eal_init(a->count, a->arg);
    int code = rte_errno ? rte_errno : EINVAL;
    dpdk_listen_end();
    if (rc >= 0 && *dpdk_heard("Bus (vdev) probe failed")) { /* DPDK itself would go on */
        rte_eal_cleanup();
        return -ENODEV;
    }
    return rc < 0 ? -code : 0;
}

int io_dpdk_start(const char *text, const struct pn_port_config *ports, uint32_t count, int log_fd,
                  struct error *e)
{
    static struct args a; /* DPDK keeps pointers into it */
    static bool used;
    cpu_set_t cpus;
    if (used)
        return error_set(e, -EALREADY, "DPDK can be started once in a process");
    if (count > PN_PORTS_MAX)
        return error_set(e, -EINVAL, "%u ports: at most %d", count, PN_PORTS_MAX);
    used = true;
    eal.planned = ports ? count : 0;
    if (ports)
        memcpy(eal.plan, ports, count * sizeof *ports);
    eal.log_fd = log_fd;
    CPU_ZERO(&cpus);
    sched_getaffinity(0, sizeof cpus, &cpus);
    int rc = add_text(&a, "pinnacle-dp");
    if (rc == 0)
        rc = add_text(&a, text ? text : "");
    if (rc == 0)
        rc = add_defaults(&a, &cpus);
    if (rc)
        return error_set(e, -E2BIG, "DPDK: more than %d EAL arguments, or too long", ARGS_MAX - 1);
    eal.in_memory = has(&a, "--in-memory");
    rc = start(&a);
    sched_setaffinity(0, sizeof cpus, &cpus);
    if (rc) {
        rc = dpdk_why_not_started(rc, e);
        if (rc != -EBUSY && !eal.in_memory) /* -EBUSY: they are another process's */
            remove_files();
        return rc;
    }
    if (eal.own_files) /* now, since later this process may no longer be allowed to */
        remove_files();
    eal.started = true;
    return 0;
}

void io_dpdk_stop(void)
{
    if (!eal.started)
        return;
    eal.started = false;
    bool ours = rte_eal_process_type() == RTE_PROC_PRIMARY && !eal.in_memory;
    dpdk_devices_close();
    rte_eal_cleanup();
    if (ours)
        remove_files();
    rte_openlog_stream(NULL);
    if (eal.log)
        fclose(eal.log);
    eal.log = NULL;
    eal.log_fd = -1;
}
