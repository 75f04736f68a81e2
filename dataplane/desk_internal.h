/*
 * desk_internal.h - what the files of the desk share: its one struct, and who does what.
 *
 *   desk.c          the step, top to bottom: control, timers, decisions
 *   desk_open.c     memory and parts
 *   desk_books.c    what the feed did to traded instruments: signals, queues, who needs a look
 *   desk_act.c      a decision becomes gate check, order, record and bytes
 *   desk_reply.c    a reply becomes state, position and record
 *   desk_control.c  the control plane's words: parameters, limits, ladder, requests
 *   desk_recover.c  the journal of an earlier run becomes state
 *   desk_replay.c   a recorded run again, compared with its journal
 */
#ifndef PN_DESK_INTERNAL_H
#define PN_DESK_INTERNAL_H

#include "desk.h"
#include "shm/view.h"

enum {
    DESK_KEPT = 1024,     /* events between two looks at them */
    DESK_TOPS = 1024,     /* changes of tops, likewise */
    DESK_MARKOUTS = 8192, /* fills that are looked at again, a power of two */
    DESK_REPLIES = 64,    /* decoded at a time */
    DESK_EFFECTS = 1024,  /* of one reconciliation */
    DESK_NAMES = 4096,    /* hash of traded names, a power of two */
    DESK_OUT_SPARE = 8192 /* bytes of a session's buffer that a decision may need */
};

#define DESK_TIME_NS 100000ull       /* time's own matters are seen to so often */
#define DESK_REFRESH_NS 1000000ull   /* the control plane's words are read so often at least */
#define DESK_LOOK_NS 1000000ull      /* a slot without news is looked at so often */
#define DESK_RETRY_NS 5000000ull     /* after a refusal nothing new is tried for so long */
#define DESK_EXPIRE_NS 1000000ull    /* overdue replies are looked for so often */
#define DESK_FLATTEN_NS 100000000ull /* closing orders of the ladder are so far apart */
#define DESK_LOGOUT_NS 1000000000ull /* the ladder's disconnect waits for cancels so long */
#define DESK_VALUE_NS 10000000ull    /* a held position is valued so often */

struct desk_script; /* desk_replay.c */

struct desk_slot {
    uint32_t instrument; /* in the region; INSTRUMENT_NONE until the feed names it */
    uint32_t next;       /* slot of the same instrument, plus 1; 0 = none */
    uint8_t dirty;       /* waits in desk.dirty */
    uint8_t params_ok;
    uint8_t late; /* waits in desk.late: 1 its depth is not looked at yet, 2 it is */
    uint8_t deep; /* its quotes hang on imbalances of several levels */
    uint32_t reserved;
    uint64_t look_ns;  /* next look without a cause */
    uint64_t quiet_ns; /* nothing new before */
    uint64_t flatten_ns;
    uint64_t mark_ns;  /* next MARK record */
    uint64_t value_ns; /* next valuation */
    struct pn_quote_params params;
};

struct desk_markout {
    uint64_t due_ns, match, horizon_ns;
    uint32_t slot, used;
};

struct desk {
    struct pipeline *p;
    const struct pn_trade_control *control; /* hostile: copied field by field */
    struct pn_trade_control *seen;          /* what was last taken from it; the gate reads this */
    struct pn_trade_config *cfg;            /* in seen */
    struct gate *gate;
    struct table *table;
    struct ledger *ledger;
    struct journal *journal;    /* NULL: none is kept */
    struct desk_script *script; /* NULL, or what records are compared with */
    struct session *session[PN_SESSIONS_MAX];
    struct signals signals;
    struct pn_desk_status *status;
    struct pn_gate_status *gate_status;
    struct pn_position *position;
    struct pn_session_status *session_status;
    struct pn_fill *fill; /* ring */
    struct pn_histogram *times;
    uint64_t (*clock)(void); /* ns, for times only; NULL: none are kept */

    uint8_t *watched;     /* [instruments] */
    uint32_t *first_slot; /* [instruments], plus 1 */
    struct desk_slot *slot;
    uint32_t slots;
    uint32_t instruments_seen; /* records of the region looked at for names */
    uint16_t name[DESK_NAMES]; /* slot plus 1, by hash of its name; slots of one name are chained */
    uint16_t name_next[PN_TRADED_MAX];

    struct pn_bbo top[DESK_TOPS];
    struct pn_event kept[DESK_KEPT];
    uint32_t kept_top[DESK_KEPT];
    uint32_t dirty[PN_TRADED_MAX];
    uint32_t dirties;
    uint32_t late[PN_TRADED_MAX]; /* slots whose book has changed in depth */
    uint32_t lates;

    uint64_t now_ns;
    uint64_t next_id;
    uint64_t fills;
    uint64_t epoch_seen, timed_ns, refreshed_ns, expired_ns, looked_ns, marked_ns;
    uint64_t timeout_ns;
    uint64_t logout_ns[PN_SESSIONS_MAX]; /* the ladder's disconnect is under way since; 0 = not */
    uint32_t session_state[PN_SESSIONS_MAX]; /* as last journaled */
    uint32_t lost;                           /* the control plane is */
    uint8_t drop[PN_SESSIONS_MAX];           /* the connection must be closed */
    uint32_t winding;                        /* told to end */
    uint32_t recovering;                     /* records are being read, none are written */
    struct desk_markout markout[DESK_MARKOUTS];
    uint64_t markouts, markouts_done; /* put in, taken out */
    struct table_effect effect[DESK_EFFECTS];
};

/* desk_books.c */
void desk_dirty(struct desk *d, uint32_t slot);
void desk_dirty_all(struct desk *d);
void desk_hash_name(struct desk *d, uint32_t slot);
void desk_name(struct desk *d, uint32_t instrument);
/* The top of a slot's book with its channel's condition in it; 0 when there is none. */
int desk_top(const struct desk *d, uint32_t slot, struct pn_top *out);

/* desk_act.c */
void desk_decide(struct desk *d, uint32_t slot);
/* 0, or why the gate refused. */
uint32_t desk_send_new(struct desk *d, const struct gate_order *o, uint32_t layer, uint64_t token);
uint32_t desk_send_replace(struct desk *d, uint32_t place, int64_t px, uint32_t qty);
int desk_send_cancel(struct desk *d, uint32_t place);
void desk_cancel_slot(struct desk *d, uint32_t slot);
void desk_flatten(struct desk *d, uint32_t slot);

/* desk_reply.c */
void desk_reply(struct desk *d, const struct pn_reply *r);
void desk_effect(struct desk *d, const struct table_effect *e, const struct pn_reply *r);
void desk_session_news(struct desk *d, uint32_t session);
void desk_value(struct desk *d, uint32_t slot);
/* What is outstanding, for readers. */
void desk_publish(struct desk *d, uint32_t slot);

/* desk_control.c */
void desk_refresh(struct desk *d);
/* Rungs that the gate has put on by itself: recorded, and everybody looks. */
void desk_control_latched(struct desk *d);
void desk_set_params(struct desk *d, uint32_t slot, const struct pn_quote_params *now);
uint32_t desk_do_request(struct desk *d, const struct pn_order_request *q);

/* desk.c */
void desk_mark(struct desk *d, uint32_t slot);

/* desk_replay.c */
void desk_script_compare(struct desk_script *s, const struct pn_journal_record *now);

/* engine.c: a desk behind an engine that has not run yet. */
struct pn_engine;
int engine_open_desk(struct pn_engine *engine, const struct pn_trade_control *control,
                     struct desk **out, struct error *e);

/* Appends a record; a journal that fails stops everything new. */
void desk_record(struct desk *d, struct pn_journal_record *r);
void desk_record_blob(struct desk *d, uint8_t kind, uint8_t side, uint32_t slot, const void *data,
                      uint32_t bytes);

/* Time since a moment of the clock, into a histogram of stages. */
PN_HOT uint64_t desk_time(const struct desk *d)
{
    return PN_UNLIKELY(d->clock != NULL) ? d->clock() : 0;
}

PN_HOT void desk_timed(struct desk *d, enum pn_trade_stage stage, uint64_t since)
{
    if (PN_UNLIKELY(d->clock != NULL))
        histogram_record(&d->times[stage], d->clock() - since);
}

#endif
