/*
 * dpdk_why.c - why DPDK did not start or a device cannot be had, in one line that says what to do:
 * from what DPDK has logged and from what sysfs says of the device. Cold.
 */
#include <errno.h>
#include <fcntl.h>
#include <rte_errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/dpdk_internal.h"

enum { PATH_TEXT = 512, NAME_TEXT = 64 };

bool dpdk_is_pci(const char *name)
{
    static const char *const forms[] = {"hhhh:hh:hh.h", "hh:hh.h"};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        const char *f = forms[i], *n = name;
        for (; *f && *n; f++, n++)
            if (*f == 'h' ? !strchr("0123456789abcdefABCDEF", *n) : *f != *n)
                break;
        if (!*f && (!*n || *n == ',')) /* device arguments may follow */
            return true;
    }
    return false;
}

/* Last part of where a link in sysfs leads; false when there is none. */
static bool link_name(const char *path, char *out, size_t n)
{
    char to[PATH_TEXT];
    ssize_t len = readlink(path, to, sizeof to - 1);
    if (len <= 0)
        return false;
    to[len] = 0;
    const char *slash = strrchr(to, '/');
    snprintf(out, n, "%.*s", (int)n - 1, slash ? slash + 1 : to);
    return true;
}

static unsigned long free_hugepages(void)
{
    char line[128];
    unsigned long pages = 0;
    FILE *f = fopen("/proc/meminfo", "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "HugePages_Free: %lu", &pages) == 1)
            break;
    if (f)
        fclose(f);
    return pages;
}

int dpdk_why_not_started(int code, struct error *e)
{
    static const char *const usage[] = {"unrecognized option",    "invalid option",     "Option --",
                                        "requires an argument",   "invalid parameters", "Invalid",
                                        "failed to parse device", "unknown device"};
    static const char *const memory[] = {"hugepage", "Cannot init memory", "Cannot allocate memory",
                                         "Not enough memory"};
    const char *line = dpdk_heard("another primary process");
    if (*line || *dpdk_heard("Cannot create lock"))
        return error_set(e, -EBUSY,
                         "DPDK: another process runs with the same file prefix; stop it, or give "
                         "--file-prefix=NAME in eal");
    for (size_t i = 0; i < sizeof usage / sizeof *usage; i++)
        if (*(line = dpdk_heard(usage[i])))
            return error_set(e, -EINVAL, "DPDK refuses its arguments: %s; correct eal", line);
    line = dpdk_heard("ermission denied");
    if (*line)
        return error_set(e, -EACCES, "DPDK has no permission: %s; run as root", line);
    for (size_t i = 0; i < sizeof memory / sizeof *memory; i++)
        if (*dpdk_heard(memory[i]))
            return error_set(e, -ENOMEM,
                             "DPDK: not enough hugepages (%lu free); reserve some with sudo "
                             "scripts/setup_host.sh, or echo 512 > /proc/sys/vm/nr_hugepages, or "
                             "give --no-huge in eal",
                             free_hugepages());
    if (*dpdk_heard("Bus (vdev) probe failed") && *(line = dpdk_heard("(): ")))
        return error_set(e, code, "DPDK: a device in eal cannot be had: %s", line);
    if (!*(line = dpdk_heard("FATAL")))
        line = dpdk_heard_last("EAL: ");
    return error_set(e, code, "DPDK does not start: %s", *line ? line : rte_strerror(-code));
}

/* A PCI device that DPDK has not found. */
static int why_no_pci(const struct pn_port_config *cfg, int code, struct error *e)
{
    char path[PATH_TEXT], address[16] = "", driver[NAME_TEXT] = "", group[NAME_TEXT] = "";
    const char *name = cfg->name;
    int len = (int)strcspn(cfg->device, ",");
    snprintf(address, sizeof address, "%s%.*s", len < 12 ? "0000:" : "", len, cfg->device);
    snprintf(path, sizeof path, "/sys/bus/pci/devices/%s", address);
    if (access(path, F_OK) != 0)
        return error_set(e, -ENODEV, "port %s: no PCI device %s; lspci lists those that are there",
                         name, address);
    snprintf(path, sizeof path, "/sys/bus/pci/devices/%s/driver", address);
    link_name(path, driver, sizeof driver);
    if (strcmp(driver, "vfio-pci") != 0 && strcmp(driver, "mlx5_core") != 0 &&
        strcmp(driver, "igb_uio") != 0 && strcmp(driver, "uio_pci_generic") != 0)
        return error_set(e, -ENXIO,
                         "port %s: %s belongs to %s, not to vfio-pci; run sudo "
                         "scripts/bind_nic.sh %s",
                         name, address, *driver ? driver : "no driver", address);
    snprintf(path, sizeof path, "/sys/bus/pci/devices/%s/iommu_group", address);
    if (strcmp(driver, "vfio-pci") == 0 && link_name(path, group, sizeof group)) {
        if (access("/sys/module/vfio_iommu_type1", F_OK) != 0)
            return error_set(e, -ENODEV,
                             "port %s: the kernel's part of VFIO is not loaded; run sudo modprobe "
                             "vfio_iommu_type1",
                             name);
        snprintf(path, sizeof path, "/dev/vfio/%s", group);
        int fd = open(path, O_RDWR | O_CLOEXEC), why = errno;
        if (fd >= 0)
            close(fd);
        else if (why == EBUSY)
            return error_set(e, -EBUSY, "port %s: %s is in use by another process; fuser %s", name,
                             address, path);
        else if (why == EACCES || why == EPERM)
            return error_set(e, -EACCES,
                             "port %s: no permission for %s; run as root, or give it to this user "
                             "(chown)",
                             name, path);
    }
    const char *line = dpdk_heard("not viable");
    if (*line)
        return error_set(e, -EPERM,
                         "port %s: another device of %s's IOMMU group %s belongs to a kernel "
                         "driver; see scripts/bind_nic.sh --status %s",
                         name, address, group, address);
    line = dpdk_heard(address);
    return error_set(e, code ? code : -ENODEV, "port %s: DPDK cannot use %s: %s", name, address,
                     *line ? line : "it has no driver for it");
}

int dpdk_why_no_device(const struct pn_port_config *cfg, int code, struct error *e)
{
    char path[PATH_TEXT], target[NAME_TEXT];
    int len = (int)strcspn(cfg->device, ",");
    if (dpdk_is_pci(cfg->device))
        return why_no_pci(cfg, code, e);
    snprintf(path, sizeof path, "/sys/class/net/%.*s", len, cfg->device);
    if (access(path, F_OK) == 0) {
        snprintf(path, sizeof path, "/sys/class/net/%.*s/device", len, cfg->device);
        if (!link_name(path, target, sizeof target) || !dpdk_is_pci(target))
            return error_set(e, -ENODEV,
                             "port %s: %.*s is an interface without PCI device; use kind af_xdp, "
                             "or device net_af_xdp0,iface=%.*s",
                             cfg->name, len, cfg->device, len, cfg->device);
        return error_set(e, -ENODEV,
                         "port %s: %.*s is the kernel's; run sudo scripts/bind_nic.sh %.*s and "
                         "give its PCI address %s as device",
                         cfg->name, len, cfg->device, len, cfg->device, target);
    }
    if (*dpdk_heard("failed to parse device") || strncmp(cfg->device, "net_", 4) != 0)
        return error_set(e, -ENODEV,
                         "port %s: DPDK knows no device %s; give a PCI address, or a virtual "
                         "device such as net_af_xdp0,iface=eth1",
                         cfg->name, cfg->device);
    const char *line = dpdk_heard("ermi"); /* permission denied, not permitted */
    if (*line)
        return error_set(e, -EACCES, "port %s: no permission for %s; run as root: %s", cfg->name,
                         cfg->device, line);
    line = dpdk_heard("():");
    return error_set(e, code ? code : -ENODEV, "port %s: DPDK cannot make %s: %s", cfg->name,
                     cfg->device, *line ? line : rte_strerror(-code));
}
