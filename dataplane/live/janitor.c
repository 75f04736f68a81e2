/* janitor.c - see janitor.h. */
#include "live/janitor.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void serve(int fd, const struct pn_live_config *cfg)
{
    char word = 0;
    ssize_t n;
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL); /* its end is that of the data plane */
    (void)prctl(PR_SET_NAME, "pn-janitor");
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    while ((n = read(fd, &word, 1)) < 0 && errno == EINTR)
        ;
    if (n == 1 && word == 'r')
        for (uint32_t i = 0; i < cfg->shards; i++)
            unlink(cfg->shard[i].state_path);
    _exit(0);
}

int janitor_start(struct janitor *j, const struct pn_live_config *cfg, struct error *e)
{
    int pair[2];
    j->fd = -1;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return error_set(e, -errno, "no socket pair: %s", strerror(errno));
    j->pid = fork();
    if (j->pid < 0) {
        int rc = error_set(e, -errno, "cannot fork: %s", strerror(errno));
        close(pair[0]);
        close(pair[1]);
        return rc;
    }
    if (j->pid == 0) {
        close(pair[0]);
        serve(pair[1], cfg);
    }
    close(pair[1]);
    j->fd = pair[0];
    return 0;
}

void janitor_end(struct janitor *j, int remove)
{
    char done;
    if (j->fd < 0)
        return;
    if (remove && write(j->fd, "r", 1) == 1)
        while (read(j->fd, &done, 1) < 0 && errno == EINTR)
            ; /* until it has closed its end */
    close(j->fd);
    j->fd = -1;
}
