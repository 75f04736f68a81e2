/*
 * notify.h - word to a service manager: the sd_notify protocol, datagrams of NAME=VALUE
 * lines to the socket that NOTIFY_SOCKET names. Without one, nothing happens.
 */
#ifndef PN_LIVE_NOTIFY_H
#define PN_LIVE_NOTIFY_H

#include <stdint.h>

struct notify {
    int fd;               /* connected; -1: nobody listens */
    uint64_t watchdog_ns; /* how often WATCHDOG=1 is to be sent; 0 = never */
};

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID. */
void notify_open(struct notify *n);
void notify_send(const struct notify *n, const char *text);
void notify_close(struct notify *n);

#endif
