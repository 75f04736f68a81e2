/*
 * ouch.h - Nasdaq OUCH 5.0: wire layouts of both directions, orders encoded from templates, and the
 * decoder of what the venue says.
 *
 * Big-endian, text padded with spaces on the right. All fields are bytes: a struct may lie at any
 * address. Where a message ends in an appendage (u16 length, then options), the struct ends with
 * it. The decoder takes every message both as published first and with the appendage of the later
 * revision; options it does not know are skipped by their length.
 */
#ifndef PN_ORDER_OUCH_H
#define PN_ORDER_OUCH_H

#include <assert.h>

#include "base/bits.h"
#include "order/soup.h"
#include "shm/abi_trade.h"

/* ---- to the venue ---- */

struct ouch_enter {
    uint8_t type; /* 'O' */
    uint8_t user_ref[4];
    uint8_t side; /* B, S, T short, E short exempt */
    uint8_t qty[4];
    char symbol[8];
    uint8_t px[8];
    uint8_t tif;     /* 0 day, 3 IOC, 5 GTX, 6 GTT, E after hours */
    uint8_t display; /* Y, N hidden, A attributable */
    uint8_t capacity;
    uint8_t sweep;
    uint8_t cross; /* N = continuous */
    char clordid[14];
    uint8_t options[2];
};

struct ouch_replace {
    uint8_t type; /* 'U' */
    uint8_t orig_ref[4];
    uint8_t user_ref[4];
    uint8_t qty[4]; /* shares liable of the whole chain, executed ones included */
    uint8_t px[8];
    uint8_t tif;
    uint8_t display;
    uint8_t sweep;
    char clordid[14];
    uint8_t options[2];
};

struct ouch_cancel {
    uint8_t type; /* 'X' */
    uint8_t user_ref[4];
    uint8_t qty[4]; /* new intended total; 0 = all that is open */
};

struct ouch_modify {
    uint8_t type; /* 'M' */
    uint8_t user_ref[4];
    uint8_t side;
    uint8_t qty[4];
};

struct ouch_query {
    uint8_t type; /* 'Q' */
};

struct ouch_mass_cancel { /* later revision */
    uint8_t type;         /* 'C' */
    uint8_t user_ref[4];
    char firm[4];
    char symbol[8];
    uint8_t options[2];
};

/* ---- from the venue; time is ns since midnight ---- */

struct ouch_system {
    uint8_t type; /* 'S' */
    uint8_t time[8];
    uint8_t event; /* S start of day, E end */
};

struct ouch_accepted {
    uint8_t type; /* 'A' */
    uint8_t time[8];
    uint8_t user_ref[4];
    uint8_t side;
    uint8_t qty[4];
    char symbol[8];
    uint8_t px[8];
    uint8_t tif;
    uint8_t display;
    uint8_t order_ref[8];
    uint8_t capacity;
    uint8_t sweep;
    uint8_t cross;
    uint8_t state; /* L live, D dead on arrival */
    char clordid[14];
    uint8_t options[2];
};

struct ouch_replaced {
    uint8_t type; /* 'U' */
    uint8_t time[8];
    uint8_t orig_ref[4];
    uint8_t user_ref[4];
    uint8_t side;
    uint8_t qty[4];
    char symbol[8];
    uint8_t px[8];
    uint8_t tif;
    uint8_t display;
    uint8_t order_ref[8];
    uint8_t capacity;
    uint8_t sweep;
    uint8_t cross;
    uint8_t state;
    char clordid[14];
    uint8_t options[2];
};

struct ouch_canceled {
    uint8_t type; /* 'C' */
    uint8_t time[8];
    uint8_t user_ref[4];
    uint8_t qty[4]; /* removed by this event */
    uint8_t reason;
};

struct ouch_aiq_canceled {
    uint8_t type; /* 'D' */
    uint8_t time[8];
    uint8_t user_ref[4];
    uint8_t decrement[4];
    uint8_t reason; /* Q */
    uint8_t prevented[4];
    uint8_t px[8];
    uint8_t liquidity;
    uint8_t strategy;
};

struct ouch_executed {
    uint8_t type; /* 'E' */
    uint8_t time[8];
    uint8_t user_ref[4];
    uint8_t qty[4];
    uint8_t px[8];
    uint8_t liquidity;
    uint8_t match[8];
    uint8_t options[2];
};

struct ouch_broken {
    uint8_t type; /* 'B' */
    uint8_t time[8];
    uint8_t user_ref[4];
    uint8_t match[8];
    uint8_t reason;
    char clordid[14];
};

struct ouch_rejected {
    uint8_t type; /* 'J' */
    uint8_t time[8];
    uint8_t user_ref[4];
    uint8_t reason[2];
    char clordid[14];
};

struct ouch_cancel_pending { /* 'P'; 'I' cancel rejected is laid out alike */
    uint8_t type;
    uint8_t time[8];
    uint8_t user_ref[4];
};

struct ouch_priority {
    uint8_t type; /* 'T' */
    uint8_t time[8];
    uint8_t user_ref[4];
    uint8_t px[8];
    uint8_t display;
    uint8_t order_ref[8];
};

struct ouch_modified {
    uint8_t type; /* 'M' */
    uint8_t time[8];
    uint8_t user_ref[4];
    uint8_t side;
    uint8_t qty[4]; /* outstanding */
};

struct ouch_restated {
    uint8_t type; /* 'R' */
    uint8_t time[8];
    uint8_t user_ref[4];
    uint8_t reason; /* R reserve refreshed, P displayed price */
    uint8_t options[2];
};

struct ouch_query_response {
    uint8_t type; /* 'Q' */
    uint8_t time[8];
    uint8_t next_ref[4];
};

#define OUCH_IS(name, bytes) static_assert(sizeof(struct ouch_##name) == (bytes), #name)
OUCH_IS(enter, 47);
OUCH_IS(replace, 40);
OUCH_IS(cancel, 9);
OUCH_IS(modify, 10);
OUCH_IS(query, 1);
OUCH_IS(mass_cancel, 19);
OUCH_IS(system, 10);
OUCH_IS(accepted, 64);
OUCH_IS(replaced, 68);
OUCH_IS(canceled, 18);
OUCH_IS(aiq_canceled, 32);
OUCH_IS(executed, 36);
OUCH_IS(broken, 36);
OUCH_IS(rejected, 29);
OUCH_IS(cancel_pending, 13);
OUCH_IS(priority, 30);
OUCH_IS(modified, 18);
OUCH_IS(restated, 16);
OUCH_IS(query_response, 13);
#undef OUCH_IS

enum ouch_option {
    OUCH_OPT_SECONDARY_REF = 1,
    OUCH_OPT_FIRM = 2,
    OUCH_OPT_MIN_QTY = 3,
    OUCH_OPT_MAX_FLOOR = 5,
    OUCH_OPT_POST_ONLY = 12,
    OUCH_OPT_EXPIRE = 15,
    OUCH_OPT_DISPLAY_QTY = 22,
    OUCH_OPT_DISPLAY_PX = 23
};

enum {
    OUCH_QTY_MAX = 999999,
    OUCH_PX_MAX = 1999999900, /* 199,999.9900 */
    OUCH_SYMBOL = 8,
    OUCH_CLORDID = 14,
    OUCH_FRAME_MAX = 64 /* of what we send, Soup's header included */
};

/*
 * Looks for an option in an appendage, that is the n bytes after its length field. Its value, with
 * *bytes its length, or NULL. Stops at the first option that does not fit.
 */
const uint8_t *ouch_option(const uint8_t *p, uint32_t n, uint32_t tag, uint32_t *bytes);
/* 1 when the options fill the n bytes exactly. */
int ouch_options_fit(const uint8_t *p, uint32_t n);

/* One message of the venue. 0 with *r filled (session and seq are the caller's); -1 malformed. */
int ouch_decode(const uint8_t *p, uint32_t n, struct pn_reply *r);

/* What of an order is the same every time, as a whole frame. */
struct ouch_template {
    uint8_t frame[OUCH_FRAME_MAX];
};

void ouch_prepare(struct ouch_template *t, const struct pn_traded *traded);

/*
 * Whole frames into `to`, of OUCH_FRAME_MAX bytes at least; each returns the frame's length.
 * liable: what the replaced chain has been filled already.
 */
uint32_t ouch_put_enter(uint8_t *to, const struct ouch_template *t, const struct pn_own_order *o);
uint32_t ouch_put_replace(uint8_t *to, const struct pn_own_order *old, const struct pn_own_order *o,
                          uint32_t liable);
uint32_t ouch_put_cancel(uint8_t *to, uint32_t user_ref, uint32_t total);
uint32_t ouch_put_modify(uint8_t *to, uint32_t user_ref, uint8_t side, uint32_t total);
uint32_t ouch_put_query(uint8_t *to);

#endif
