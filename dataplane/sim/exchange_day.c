/*
 * exchange_day.c - the exchange's day, step by step: what is said before trading, the first book,
 * opening, imbalances, closing, end. The table at the bottom is the day in order.
 */
#include "sim/exchange_internal.h"

enum { PAUSE_NS = 200, IMBALANCE_NS = 1000000000 };

static uint64_t clock_of(const struct exchange *x, uint32_t what)
{
    const uint64_t of[] = {x->cfg.start_ns, x->cfg.open_ns, x->cfg.close_ns, x->cfg.end_ns};
    return x->cfg.midnight_ns + of[what];
}

static void system_event(struct exchange *x, uint8_t code)
{
    feed_emit(x, 'S', 0)[11] = code;
}

static int each_symbol(struct exchange *x)
{
    return ++x->day_cursor >= x->cfg.symbols;
}

static int do_begin(struct exchange *x)
{
    system_event(x, 'O');
    reply_system(x, 'S');
    return 1;
}

static int do_directory(struct exchange *x)
{
    feed_directory(x, feed_named(x, 'R', x->day_cursor, 11), x->day_cursor);
    return each_symbol(x);
}

static int do_action(struct exchange *x)
{
    feed_action(x, x->day_cursor, 'T', "    ");
    return each_symbol(x);
}

static int do_regsho(struct exchange *x)
{
    feed_named(x, 'Y', x->day_cursor, 11)[19] = x->day_cursor % 40 == 39 ? '2' : '0';
    return each_symbol(x);
}

static int do_position(struct exchange *x)
{
    uint8_t *m = feed_named(x, 'L', x->day_cursor, 15);
    memcpy(m + 11, "MKTM", 4);
    memcpy(m + 23, "YNA", 3);
    return each_symbol(x);
}

/* Decline levels of 7, 13 and 20 % below an index of 4,500. */
static int do_decline(struct exchange *x)
{
    uint8_t *m = feed_emit(x, 'V', 0);
    for (uint32_t i = 0; i < 3; i++)
        store_u64_be(m + 11 + 8 * i, 4500ull * 1000000 * (uint64_t)((int[]){93, 87, 80})[i]);
    return 1;
}

static int do_hours(struct exchange *x)
{
    system_event(x, 'S');
    x->stats.day = PN_DAY_PRE_OPEN;
    return 1;
}

static int do_seed(struct exchange *x)
{
    if (x->agents && agents_seed_book(x->agents, x->day_cursor)) {
        ex_publish(x);
        return 0;
    }
    return each_symbol(x);
}

/* Imbalances before a cross, one symbol a step; then waits a second or until the time has come. */
static int until(struct exchange *x, uint64_t time, uint8_t cross)
{
    if (x->now >= time)
        return 1;
    if (x->now >= x->imbalance_next) {
        feed_imbalance(x, x->day_cursor, cross);
        if (each_symbol(x)) {
            x->day_cursor = 0;
            x->imbalance_next = x->now + IMBALANCE_NS;
        } else
            return 0;
    }
    x->day_next = x->imbalance_next < time ? x->imbalance_next : time;
    return 0;
}

static int do_pre_open(struct exchange *x)
{
    return until(x, clock_of(x, 1), 'O');
}

static int do_open(struct exchange *x)
{
    system_event(x, 'Q');
    return 1;
}

static int do_opening_cross(struct exchange *x)
{
    match_phase(x->match, x->day_cursor, MATCH_OPEN, 'O');
    ex_publish(x);
    if (!each_symbol(x))
        return 0;
    x->stats.day = PN_DAY_OPEN;
    uint64_t day = clock_of(x, 2) - clock_of(x, 1), last = day / 20;
    last = last > 60 * EX_SECOND ? 60 * EX_SECOND : last;
    x->imbalance_next = clock_of(x, 2) - last;
    return 1;
}

static int do_trading(struct exchange *x)
{
    return until(x, clock_of(x, 2), 'C');
}

static int do_close(struct exchange *x)
{
    system_event(x, 'M');
    return 1;
}

static int do_closing_cross(struct exchange *x)
{
    x->stats.day = PN_DAY_CLOSED;
    match_phase(x->match, x->day_cursor, MATCH_CLOSED, 'C');
    ex_publish(x);
    return each_symbol(x);
}

static int do_wait_end(struct exchange *x)
{
    if (x->now >= clock_of(x, 3))
        return 1;
    x->day_next = clock_of(x, 3);
    return 0;
}

/* Whatever still rests goes: members' orders and the agents'. */
static int do_clear(struct exchange *x)
{
    uint32_t left = match_mass_cancel(x->match, x->day_cursor, UINT32_MAX, 'E');
    ex_publish(x);
    return left == 0 && ++x->day_cursor >= x->cfg.members + 2;
}

static int do_end(struct exchange *x)
{
    reply_flush_late(x);
    for (uint32_t i = 0; i < x->cfg.members; i++)
        reply_release(x, i);
    system_event(x, 'E');
    system_event(x, 'C');
    feed_flush(x);
    reply_system(x, 'E');
    x->stats.day = PN_DAY_OVER;
    soup_end(x);
    feed_beat(x);
    return 1;
}

static int (*const day[])(struct exchange *x) = {
    do_begin, do_directory,     do_action,   do_regsho, do_position,      do_decline,
    do_hours, do_seed,          do_pre_open, do_open,   do_opening_cross, do_trading,
    do_close, do_closing_cross, do_wait_end, do_clear,  do_end,
};

void day_begin(struct exchange *x)
{
    x->day_next = clock_of(x, 0);
    x->imbalance_next = 0;
}

void day_step(struct exchange *x)
{
    x->day_next = x->now + PAUSE_NS;
    if (day[x->day_step](x)) {
        x->day_cursor = 0;
        x->day_step++;
    }
    if (x->day_step == sizeof day / sizeof day[0])
        x->day_next = EX_NEVER;
}
