/* region.c - see region.h. */
#include "shm/region.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "abi_hash.h"
#include "base/bits.h"
#include "shm/abi_control.h"
#include "shm/abi_trade.h"

enum { HUGE_PAGE = 2 << 20, HUGETLBFS_MAGIC_NUMBER = 0x958458f6 };

/* Bytes of one record and how many there are, section by section. */
static void layout_sections(struct pn_section *s, const struct pn_config *cfg)
{
    const uint64_t trades = cfg->traded != 0;
    const struct {
        uint64_t stride, count;
    } want[PN_SECTIONS] = {
        [PN_SEC_COUNTERS] = {sizeof(struct pn_counters), 1},
        [PN_SEC_CHANNELS] = {sizeof(struct pn_channel), PN_CHANNELS_MAX},
        [PN_SEC_INSTRUMENTS] = {sizeof(struct pn_instrument), cfg->max_instruments},
        [PN_SEC_BOOKS] = {sizeof(struct pn_book), cfg->max_instruments},
        [PN_SEC_PAGES] = {sizeof(struct pn_page), cfg->max_pages + 1},
        [PN_SEC_PAGE_INDEX] = {sizeof(uint32_t), round_pow2(cfg->max_pages * 2 + 2)},
        [PN_SEC_ORDERS] = {sizeof(struct pn_order), cfg->max_orders + 1},
        [PN_SEC_YOUNG] = {sizeof(uint32_t), round_pow2(cfg->max_orders * 4)},
        [PN_SEC_TRADES] = {sizeof(struct pn_trade), round_pow2(cfg->max_trades)},
        [PN_SEC_SYMBOLS] = {sizeof(uint32_t), round_pow2(cfg->max_instruments * 2)},
        [PN_SEC_POOL] = {sizeof(struct pn_pool), 1},
        [PN_SEC_OLD] = {sizeof(struct pn_old_order), round_pow2(cfg->max_orders * 2)},
        [PN_SEC_STAGES] = {sizeof(struct pn_histogram), PN_STAGES_MAX},
        [PN_SEC_PORTS] = {sizeof(struct pn_port_status), PN_PORTS_MAX},
        [PN_SEC_DAEMON] = {sizeof(struct pn_daemon), 1},
        [PN_SEC_LATENCY] = {sizeof(struct pn_histogram), 1},
        [PN_SEC_SIGNALS] = {sizeof(struct pn_signals), cfg->traded},
        [PN_SEC_OWN] = {sizeof(struct pn_own_order), cfg->traded ? cfg->own_orders + 1ull : 0},
        [PN_SEC_POSITIONS] = {sizeof(struct pn_position), cfg->traded},
        [PN_SEC_GATE] = {sizeof(struct pn_gate_status), trades},
        [PN_SEC_SESSIONS] = {sizeof(struct pn_session_status), trades * PN_SESSIONS_MAX},
        [PN_SEC_DESK] = {sizeof(struct pn_desk_status), trades},
        [PN_SEC_FILLS] = {sizeof(struct pn_fill), trades * PN_FILLS_RING},
        [PN_SEC_TIMES] = {sizeof(struct pn_histogram), trades * PN_TRADE_STAGES},
    };
    uint64_t at = 4096;
    for (int i = 0; i < PN_SECTIONS; i++) {
        s[i] = (struct pn_section){.offset = at, .count = want[i].count, .stride = want[i].stride};
        at += want[i].stride * want[i].count;
        at = (at + 4095) & ~4095ull;
    }
}

static uint64_t layout_bytes(const struct pn_section *s)
{
    const struct pn_section *last = &s[PN_SECTIONS - 1];
    return (last->offset + last->stride * last->count + HUGE_PAGE - 1) & ~(uint64_t)(HUGE_PAGE - 1);
}

static int is_hugetlbfs(int fd)
{
    struct statfs fs;
    return fstatfs(fd, &fs) == 0 && (unsigned long)fs.f_type == HUGETLBFS_MAGIC_NUMBER;
}

static void *map_anonymous(uint64_t bytes, uint32_t huge, int *got_huge)
{
    *got_huge = 0;
    if (huge) {
        void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
        if (p != MAP_FAILED) {
            *got_huge = 1;
            return p;
        }
        if (huge == 2)
            return MAP_FAILED;
    }
    return mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                -1, 0);
}

static int map_file(struct region *r, const char *path, uint64_t bytes, uint32_t huge, void **base,
                    int *got_huge, struct error *e)
{
    if (strlen(path) >= sizeof r->path)
        return error_set(e, -ENAMETOOLONG, "region path is longer than %zu bytes", sizeof r->path);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        int err = errno;
        return error_set(e, -err, "cannot create region %s: %s%s", path, strerror(err),
                         err == EEXIST ? "; another engine may be using it, else remove it" : "");
    }
    int rc = 0;
    *got_huge = is_hugetlbfs(fd);
    (void)flock(fd, LOCK_EX | LOCK_NB); /* for region_take_over */
    if (huge == 2 && !*got_huge)
        rc = error_set(e, -ENOTSUP, "hugepages required, but %s is not on a hugetlbfs mount", path);
    else if (ftruncate(fd, (off_t)bytes) != 0)
        rc = error_set(e, -errno, "cannot size region %s: %s", path, strerror(errno));
    /* Real blocks now: a full disk must fail here, not as a fault in the middle of the day. */
    else if (!*got_huge && (rc = -posix_fallocate(fd, 0, (off_t)bytes)) != 0)
        error_set(e, rc, "cannot reserve %llu MiB for region %s: %s",
                  (unsigned long long)(bytes >> 20), path, strerror(-rc));
    if (rc == 0) {
        *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (*base == MAP_FAILED)
            rc = error_set(e, -errno, "cannot map %llu MiB of region %s: %s",
                           (unsigned long long)(bytes >> 20), path, strerror(errno));
    }
    if (rc != 0) {
        unlink(path);
        close(fd);
    } else {
        r->lock = fd + 1;
    }
    return rc;
}

int region_create(struct region *r, const struct pn_config *cfg, const char *path, struct error *e)
{
    struct pn_section sections[PN_SECTIONS];
    layout_sections(sections, cfg);
    uint64_t bytes = layout_bytes(sections);
    void *base = MAP_FAILED;
    int got_huge = 0;

    memset(r, 0, sizeof *r);
    if (path) {
        int rc = map_file(r, path, bytes, cfg->hugepages, &base, &got_huge, e);
        if (rc != 0)
            return rc;
        memcpy(r->path, path, strlen(path) + 1);
    } else {
        base = map_anonymous(bytes, cfg->hugepages, &got_huge);
        if (base == MAP_FAILED)
            return error_set(e, -ENOMEM, "cannot reserve %llu MiB%s",
                             (unsigned long long)(bytes >> 20),
                             cfg->hugepages == 2 ? " of hugepages; raise vm.nr_hugepages" : "");
        /* Second best to hugetlbfs: ask for transparent ones. */
        if (!got_huge && cfg->hugepages)
            (void)madvise(base, bytes, MADV_HUGEPAGE);
    }
    r->base = base;
    r->bytes = bytes;

    struct pn_region_header *h = region_header(r);
    memcpy(h->section, sections, sizeof sections);
    h->abi_hash = PN_ABI_HASH;
    h->abi_version = PN_ABI_VERSION;
    h->pid = (uint32_t)getpid();
    h->bytes = bytes;
    h->hugepages = (uint32_t)got_huge;
    /* Readers check the magic first: it appears last. */
    __atomic_store_n(&h->magic, PN_REGION_MAGIC, __ATOMIC_RELEASE);
    return 0;
}

static int check_header(const struct pn_region_header *h, uint64_t bytes, const char *path,
                        struct error *e)
{
    if (__atomic_load_n(&h->magic, __ATOMIC_ACQUIRE) != PN_REGION_MAGIC)
        return error_set(e, -EINVAL, "%s is not a PinnacleMM region", path);
    if (h->abi_version != PN_ABI_VERSION || h->abi_hash != PN_ABI_HASH)
        return error_set(e, -EPROTO,
                         "%s was written by another build (ABI %016llx, this one %016llx); restart "
                         "both sides with one build",
                         path, (unsigned long long)h->abi_hash, (unsigned long long)PN_ABI_HASH);
    if (h->bytes > bytes)
        return error_set(e, -EINVAL, "%s is cut short: %llu of %llu bytes", path,
                         (unsigned long long)bytes, (unsigned long long)h->bytes);
    static const uint32_t strides[PN_SECTIONS] = {
        [PN_SEC_COUNTERS] = sizeof(struct pn_counters),
        [PN_SEC_CHANNELS] = sizeof(struct pn_channel),
        [PN_SEC_INSTRUMENTS] = sizeof(struct pn_instrument),
        [PN_SEC_BOOKS] = sizeof(struct pn_book),
        [PN_SEC_PAGES] = sizeof(struct pn_page),
        [PN_SEC_PAGE_INDEX] = sizeof(uint32_t),
        [PN_SEC_ORDERS] = sizeof(struct pn_order),
        [PN_SEC_YOUNG] = sizeof(uint32_t),
        [PN_SEC_TRADES] = sizeof(struct pn_trade),
        [PN_SEC_SYMBOLS] = sizeof(uint32_t),
        [PN_SEC_POOL] = sizeof(struct pn_pool),
        [PN_SEC_OLD] = sizeof(struct pn_old_order),
        [PN_SEC_STAGES] = sizeof(struct pn_histogram),
        [PN_SEC_PORTS] = sizeof(struct pn_port_status),
        [PN_SEC_DAEMON] = sizeof(struct pn_daemon),
        [PN_SEC_LATENCY] = sizeof(struct pn_histogram),
        [PN_SEC_SIGNALS] = sizeof(struct pn_signals),
        [PN_SEC_OWN] = sizeof(struct pn_own_order),
        [PN_SEC_POSITIONS] = sizeof(struct pn_position),
        [PN_SEC_GATE] = sizeof(struct pn_gate_status),
        [PN_SEC_SESSIONS] = sizeof(struct pn_session_status),
        [PN_SEC_DESK] = sizeof(struct pn_desk_status),
        [PN_SEC_FILLS] = sizeof(struct pn_fill),
        [PN_SEC_TIMES] = sizeof(struct pn_histogram),
    };
    for (int i = 0; i < PN_SECTIONS; i++) {
        const struct pn_section *s = &h->section[i];
        if (s->stride != strides[i] || s->offset > bytes ||
            s->count > (bytes - s->offset) / s->stride)
            return error_set(e, -EINVAL, "%s: section %d does not fit the file", path, i);
    }
    return 0;
}

int region_attach(struct region *r, const char *path, struct error *e)
{
    memset(r, 0, sizeof *r);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set(e, -errno, "cannot open region %s: %s", path, strerror(errno));
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ||
        st.st_size < (off_t)sizeof(struct pn_region_header)) {
        close(fd);
        return error_set(e, -EINVAL, "%s is not a PinnacleMM region", path);
    }
    void *base = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    int err = errno;
    close(fd);
    if (base == MAP_FAILED)
        return error_set(e, -err, "cannot map region %s: %s", path, strerror(err));
    int rc = check_header(base, (uint64_t)st.st_size, path, e);
    if (rc != 0) {
        munmap(base, (size_t)st.st_size);
        return rc;
    }
    r->base = base;
    r->bytes = (uint64_t)st.st_size;
    return 0;
}

/* The file at path, with its writer's lock on it; a descriptor or a negative errno. */
static int lock_left_behind(const char *path, struct error *e)
{
    for (;;) {
        struct stat st, now;
        int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
            return error_set(e, -errno, "cannot open region %s: %s", path, strerror(errno));
        if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
            close(fd);
            return error_set(e, -EINVAL, "%s is not a PinnacleMM region", path);
        }
        if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
            close(fd);
            return error_set(e, -EALREADY, "%s is in use: another data plane runs on it", path);
        }
        /* Its writer may have removed it between the two calls. */
        if (stat(path, &now) == 0 && st.st_ino == now.st_ino && st.st_dev == now.st_dev)
            return fd;
        close(fd);
    }
}

/* Can a segment be gone on with? -ENOENT: its maker died before there was anything in it. */
static int check_left_behind(const struct pn_region_header *h, uint64_t bytes,
                             const struct pn_config *cfg, const char *path, struct error *e)
{
    static const struct pn_region_header zero;
    struct pn_section sections[PN_SECTIONS];
    layout_sections(sections, cfg);
    if (memcmp(h, &zero, sizeof zero) == 0 && bytes <= layout_bytes(sections))
        return error_set(e, -ENOENT, "%s was only begun", path);
    int rc = check_header(h, bytes, path, e);
    if (rc != 0)
        return rc;
    if (memcmp(sections, h->section, sizeof sections) != 0 ||
        h->instruments > sections[PN_SEC_INSTRUMENTS].count || h->channels > PN_CHANNELS_MAX)
        return error_set(e, -ESTALE, "%s was made from other limits; remove it to start anew",
                         path);
    return 0;
}

int region_reopen(struct region *r, const struct pn_config *cfg, const char *path, struct error *e)
{
    struct stat st;
    memset(r, 0, sizeof *r);
    if (strlen(path) >= sizeof r->path)
        return error_set(e, -ENAMETOOLONG, "region path is longer than %zu bytes", sizeof r->path);
    int rc, fd = lock_left_behind(path, e);
    if (fd < 0)
        return fd;
    uint64_t bytes = fstat(fd, &st) == 0 ? (uint64_t)st.st_size : 0;
    void *base = MAP_FAILED;
    if (bytes >= sizeof(struct pn_region_header))
        base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (base != MAP_FAILED)
        rc = check_left_behind(base, bytes, cfg, path, e);
    else if (!bytes)
        rc = error_set(e, -ENOENT, "%s was only begun", path);
    else
        rc = error_set(e, -EINVAL, "%s is not a PinnacleMM region", path);
    if (rc == -ENOENT)
        unlink(path);
    if (rc != 0) {
        if (base != MAP_FAILED)
            munmap(base, bytes);
        close(fd);
        return rc;
    }
    r->base = base;
    r->bytes = bytes;
    r->lock = fd + 1;
    memcpy(r->path, path, strlen(path) + 1);
    region_header(r)->pid = (uint32_t)getpid();
    return 0;
}

void region_close(struct region *r)
{
    if (r->path[0])
        unlink(r->path);
    region_leave(r);
}

void region_leave(struct region *r)
{
    if (r->base)
        munmap(r->base, r->bytes);
    if (r->lock)
        close(r->lock - 1);
    memset(r, 0, sizeof *r);
}
