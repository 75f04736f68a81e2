/*
 * abi.h - every layout that the data plane and the control plane share.
 *
 * The only place, with its second half abi_control.h, where these layouts are written. Python
 * gets them by parsing these very files (controlplane/pinnacle/abi/gen_abi.py), so they stay
 * plain: constants as enums, padding spelled out, no attributes, no conditionals outside the
 * ABI_CDEF guard. shm/abi_check.c pins every size and offset with static asserts, and the build
 * hashes this text: a region written under another hash is refused at attach.
 *
 * Writers: the state segment is written by the data plane only. Readers never take pointers from
 * it, only offsets, and copy multi-word records under their sequence lock.
 */
#ifndef ABI_CDEF
#pragma once
#include <stdint.h>
#endif

enum pn_limits {
    PN_ABI_VERSION = 1,
    PN_NAME_LEN = 24,         /* instrument and channel names, NUL padded */
    PN_SESSION_LEN = 16,      /* session name as text, NUL padded */
    PN_LINES_MAX = 4,         /* redundant lines of one channel */
    PN_CHANNELS_MAX = 64,     /* channels of one region */
    PN_REASONS_MAX = 96,      /* drop and refusal reasons, base/reasons.h */
    PN_STAGES_MAX = 8,        /* pipeline stages that are timed */
    PN_TYPES_MAX = 256,       /* message types of one feed: the wire byte is the index */
    PN_PAGE_LEVELS = 64,      /* price levels of one page */
    PN_DIR_WAYS = 16,         /* directly mapped pages of one side of a book */
    PN_HIST_BUCKETS = 64 * 16 /* latency histogram: 16 linear buckets a power of two */
};

/* What decodes the messages of a channel. */
enum pn_feed {
    PN_FEED_NONE = 0,
    PN_FEED_ITCH50 = 1, /* Nasdaq TotalView-ITCH 5.0 */
    PN_FEED_DEEP10 = 2, /* IEX DEEP 1.0 */
    PN_FEED_TOPS16 = 3, /* IEX TOPS 1.6 */
    PN_FEEDS = 4
};

/* Whether missing messages of a channel are asked for again (docs/recovery.md). */
enum pn_recovery {
    PN_RECOVERY_NONE = 0,
    PN_RECOVERY_GAPS = 1,      /* gaps: a full reorder window does not end the waiting */
    PN_RECOVERY_FROM_START = 2 /* also what was sent before the stream was joined */
};

/* How messages are framed in a datagram. */
enum pn_framing {
    PN_FRAMING_NONE = 0,
    PN_FRAMING_MOLDUDP64 = 1,
    PN_FRAMING_IEXTP = 2,
    PN_FRAMING_BLOCKS = 3 /* u16 big-endian length and message, back to back: raw ITCH files */
};

enum pn_event_kind {
    PN_EV_NONE = 0,
    PN_EV_ADD = 1,         /* new order: ref, side, size, px, aux = MPID */
    PN_EV_EXECUTE = 2,     /* ref, size; ref2 = match number; px filled in from the order */
    PN_EV_EXECUTE_AT = 3,  /* as EXECUTE, at px, which is not the order's own price */
    PN_EV_CANCEL = 4,      /* ref loses size, keeps its priority */
    PN_EV_DELETE = 5,      /* ref goes */
    PN_EV_REPLACE = 6,     /* ref goes, ref2 comes with size and px at the back of its level */
    PN_EV_LEVEL = 7,       /* side, px now has size in all; 0 removes it */
    PN_EV_QUOTE = 8,       /* side's whole book is now size at px; 0 empties it */
    PN_EV_TRADE = 9,       /* print that touches no displayed order; ref2 = match number */
    PN_EV_CROSS = 10,      /* auction print */
    PN_EV_BROKEN = 11,     /* trade ref2 is void; size and px where the message has them */
    PN_EV_STATUS = 12,     /* trading state of one instrument: aux = enum pn_trading */
    PN_EV_SYSTEM = 13,     /* system event of the feed: aux = the wire code */
    PN_EV_INSTRUMENT = 14, /* directory entry */
    PN_EV_INFO = 15,       /* known message without effect on books or trades */
    PN_EV_GAP = 16,        /* channel: messages seq .. seq+size-1 are lost */
    PN_EV_RESET = 17,      /* channel: a new session begins, its books are empty */
    PN_EV_END = 18,        /* channel: the session has ended */
    PN_EV_KINDS = 19
};

enum pn_event_flags {
    PN_EVF_COMPLETE = 1,     /* LEVEL, QUOTE: the book is consistent after this event */
    PN_EVF_NONPRINTABLE = 2, /* EXECUTE_AT: leave out of trades and volume */
    PN_EVF_REJECTED = 4      /* the event did not apply: bad field, unknown reference, full table */
};

enum pn_side { PN_BID = 0, PN_ASK = 1 };

/* Trading state of an instrument; the feed's own letters are mapped onto these. */
enum pn_trading {
    PN_TRADING_UNKNOWN = 0,
    PN_TRADING_OPEN = 1,
    PN_TRADING_HALTED = 2,
    PN_TRADING_PAUSED = 3,
    PN_TRADING_QUOTE_ONLY = 4,
    PN_TRADING_VENUE = 256 /* in an event's aux: said by the venue of itself alone */
};

/* Whether a book can be trusted. */
enum pn_book_state {
    PN_BOOK_EMPTY = 0, /* nothing has been heard of the instrument yet */
    PN_BOOK_VALID = 1,
    PN_BOOK_STALE = 2 /* something was lost; figures are the best known, not the truth */
};

/* Why a book is stale; bits. */
enum pn_stale_why {
    PN_STALE_GAP = 1,          /* messages of the channel were lost for good */
    PN_STALE_WAITING = 2,      /* messages are missing and may still come */
    PN_STALE_LATE_JOIN = 4,    /* the stream was joined after its first message */
    PN_STALE_INCONSISTENT = 8, /* an event contradicted the book */
    PN_STALE_OVERFLOW = 16     /* a table was full */
};

/*
 * One decoded event, one cache line. Times are ns: ts_ns is the venue's own (ITCH: since midnight
 * Eastern; IEX: since the epoch, UTC), rx_ns is when the frame was received. Prices are integers
 * in the instrument's price scale.
 */
struct pn_event {
    uint8_t kind;
    uint8_t side;
    uint8_t flags;
    uint8_t wire_type;
    uint32_t instrument;
    uint64_t ts_ns;
    uint64_t rx_ns;
    uint64_t seq;
    uint64_t ref;
    uint64_t ref2;
    uint64_t size;
    int32_t px;
    uint32_t aux;
};

/*
 * Best bid and offer of one instrument, one cache line. Sizes of 0 mean an empty side. The state
 * here is the book's own; the channel's is added by pn_view_top.
 */
struct pn_top {
    uint32_t seq;       /* in a copy: the book's when it was taken; in a book 0 */
    uint8_t state;      /* enum pn_book_state */
    uint8_t stale_why;  /* enum pn_stale_why, bits */
    uint8_t trading;    /* enum pn_trading */
    uint8_t transition; /* 1 while a multi-message update is under way */
    int32_t bid_px;
    int32_t ask_px;
    uint32_t bid_orders; /* 0 where the feed does not tell orders apart */
    uint32_t ask_orders;
    uint64_t bid_size;
    uint64_t ask_size;
    uint64_t ts_ns;   /* of the event that changed it last */
    uint64_t changes; /* how often it changed */
    uint64_t reserved;
};

/* One page of a side: 64 neighbouring price steps. */
struct pn_page {
    uint64_t occupied; /* bit i: level[i] has size; not kept here while this page is best */
    uint32_t number;   /* rank of level 0, divided by 64 (book/ladder.h) */
    uint32_t better;   /* next page towards the touch, 0 = none */
    uint32_t worse;    /* next page away from the touch, 0 = none */
    uint32_t owner;    /* instrument * 2 + side, plus 1; 0 = free */
    uint64_t reserved[5];
    uint64_t level[64]; /* orders books: size << 24 | orders; level books: size */
};

struct pn_dir_entry {
    uint32_t number; /* page number plus 1; 0 = empty */
    uint32_t page;
};

/*
 * One book. The first line is public and hot for readers, and written only when the top changes;
 * the second, lock included, is all that most events need beyond a price level; the rest is for
 * what lies further out. While a page is its side's best, its occupancy is kept here and not in
 * the page. A page number's low four bits choose a way of the directory, which serves both sides.
 */
struct pn_book {
    struct pn_top top;
    uint32_t step;           /* price units between neighbouring levels, 0 = not yet known */
    uint32_t seq;            /* odd: this book, its top or its levels, is being written */
    uint64_t step_mul;       /* px / step == 2 * px * step_mul >> 64 */
    uint64_t occupied[2];    /* of the best pages */
    uint32_t best[2];        /* best page of each side, any page if it is empty, 0 = none */
    uint32_t best_number[2]; /* its number plus 1; 0 while the side is empty */
    uint16_t channel;
    uint8_t by_order;  /* 1: orders are known one by one */
    uint8_t regridded; /* 1: orders may remember places of an older grid */
    uint32_t reserved3;
    uint32_t gap_epoch; /* channel's gap_epoch when this book was last known to be whole */
    uint8_t halts;      /* trading state by the listing market; 128: halted by the venue */
    uint8_t reserved0[3];
    uint64_t trades;
    uint64_t volume;
    uint64_t reserved1[6];
    struct pn_dir_entry dir[16][2]; /* way, side */
};

/* One resting order; size 0 = free slot. */
struct pn_order {
    uint64_t ref;
    uint32_t size;
    int32_t px;
    uint32_t stamp; /* low half of its sequence number: at one price the earlier is served first */
    uint32_t owner; /* instrument * 2 + side */
    uint32_t mpid;
    uint32_t level; /* page * 64 + place in it; free slot: the next free one */
};

/* An order that its place in the young index was taken from. */
struct pn_old_order {
    uint32_t tag;  /* upper half of the reference's hash */
    uint32_t slot; /* 0 = empty */
};

/* One trade, kept so that a later break can undo it. */
struct pn_trade {
    uint64_t match;
    uint64_t size;
    int32_t px;
    uint32_t instrument;
    uint32_t live; /* 1 until broken */
    uint32_t reserved;
};

struct pn_instrument {
    char name[24];
    uint32_t channel;
    uint32_t feed;     /* enum pn_feed */
    uint32_t locate;   /* the feed's own number, 0 where it has none */
    int32_t price_exp; /* price = px * 10^price_exp; -4 for ITCH and IEX */
    uint32_t lot;      /* round lot, 0 = unknown */
    uint32_t reserved[5];
};

struct pn_line_stats {
    uint32_t group_be; /* IPv4 destination, network order; 0 for IPv6 and files */
    uint16_t port;     /* UDP destination */
    uint16_t input;    /* number of the input file or port */
    uint64_t datagrams;
    uint64_t messages;   /* first seen on this line */
    uint64_t duplicates; /* messages already had from another line or before */
};

/*
 * One channel: written by the data plane, readable at any time. epoch is even while the channel
 * is in order and odd while messages are missing that may still come; gap_epoch counts the times
 * that messages were given up.
 */
struct pn_channel {
    char name[24];
    char session[16];
    uint32_t feed;    /* enum pn_feed */
    uint32_t framing; /* enum pn_framing */
    uint32_t epoch;
    uint32_t gap_epoch;
    uint32_t late_join; /* 1: first sequence number heard was not the session's first */
    uint32_t ended;     /* 1: end of session was announced */
    uint32_t lines;
    uint32_t unsequenced; /* 1: the stream carries no sequence numbers */
    uint64_t first_seq;
    uint64_t next_seq; /* next expected; last delivered + 1 */
    uint64_t datagrams;
    uint64_t messages; /* delivered in order, once each */
    uint64_t heartbeats;
    uint64_t gaps;       /* unbroken stretches of messages given up */
    uint64_t lost;       /* messages in them */
    uint64_t recovered;  /* gaps that closed by themselves or by the other line */
    uint64_t duplicates; /* messages */
    uint64_t reorders;   /* datagrams that came early and were held */
    uint64_t restarts;   /* session began anew under the same name */
    uint64_t session_changes;
    uint64_t wanted_end;  /* messages next_seq .. wanted_end - 1 are missing and may still come */
    uint64_t applied_seq; /* last message whose effect is in the books */
    uint64_t session_key[2]; /* the session as the wire has it */
    uint64_t newest_ns;      /* latest send time seen in it, where there are such */
    uint64_t resets;         /* times that a session began ... */
    uint64_t resets_applied; /* ... and that the books were emptied for it */
    struct pn_line_stats line[4];
    uint64_t by_type[256];
};

/* How long something took, call by call: base/histogram.h. */
struct pn_histogram {
    uint64_t count;
    uint64_t sum;
    uint64_t max;
    uint64_t reserved;
    uint64_t bucket[1024];
};

struct pn_counters {
    uint64_t frames;
    uint64_t bytes;
    uint64_t datagrams;
    uint64_t messages;
    uint64_t events;
    uint64_t trades;
    uint64_t volume;
    uint64_t top_changes;
    uint64_t live_orders;
    uint64_t peak_orders;
    uint64_t live_pages;
    uint64_t peak_pages;
    uint64_t first_ns; /* receive time of the first and last frame */
    uint64_t last_ns;
    uint64_t now_ns; /* time as the engine has been told */
    uint64_t reserved;
    uint64_t drops[96]; /* by reason */
};

/* Heads of the free lists; the engine's alone. */
struct pn_pool {
    uint32_t page_free;   /* first free page, chained by worse; 0 = none */
    uint32_t page_used;   /* pages handed out so far; page 0 stays unused */
    uint32_t empty_pages; /* of those in use, without any level; kept for reuse in place */
    uint32_t order_free;  /* first free order slot, chained by level; 0 = none */
    uint32_t order_used;  /* slots handed out so far, which is the most there ever were at once */
    uint32_t reserved[11];
};

/* Where an array lies in the segment. */
struct pn_section {
    uint64_t offset;
    uint64_t count;
    uint64_t stride;
};

enum pn_section_id {
    PN_SEC_COUNTERS = 0,
    PN_SEC_CHANNELS = 1,
    PN_SEC_INSTRUMENTS = 2,
    PN_SEC_BOOKS = 3,
    PN_SEC_PAGES = 4,
    PN_SEC_PAGE_INDEX = 5,
    PN_SEC_ORDERS = 6,
    PN_SEC_YOUNG = 7,
    PN_SEC_TRADES = 8,
    PN_SEC_SYMBOLS = 9,
    PN_SEC_POOL = 10,
    PN_SEC_OLD = 11,
    PN_SEC_STAGES = 12,    /* struct pn_histogram a stage, in ticks of the stage clock */
    PN_SEC_PORTS = 13,     /* struct pn_port_status, live only */
    PN_SEC_DAEMON = 14,    /* struct pn_daemon, live only */
    PN_SEC_LATENCY = 15,   /* struct pn_histogram: receive time to published book, ns, live only */
    PN_SEC_SIGNALS = 16,   /* struct pn_signals a traded instrument; this and what follows */
    PN_SEC_OWN = 17,       /* struct pn_own_order; place 0 unused */
    PN_SEC_POSITIONS = 18, /* struct pn_position a traded instrument */
    PN_SEC_GATE = 19,      /* struct pn_gate_status */
    PN_SEC_SESSIONS = 20,  /* struct pn_session_status */
    PN_SEC_DESK = 21,      /* struct pn_desk_status */
    PN_SEC_FILLS = 22,     /* struct pn_fill, ring */
    PN_SEC_TIMES = 23,     /* struct pn_histogram a trade stage, ns */
    PN_SECTIONS = 24
};

/* First page of a state segment. */
struct pn_region_header {
    uint64_t magic;
    uint64_t abi_hash;
    uint32_t abi_version;
    uint32_t pid;
    uint64_t bytes;
    uint64_t start_ns;     /* of a live engine; 0 in a replay, whose time is its input */
    uint64_t heartbeat_ns; /* likewise */
    uint32_t hugepages;    /* 1: backed by hugetlbfs */
    uint32_t instruments;  /* records in use */
    uint32_t channels;     /* records in use */
    uint32_t config;       /* of a live engine: fingerprint of what its books depend on */
    struct pn_section section[24];
};

/* Limits and switches of one engine; all memory is reserved from these at start. */
struct pn_config {
    uint64_t max_orders; /* live orders, all instruments */
    uint64_t max_instruments;
    uint64_t max_pages;         /* of 64 price levels */
    uint64_t max_trades;        /* trades kept for breaks; power of two */
    uint32_t burst;             /* frames a burst, 1..256 */
    uint32_t reorder_datagrams; /* datagrams held for one channel while one is missing, 1..1024 */
    uint64_t reorder_ns;        /* how long a missing datagram is waited for */
    uint32_t hugepages;         /* 0 never, 1 if there are, 2 or fail */
    uint32_t timing;            /* 1: time the stages */
    uint32_t recognise;         /* 1: unknown flows are recognised by content */
    uint32_t default_feed;      /* enum pn_feed for unknown flows, 0 = by content */
    uint32_t traded;            /* traded instruments; 0 = this engine does not trade */
    uint32_t own_orders;        /* own orders kept */
};

/* A channel fixed by the user; group 0.0.0.0 or port 0 matches any. */
struct pn_channel_config {
    char name[24];
    uint32_t feed;
    uint32_t lines;
    uint32_t group_be[4];
    uint16_t port[4];
    int32_t input[4];  /* number of the input, -1 = any */
    uint32_t recovery; /* enum pn_recovery */
    uint32_t reserved;
};

/* One price level as readers see it. */
struct pn_level {
    int64_t px;
    uint64_t size;
    uint64_t orders;
};

/* One change of a best bid or offer, for recording. */
struct pn_bbo {
    uint64_t ts_ns;
    uint64_t rx_ns;
    uint64_t seq;
    uint32_t instrument;
    uint32_t state;
    int32_t bid_px;
    int32_t ask_px;
    uint32_t bid_orders;
    uint32_t ask_orders;
    uint64_t bid_size;
    uint64_t ask_size;
};

/* Why a run returned. */
enum pn_run_end {
    PN_RUN_MORE = 0, /* a limit or a full buffer; call again */
    PN_RUN_DONE = 1  /* all inputs are at their end */
};

/* What a run did and how it is bounded. Zero limits mean none. */
struct pn_run {
    uint64_t max_events;    /* in: stop after the message that reaches so many events */
    uint64_t until_ns;      /* in: stop before the first event received after this */
    struct pn_event *event; /* in: where to copy events, or NULL */
    uint64_t event_cap;
    struct pn_bbo *bbo; /* in: where to record top-of-book changes, or NULL */
    uint64_t bbo_cap;
    uint64_t events; /* out */
    uint64_t bbos;   /* out */
    uint64_t end;    /* out: enum pn_run_end */
};
