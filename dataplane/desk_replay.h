/*
 * desk_replay.h - a recorded run again: frames from its capture, everything else from its journal,
 * and every order, refusal, fill and mark that comes of it compared with what was recorded.
 */
#ifndef ABI_CDEF
#pragma once
#include <stdint.h>

#include "api.h"
#include "shm/abi_trade.h"
#endif

struct pn_desk_replay {
    uint64_t records;         /* of the journal that were gone through */
    uint64_t inputs;          /* replies, parameters, limits, kills, requests given again */
    uint64_t orders;          /* new, replace, cancel: made again and equal */
    uint64_t others;          /* refusals, fills, marks: likewise */
    uint64_t different;       /* records that came out otherwise; the first stops the replay */
    uint64_t at;              /* number of that record */
    uint64_t messages;        /* of the feed */
    uint64_t digest;          /* of all order bytes */
    uint64_t recorded_digest; /* as the run itself had it at its end; 0 = it did not end in order */
    char text[256];           /* what differs */
};

/*
 * engine: with the run's capture files as its inputs and the run's channels, not yet run, opened
 * with room to trade. control: the run's trading configuration; its journal is read, nothing is
 * written. 0, or a negative errno with text in err.
 */
int pn_engine_replay_desk(struct pn_engine *engine, const struct pn_trade_control *control,
                          const char *journal, struct pn_desk_replay *out, char *err,
                          uint64_t err_len);
