/* exchange_internal.h - what the files of the exchange share. Times are ns since the epoch. */
#ifndef PN_SIM_EXCHANGE_INTERNAL_H
#define PN_SIM_EXCHANGE_INTERNAL_H

#include "sim/agents.h"
#include "sim/exchange.h"
#include "sim/exchange_heap.h"
#include "sim/exchange_ring.h"
#include "sim/rng.h"

enum {
    EX_CONNECTIONS = 64,
    EX_SNAPSHOTS = 4,     /* GLIMPSE sessions at a time */
    EX_INPUTS = 32768,    /* members' packets on their way to the matching engine */
    EX_INPUT_BYTES = 192, /* of one: an order with every option there is takes 133 */
    EX_FRAME_MAX = 512,   /* longer ones of a member are malformed */
    EX_IN_BYTES = 1024,
    EX_OUT_BYTES = 1 << 16,
    EX_PACKETS = 8192,       /* datagrams on their way to the members */
    EX_PACKETS_SPARE = 1024, /* more than one request can lead to */
    EX_PAYLOAD = 1472,
    EX_LATE = 4096, /* fills told late, trades broken later */
    EX_DUES = 1 << 17,
    EX_OUT_MAX = 64 /* packets handed out by one call */
};

#define EX_SECOND 1000000000ull
#define EX_LOGIN_NS (30 * EX_SECOND)
#define EX_NEVER UINT64_MAX
#define EX_REPLY_BYTES (64ull << 20) /* of a member's replies that are kept for replay */
#define EX_REPLIES (1ull << 20)

enum { MOLD_BYTES = 20, MOLD_OVER = 0xffff };

/* Kinds of struct due. */
enum due_what {
    DUE_INPUT = 1,
    DUE_HANGUP = 2,
    DUE_FILL = 3,   /* a late one */
    DUE_BREAK = 4,  /* a trade */
    DUE_EXPIRE = 5, /* an order with a time to live */
    DUE_DROP = 6    /* a connection, by fault */
};

struct ex_symbol {
    uint8_t name[8];
    uint8_t state; /* trading state last published */
};

struct ex_packet {
    uint32_t len;
    uint32_t line;
    uint8_t payload[EX_PAYLOAD];
};

struct ex_line {
    struct rng rng;
    uint64_t last_due;
};

/* An order of a member as OUCH sees it, from its arrival to its end. */
struct ex_order {
    uint64_t ref;         /* the matching engine's number; 0 = none yet */
    uint64_t px;          /* as sent */
    uint64_t withheld_ns; /* not 0: the acknowledgement of that time has not been told */
    uint32_t user_ref;    /* 0: free */
    uint32_t orig_ref;    /* of the order it replaced */
    uint32_t member;
    uint32_t symbol;
    uint32_t accepted; /* open when it was accepted */
    uint32_t open;
    uint32_t chain_filled; /* by it and all before it */
    uint32_t next;         /* in its hash chain, or of the free ones */
    char side, tif, display, capacity, iso, cross;
    char cl_ord_id[14];
    uint8_t told; /* 1: it was acknowledged, or that is withheld */
    uint8_t firm_given;
    char firm[4];
    uint32_t filled; /* since it was accepted under this number */
};

struct ex_account {
    int64_t position, cash, fees;
    uint64_t fills, bought, sold;
    uint64_t open_orders, untold;
};

struct ex_member {
    struct ring log;   /* replies, framed as SoupBinTCP's sequenced data */
    uint64_t last_due; /* replies leave in order */
    uint64_t stalled_until;
    uint32_t last_ref; /* UserRefNum */
    int connection;    /* -1: none */
    uint32_t disabled; /* order entry */
    uint32_t withheld; /* acknowledgements */
    uint32_t seen;     /* 1: was logged in at least once */
};

enum conn_state {
    CONN_FREE = 0,
    CONN_LOGIN = 1, /* waiting for it */
    CONN_UP = 2,
    CONN_CLOSING = 3, /* what is in `out` still leaves, nothing is read */
    CONN_DEAD = 4     /* gone at the member's end, its last bytes still on their way */
};

struct ex_conn {
    uint8_t state;
    uint8_t port;
    uint8_t ending; /* close once the log is sent */
    uint32_t generation;
    int member;
    uint64_t cursor; /* next message to send */
    uint64_t last_rx, last_tx;
    uint64_t in_due; /* what came first is worked on first */
    uint32_t in_len;
    uint32_t out_from, out_to;
    struct ring *source; /* log or snapshot */
    int snapshot;        /* index, -1 = none */
    uint8_t in[EX_IN_BYTES];
    uint8_t out[EX_OUT_BYTES];
};

struct ex_input {
    uint32_t connection, generation;
    uint16_t len;
    uint8_t bytes[EX_INPUT_BYTES]; /* the whole frame */
    uint32_t next;                 /* of the free ones */
};

/* A message to a member that waits. */
struct ex_late {
    uint64_t match;
    uint32_t member, symbol;
    uint16_t len; /* 0: free */
    uint8_t bytes[64];
    uint32_t next;
};

struct exchange {
    struct pn_exchange_config cfg;
    struct match *match;
    struct agents *agents;
    uint64_t now;
    uint64_t act_next;  /* when an agent acts */
    uint64_t rest_next; /* when anything else happens */
    struct pn_exchange_stats stats;
    struct rng order_rng, line_rng;

    struct ex_symbol *symbol;
    uint8_t attributed; /* the order being worked on carries its firm */

    /* exchange_day.c */
    uint32_t day_step, day_cursor;
    uint64_t day_next;
    uint64_t imbalance_next;
    uint32_t end_beats;

    /* exchange_feed.c */
    struct ring store;
    uint64_t pack_first, pack_ns;
    uint32_t pack_count, pack_bytes;
    uint64_t beat_ns; /* next heartbeat */
    uint8_t session[10];

    /* exchange_lines.c */
    struct ex_line line[2];
    struct ex_packet *packet;
    uint32_t *packet_free, packets_free;
    uint32_t taken[EX_OUT_MAX], takens;
    struct heap queue;

    /* orders and members */
    struct heap due;
    struct ex_member member[PN_EXCHANGE_MEMBERS_MAX];
    struct ex_account *account; /* member * symbols + symbol */
    struct ex_order *order;
    uint32_t order_free, order_cap, order_top;
    uint32_t *hash;
    uint32_t hash_mask;
    struct ex_conn *conn;
    uint32_t conn_top;  /* none beyond it was ever used */
    uint64_t conn_next; /* heartbeat, silence */
    struct ex_input *input;
    uint32_t input_free;
    uint32_t inputs; /* on their way */
    struct ex_late *late;
    uint32_t late_free;
    struct ring snapshot[EX_SNAPSHOTS];
    uint8_t snapshot_used[EX_SNAPSHOTS];
    struct match_resting *resting;
};

static inline uint64_t ex_midnight_ns(const struct exchange *x, uint64_t ns)
{
    return ns - x->cfg.midnight_ns;
}

static inline uint64_t ex_digest(uint64_t h, const uint8_t *p, uint64_t n)
{
    for (; n >= 8; p += 8, n -= 8)
        h = (h ^ load_u64_le(p)) * 0x9fb21c651e98df25ull, h ^= h >> 29;
    uint64_t last = n;
    for (uint64_t i = 0; i < n; i++)
        last = last << 8 | p[i];
    h = (h ^ last) * 0x9fb21c651e98df25ull;
    return h ^ h >> 29;
}

static inline struct ex_account *ex_account(struct exchange *x, uint32_t member, uint32_t symbol)
{
    return &x->account[(uint64_t)member * x->cfg.symbols + symbol];
}

static inline int ex_fault(struct exchange *x, uint32_t ppm)
{
    int yes = rng_ppm(&x->order_rng, ppm);
    x->stats.faults += (uint64_t)yes;
    return yes;
}

/* exchange.c */
/* What the matching engine's last request led to goes out: feed and replies. */
void ex_publish(struct exchange *x);
/* Something was put on a list: look again when the next thing happens. */
void ex_reckon(struct exchange *x);

/* exchange_feed.c */
void feed_event(struct exchange *x, const struct match_event *e);
uint8_t *feed_emit(struct exchange *x, uint8_t type, uint32_t locate);
uint8_t *feed_named(struct exchange *x, uint8_t type, uint32_t symbol, uint32_t offset);
void feed_directory(struct exchange *x, uint8_t *m, uint32_t symbol);
void feed_action(struct exchange *x, uint32_t symbol, uint8_t state, const char reason[4]);
void feed_flush(struct exchange *x);
/* Heartbeats; at the end of the session, its end. */
void feed_beat(struct exchange *x);
uint64_t feed_next_ns(const struct exchange *x);

/* exchange_lines.c */
int lines_open(struct exchange *x);
void lines_close(struct exchange *x);
/* Puts a datagram of messages from first on, or an empty one of that count, on its way. */
void lines_send(struct exchange *x, uint64_t first, uint32_t count, uint32_t bytes);

/* exchange_day.c */
void day_begin(struct exchange *x);
void day_step(struct exchange *x);

/* exchange_imbalance.c */
void feed_imbalance(struct exchange *x, uint32_t symbol, uint8_t cross);

/* exchange_orders.c */
int orders_open(struct exchange *x);
void orders_close(struct exchange *x);
struct ex_order *orders_new(struct exchange *x, uint32_t member, uint32_t user_ref);
void orders_free(struct exchange *x, struct ex_order *o);
struct ex_order *orders_find(struct exchange *x, uint32_t member, uint32_t user_ref);
static inline uint64_t orders_token(const struct exchange *x, const struct ex_order *o)
{
    return (uint64_t)(o - x->order) << 32 | o->user_ref;
}
/* NULL: no order of that token lives. */
struct ex_order *orders_by_token(struct exchange *x, uint32_t member, uint64_t token);
void orders_cancel_all(struct exchange *x, uint32_t member, uint32_t symbol, uint8_t why);

/* exchange_soup.c */
int soup_open(struct exchange *x);
void soup_close(struct exchange *x);
void soup_input(struct exchange *x, uint32_t index);
void soup_hangup(struct exchange *x, uint32_t connection);
void soup_drop(struct exchange *x, uint32_t connection, uint32_t generation);
/* Heartbeats and silence. */
void soup_beat(struct exchange *x);
/* No more will be said: end of session to all. */
void soup_end(struct exchange *x);

/* exchange_ouch.c: a message of a member. */
void ouch_message(struct exchange *x, uint32_t member, const uint8_t *m, uint32_t len);
void ouch_expire(struct exchange *x, uint32_t index, uint64_t whose);

/* exchange_reply.c */
void reply_event(struct exchange *x, const struct match_event *e);
void reply_system(struct exchange *x, uint8_t code);
void reply_rejected(struct exchange *x, uint32_t member, uint32_t user_ref, uint32_t why,
                    const char cl_ord_id[14]);
void reply_query(struct exchange *x, uint32_t member);
void reply_cancel_rejected(struct exchange *x, uint32_t member, uint32_t user_ref);
void reply_modified(struct exchange *x, const struct ex_order *o);
void reply_group(struct exchange *x, uint32_t member, uint8_t type, const uint8_t *request,
                 uint32_t bytes);
/* Acknowledgements withheld from a member are told now. */
void reply_release(struct exchange *x, uint32_t member);
void reply_late(struct exchange *x, uint32_t index);
/* All that was to be told late is told now. */
void reply_flush_late(struct exchange *x);

/* exchange_glimpse.c: a snapshot for a connection; 0 or -ENOSPC. */
int glimpse_take(struct exchange *x, struct ex_conn *c);

#endif
