/*
 * venue.h - the sockets of order sessions. Bytes only: what they mean is order/session.h's.
 *
 * A link moves bytes between its TCP connection and two rings; the polling core only ever touches
 * the rings. The moving is done by a thread of its own, on its own core, or, where the
 * configuration says so, by the polling core right after its step. A connection that is lost is
 * made again with growing pauses, once the core has taken note of the loss.
 */
#ifndef PN_LIVE_VENUE_H
#define PN_LIVE_VENUE_H

#include <stdint.h>

#include "base/error.h"
#include "shm/abi_trade.h"

struct venue;

enum venue_state { VENUE_DOWN = 0, VENUE_UP = 1 };

int venue_open(struct venue **out, const struct pn_trade_config *cfg, struct error *e);
/* Starts the threads of links that have one. */
int venue_start(struct venue *v, struct error *e);
void venue_close(struct venue *v);

/* The polling core's side. */

/* 1 when the link has come up since the last call, -1 when it was lost, 0: nothing new. All bytes
 * received before a loss are handed out first. */
int venue_news(struct venue *v, uint32_t session);
/* Bytes received, up to what lies in one piece; 0 = none. venue_took gives their room back. */
uint32_t venue_received(struct venue *v, uint32_t session, const uint8_t **bytes);
void venue_took(struct venue *v, uint32_t session, uint32_t n);
/* Takes up to n bytes to be sent; returns how many there was room for. */
uint32_t venue_send(struct venue *v, uint32_t session, const uint8_t *bytes, uint32_t n);
/* The connection is to be closed: the peer cannot be understood, or is silent. */
void venue_drop(struct venue *v, uint32_t session);
/* Links without a thread do their moving now: sends at once, looks for input every few us. */
void venue_work(struct venue *v, uint64_t now_ns);

#endif
