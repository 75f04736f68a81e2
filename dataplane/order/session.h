/*
 * session.h - one sequenced connection to a venue for orders: login, heartbeats, sequence numbers,
 * what is sent and what comes back, as bytes. It has no socket and no clock: whoever owns those
 * (live/venue.c, the simulator) hands bytes and time in and takes bytes out.
 */
#ifndef PN_ORDER_SESSION_H
#define PN_ORDER_SESSION_H

#include "base/bits.h"
#include "base/error.h"
#include "shm/abi_trade.h"

enum { SESSION_OUT_BYTES = 1 << 18, SESSION_IN_BYTES = 1 << 16 };

struct session; /* order/session_state.h */

/* One table a protocol; indirect only for logins and the like, not for orders. */
int session_open(struct session **out, const struct pn_session_config *cfg, uint32_t number,
                 const struct pn_trade_config *trade, struct pn_session_status *status,
                 struct error *e);
void session_close(struct session *s);
/* Where a journal says the last run came to, before the first connect. */
void session_resume(struct session *s, const char venue_session[16], uint64_t next_seq,
                    uint32_t next_ref);

/* The connection is there: the login goes out. */
void session_connected(struct session *s, uint64_t now_ns);
/* It is gone; everything unsent is thrown away. */
void session_disconnected(struct session *s, uint64_t now_ns);
/* Asks for an orderly end. */
void session_logout(struct session *s, uint64_t now_ns);
/* Heartbeats, silence; 1 when the connection must be dropped. Call at least every 100 ms. */
int session_tick(struct session *s, uint64_t now_ns);
/*
 * Bytes received. Decodes up to cap replies into out and returns how many; *used says how many
 * bytes were taken: call again with the rest while out was filled. Negative: drop the connection.
 */
int session_receive(struct session *s, const uint8_t *bytes, uint32_t n, uint64_t now_ns,
                    uint32_t *used, struct pn_reply *out, uint32_t cap);
/* Bytes that wait to be sent, and that some of them were. */
uint32_t session_pending(const struct session *s, const uint8_t **bytes);
void session_sent(struct session *s, uint32_t n);

/* A recorded run again: the session is in this state, with this next number, whatever was said. */
void session_replay(struct session *s, uint32_t state, uint32_t next_ref);

/* Number that the next order will carry; 0 when the session is not up. */
uint32_t session_next_ref(const struct session *s);
/*
 * Orders, encoded from the slot's template into the outgoing bytes. 0, -ENOTCONN when not up,
 * -ENOBUFS when the peer is too slow. Replace's qty is what may be filled of the new order;
 * `filled` is what the chain has been filled already (OUCH counts both).
 */
int session_new(struct session *s, uint32_t slot, const struct pn_own_order *o, uint64_t now_ns);
int session_replace(struct session *s, uint32_t slot, const struct pn_own_order *old,
                    const struct pn_own_order *o, uint32_t filled, uint64_t now_ns);
int session_cancel(struct session *s, const struct pn_own_order *o, uint64_t now_ns);

#endif
