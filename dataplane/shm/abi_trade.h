/*
 * abi_trade.h - third part of abi.h: what trading shares between data plane and control plane.
 * Same rules, same hash. First what the control plane writes (struct pn_trade_control, in the
 * control segment or, in process, in the caller's memory), then what the data plane writes
 * (sections of the state segment). Replies and the journal's records are in abi_journal.h.
 *
 * A "traded instrument", or slot, is one instrument as one strategy trades it on one account
 * through one session: the unit of quotes, positions and limits. Prices are integers in the
 * instrument's price scale, sizes integers in its size unit, money is in 1e-8 of the account
 * currency: money = price * size * value_mul, exact.
 */
#ifndef ABI_CDEF
#pragma once
#include "shm/abi.h"
#endif

enum pn_trade_limits {
    PN_TRADED_MAX = 1024, /* traded instruments of one shard */
    PN_VENUES_MAX = 16,   /* venues ... */
    PN_STRATEGIES_MAX = 32,
    PN_ACCOUNTS_MAX = 8,
    PN_SESSIONS_MAX = 8,  /* order sessions of one shard */
    PN_LAYERS_MAX = 8,    /* quotes of one side */
    PN_WORKING_MAX = 64,  /* orders of one traded instrument that are not done */
    PN_DEPTHS = 3,        /* depths at which imbalance is kept */
    PN_MARKOUTS = 6,      /* horizons at which a fill is looked at again */
    PN_REFUSALS_MAX = 64, /* reasons of the gate, gate/refusals.h */
    PN_FILLS_RING = 4096, /* fills kept for readers; a power of two */
    PN_NO_SLOT = 0xffffffff
};

/* Which protocol an order session speaks. */
enum pn_session_kind {
    PN_SESSION_NONE = 0,
    PN_SESSION_OUCH50 = 1,
    PN_SESSION_FIX = 2,
    PN_SESSION_SOCKET = 3
};

/* One traded instrument; fixed at start. */
struct pn_traded {
    char name[24];   /* instrument, as the feed names it */
    char symbol[16]; /* as the venue's orders name it, NUL padded */
    uint32_t venue;
    uint32_t session; /* index in pn_trade_config.session */
    uint32_t strategy;
    uint32_t account;
    uint32_t tick;     /* price units between valid prices */
    uint32_t lot;      /* size units between valid sizes */
    int32_t price_exp; /* price = px * 10^price_exp */
    int32_t size_exp;
    uint64_t value_mul; /* money = px * size * value_mul: 10^4 for shares at 1e-4 */
    int64_t maker_fee;  /* money a size unit; negative is a rebate */
    int64_t taker_fee;
    int64_t maker_ppm; /* and parts per million of the value, rounded half away from zero */
    int64_t taker_ppm;
    uint64_t reserved[2];
};

struct pn_session_config {
    char name[24];
    char user[16]; /* login; the secret comes another way, never through here */
    char password[16];
    char host[64];
    uint32_t kind; /* enum pn_session_kind */
    uint32_t address_be;
    uint16_t port;
    uint16_t own_thread; /* 1: sockets on a core of its own; 0: on the shard's */
    int32_t cpu;
    uint32_t heartbeat_ms;
    uint32_t reply_timeout_ms; /* no reply for so long: the order is unknown */
    uint32_t reserved[4];
};

struct pn_trade_config {
    uint32_t traded;
    uint32_t sessions;
    uint32_t max_orders; /* own orders kept, done ones included until their place is needed */
    uint32_t cancel_on_disconnect;
    uint64_t markout_ns[6]; /* horizons, ascending; 0 = unused */
    uint64_t mark_ns;       /* how often book, position and P&L are journaled; 0 = never */
    char venue[16][16];     /* names */
    char strategy[32][24];
    char account[8][24];
    char journal[256];      /* folder; empty = none */
    uint64_t journal_bytes; /* of one file */
    uint32_t journal_sync;  /* enum pn_journal_sync */
    uint32_t journal_sync_ms;
    struct pn_session_config session[8];
    struct pn_traded instrument[1024];
};

/*
 * What the quoter wants of one slot. Offsets with _q8 are in 1/256 of a price unit, weights with
 * _q16 in 1/65536. Written under seq, read whole (quote/quoter.h gives the formulas).
 */
struct pn_quote_params {
    uint32_t seq;
    uint32_t sides;          /* bit 0: bid, bit 1: ask; 0 = not quoting */
    int32_t half_spread_q8;  /* fair value to nearest quote */
    int32_t fair_offset_q8;  /* the strategy's own opinion, added to fair value */
    int32_t skew_q8;         /* fair value moves down by this for each lot of position */
    int32_t vol_mul_q16;     /* times realised volatility, added to the half spread */
    int32_t micro_q16;       /* weight of microprice - mid in fair value */
    int32_t imbalance_q8[3]; /* fair value moves by this at imbalance +1, for each depth */
    int32_t ofi_q8;          /* ... at order-flow imbalance +1 */
    int32_t flow_q8;         /* ... at trade-flow imbalance +1 */
    uint32_t size;           /* of the nearest layer, size units */
    uint32_t size_step;      /* more for each layer further out */
    uint32_t layers;         /* of each side, 0 .. PN_LAYERS_MAX */
    uint32_t layer_step;     /* price units between layers */
    int64_t max_position;    /* a side that would lead beyond is not quoted; size units */
    uint64_t min_rest_ns;    /* a quote stays so long before it is moved, unless it must go */
    uint32_t keep_q8;        /* hysteresis: a resting price this near to the wanted one stays */
    uint32_t queue_keep;     /* further hysteresis, price units, for an order near the front: ... */
    uint32_t queue_ahead;    /* ... with at most so much size ahead of it */
    uint32_t join;           /* 1: never better than the best price of its side */
    uint32_t post_only;
    uint32_t widen_q16; /* half spread under the kill ladder's widen: times this */
    uint32_t min_size;  /* smaller remains of a partly filled quote are replaced */
    uint32_t reserved[5];
};

/* Limits of one slot; 0 = none allowed for sizes and values, none set for rates and windows. */
struct pn_slot_limits {
    uint32_t seq;
    uint32_t restricted; /* 1: no orders */
    uint64_t max_qty;    /* of one order */
    int64_t max_value;   /* of one order, money */
    uint32_t collar_ppm; /* distance from the reference; both bounds must hold */
    uint32_t collar_ticks;
    uint64_t ref_age_ns; /* a reference older than this is none */
    uint32_t repeat_max; /* like orders (side, price, size) in the window */
    uint32_t fills_max;  /* executions of the slot in the window */
    uint64_t repeat_ns;
    int64_t max_long; /* worst-case position: held, working, unacknowledged */
    int64_t max_short;
    uint32_t max_working; /* orders not done */
    uint32_t allowed;     /* bit a strategy may trade: permission, not only absence of a ban */
    uint64_t reserved[6];
};

/* Limits of a strategy, an account or the firm. */
struct pn_group_limits {
    uint32_t seq;
    uint32_t reserved0;
    int64_t max_gross; /* sum of worst-case exposures, money */
    int64_t max_loss;  /* realised + unrealised below minus this latches a kill; 0 = not watched */
    uint64_t reserved[5];
};

/* Limits of one order session. */
struct pn_rate_limits {
    uint32_t seq;
    uint32_t per_second; /* messages in any second, cancels included in the count, never refused */
    uint32_t burst;      /* ... in any burst_ns */
    uint32_t reserved0;
    uint64_t burst_ns;
    uint64_t reserved[5];
};

/* The kill ladder; each rung includes those below it. */
enum pn_kill {
    PN_KILL_NONE = 0,
    PN_KILL_WIDEN = 1,     /* quotes go further out */
    PN_KILL_STOP = 2,      /* no new orders; what rests may stay */
    PN_KILL_CANCEL = 3,    /* and what rests is cancelled */
    PN_KILL_FLATTEN = 4,   /* and the position is closed */
    PN_KILL_DISCONNECT = 5 /* and the session ends */
};

/* What a rung is put on. */
enum pn_kill_scope {
    PN_SCOPE_FIRM = 0,
    PN_SCOPE_VENUE = 1,
    PN_SCOPE_STRATEGY = 2,
    PN_SCOPE_INSTRUMENT = 3,
    PN_SCOPE_ACCOUNT = 4
};

/* Who put a rung on. */
enum pn_kill_by { PN_BY_OPERATOR = 1, PN_BY_GATE = 2, PN_BY_HEARTBEAT = 3, PN_BY_JOURNAL = 4 };

/*
 * Kill words: level in the low byte, a count of requests above. Whoever may write the segment may
 * raise one (compare and exchange); only `resume` lowers, and the data plane keeps its own latch
 * until release is higher than the release it has seen and the word, its count raised, is lower.
 */
struct pn_kill_words {
    uint64_t firm;
    uint64_t venue[16];
    uint64_t strategy[32];
    uint64_t instrument[1024]; /* by slot */
    uint64_t release;          /* raised by resume, together with lowering words */
    uint64_t account[8];
    uint64_t reserved[6];
};

/* Orders by hand or by a strategy of the control plane; ring, numbered from 1. */
enum pn_order_request_kind {
    PN_REQ_NONE = 0,
    PN_REQ_NEW = 1,
    PN_REQ_CANCEL = 2,      /* order id */
    PN_REQ_REPLACE = 3,     /* order id, px, qty */
    PN_REQ_CANCEL_SLOT = 4, /* all of a slot, PN_NO_SLOT = all there are */
    PN_REQ_FLATTEN = 5      /* close the position of a slot, PN_NO_SLOT = of all */
};

struct pn_order_request {
    uint64_t number; /* written last */
    uint32_t kind;
    uint32_t slot;
    uint64_t order; /* id, for CANCEL and REPLACE */
    int64_t px;
    uint32_t qty;
    uint8_t side;
    uint8_t tif; /* enum pn_tif */
    uint8_t post_only;
    uint8_t reserved0;
    uint64_t token; /* the caller's own; comes back in the order */
    uint64_t reserved[2];
};

enum pn_request_limits { PN_REQUESTS = 256 };

struct pn_trade_control {
    uint64_t magic;
    uint64_t beat_ns; /* control plane's heartbeat as the engine counts time; 0 = not watched */
    uint64_t lost_ns; /* silence that counts as loss; 0 = not watched */
    uint64_t epoch;   /* raised after any change of what follows, so that it is looked at */
    uint64_t last_request;
    uint64_t reserved[3];
    struct pn_trade_config config;
    struct pn_kill_words kill;
    struct pn_group_limits firm;
    struct pn_group_limits account[8];
    struct pn_group_limits strategy[32];
    struct pn_rate_limits session[8];
    struct pn_slot_limits limits[1024];
    struct pn_quote_params params[1024];
    struct pn_order_request request[256];
};

/* ---- state segment: written by the data plane ---- */

/*
 * Signals of one slot (quote/signals.h has formulas and sources). Prices with _q8 are in 1/256 of
 * a price unit; ratios with _q16 are -65536 .. 65536.
 */
struct pn_signals {
    uint32_t seq;
    uint32_t valid; /* both sides there, book valid and not crossed */
    uint64_t ts_ns; /* receive time of the last event in them */
    int64_t mid_q8;
    int64_t micro_q8;
    int32_t imbalance_q16[3];
    int32_t ofi_q16;  /* order-flow imbalance, decaying, over its own absolute sum */
    int32_t flow_q16; /* signed over absolute traded size, decaying */
    uint32_t vol_q8;  /* realised volatility: root of decaying squared mid moves a second */
    uint64_t updates;
    uint64_t last_trade_ns;
    int32_t last_trade_px;
    int32_t bid_px, ask_px;
    uint32_t reserved0;
    uint64_t bid_size, ask_size;
    int64_t state[8]; /* accumulators, the signal code's own */
    uint64_t reserved[11];
};

enum pn_tif { PN_TIF_DAY = 0, PN_TIF_IOC = 1, PN_TIF_FOK = 2, PN_TIF_GTC = 3 };

enum pn_order_state {
    PN_ORDER_FREE = 0,
    PN_ORDER_SENT = 1, /* new, no reply yet */
    PN_ORDER_LIVE = 2,
    PN_ORDER_CANCELLING = 3, /* live, a cancel is under way */
    PN_ORDER_REPLACING = 4,  /* live, a replace is under way; the new one is an order of its own */
    PN_ORDER_UNKNOWN = 5,    /* a reply never came: counts as working until the venue has spoken */
    PN_ORDER_FILLED = 6,
    PN_ORDER_CANCELLED = 7,
    PN_ORDER_REJECTED = 8, /* by the venue, or it never arrived there */
    PN_ORDER_REPLACED = 9, /* done; its successor goes on */
    PN_ORDER_STATES = 10
};

/* One own order, two lines. */
struct pn_own_order {
    uint64_t id;        /* ours, never used again, also not by a later run */
    uint64_t venue_ref; /* the venue's number, which its feed uses too; 0 = not yet known */
    uint32_t user_ref;  /* number on the session (OUCH UserRefNum) */
    uint32_t slot;
    int64_t px;
    uint32_t qty; /* as sent */
    uint32_t filled;
    uint32_t leaves; /* what may still be filled; 0 once done */
    uint8_t state;   /* enum pn_order_state */
    uint8_t side;
    uint8_t tif;
    uint8_t flags; /* enum pn_order_flags */
    uint8_t layer; /* of the quoter; 255 = not its own */
    uint8_t session;
    uint16_t reason;  /* refusal or venue's reason of its end */
    uint32_t next_id; /* place in the table + 1 of the order that replaces it; 0 = none */
    uint64_t sent_ns;
    uint64_t reply_ns; /* of the last reply */
    uint64_t ahead;    /* size ahead of it at its price, as far as the feed tells */
    uint64_t token;
    uint64_t prev_id;  /* id of the order it replaces; 0 = none */
    uint64_t asked_ns; /* when the pending cancel or replace was sent */
    uint64_t reserved[3];
};

enum pn_order_flags {
    PN_OF_POST_ONLY = 1,
    PN_OF_MANUAL = 2,  /* asked for by the control plane, not by the quoter */
    PN_OF_FLATTEN = 4, /* closes a position under the kill ladder */
    PN_OF_HIDDEN = 8
};

/* Position and P&L of one slot (order/ledger.h has the arithmetic). */
struct pn_position {
    uint32_t seq;
    uint32_t slot;
    int64_t qty;                      /* held; negative is short */
    uint64_t bought, sold;            /* size units, ever */
    int64_t bought_value, sold_value; /* money */
    int64_t fees;                     /* money; positive is paid */
    int64_t cost;                     /* of what is held, average cost, signed like qty */
    int64_t realised;                 /* by average cost, before fees */
    int64_t realised_fifo;            /* by first in, first out, before fees */
    int64_t unrealised_mid;           /* at the last mark */
    int64_t unrealised_touch;         /* if closed at the best opposite price */
    int64_t mark_q8;                  /* mid of the last mark, price units */
    uint64_t fills;
    uint64_t maker_fills;
    uint64_t working_qty[2];  /* not done, by side, unacknowledged included */
    int64_t working_value[2]; /* money */
    int64_t spread_capture;   /* sum of signed distance of fills from mid, money (half units up) */
    uint64_t reserved[4];
};

/* Exposure and P&L of a strategy, an account or the firm. */
struct pn_group {
    uint32_t seq;
    uint32_t latched; /* enum pn_kill that the gate itself has put on */
    int64_t gross;    /* sum of worst-case exposures, money */
    int64_t realised;
    int64_t unrealised;
    int64_t fees;
    int64_t peak; /* highest P&L */
    uint64_t latched_ns;
    uint64_t reserved;
};

/* The gate's record: section of one. */
struct pn_gate_status {
    uint64_t passed;
    uint64_t refused[64]; /* by reason, gate/refusals.h */
    uint64_t cancels;
    uint64_t kill_firm; /* levels in force: latched or asked for, whichever is higher */
    uint8_t kill_venue[16];
    uint8_t kill_strategy[32];
    uint8_t kill_slot[1024];
    uint64_t release;      /* last one honoured */
    uint64_t control_lost; /* 1: the control plane's heartbeat is missed; nothing new is sent */
    uint64_t losses_latched;
    struct pn_group firm;
    struct pn_group account[8];
    struct pn_group strategy[32];
};

enum pn_session_state {
    PN_SS_DOWN = 0,
    PN_SS_CONNECTING = 1,
    PN_SS_LOGIN = 2,   /* asked to be let in */
    PN_SS_RECOVER = 3, /* replies missed are coming, order numbers are being compared */
    PN_SS_UP = 4,
    PN_SS_REFUSED = 5, /* login refused: a person must look */
    PN_SS_CLOSED = 6   /* by the ladder, or end of session */
};

struct pn_session_status {
    char name[24];
    char session[16]; /* the venue's name of it */
    uint32_t seq;
    uint32_t state; /* enum pn_session_state */
    uint32_t kind;
    uint32_t next_ref; /* next order number to be used */
    uint64_t next_seq; /* next sequenced message wanted */
    uint64_t connects;
    uint64_t disconnects;
    uint64_t sent; /* messages */
    uint64_t received;
    uint64_t malformed;
    uint64_t last_rx_ns;
    uint64_t last_tx_ns;
    uint64_t unknown; /* orders that are */
    uint64_t reserved[8];
};

/* What the desk did, and how long each part of the way took. */
enum pn_trade_stage {
    PN_TS_SIGNAL = 0,
    PN_TS_QUOTE = 1,
    PN_TS_GATE = 2,
    PN_TS_ORDER = 3,
    PN_TS_ENCODE = 4,
    PN_TS_TICK_TO_ORDER = 5, /* receive time of the frame to finished bytes */
    PN_TS_ACK = 6,           /* order sent to its first reply */
    PN_TRADE_STAGES = 8
};

struct pn_desk_status {
    uint64_t steps;     /* with input or output */
    uint64_t decisions; /* slots looked at */
    uint64_t orders_new, orders_replace, orders_cancel;
    uint64_t replies;
    uint64_t fills;
    uint64_t own_live; /* orders not done */
    uint64_t own_unknown;
    uint64_t journal_seq; /* number of the last record */
    uint64_t journal_bytes;
    uint64_t markouts_lost;  /* no room to look at a fill again */
    uint64_t digest;         /* of all order bytes sent and all replies taken, in order */
    uint64_t position_pos;   /* messages applied when this was written */
    uint64_t halted;         /* slots that wait for an unknown order */
    uint64_t requests;       /* number of the last pn_order_request done */
    int64_t request_code;    /* 0, or minus the refusal */
    uint64_t journal_failed; /* 1: the journal cannot be written; nothing new is sent */
    uint64_t surprises;      /* replies that cannot be: order/table.h */
    uint64_t bad_params;     /* parameters that were refused */
    uint64_t reserved[4];
};

#ifndef ABI_CDEF
#include "shm/abi_journal.h"
#endif
