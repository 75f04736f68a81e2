/*
 * purity.c - runs a whole capture through the engine from a memory port, twice, and shows that
 * nothing on the path allocates, locks, logs, reads a clock or calls the system:
 *   calls   every call to a function of counted.h is counted by the linker's --wrap
 *   system  a seccomp filter kills the process at any system call but its exit
 * Both ways first prove that they would notice. Exit 0 pure, 1 not, 77 cannot tell here.
 * Usage: purity calls|system CAPTURE
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api.h"
#include "counted.h"
#include "io/io.h"

enum { EXIT_CANNOT_TELL = 77, EVENTS = 512 };

/* One trampoline a function: bump its counter, go on to the real one with everything untouched. */
#define ROW_TRAMPOLINE(name) \
    extern uint64_t purity_calls_##name; \
    uint64_t purity_calls_##name; \
    __asm__(".text\n.globl __wrap_" #name "\n__wrap_" #name ":\n" \
            "incq purity_calls_" #name "(%rip)\njmp __real_" #name "@PLT\n");
COUNTED_FUNCTIONS(ROW_TRAMPOLINE)

#define ROW_TABLE(name) {#name, &purity_calls_##name},
static const struct {
    const char *name;
    uint64_t *calls;
} counted[] = {COUNTED_FUNCTIONS(ROW_TABLE)};

static uint64_t before[sizeof(counted) / sizeof(counted[0])];

static void counts_begin(void)
{
    for (size_t i = 0; i < sizeof(counted) / sizeof(counted[0]); i++)
        before[i] = *counted[i].calls;
}

/* Calls since counts_begin; the names are printed by the caller, who may call printf again. */
static uint64_t counts_end(uint64_t out[])
{
    uint64_t total = 0;
    for (size_t i = 0; i < sizeof(counted) / sizeof(counted[0]); i++) {
        out[i] = *counted[i].calls - before[i];
        total += out[i];
    }
    return total;
}

static void give_up(const char *what, const char *why)
{
    fprintf(stderr, "purity: %s: %s\n", what, why);
    exit(1);
}

/* Copies a capture into the engine's memory port: all reading is over before the run. */
static void load(struct pn_engine *engine, const char *path)
{
    struct error e = {0};
    struct io_port *port;
    static struct io_frame frame[IO_BURST_MAX];
    char err[256];

    if (pn_engine_add_memory(engine, 256u << 20, 1u << 20, err, sizeof(err)))
        give_up("memory port", err);
    if (io_file_open(&port, path, 0, &e))
        give_up(path, e.text);
    while (!port->at_end) {
        uint32_t n = port->ops->rx_burst(port, frame, IO_BURST_MAX);
        for (uint32_t i = 0; i < n; i++) {
            const struct io_frame *f = &frame[i];
            if (pn_engine_push(engine, f->data, f->caplen, f->len, f->ts_ns, f->link, f->input))
                give_up(path, "does not fit the memory port");
        }
    }
    port->ops->close(port);
    pn_engine_finish(engine);
}

static struct pn_engine *prepare(const char *path)
{
    struct pn_config cfg;
    char err[256];
    pn_config_default(&cfg);
    cfg.timing = 1;
    struct pn_engine *engine = pn_engine_open(&cfg, NULL, err, sizeof(err));
    if (!engine)
        give_up("engine", err);
    load(engine, path);
    return engine;
}

/* The path under test. Events and top-of-book changes are taken too: they belong to it. */
static uint64_t run_all(struct pn_engine *engine)
{
    static struct pn_event event[EVENTS];
    static struct pn_bbo bbo[EVENTS];
    struct pn_run run;
    uint64_t events = 0;
    do {
        memset(&run, 0, sizeof(run));
        run.event = event;
        run.event_cap = EVENTS;
        run.bbo = bbo;
        run.bbo_cap = EVENTS;
        if (pn_engine_run(engine, &run))
            return 0;
        events += run.events;
    } while (run.end != PN_RUN_DONE);
    return events;
}

static int test_calls(const char *path)
{
    uint64_t calls[sizeof(counted) / sizeof(counted[0])];

    counts_begin();
    void *volatile block = malloc(100);
    free(block);
    if (counts_end(calls) != 2)
        give_up("counters", "do not see malloc and free");

    struct pn_engine *engine = prepare(path);
    counts_begin();
    uint64_t events = run_all(engine);
    uint64_t total = counts_end(calls);
    printf("calls: %llu events, %llu calls\n", (unsigned long long)events,
           (unsigned long long)total);
    for (size_t i = 0; i < sizeof(counted) / sizeof(counted[0]); i++)
        if (calls[i])
            printf("  %s: %llu\n", counted[i].name, (unsigned long long)calls[i]);
    pn_engine_close(engine);
    return total != 0 || events == 0;
}

/* From here on any system call but exit_group kills the process with SIGSYS. */
static int forbid_system_calls(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        return -errno;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) ? -errno : 0;
}

/* Runs the engine, or with none one harmless system call, under the filter; the wait status. */
static int status_under_filter(struct pn_engine *engine, uint64_t *events)
{
    fflush(NULL);
    pid_t child = fork();
    if (child < 0)
        give_up("fork", strerror(errno));
    if (child == 0) {
        if (forbid_system_calls())
            _exit(EXIT_CANNOT_TELL);
        if (engine)
            *events = run_all(engine);
        else
            getppid();
        syscall(SYS_exit_group, 0); /* not _exit: sanitizers look around in theirs */
    }
    int status = 0;
    if (waitpid(child, &status, 0) != child)
        give_up("waitpid", strerror(errno));
    return status;
}

static int test_system(const char *path)
{
    uint64_t *events =
        mmap(NULL, sizeof(*events), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (events == MAP_FAILED)
        give_up("mmap", strerror(errno));

    int control = status_under_filter(NULL, events);
    if (WIFEXITED(control) && WEXITSTATUS(control) == EXIT_CANNOT_TELL) {
        printf("system: no seccomp here\n");
        return EXIT_CANNOT_TELL;
    }
    if (!WIFSIGNALED(control) || WTERMSIG(control) != SIGSYS)
        give_up("filter", "lets a system call pass");

    int status = status_under_filter(prepare(path), events);
    printf("system: %llu events, %s\n", (unsigned long long)*events,
           WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "no system call");
    return !WIFEXITED(status) || WEXITSTATUS(status) != 0 || *events == 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && !strcmp(argv[1], "calls"))
        return test_calls(argv[2]);
    if (argc == 3 && !strcmp(argv[1], "system"))
        return test_system(argv[2]);
    fprintf(stderr, "usage: purity calls|system CAPTURE\n");
    return 2;
}
