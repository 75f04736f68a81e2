/*
 * exchange_config.h - configuration and figures of the simulated exchange, shared with Python (the
 * control plane renders it from YAML for pinnacle-exchange and for simulation in process).
 */
#ifndef ABI_CDEF
#pragma once
#include <stdint.h>
#endif

enum pn_exchange_limits {
    PN_EXCHANGE_SYMBOLS_MAX = 1024,
    PN_EXCHANGE_MEMBERS_MAX = 16,
    PN_EXCHANGE_DEPTH = 16 /* distances to the touch with rates of their own */
};

/*
 * The order flow of one symbol. Rates are events in 10^9 s (so 1e9 = one a second), probabilities
 * per million; sim/agents.h says which model each belongs to and where it comes from.
 */
struct pn_flow_model {
    uint64_t limit_rate[16];  /* limit orders at k ticks from the opposite best, k = 1 .. 16 */
    uint64_t cancel_rate[16]; /* of each resting order at k ticks */
    uint64_t market_rate;     /* market orders, each side */
    uint32_t size_mean;       /* of orders: round lots, geometric */
    uint32_t market_size_mean;
    uint64_t informed_rate;  /* market orders that know where the fundamental price is */
    uint64_t value_vol_q8;   /* of the fundamental price: price units a root second, 1/256 */
    uint32_t informed_ticks; /* they act when it is so far beyond the touch */
    uint32_t momentum_ppm;   /* chance that a trade calls forth another one of its side */
    uint64_t momentum_decay_ns;
    uint32_t makers;           /* other market makers */
    uint32_t maker_half_ticks; /* their half spread, size, and reaction time */
    uint32_t maker_size;
    uint32_t hidden_ppm; /* of limit orders */
    uint64_t maker_delay_ns;
    uint64_t regime_ns;     /* mean stay in a regime; 0 = one regime */
    uint32_t regime_mul_q8; /* rates and volatility in the busy regime, times this / 256 */
    uint32_t reserved;
};

struct pn_exchange_faults {
    uint32_t loss_ppm[2];  /* of datagrams, by line */
    uint32_t loss_all_ppm; /* on both lines at once */
    uint32_t dup_ppm;
    uint32_t reorder_ppm;
    uint32_t rerequest_loss_ppm;
    uint64_t md_delay_ns; /* from the match to the member, and jitter on top */
    uint64_t md_jitter_ns;
    uint64_t order_delay_ns; /* from the member to the match, and back */
    uint64_t order_jitter_ns;
    uint64_t disconnect_ns; /* mean time between disconnects of order entry; 0 = none */
    uint32_t reject_ppm;    /* orders refused for no reason of theirs */
    uint32_t ack_twice_ppm;
    uint32_t ack_never_ppm; /* taken, never acknowledged, until a new login replays it */
    uint32_t late_fill_ppm; /* fills told late */
    uint64_t late_fill_ns;
    uint32_t bust_ppm; /* trades broken later */
    uint32_t slow_ppm; /* a moment in which the member's bytes wait */
    uint64_t slow_ns;
};

struct pn_exchange_symbol {
    char name[12];
    int32_t start_px; /* 1e-4 */
    uint32_t tick;
    uint32_t lot;
    uint32_t band_ppm;
    uint32_t flow; /* index in pn_exchange_config.flow */
};

struct pn_exchange_config {
    uint64_t seed;
    uint64_t midnight_ns; /* since the epoch: ITCH and OUCH count from it */
    uint64_t start_ns;    /* since midnight: directory, then the opening cross, close, end */
    uint64_t open_ns;
    uint64_t close_ns;
    uint64_t end_ns;
    uint32_t symbols;
    uint32_t flows;
    uint32_t members;
    uint32_t max_orders;
    uint32_t stp; /* enum match_stp */
    uint32_t cancel_on_disconnect;
    uint32_t heartbeat_ms; /* of SoupBinTCP and MoldUDP64 */
    uint32_t silence_ms;   /* a member silent for so long is dropped */
    int64_t maker_fee;     /* money (1e-8) a share */
    int64_t taker_fee;
    uint64_t gather_ns;   /* a datagram waits so long for more messages; 0 = one an event */
    uint64_t store_bytes; /* messages kept for re-requests; 0 = 64 MiB; a power of two */
    uint32_t payload_max; /* of a datagram; 0 = 1400 */
    uint32_t lines;       /* 1 or 2; 0 = 2 */
    uint32_t no_agents;   /* 1: nobody but the members trades */
    uint32_t reserved;
    char session[16]; /* MoldUDP64 and SoupBinTCP, up to ten characters */
    struct pn_exchange_faults faults;
    char member_user[16][8];
    char member_password[16][12];
    struct pn_flow_model flow[8];
    struct pn_exchange_symbol symbol[1024];
};

/* Where the day stands. */
enum pn_exchange_day {
    PN_DAY_START = 0, /* directory and the like are being sent */
    PN_DAY_PRE_OPEN = 1,
    PN_DAY_OPEN = 2,
    PN_DAY_CLOSED = 3, /* after the closing cross */
    PN_DAY_OVER = 4    /* last message sent; re-requests are still served */
};

struct pn_exchange_stats {
    uint64_t now_ns;
    uint64_t messages; /* ITCH, so far */
    uint64_t datagrams[2];
    uint64_t lost[2]; /* datagrams, by fault */
    uint64_t agent_orders, agent_cancels;
    uint64_t trades, volume;
    uint64_t orders_in; /* OUCH messages received */
    uint64_t replies_out;
    uint64_t rejects;
    uint64_t ignored; /* OUCH messages without effect: repeated numbers and the like */
    uint64_t malformed;
    uint64_t logins, disconnects;
    uint64_t rerequests;
    uint64_t faults; /* of any kind, done so far */
    uint64_t reply_bytes;
    uint64_t open_orders; /* of members */
    uint64_t untold;      /* acknowledgements, fills and broken trades not yet told: faults */
    uint64_t overflow;    /* datagrams and members' messages for which there was no room */
    uint64_t day;         /* enum pn_exchange_day */
    uint64_t digest;
};

struct pn_exchange_member {
    int64_t position;
    int64_t cash; /* money: sold minus bought, fees not in it */
    int64_t fees;
    uint64_t fills;
    uint64_t bought, sold;
    uint64_t open_orders;
    uint64_t untold; /* fills and broken trades of it that the member was not yet told of */
};

struct pn_exchange_order {
    uint64_t ref;
    uint32_t user_ref;
    uint32_t qty;
    int32_t px;
    uint32_t instrument;
    uint32_t side;
    uint32_t reserved;
};
