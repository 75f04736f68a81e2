/*
 * steer_other.c - XDP programs that are on a device before ours: whose they are, whether somebody
 * still needs them, and the command that takes them off.
 *
 * A program is held by a link (an open file of a process, or pinned in the bpf file system), or by
 * the device itself when it was attached by netlink. Ours is always held by a link of a running
 * data plane; one without such a process was left over.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/steer_device.h"

enum { LINK_TYPE_XDP = 6, XDP_SKB = 1u << 1, XDP_DRV = 1u << 2, XDP_HW = 1u << 3 };

struct other {
    uint32_t program;
    uint32_t link; /* 0 = held by the device */
    uint32_t mode; /* XDP_FLAGS_* */
    long pid;      /* of a process that holds the link; 0 = none, -1 = cannot tell */
    char name[16];
};

/* The link that holds a program to a device, 0 = none. */
static uint32_t find_link(uint32_t ifindex, uint32_t program)
{
    uint32_t id = 0;
    while (bpf_link_get_next_id(id, &id) == 0) {
        int fd = bpf_link_get_fd_by_id(id);
        if (fd < 0)
            continue;
        struct bpf_link_info info = {0};
        uint32_t bytes = sizeof info;
        int rc = bpf_obj_get_info_by_fd(fd, &info, &bytes);
        close(fd);
        if (rc == 0 && info.type == LINK_TYPE_XDP && info.xdp.ifindex == ifindex &&
            info.prog_id == program)
            return id;
    }
    return 0;
}

/* Whether one open file of a process is the link. */
static int file_is_link(const char *path, uint32_t link)
{
    char line[128];
    unsigned found = 0;
    FILE *f = fopen(path, "re");
    if (!f)
        return 0;
    while (fgets(line, sizeof line, f) && sscanf(line, "link_id: %u", &found) != 1)
        continue;
    fclose(f);
    return found == link;
}

/* Whether a process that we may not look into can be one of ours: anybody may read its name. */
static int may_be_ours(const char *pid)
{
    char path[64 + NAME_MAX], name[32] = "";
    snprintf(path, sizeof path, "/proc/%s/comm", pid);
    FILE *f = fopen(path, "re");
    if (!f)
        return 0;
    if (!fgets(name, sizeof name, f))
        name[0] = 0;
    fclose(f);
    return !strncmp(name, "pinnacle", 8);
}

/* 1 yes, 0 no, -1 when we may not look. */
static int process_holds(const char *pid, uint32_t link)
{
    char path[64 + 2 * NAME_MAX];
    snprintf(path, sizeof path, "/proc/%s/fdinfo", pid);
    DIR *files = opendir(path);
    if (!files)
        return (errno == EACCES || errno == EPERM) && may_be_ours(pid) ? -1 : 0;
    int found = 0;
    for (struct dirent *f = readdir(files); f && !found; f = readdir(files)) {
        if (!isdigit((unsigned char)f->d_name[0]))
            continue;
        snprintf(path, sizeof path, "/proc/%s/fdinfo/%s", pid, f->d_name);
        found = file_is_link(path, link);
    }
    closedir(files);
    return found;
}

static long find_holder(uint32_t link)
{
    long holder = 0;
    DIR *processes = opendir("/proc");
    if (!processes)
        return 0;
    for (struct dirent *p = readdir(processes); p && holder <= 0; p = readdir(processes)) {
        int holds = isdigit((unsigned char)p->d_name[0]) ? process_holds(p->d_name, link) : 0;
        if (holds)
            holder = holds > 0 ? strtol(p->d_name, NULL, 10) : -1;
    }
    closedir(processes);
    return holder;
}

static void look_at(struct other *o, uint32_t ifindex)
{
    struct bpf_prog_info info = {0};
    uint32_t bytes = sizeof info;
    int fd = bpf_prog_get_fd_by_id(o->program);
    if (fd >= 0) {
        if (bpf_obj_get_info_by_fd(fd, &info, &bytes) == 0)
            memcpy(o->name, info.name, sizeof o->name - 1);
        close(fd);
    }
    o->link = find_link(ifindex, o->program);
    if (o->link)
        o->pid = find_holder(o->link);
}

static int take_off(const struct other *o, uint32_t ifindex)
{
    if (!o->link)
        return bpf_xdp_detach((int)ifindex, o->mode, NULL);
    int fd = bpf_link_get_fd_by_id(o->link);
    if (fd < 0)
        return fd;
    int rc = bpf_link_detach(fd);
    close(fd);
    return rc;
}

static int explain(const char *name, const struct other *o, struct error *e)
{
    const char *option = o->mode == XDP_SKB  ? "xdpgeneric"
                         : o->mode == XDP_HW ? "xdpoffload"
                                             : "xdp";
    const char *what = o->name[0] ? o->name : "without name";
    if (o->pid > 0 && !strcmp(o->name, STEER_PROGRAM))
        return error_set(e, -EBUSY,
                         "%s is in use by another data plane (pid %ld); stop it, or use another "
                         "interface",
                         name, o->pid);
    if (o->pid > 0)
        return error_set(e, -EBUSY,
                         "%s has another XDP program (id %u, %s) that process %ld holds; stop that "
                         "process",
                         name, o->program, what, o->pid);
    if (o->link)
        return error_set(e, -EBUSY,
                         "%s has another XDP program (id %u, %s); detach it: bpftool link detach "
                         "id %u",
                         name, o->program, what, o->link);
    if (!strcmp(o->name, "xdp_dispatcher"))
        return error_set(e, -EBUSY,
                         "%s has libxdp's dispatcher (program id %u); detach it: xdp-loader unload "
                         "%s --all",
                         name, o->program, name);
    return error_set(e, -EBUSY,
                     "%s has another XDP program (id %u, %s); detach it: ip link set dev %s %s off",
                     name, o->program, what, name, option);
}

int steer_others(const char *name, uint32_t ifindex, uint32_t *removed, struct error *e)
{
    struct bpf_xdp_query_opts found = {.sz = sizeof found};
    if (bpf_xdp_query((int)ifindex, 0, &found) != 0)
        return 0; /* attaching will tell */
    struct other others[] = {{.program = found.drv_prog_id, .mode = XDP_DRV},
                             {.program = found.skb_prog_id, .mode = XDP_SKB},
                             {.program = found.hw_prog_id, .mode = XDP_HW}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct other *o = &others[i];
        if (!o->program)
            continue;
        look_at(o, ifindex);
        if (strcmp(o->name, STEER_PROGRAM) != 0 || o->pid || take_off(o, ifindex) != 0)
            return explain(name, o, e);
        (*removed)++;
    }
    return 0;
}
