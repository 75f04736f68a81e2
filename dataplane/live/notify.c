/* notify.c - see notify.h. */
#include "live/notify.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void notify_open(struct notify *n)
{
    *n = (struct notify){.fd = -1};
    const char *path = getenv("NOTIFY_SOCKET"), *usec = getenv("WATCHDOG_USEC");
    const char *pid = getenv("WATCHDOG_PID");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t len = path ? strlen(path) : 0;
    if (len < 2 || len >= sizeof to.sun_path || (path[0] != '/' && path[0] != '@'))
        return;
    memcpy(to.sun_path, path, len);
    if (path[0] == '@') /* abstract */
        to.sun_path[0] = 0;
    n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    socklen_t bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    if (n->fd >= 0 && connect(n->fd, (struct sockaddr *)&to, bytes) != 0)
        notify_close(n);
    if (usec && (!pid || strtol(pid, NULL, 10) == (long)getpid()))
        n->watchdog_ns = strtoull(usec, NULL, 10) * 1000 / 2;
}

void notify_send(const struct notify *n, const char *text)
{
    if (n->fd < 0)
        return;
    ssize_t rc = send(n->fd, text, strlen(text), MSG_NOSIGNAL);
    (void)rc;
}

void notify_close(struct notify *n)
{
    if (n->fd >= 0)
        close(n->fd);
    n->fd = -1;
}
