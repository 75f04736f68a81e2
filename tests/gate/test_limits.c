/*
 * test_limits.c - each control of the gate just below its limit, at it and just beyond, and what 0
 * means; that a pass counts and that everything counted can be taken back to nothing.
 */
#include "../unit/check.h"
#include "gate/state.h"
#include "rig.h"

enum { PX = 1000000, MUL = 10000 };

/* An order at slot 0 is refused for `why`, 0 = passes; what passed is taken back. */
#define EXPECT(r, why, side, px, qty) \
    do { \
        uint32_t expect_got = rig_order(r, 0, side, px, qty); \
        CHECK_EQ(expect_got, why); \
        if (!expect_got) { \
            gate_release((r)->g, 0, side, px, qty); \
            gate_done((r)->g, 0, side); \
        } \
    } while (0)

static void test_nothing_set(void)
{
    struct rig r;
    rig_open(&r);
    EXPECT(&r, PN_G_NONE, PN_BID, PX - 100, 1);
    CHECK_EQ(rig_order(&r, RIG_SLOTS, PN_BID, PX, 1), PN_G_SLOT);
    CHECK_EQ(rig_order(&r, UINT32_MAX, PN_BID, PX, 1), PN_G_SLOT);
    /* Limits that were never set allow nothing. */
    rig_limits(&r, 0, (struct pn_slot_limits){0});
    EXPECT(&r, PN_G_NOT_PERMITTED, PN_BID, PX, 1);
    struct pn_slot_limits l = {.allowed = 1};
    rig_limits(&r, 0, l);
    EXPECT(&r, PN_G_QTY, PN_BID, PX, 1);
    l.max_qty = 1;
    rig_limits(&r, 0, l);
    EXPECT(&r, PN_G_VALUE, PN_BID, PX, 1);
    l.max_value = INT64_MAX;
    rig_limits(&r, 0, l);
    EXPECT(&r, PN_G_NONE + PN_G_COLLAR, PN_BID, PX - 100, 1);
    r.now++;
    EXPECT(&r, PN_G_NO_REFERENCE, PN_BID, PX, 1);
    l.ref_age_ns = 1;
    rig_limits(&r, 0, l);
    EXPECT(&r, PN_G_WORKING, PN_BID, PX, 1);
    l.max_working = 1;
    rig_limits(&r, 0, l);
    EXPECT(&r, PN_G_POSITION, PN_BID, PX, 1);
    EXPECT(&r, PN_G_POSITION, PN_ASK, PX, 1);
    l.max_long = l.max_short = 1;
    rig_limits(&r, 0, l);
    rig_group(&r, PN_SCOPE_STRATEGY, 0, 0, 0);
    EXPECT(&r, PN_G_STRATEGY_CREDIT, PN_BID, PX, 1);
    rig_group(&r, PN_SCOPE_STRATEGY, 0, INT64_MAX, 0);
    rig_group(&r, PN_SCOPE_ACCOUNT, 0, 0, 0);
    EXPECT(&r, PN_G_ACCOUNT_CREDIT, PN_BID, PX, 1);
    rig_group(&r, PN_SCOPE_ACCOUNT, 0, INT64_MAX, 0);
    rig_group(&r, PN_SCOPE_FIRM, 0, 0, 0);
    EXPECT(&r, PN_G_FIRM_CREDIT, PN_BID, PX, 1);
    rig_close(&r);
}

static void test_standing(void)
{
    struct rig r;
    rig_open(&r);
    struct pn_slot_limits l = rig_open_limits();
    l.restricted = 1;
    rig_limits(&r, 0, l);
    EXPECT(&r, PN_G_RESTRICTED, PN_BID, PX, 1);
    gate_hold(r.g, 0, 1);
    CHECK(gate_is_held(r.g, 0) && !gate_is_held(r.g, 1));
    EXPECT(&r, PN_G_HELD, PN_BID, PX, 1);
    gate_session(r.g, 0, 0);
    EXPECT(&r, PN_G_SESSION_DOWN, PN_BID, PX, 1);
    r.c->lost_ns = 1000;
    r.c->beat_ns = r.now - 1000;
    rig_refresh(&r);
    EXPECT(&r, PN_G_SESSION_DOWN, PN_BID, PX, 1);
    r.now++;
    CHECK_EQ(gate_refresh(r.g, r.c, r.now) & 8, 8);
    EXPECT(&r, PN_G_CONTROL_LOST, PN_BID, PX, 1);
    CHECK_EQ(r.st->control_lost, 1);
    CHECK_EQ(pn_trade_kill(r.c, PN_SCOPE_INSTRUMENT, 0, PN_KILL_STOP), 0);
    CHECK_EQ(gate_refresh(r.g, r.c, r.now) & 3, 3);
    EXPECT(&r, PN_G_KILLED, PN_BID, PX, 1);
    CHECK_EQ(rig_order(&r, 3, PN_BID, PX, 1), PN_G_CONTROL_LOST);
    pn_trade_beat(r.c, r.now);
    CHECK_EQ(gate_refresh(r.g, r.c, r.now) & 8, 8);
    CHECK_EQ(rig_order(&r, 3, PN_BID, PX, 1), PN_G_NONE);
    CHECK_EQ(r.st->control_lost, 0);
    rig_close(&r);
}

static void test_field(void)
{
    struct rig r;
    rig_open(&r);
    EXPECT(&r, PN_G_FIELD, 2, PX, 1);
    EXPECT(&r, PN_G_FIELD, PN_BID, 0, 1);
    EXPECT(&r, PN_G_FIELD, PN_BID, -100, 1);
    EXPECT(&r, PN_G_FIELD, PN_BID, INT64_MIN, 1);
    EXPECT(&r, PN_G_FIELD, PN_BID, PX, 0);
    EXPECT(&r, PN_G_FIELD, PN_BID, PX - 1, 1);
    EXPECT(&r, PN_G_FIELD, PN_BID, PX + 1, 1);
    struct gate_order o = {.px = PX, .qty = 1, .tif = PN_TIF_GTC + 1};
    CHECK_EQ(gate_check(r.g, &o, r.now), PN_G_FIELD);
    /* Slot 5: lots of 12, ticks of 25. */
    for (int64_t px = PX - 60; px <= PX + 60; px++)
        CHECK_EQ(rig_order(&r, 5, PN_BID, px, 12), px % 25 ? PN_G_FIELD : 0);
    for (uint32_t qty = 1; qty < 100; qty++)
        CHECK_EQ(rig_order(&r, 5, PN_BID, PX, qty), qty % 12 ? PN_G_FIELD : 0);
    CHECK_EQ(rig_order(&r, 5, PN_BID, 25, UINT32_MAX / 12 * 12), 0);
    CHECK_EQ(rig_order(&r, 5, PN_BID, PX, UINT32_MAX), PN_G_FIELD);
    rig_close(&r);
}

static void test_qty_value(void)
{
    struct rig r;
    rig_open(&r);
    struct pn_slot_limits l = rig_open_limits();
    l.max_qty = 500;
    rig_limits(&r, 0, l);
    EXPECT(&r, PN_G_NONE, PN_BID, PX, 499);
    EXPECT(&r, PN_G_NONE, PN_BID, PX, 500);
    EXPECT(&r, PN_G_QTY, PN_BID, PX, 501);
    EXPECT(&r, PN_G_QTY, PN_BID, PX, UINT32_MAX);
    l = rig_open_limits();
    l.max_value = 500ll * PX * MUL;
    for (int64_t off = -1; off <= 1; off++) {
        l.max_value = 500ll * PX * MUL + off;
        rig_limits(&r, 0, l);
        EXPECT(&r, off < 0 ? PN_G_VALUE : 0, PN_ASK, PX, 500);
    }
    l.max_value = -1;
    rig_limits(&r, 0, l);
    EXPECT(&r, PN_G_VALUE, PN_BID, PX, 1);
    /* Products that leave 64 bits, in either multiplication. */
    l.max_value = INT64_MAX;
    rig_limits(&r, 0, l);
    EXPECT(&r, PN_G_VALUE, PN_BID, INT64_MAX / 100 * 100, 1);
    EXPECT(&r, PN_G_VALUE, PN_BID, INT64_MAX / 100 * 100, UINT32_MAX);
    EXPECT(&r, PN_G_VALUE, PN_BID, INT64_MAX / MUL / 100 * 100 + 100, 1);
    EXPECT(&r, PN_G_COLLAR, PN_BID, INT64_MAX / MUL / 100 * 100, 1);
    rig_close(&r);
}

static void test_book(void)
{
    struct rig r;
    rig_open(&r);
    struct pn_top good = r.top;
    const struct {
        struct pn_top top;
        uint32_t why;
    } tops[] = {
#define TOP(why, state, trading, transition, bid, ask, bid_size, ask_size) \
    {{0, state, 0, trading, transition, bid, ask, 0, 0, bid_size, ask_size, 0, 0, 0}, why}
        TOP(PN_G_BOOK_STALE, PN_BOOK_STALE, PN_TRADING_OPEN, 0, PX, PX + 1, 1, 1),
        TOP(PN_G_BOOK_STALE, PN_BOOK_EMPTY, PN_TRADING_OPEN, 0, PX, PX + 1, 1, 1),
        TOP(PN_G_BOOK_STALE, PN_BOOK_VALID, PN_TRADING_OPEN, 0, PX, PX + 1, 0, 0),
        TOP(PN_G_BOOK_STALE, PN_BOOK_VALID, PN_TRADING_OPEN, 1, PX, PX + 1, 1, 1),
        TOP(PN_G_BOOK_CROSSED, PN_BOOK_VALID, PN_TRADING_OPEN, 0, PX + 1, PX, 1, 1),
        TOP(PN_G_BOOK_CROSSED, PN_BOOK_VALID, PN_TRADING_OPEN, 0, PX, PX, 1, 1),
        TOP(PN_G_NONE, PN_BOOK_VALID, PN_TRADING_OPEN, 0, PX - 1, PX, 1, 1),
        TOP(PN_G_NO_REFERENCE, PN_BOOK_VALID, PN_TRADING_OPEN, 0, PX, 0, 1, 0),
        TOP(PN_G_NO_REFERENCE, PN_BOOK_VALID, PN_TRADING_OPEN, 0, 0, PX, 0, 1),
        TOP(PN_G_HALTED, PN_BOOK_VALID, PN_TRADING_HALTED, 0, PX, PX + 1, 1, 1),
        TOP(PN_G_HALTED, PN_BOOK_VALID, PN_TRADING_PAUSED, 0, PX, 0, 1, 0),
        TOP(PN_G_HALTED, PN_BOOK_VALID, PN_TRADING_UNKNOWN, 0, PX, PX + 1, 1, 1),
        TOP(PN_G_HALTED, PN_BOOK_VALID, PN_TRADING_QUOTE_ONLY, 0, 0, PX, 0, 1),
    };
    for (size_t i = 0; i < sizeof tops / sizeof tops[0]; i++) {
        gate_reference(r.g, 0, &tops[i].top, r.now);
        EXPECT(&r, tops[i].why, PN_BID, PX, 1);
    }
    /* Age of the reference, to both sides: a clock that steps back makes none either. */
    struct pn_slot_limits l = rig_open_limits();
    l.ref_age_ns = 1000;
    rig_limits(&r, 0, l);
    gate_reference(r.g, 0, &good, r.now);
    uint64_t at = r.now;
    for (int64_t off = -1002; off <= 1002; off++) {
        r.now = at + (uint64_t)off;
        EXPECT(&r, off < -1000 || off > 1000 ? PN_G_NO_REFERENCE : 0, PN_BID, PX, 1);
    }
    rig_close(&r);
}

/* Against the words of the struct, in doubled prices. */
static int collared(int64_t px, int64_t bid, int64_t ask, uint32_t ppm, uint32_t ticks)
{
    __int128 away = 2 * (__int128)px - bid - ask;
    away = away < 0 ? -away : away;
    return away > (__int128)2 * 100 * ticks || away * 1000000 > (__int128)ppm * (bid + ask);
}

static void test_collar(void)
{
    struct rig r;
    rig_open(&r);
    static const uint32_t ppm[] = {0, 1, 99, 100, 101, 5000, 100000, 1000000, UINT32_MAX};
    static const uint32_t ticks[] = {0, 1, 2, 49, 50, 51, 10000, UINT32_MAX};
    static const int32_t tops[][2] = {
        {RIG_BID, RIG_ASK}, {1, 100}, {199, 300}, {2147483500, 2147483600}, {100, INT32_MAX}};
    for (size_t t = 0; t < 5; t++) {
        r.top.bid_px = tops[t][0];
        r.top.ask_px = tops[t][1];
        for (size_t i = 0; i < 9 * 8; i++) {
            struct pn_slot_limits l = rig_open_limits();
            l.collar_ppm = ppm[i / 8];
            l.collar_ticks = ticks[i % 8];
            rig_limits(&r, 0, l);
            rig_top(&r);
            int64_t mid = ((int64_t)tops[t][0] + tops[t][1]) / 200 * 100;
            for (int64_t k = -120; k <= 120; k++) {
                int64_t px = mid + k * 100;
                if (px > 0)
                    EXPECT(&r,
                           collared(px, tops[t][0], tops[t][1], l.collar_ppm, l.collar_ticks)
                               ? PN_G_COLLAR
                               : 0,
                           PN_BID, px, 1);
            }
        }
    }
    rig_close(&r);
}

static void test_self_match(void)
{
    struct rig r;
    rig_open(&r);
    CHECK_EQ(rig_order(&r, 1, PN_ASK, PX + 200, 10), 0);
    CHECK_EQ(rig_order(&r, 1, PN_ASK, PX + 100, 10), 0);
    /* Slot 0 is the other strategy's, on the same instrument; 2 and 3 are not. */
    EXPECT(&r, PN_G_NONE, PN_BID, PX, 1);
    EXPECT(&r, PN_G_SELF_MATCH, PN_BID, PX + 100, 1);
    EXPECT(&r, PN_G_SELF_MATCH, PN_BID, PX + 300, 1);
    CHECK_EQ(rig_order(&r, 2, PN_BID, PX + 300, 1), 0);
    CHECK_EQ(rig_order(&r, 3, PN_BID, PX + 300, 1), 0);
    gate_release(r.g, 1, PN_ASK, PX + 100, 9);
    EXPECT(&r, PN_G_SELF_MATCH, PN_BID, PX + 100, 1);
    gate_release(r.g, 1, PN_ASK, PX + 100, 1);
    EXPECT(&r, PN_G_NONE, PN_BID, PX + 100, 1);
    EXPECT(&r, PN_G_SELF_MATCH, PN_BID, PX + 200, 1);
    CHECK_EQ(rig_order(&r, 0, PN_BID, PX, 1), 0);
    CHECK_EQ(rig_order(&r, 1, PN_ASK, PX, 1), PN_G_SELF_MATCH);
    CHECK_EQ(rig_order(&r, 1, PN_ASK, PX - 100, 1), PN_G_SELF_MATCH);
    CHECK_EQ(rig_order(&r, 1, PN_ASK, PX + 100, 1), 0);
    gate_release(r.g, 0, PN_BID, PX, 1);
    CHECK_EQ(rig_order(&r, 1, PN_ASK, PX, 1), 0);
    rig_close(&r);
}

static void test_position(void)
{
    struct rig r;
    rig_open(&r);
    struct pn_slot_limits l = rig_open_limits();
    for (int64_t held = -30; held <= 30; held += 10) {
        for (int side = 0; side < 2; side++) {
            for (int64_t working = 0; working <= 20; working += 10) {
                r.pos[0].qty = held;
                l.max_long = l.max_short = INT64_MAX;
                rig_limits(&r, 0, l);
                if (working)
                    CHECK_EQ(rig_order(&r, 0, (uint32_t)side, PX, (uint32_t)working), 0);
                int64_t worst = (side ? -held : held) + working + 7;
                for (int64_t off = -1; off <= 1; off++) {
                    l.max_long = side ? INT64_MAX : worst + off;
                    l.max_short = side ? worst + off : INT64_MAX;
                    rig_limits(&r, 0, l);
                    EXPECT(&r, off < 0 ? PN_G_POSITION : 0, (uint32_t)side, PX, 7);
                }
                gate_release(r.g, 0, (uint32_t)side, PX, (uint64_t)working);
            }
        }
    }
    /* A replace counts old and new until the old one is let go. */
    r.pos[0].qty = 0;
    l = rig_open_limits();
    l.max_long = 199;
    l.max_working = 1;
    rig_limits(&r, 0, l);
    CHECK_EQ(rig_order(&r, 0, PN_BID, PX, 100), 0);
    struct gate_order o = {.px = PX - 100, .qty = 100, .old_px = PX, .old_leaves = 100};
    CHECK_EQ(gate_check(r.g, &o, r.now), PN_G_POSITION);
    l.max_long = 200;
    rig_limits(&r, 0, l);
    CHECK_EQ(gate_check(r.g, &o, r.now), 0);
    EXPECT(&r, PN_G_WORKING, PN_BID, PX, 1);
    gate_release(r.g, 0, PN_BID, PX, 100);
    gate_done(r.g, 0, PN_BID);
    CHECK_EQ(r.g->slot[0].side[0].qty, 100);
    /* Extremes of what is held. */
    for (int side = 0; side < 2; side++) {
        r.pos[2].qty = side ? INT64_MIN : INT64_MAX;
        CHECK_EQ(rig_order(&r, 2, (uint32_t)side, PX, 1), PN_G_POSITION);
        CHECK_EQ(rig_order(&r, 2, (uint32_t)!side, PX, 1), 0);
        gate_release(r.g, 2, (uint32_t)!side, PX, 1);
    }
    rig_close(&r);
}

static void test_working(void)
{
    struct rig r;
    rig_open(&r);
    struct pn_slot_limits l = rig_open_limits();
    l.max_working = 3;
    rig_limits(&r, 0, l);
    CHECK_EQ(rig_order(&r, 0, PN_BID, PX, 5), 0);
    CHECK_EQ(rig_order(&r, 0, PN_BID, PX, 5), 0);
    EXPECT(&r, PN_G_NONE, PN_ASK, PX + 100, 1);
    CHECK_EQ(rig_order(&r, 0, PN_ASK, PX + 100, 1), 0);
    EXPECT(&r, PN_G_WORKING, PN_BID, PX, 1);
    gate_release(r.g, 0, PN_BID, PX, 5);
    EXPECT(&r, PN_G_WORKING, PN_BID, PX, 1);
    gate_done(r.g, 0, PN_BID);
    EXPECT(&r, PN_G_NONE, PN_BID, PX, 1);
    rig_close(&r);
    /* The named maximum of different prices on one side, and one more. */
    rig_open(&r);
    for (int64_t i = 0; i < GATE_PRICES_MAX; i++)
        CHECK_EQ(rig_order(&r, 0, PN_BID, PX - 100 * i, 1), 0);
    CHECK_EQ(rig_order(&r, 0, PN_BID, PX - 100 * GATE_PRICES_MAX, 1), PN_G_WORKING);
    CHECK_EQ(rig_order(&r, 0, PN_BID, PX, 1), 0);
    gate_adopt(r.g, 0, PN_BID, PX - 100 * GATE_PRICES_MAX, 1);
    CHECK(gate_is_held(r.g, 0) && r.g->unmatched == 1);
    rig_close(&r);
}

static void test_credit(void)
{
    static const uint32_t scope[] = {PN_SCOPE_STRATEGY, PN_SCOPE_ACCOUNT, PN_SCOPE_FIRM};
    static const uint32_t why[] = {PN_G_STRATEGY_CREDIT, PN_G_ACCOUNT_CREDIT, PN_G_FIRM_CREDIT};
    const int64_t unit = (int64_t)PX * MUL;
    for (int k = 0; k < 3; k++) {
        struct rig r;
        rig_open(&r);
        for (int64_t off = -1; off <= 1; off++) {
            rig_group(&r, scope[k], 0, 10 * unit + off, 0);
            EXPECT(&r, off < 0 ? why[k] : 0, PN_BID, PX, 10);
            EXPECT(&r, off < 0 ? why[k] : 0, PN_ASK, PX, 10);
        }
        /* Both sides at once are not both the worst. */
        rig_group(&r, scope[k], 0, 10 * unit, 0);
        CHECK_EQ(rig_order(&r, 0, PN_BID, PX - 100, 10), 0);
        EXPECT(&r, PN_G_NONE, PN_ASK, PX, 10);
        EXPECT(&r, why[k], PN_ASK, PX, 11);
        gate_release(r.g, 0, PN_BID, PX - 100, 10);
        /* Held: more of it counts, less of it does not, also beyond the limit. */
        r.pos[0].qty = 15;
        r.pos[0].mark_q8 = (int64_t)PX << 8;
        (void)gate_marked(r.g, 0, r.now);
        CHECK_EQ(r.st->firm.gross, 15 * unit);
        EXPECT(&r, why[k], PN_BID, PX, 1);
        EXPECT(&r, PN_G_NONE, PN_ASK, PX, 15);
        EXPECT(&r, PN_G_NONE, PN_ASK, PX, 30);
        EXPECT(&r, why[k], PN_ASK, PX, 31);
        r.pos[0].qty = 0;
        (void)gate_filled(r.g, 0, r.now);
        CHECK_EQ(r.st->firm.gross, 0);
        rig_close(&r);
    }
}

static void test_symmetry(void)
{
    struct rig r;
    rig_open(&r);
    CHECK_EQ(rig_order(&r, 0, PN_BID, PX, 100), 0);
    gate_release(r.g, 0, PN_BID, PX, 101); /* more than there is */
    gate_release(r.g, 0, PN_BID, PX, 1);
    gate_release(r.g, 0, PN_ASK, PX, 1);
    gate_release(r.g, RIG_SLOTS, PN_BID, PX, 1);
    gate_release(r.g, 0, 2, PX, 1);
    gate_done(r.g, 0, PN_BID);
    CHECK_EQ(r.g->unmatched, 3);
    CHECK_EQ(r.g->slot[0].side[0].qty, 0);
    CHECK_EQ(r.g->slot[0].side[0].value, 0);
    CHECK_EQ(r.g->slot[0].side[0].working, 0);
    CHECK_EQ(r.g->slot[0].exposure, 0);
    CHECK(r.g->group[0].gross == 0);
    gate_adopt(r.g, 0, PN_ASK, PX, 7);
    CHECK_EQ(r.g->slot[0].side[1].value, 7ll * PX * MUL);
    CHECK_EQ(r.st->firm.gross, 7ll * PX * MUL);
    EXPECT(&r, PN_G_SELF_MATCH, PN_BID, PX, 1);
    gate_release(r.g, 0, PN_ASK, PX, 7);
    EXPECT(&r, PN_G_NONE, PN_BID, PX, 1);
    rig_close(&r);
}

int main(void)
{
    test_nothing_set();
    test_standing();
    test_field();
    test_qty_value();
    test_book();
    test_collar();
    test_self_match();
    test_position();
    test_working();
    test_credit();
    test_symmetry();
    return check_done("limits");
}
