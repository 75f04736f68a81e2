/*
 * market_internal.h - what the files of the simulation in process share.
 *
 *   market.c        time goes on: exchange, link, appliance
 *   market_open.c   memory and parts
 *   market_check.c  both ends compared: what must hold at every instant
 */
#ifndef PN_MARKET_INTERNAL_H
#define PN_MARKET_INTERNAL_H

#include "desk_internal.h"
#include "market.h"
#include "net/build.h"
#include "sim/exchange.h"

enum {
    MARKET_FRAME_MAX = 2048,
    MARKET_PACKETS = 64,
    MARKET_REQUEST_MESSAGES = 64 /* asked for again at a time */
};

#define MARKET_QUANTUM_NS 2000ull    /* what comes so close together is one burst */
#define MARKET_REQUEST_NS 200000ull  /* a gap is asked for so often */
#define MARKET_CHECK_NS 1000000ull   /* both ends are compared so often */
#define MARKET_TIMER_NS 1000000ull   /* the desk is given the time so often at least */
#define MARKET_CONNECT_NS 1000000ull /* a session that is down is connected again after so long */

struct pn_market {
    struct exchange *exchange;
    struct pn_exchange_config config;
    struct pn_config engine;
    struct pn_trade_control *control; /* the caller's */
    struct region region;
    struct pipeline pipeline;
    struct pn_view view;
    struct io_port *port;
    struct desk *desk;
    int connection[PN_SESSIONS_MAX]; /* at the exchange; -1 = none */
    uint64_t connect_ns[PN_SESSIONS_MAX];
    uint64_t now_ns;
    uint64_t stepped_ns, requested_ns, checked_ns;
    uint64_t steps, frames;
    uint64_t orders_seen; /* new and replaced, as of the last check */
    uint64_t checks, breaches;
    char breach[256];
    uint8_t frame[MARKET_FRAME_MAX];
    uint8_t pending[1 << 16];
    struct pn_market_run *run; /* of the present call */
};

/* market_check.c */
void market_check(struct pn_market *m);
void market_breach(struct pn_market *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
