/*
 * seccomp.c - the system call filter, see privileges.h: a table of calls, turned into a BPF program
 * of one comparison a call. Calls that are dangerous with some arguments are looked into.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "live/privileges.h"

#if defined(__x86_64__)
#define OUR_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OUR_ARCH AUDIT_ARCH_AARCH64
#endif

enum { NR_X32 = 0x40000000, PROGRAM_MAX = 512 };

enum look {
    ALWAYS,
    NOT_EXECUTABLE, /* argument 2 without PROT_EXEC */
    THREADS_ONLY,   /* argument 0 with CLONE_THREAD */
    MAP_READS,      /* argument 0 is BPF_MAP_LOOKUP_ELEM */
    TO_OURSELVES,   /* argument 0 is our process */
    NO_SUCH_CALL,   /* fails with ENOSYS, and the library takes the older call */
};

static const struct allowed {
    int nr;
    uint8_t profile;
    uint8_t look;
} table[] = {
    /* frames, logs, records, notifications */
    {SYS_read, SECCOMP_ANY, ALWAYS},
    {SYS_write, SECCOMP_ANY, ALWAYS},
    {SYS_writev, SECCOMP_ANY, ALWAYS},
    {SYS_pread64, SECCOMP_ANY, ALWAYS},
    {SYS_pwrite64, SECCOMP_ANY, ALWAYS},
    {SYS_lseek, SECCOMP_ANY, ALWAYS},
    {SYS_close, SECCOMP_ANY, ALWAYS},
    {SYS_fsync, SECCOMP_ANY, ALWAYS},
    {SYS_fdatasync, SECCOMP_ANY, ALWAYS},
    {SYS_ftruncate, SECCOMP_ANY, ALWAYS},
    {SYS_fcntl, SECCOMP_ANY, ALWAYS},
    {SYS_fstat, SECCOMP_ANY, ALWAYS},
    {SYS_newfstatat, SECCOMP_ANY, ALWAYS},
    {SYS_openat, SECCOMP_ANY, ALWAYS},
    {SYS_unlinkat, SECCOMP_ANY, ALWAYS},
    {SYS_renameat, SECCOMP_ANY, ALWAYS},
    {SYS_fallocate, SECCOMP_ANY, ALWAYS},
#ifdef SYS_unlink
    {SYS_unlink, SECCOMP_ANY, ALWAYS},
    {SYS_open, SECCOMP_ANY, ALWAYS},
    {SYS_stat, SECCOMP_ANY, ALWAYS},
    {SYS_poll, SECCOMP_ANY, ALWAYS},
    {SYS_epoll_wait, SECCOMP_ANY, ALWAYS},
#endif
    {SYS_ppoll, SECCOMP_ANY, ALWAYS},
    {SYS_epoll_pwait, SECCOMP_ANY, ALWAYS},
    {SYS_epoll_ctl, SECCOMP_ANY, ALWAYS},
    {SYS_sendto, SECCOMP_ANY, ALWAYS},
    {SYS_sendmsg, SECCOMP_ANY, ALWAYS},
    {SYS_recvfrom, SECCOMP_ANY, ALWAYS},
    {SYS_recvmsg, SECCOMP_ANY, ALWAYS},
    {SYS_getsockopt, SECCOMP_ANY, ALWAYS},
    {SYS_setsockopt, SECCOMP_ANY, ALWAYS},
    /* time, threads, signals, memory */
    {SYS_clock_gettime, SECCOMP_ANY, ALWAYS},
    {SYS_clock_nanosleep, SECCOMP_ANY, ALWAYS},
    {SYS_nanosleep, SECCOMP_ANY, ALWAYS},
    {SYS_gettimeofday, SECCOMP_ANY, ALWAYS},
    {SYS_futex, SECCOMP_ANY, ALWAYS},
    {SYS_sched_yield, SECCOMP_ANY, ALWAYS},
    {SYS_restart_syscall, SECCOMP_ANY, ALWAYS},
    {SYS_rt_sigreturn, SECCOMP_ANY, ALWAYS},
    {SYS_rt_sigprocmask, SECCOMP_ANY, ALWAYS},
    {SYS_rt_sigaction, SECCOMP_ANY, ALWAYS},
    {SYS_rt_sigtimedwait, SECCOMP_ANY, ALWAYS},
    {SYS_tgkill, SECCOMP_ANY, TO_OURSELVES},
    {SYS_getpid, SECCOMP_ANY, ALWAYS},
    {SYS_gettid, SECCOMP_ANY, ALWAYS},
    {SYS_exit, SECCOMP_ANY, ALWAYS},
    {SYS_exit_group, SECCOMP_ANY, ALWAYS},
    {SYS_brk, SECCOMP_ANY, ALWAYS},
    {SYS_munmap, SECCOMP_ANY, ALWAYS},
    {SYS_mremap, SECCOMP_ANY, ALWAYS},
    {SYS_madvise, SECCOMP_ANY, ALWAYS},
    {SYS_mmap, SECCOMP_ANY, NOT_EXECUTABLE},
    {SYS_mprotect, SECCOMP_ANY, NOT_EXECUTABLE},
    {SYS_clone, SECCOMP_ANY, THREADS_ONLY},
    {SYS_clone3, SECCOMP_ANY, NO_SUCH_CALL},
    {SYS_set_robust_list, SECCOMP_ANY, ALWAYS},
    {SYS_rseq, SECCOMP_ANY, ALWAYS},
    {SYS_getrandom, SECCOMP_ANY, ALWAYS},
    {SYS_sched_setaffinity, SECCOMP_ANY, ALWAYS},
    {SYS_getuid, SECCOMP_ANY, ALWAYS},
    {SYS_geteuid, SECCOMP_ANY, ALWAYS},
    /* order sessions */
    {SYS_socket, SECCOMP_ORDERS, ALWAYS},
    {SYS_connect, SECCOMP_ORDERS, ALWAYS},
    /* devices: link and driver statistics, counters of the steering program, orderly closing */
    {SYS_ioctl, SECCOMP_DEVICE, ALWAYS},
    {SYS_bpf, SECCOMP_DEVICE, MAP_READS},
    {SYS_getdents64, SECCOMP_DEVICE, ALWAYS},
    {SYS_readlinkat, SECCOMP_DEVICE, ALWAYS},
#ifdef SYS_readlink
    {SYS_readlink, SECCOMP_DEVICE, ALWAYS},
    {SYS_access, SECCOMP_DEVICE, ALWAYS},
    {SYS_rmdir, SECCOMP_DEVICE, ALWAYS},
#endif
    {SYS_flock, SECCOMP_DEVICE, ALWAYS},
};

_Static_assert(sizeof table / sizeof *table * 5 + 8 <= PROGRAM_MAX, "grow PROGRAM_MAX");

struct program {
    struct sock_filter op[PROGRAM_MAX];
    uint16_t count;
};

static void add(struct program *p, uint16_t code, uint32_t k, uint8_t yes, uint8_t no)
{
    p->op[p->count++] = (struct sock_filter){.code = code, .jt = yes, .jf = no, .k = k};
}

static void answer(struct program *p, uint32_t action)
{
    add(p, BPF_RET | BPF_K, action, 0, 0);
}

/* Low half of an argument (both architectures are little-endian). */
static void load_argument(struct program *p, uint32_t n)
{
    add(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)(offsetof(struct seccomp_data, args) + 8 * n), 0, 0);
}

static void add_call(struct program *p, const struct allowed *a)
{
    static const uint32_t refuse = SECCOMP_RET_ERRNO | EPERM;
    /* Every rule ends in an answer, so the number need not be loaded again behind it. */
    uint8_t skip = a->look == ALWAYS || a->look == NO_SUCH_CALL ? 1 : 4;
    add(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)a->nr, 0, skip);
    switch (a->look) {
    case NOT_EXECUTABLE:
        load_argument(p, 2);
        add(p, BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 1, 0);
        answer(p, SECCOMP_RET_ALLOW);
        answer(p, refuse);
        break;
    case THREADS_ONLY:
        load_argument(p, 0);
        add(p, BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 0, 1);
        answer(p, SECCOMP_RET_ALLOW);
        answer(p, refuse);
        break;
    case MAP_READS:
    case TO_OURSELVES:
        load_argument(p, 0);
        add(p, BPF_JMP | BPF_JEQ | BPF_K,
            a->look == MAP_READS ? (uint32_t)BPF_MAP_LOOKUP_ELEM : (uint32_t)getpid(), 0, 1);
        answer(p, SECCOMP_RET_ALLOW);
        answer(p, refuse);
        break;
    case NO_SUCH_CALL:
        answer(p, SECCOMP_RET_ERRNO | ENOSYS);
        break;
    default:
        answer(p, SECCOMP_RET_ALLOW);
    }
}

int seccomp_apply(uint32_t profile, struct error *e)
{
#ifdef OUR_ARCH
    struct program p = {.count = 0};
    add(&p, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch), 0, 0);
    add(&p, BPF_JMP | BPF_JEQ | BPF_K, OUR_ARCH, 1, 0);
    answer(&p, SECCOMP_RET_KILL_PROCESS);
    add(&p, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
#ifdef __x86_64__
    add(&p, BPF_JMP | BPF_JGE | BPF_K, NR_X32, 0, 1);
    answer(&p, SECCOMP_RET_KILL_PROCESS);
#endif
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].profile & profile)
            add_call(&p, &table[i]);
    answer(&p, SECCOMP_RET_ERRNO | EPERM);
    struct sock_fprog prog = {.len = p.count, .filter = p.op};
    /* The filter is for safety's sake only: speculation, and with it speed, stays as it is. */
    uint32_t flags = SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    long rc = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog);
    if (rc > 0)
        return error_set(e, -ESRCH, "seccomp filter: thread %ld cannot have it", rc);
    if (rc < 0)
        return error_set(e, -errno,
                         "cannot set the seccomp filter: %s; seccomp: false does without",
                         strerror(errno));
    return 0;
#else
    return error_set(e, -ENOTSUP,
                     "no seccomp filter for this processor; seccomp: false does without");
#endif
}
