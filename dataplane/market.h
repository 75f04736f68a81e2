/*
 * market.h - exchange, agents and appliance in one process: the exchange's market data goes through
 * a link with delay and faults into a memory port, the engine keeps its books from it, the desk
 * decides, its bytes go back through the link. Simulated time; as fast as the processor allows.
 * The same desk, gate, session and journal as live; nothing here is a second implementation.
 */
#ifndef ABI_CDEF
#pragma once
#include <stdint.h>

#include "api.h"
#include "shm/abi_trade.h"
#include "sim/exchange_config.h"
#endif

struct pn_market;

/* One piece of a run, with what happened in it for the strategies. */
struct pn_market_run {
    uint64_t until_ns;  /* in: simulated time, since the epoch, to go on to */
    struct pn_bbo *bbo; /* in: room for changes of the top of traded instruments */
    uint64_t bbo_cap;
    struct pn_event *trade; /* in: room for executions and prints of traded instruments */
    uint64_t trade_cap;
    struct pn_fill *fill; /* in: room for fills */
    uint64_t fill_cap;
    uint64_t bbos, trades, fills; /* out */
    uint64_t now_ns; /* out: where it stopped: until_ns, or earlier where room ran out */
    uint64_t end;    /* out: 1: the day is over */
};

/* Where the simulation stands, both ends compared with each other. */
struct pn_market_stats {
    uint64_t now_ns;
    uint64_t messages; /* of the exchange's feed */
    uint64_t frames;
    uint64_t steps;
    uint64_t checks;    /* comparisons of both ends made */
    uint64_t breaches;  /* that failed: positions or orders that differ, limits exceeded */
    uint64_t digest[3]; /* exchange, books, desk */
    char breach[256];   /* the first of them */
};

/* Defaults of trading configuration, limits and parameters that a caller then changes. */
void pn_trade_control_default(struct pn_trade_control *control);
/*
 * control stays the caller's: parameters, limits and kill words may be changed between runs through
 * the functions of shm/trade.h. Positions and journal are the desk's.
 */
struct pn_market *pn_market_open(const struct pn_exchange_config *exchange,
                                 const struct pn_config *engine, struct pn_trade_control *control,
                                 char *err, uint64_t err_len);
void pn_market_close(struct pn_market *market);
/* 0, or a negative errno with text in stats' breach. */
int pn_market_run(struct pn_market *market, struct pn_market_run *run);
void pn_market_stats(const struct pn_market *market, struct pn_market_stats *out);
void pn_market_exchange(const struct pn_market *market, struct pn_exchange_stats *out);
int pn_market_member(const struct pn_market *market, uint32_t instrument,
                     struct pn_exchange_member *out);
/* The appliance's region: books, orders, positions, gate, desk. Lives as long as the market. */
struct pn_view *pn_market_view(struct pn_market *market);
/* Index in the region of a traded instrument; -ENOENT until the feed has named it. */
int pn_market_instrument(const struct pn_market *market, uint32_t slot);
/*
 * Kills the desk as a crash would (nothing is said to anybody) and opens a new one that recovers.
 */
int pn_market_crash(struct pn_market *market, char *err, uint64_t err_len);
