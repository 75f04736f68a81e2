/* test_privileges.c - what is given up is gone: calls that the filter must refuse, and must not. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "live/privileges.h"

static void *nothing(void *arg)
{
    return arg;
}

static void check_refused(void)
{
    char *args[] = {(char *)"true", NULL};
    CHECK_EQ(execv("/bin/true", args), -1);
    CHECK_EQ(errno, EPERM);
    CHECK_EQ(socket(AF_INET, SOCK_DGRAM, 0), -1);
    CHECK_EQ(errno, EPERM);
    CHECK_EQ(fork(), -1);
    CHECK_EQ(errno, EPERM);
    CHECK_EQ(ptrace(PTRACE_TRACEME, 0, 0, 0), -1);
    CHECK_EQ(errno, EPERM);
    CHECK_EQ(kill(getppid(), 0), -1);
    CHECK_EQ(errno, EPERM);
    CHECK_EQ(chmod("/tmp", 0777), -1);
    CHECK_EQ(syscall(SYS_bpf, 5, NULL, 0), -1);
    CHECK_EQ(errno, EPERM);
    CHECK_EQ(setuid(0), -1);
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED);
    CHECK_EQ(mprotect(p, 4096, PROT_READ | PROT_EXEC), -1);
    CHECK(mmap(NULL, 4096, PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
}

static void check_allowed(void)
{
    pthread_t thread;
    int one = 1;
    CHECK_EQ(pthread_create(&thread, NULL, nothing, &one), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    CHECK(fd >= 0);
    CHECK_EQ(write(fd, "x", 1), 1);
    CHECK_EQ(close(fd), 0);
}

static int in_child(void)
{
    struct identity id;
    struct error e;
    CHECK(privileges_find_user(&id, "no-such-user-here", &e) < 0);
    CHECK_EQ(privileges_find_user(&id, "", &e), 0);
    CHECK_EQ(id.change, 0);
    CHECK_EQ(privileges_drop(&id, &e), 0);
    CHECK_EQ(seccomp_apply(SECCOMP_ANY, &e), 0);
    check_refused();
    check_allowed();
    return check_done("privileges");
}

#ifdef __SANITIZE_ADDRESS__
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

int main(void)
{
    if (SANITIZED) {
        puts("the sanitizer's run-time makes calls that the filter refuses");
        return CHECK_SKIP;
    }
    pid_t pid = fork();
    if (pid == 0)
        _exit(in_child() | (fflush(stdout) != 0));
    int status = 0;
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return check_done("privileges, parent");
}
