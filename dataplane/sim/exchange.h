/*
 * exchange.h - the simulated exchange as its members see it: ITCH 5.0 over MoldUDP64 on two lines,
 * re-requests, GLIMPSE snapshots, OUCH 5.0 over SoupBinTCP; agents that make the market; faults by
 * seed. No socket, no clock: time and bytes come from outside, in process (sim/market.h) or from
 * the program pinnacle-exchange. Same inputs, same bytes.
 */
#ifndef PN_SIM_EXCHANGE_H
#define PN_SIM_EXCHANGE_H

#include "sim/exchange_config.h"
#include "sim/match.h"

struct exchange;
struct agents;

struct exchange *exchange_open(const struct pn_exchange_config *cfg, struct error *e);
void exchange_close(struct exchange *x);
/*
 * Time goes on to now_ns: agents act, the clock's events happen, what is due is published. Returns
 * the time it came to: earlier than now_ns when no room was left for datagrams, which are then to
 * be taken (exchange_market_data) before it is called again.
 */
uint64_t exchange_run(struct exchange *x, uint64_t now_ns);
/* When there is next something to run or to take (datagrams, bytes); UINT64_MAX: never. */
uint64_t exchange_next_ns(const struct exchange *x);

/*
 * Market data that is due: whole Ethernet frames (or, for a socket, their UDP payloads) with the
 * time at which they reach the member, faults included. line 0 or 1. 0 when there is none.
 */
struct exchange_packet {
    const uint8_t *payload; /* MoldUDP64 packet; valid until the next call */
    uint32_t len;
    uint32_t line;
    uint64_t at_ns;
};
uint32_t exchange_market_data(struct exchange *x, uint64_t now_ns, struct exchange_packet *out,
                              uint32_t cap);
/* A MoldUDP64 request; the answer, up to cap bytes, or 0 when there is none (faults included). */
uint32_t exchange_rerequest(struct exchange *x, const uint8_t *request, uint32_t len, uint8_t *out,
                            uint32_t cap);

/* Order entry and snapshots: connections, each a SoupBinTCP stream. port: 0 OUCH, 1 GLIMPSE. */
int exchange_accept(struct exchange *x, uint32_t port, uint64_t now_ns); /* connection or -ENOSPC */
void exchange_hangup(struct exchange *x, int connection, uint64_t now_ns);
/* Bytes from a member; 1: the exchange drops the connection. */
int exchange_receive(struct exchange *x, int connection, const uint8_t *bytes, uint32_t n,
                     uint64_t now_ns);
/* Bytes for it that are due, and that they have left. */
uint32_t exchange_pending(struct exchange *x, int connection, uint64_t now_ns,
                          const uint8_t **bytes);
void exchange_sent(struct exchange *x, int connection, uint32_t n);
/* 1: the exchange wants the connection closed once all pending bytes have left. */
int exchange_wants_close(const struct exchange *x, int connection);

/* 1: nothing is under way to or from members: no reply waits, no request is delayed. */
int exchange_quiet(const struct exchange *x);
struct match *exchange_match(struct exchange *x);
void exchange_stats(const struct exchange *x, struct pn_exchange_stats *out);
/* A member as the exchange has it: position, cash, fees and open orders by user name. -ENOENT. */
int exchange_member(const struct exchange *x, const char *user, uint32_t instrument,
                    struct pn_exchange_member *out);
/* Open orders of a member by UserRefNum, for reconciliation tests; returns how many there are. */
uint64_t exchange_open_orders(const struct exchange *x, const char *user,
                              struct pn_exchange_order *out, uint64_t cap);

#endif
