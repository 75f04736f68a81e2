/*
 * abi_journal.h - fourth part of abi.h: what venues reply, decoded, the fills that come of it and
 * the records of the journal, which both processes read. Same rules, same hash.
 */
#ifndef ABI_CDEF
#pragma once
#include <stdint.h>
#endif

/* A reply of a venue, decoded; what every kind of session makes of its bytes. */
enum pn_reply_kind {
    PN_RE_NONE = 0,
    PN_RE_ACCEPTED = 1,  /* user_ref lives: venue_ref, px, qty = open size */
    PN_RE_REPLACED = 2,  /* orig_ref is done, user_ref lives with qty open */
    PN_RE_CANCELLED = 3, /* qty taken off, by this event */
    PN_RE_EXECUTED = 4,  /* qty at px, match */
    PN_RE_REJECTED = 5,
    PN_RE_CANCEL_REJECTED = 6, /* it stays as it was */
    PN_RE_CANCEL_PENDING = 7,
    PN_RE_BROKEN = 8,    /* match is void */
    PN_RE_MODIFIED = 9,  /* qty open now */
    PN_RE_RESTATED = 10, /* px, venue_ref may be new, priority is */
    PN_RE_NEXT_REF = 11, /* user_ref is the next one to use: all below it arrived */
    PN_RE_ABSENT = 12,   /* the venue does not know user_ref */
    PN_RE_SYSTEM = 13,
    PN_RE_KINDS = 14
};

struct pn_reply {
    uint8_t kind;
    uint8_t session;
    uint8_t dead;      /* ACCEPTED, REPLACED: dead on arrival */
    uint8_t liquidity; /* the venue's letter */
    uint8_t maker;
    uint8_t side;
    uint16_t reason;
    uint32_t user_ref;
    uint32_t orig_ref;
    uint64_t venue_ref; /* or the match number of EXECUTED, BROKEN */
    int64_t px;
    uint32_t qty;
    uint32_t reserved0;
    uint64_t seq;   /* of the sequenced message; 0 = not sequenced */
    uint64_t ts_ns; /* the venue's time */
    uint64_t reserved;
};

struct pn_fill {
    uint64_t number; /* from 1; written last */
    uint64_t order;  /* id */
    uint64_t match;  /* the venue's match number */
    uint64_t ts_ns;
    int64_t px;
    int64_t fee;    /* money */
    int64_t mid_q8; /* when it was heard of */
    uint32_t qty;
    uint32_t slot;
    uint8_t side;
    uint8_t maker;     /* 1: it added liquidity */
    uint8_t broken;    /* 1: this takes the fill of that match number back */
    uint8_t liquidity; /* the venue's own letter */
    uint32_t reserved0;
    int64_t position; /* after it */
    uint64_t token;
    uint64_t reserved[5];
};

/* ---- journal: files of records of 64 bytes ---- */

enum pn_journal_sync { PN_JS_NONE = 0, PN_JS_INTERVAL = 1, PN_JS_EACH = 2 };

enum pn_journal_kind {
    PN_JR_NONE = 0,
    PN_JR_START = 1, /* a run begins: u[0] abi hash, u[1] configuration hash, u[2] next order id */
    PN_JR_STEP = 2,  /* a step that had effect begins; position and time are in the head */
    PN_JR_ORDER = 3, /* u[0] id, u[1] px, qty, ref, side, tif, flags, layer: bytes leave after it */
    PN_JR_REPLACE = 4,    /* as ORDER; u[2] id that is replaced */
    PN_JR_CANCEL = 5,     /* u[0] id, qty = new total */
    PN_JR_REPLY = 6,      /* a piece of struct pn_reply: ref = byte offset, side = its kind */
    PN_JR_REPLY_MORE = 7, /* not used */
    PN_JR_FILL = 8, /* u[0] order id, u[1] px, u[2] match, qty, side; ref: see order/journal.h */
    PN_JR_FEE = 9,  /* of the fill before: u[0] fee, u[1] mid_q8, u[2] position after */
    PN_JR_REFUSED = 10, /* u[0] px, qty, side, ref = reason */
    PN_JR_PARAMS = 11,  /* a piece of struct pn_quote_params: ref = byte offset */
    PN_JR_LIMITS = 12,  /* a piece of a limits record: side = which kind, ref = byte offset */
    PN_JR_KILL = 13,    /* u[0] level, u[1] scope, u[2] by whom (enum pn_kill_by) */
    PN_JR_RELEASE = 14,
    PN_JR_REQUEST = 15, /* a piece of struct pn_order_request */
    PN_JR_SESSION = 16, /* u[0] state, u[1] next_seq, u[2] next_ref */
    PN_JR_STATE = 17,   /* an order's state changed without a reply: u[0] id, u[1] new state */
    PN_JR_MARK = 18,    /* u[0] bid px, u[1] ask px, u[2] position, qty/ref: see order/journal.h */
    PN_JR_MARKOUT = 19, /* u[0] match, u[1] mid_q8, u[2] horizon ns */
    PN_JR_DIGEST = 20,  /* u[0], u[1]: book digest, u[2]: desk digest */
    PN_JR_END = 21,     /* the run ended in an orderly way */
    PN_JR_HEARTBEAT = 22, /* control plane lost (u[0] = 1) or back (0) */
    PN_JR_TRADED = 23,    /* a piece of struct pn_traded of the slot: after START, what slots are */
    PN_JR_NAME = 24,      /* side = enum pn_journal_name, slot = index, u = name, NUL padded */
    PN_JR_KINDS = 25
};

enum pn_journal_name { PN_JN_VENUE = 0, PN_JN_STRATEGY = 1, PN_JN_ACCOUNT = 2 };

struct pn_journal_record {
    uint32_t crc; /* CRC32C of the other 60 bytes, seeded with the file's salt */
    uint8_t kind; /* enum pn_journal_kind */
    uint8_t side;
    uint16_t slot; /* 0xffff = none */
    uint64_t seq;  /* from 1, without a break over all files */
    uint64_t now_ns;
    uint64_t pos; /* messages applied when it happened */
    uint32_t qty;
    uint32_t ref;
    uint64_t u[3];
};

/* First 64 bytes of a journal file. */
struct pn_journal_head {
    uint64_t magic;
    uint64_t abi_hash;
    uint64_t first_seq;
    uint64_t bytes; /* of the file */
    uint32_t salt;  /* seeds the checksums, so that an older file's records are not taken for new */
    uint32_t number; /* of the file, from 1 */
    uint64_t start_ns;
    uint32_t shard;
    uint32_t reserved0;
    uint32_t reserved1;
    uint32_t crc; /* of the bytes before */
};
