/*
 * flow.h - a plausible trading day as a Nasdaq TotalView-ITCH 5.0 message stream, from a seed.
 *
 * The same configuration gives the same bytes in every build: no clock, no floating point, no
 * random numbers but its own. The generator keeps real price-time books, so every reference it
 * names is live, every size fits, and the books never cross. Messages come framed as in raw ITCH
 * files: u16 big-endian length, then the message. All memory is taken at open.
 */
#ifndef ABI_CDEF
#pragma once
#include <stdint.h>
#endif

enum pn_flow_limits {
    PN_FLOW_SYMBOLS_MAX = 65535, /* a stock locate has 16 bits */
    PN_FLOW_LIVE_MAX = 16777216, /* resting orders */
    PN_FLOW_STEP_BYTES = 1024,   /* least capacity for pn_flow_next */
    PN_FLOW_TYPES = 128          /* message types by their wire byte */
};

struct pn_flow_config {
    uint64_t seed;
    uint64_t messages;        /* of the whole day, exactly */
    uint64_t max_live_orders; /* resting orders to build up to and then hold; 0 = chosen */
    uint64_t start_ns;        /* start of system hours, ns since midnight */
    uint64_t open_ns;         /* start of market hours */
    uint64_t close_ns;        /* end of market hours */
    uint64_t end_ns;          /* end of system hours */
    uint32_t symbols;
    uint32_t reserved;
    uint32_t weight[128]; /* shares of A F D U E X C P N I by wire byte; others are scheduled */
};

struct pn_flow;

/* Where one instrument stands. Prices have four decimals; size 0 = no such side. */
struct pn_flow_symbol {
    char name[12];
    uint32_t locate;
    uint32_t trading; /* state letter of its last H message */
    int32_t bid_px;
    int32_t ask_px;
    uint32_t bid_orders;
    uint32_t ask_orders;
    uint32_t reserved;
    uint64_t bid_size;
    uint64_t ask_size;
    uint64_t trades; /* E, C printable, P, and Q with shares; less the broken ones */
    uint64_t volume;
};

struct pn_flow_level {
    int64_t px;
    uint64_t size;
    uint64_t orders;
};

struct pn_flow_totals {
    uint64_t messages; /* so far */
    uint64_t bytes;    /* with their length fields */
    uint64_t live_orders;
    uint64_t peak_orders;
    uint64_t trades;
    uint64_t volume;
    uint64_t last_ts_ns;
    uint64_t memory_bytes; /* taken at open */
    uint64_t by_type[128];
};

/* 500 symbols, a million messages, 04:00 to 20:00 with market hours from 09:30 to 16:00. */
void pn_flow_config_default(struct pn_flow_config *cfg);
/* Fewest messages in which a day of so many symbols fits. */
uint64_t pn_flow_messages_min(uint32_t symbols);
struct pn_flow *pn_flow_open(const struct pn_flow_config *cfg, char *err, uint64_t err_len);
void pn_flow_close(struct pn_flow *flow);
/* Fills buffer with whole framed messages until less than PN_FLOW_STEP_BYTES are left or the day
 * is over. Returns bytes, 0 at the end; messages (may be NULL) gets their number. */
uint64_t pn_flow_next(struct pn_flow *flow, uint8_t *buffer, uint64_t cap, uint64_t *messages);
/* The whole day in one malloc'ed buffer, for pn_flow_free; NULL with a message in err. */
uint8_t *pn_flow_make(const struct pn_flow_config *cfg, uint64_t *bytes, uint64_t *messages,
                      char *err, uint64_t err_len);
void pn_flow_free(uint8_t *buffer);
/* The generator's own truth at this point of the stream. */
void pn_flow_totals(const struct pn_flow *flow, struct pn_flow_totals *out);
/* Symbol 0 .. symbols-1; locate is index + 1. -ENOENT past the last. */
int pn_flow_symbol(const struct pn_flow *flow, uint32_t symbol, struct pn_flow_symbol *out);
/* Up to cap levels of one side (0 bids, 1 offers) from the best on; returns how many there are. */
uint64_t pn_flow_levels(const struct pn_flow *flow, uint32_t symbol, uint32_t side,
                        struct pn_flow_level *out, uint64_t cap);
