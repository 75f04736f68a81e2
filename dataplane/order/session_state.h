/*
 * session_state.h - inside of an order session; only session*.c include it.
 */
#ifndef PN_ORDER_SESSION_STATE_H
#define PN_ORDER_SESSION_STATE_H

#include "order/ouch.h"
#include "order/session.h"
#include "order/soup.h"

/* Time that the venue has for a login, and for an answer to a query before it is asked again. */
#define SESSION_LOGIN_NS 5000000000ull
#define SESSION_QUERY_NS 300000000ull

/* Silence of so many heartbeat intervals ends a connection. */
enum { SESSION_SILENT_BEATS = 5 };

struct session {
    struct pn_session_config cfg; /* user and password as given; ended */
    struct pn_session_status *status;
    uint32_t number;
    uint32_t connected;
    uint64_t beat_ns;
    uint64_t since_ns; /* of the login or query that is waited for */
    uint64_t heard_ns, said_ns;
    /*
     * Answers to queries of earlier connections may still come, and would say less than is true:
     * the first so many answers of this connection do not count.
     */
    uint32_t queries_open, answers_owed;
    uint32_t in_bytes, in_at;
    uint32_t out_head, out_tail;
    struct ouch_template *template; /* [traded] */
    uint8_t in[2 * SESSION_IN_BYTES + 16];
    uint8_t out[SESSION_OUT_BYTES];
};

#endif
