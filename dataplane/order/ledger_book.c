/* ledger_book.c - see ledger_book.h. Everything is computed first and stored when it all fits. */
#include "order/ledger_book.h"

#include <errno.h>
#include <stdlib.h>

typedef __int128 wide;
typedef unsigned __int128 uwide;

enum { PPM = 1000000 };

static int narrow(wide v, int64_t *out)
{
    *out = (int64_t)v;
    return *out == v ? 0 : -EOVERFLOW;
}

int ledger_lots_open(struct ledger_lots *l, uint32_t slots, uint32_t shared)
{
    uint64_t n = (uint64_t)slots + shared;
    l->lot = calloc(n ? n : 1, sizeof *l->lot);
    if (!l->lot)
        return -ENOMEM;
    for (uint64_t i = 0; i < n; i++)
        l->lot[i].next = i + 1 < n ? (uint32_t)i + 1 : LEDGER_NONE;
    l->free = n ? 0 : LEDGER_NONE;
    l->left = shared;
    l->merged = 0;
    return 0;
}

void ledger_lots_close(struct ledger_lots *l)
{
    free(l->lot);
    l->lot = NULL;
}

void ledger_book_init(struct ledger_book *b)
{
    *b = (struct ledger_book){.oldest = LEDGER_NONE, .youngest = LEDGER_NONE};
}

/* A lot goes behind the youngest, or into it when there is none to be had. */
static void push_lot(struct ledger_book *b, struct ledger_lots *lots, uint64_t qty, int64_t value)
{
    int first = b->oldest == LEDGER_NONE;
    if (!first && !lots->left) {
        struct ledger_lot *last = &lots->lot[b->youngest];
        last->qty += qty;
        last->value = (int64_t)((uint64_t)last->value + (uint64_t)value); /* found to fit */
        lots->merged++;
        return;
    }
    uint32_t at = lots->free;
    struct ledger_lot *lot = &lots->lot[at];
    lots->free = lot->next;
    lots->left -= !first;
    *lot = (struct ledger_lot){.qty = qty, .value = value, .next = LEDGER_NONE};
    if (first)
        b->oldest = at;
    else
        lots->lot[b->youngest].next = at;
    b->youngest = at;
}

static void pop_lot(struct ledger_book *b, struct ledger_lots *lots)
{
    uint32_t at = b->oldest;
    struct ledger_lot *lot = &lots->lot[at];
    b->oldest = lot->next;
    if (b->oldest == LEDGER_NONE)
        b->youngest = LEDGER_NONE;
    else
        lots->left++;
    lot->next = lots->free;
    lots->free = at;
}

void ledger_book_clear(struct ledger_book *b, struct ledger_lots *lots)
{
    while (b->oldest != LEDGER_NONE)
        pop_lot(b, lots);
    ledger_book_init(b);
}

void ledger_book_copy(struct ledger_book *to, struct ledger_lots *to_lots,
                      const struct ledger_book *from, const struct ledger_lots *from_lots)
{
    *to = *from;
    to->oldest = to->youngest = LEDGER_NONE;
    for (uint32_t i = from->oldest; i != LEDGER_NONE; i = from_lots->lot[i].next)
        push_lot(to, to_lots, from_lots->lot[i].qty, from_lots->lot[i].value);
}

/* What closing `qty` releases of a lot: its share rounded towards zero, all of it with its last. */
static int64_t share(int64_t value, uint64_t qty, uint64_t of)
{
    return (int64_t)((wide)value * (wide)qty / (wide)of);
}

/* Cost of the oldest `qty`; lots are used up when take is set. */
static wide release_lots(struct ledger_book *b, struct ledger_lots *lots, uint64_t qty, int take)
{
    wide sum = 0;
    for (uint32_t i = b->oldest; qty && i != LEDGER_NONE;) {
        struct ledger_lot *lot = &lots->lot[i];
        uint32_t next = lot->next;
        uint64_t part = qty < lot->qty ? qty : lot->qty;
        int64_t cost = share(lot->value, part, lot->qty);
        sum += cost;
        qty -= part;
        if (take && part == lot->qty) {
            pop_lot(b, lots);
        } else if (take) {
            lot->qty -= part;
            lot->value -= cost;
        }
        i = next;
    }
    return sum;
}

int ledger_value_q8(int64_t qty, int64_t px_q8, uint64_t value_mul, int64_t *out)
{
    wide product = (wide)qty * px_q8;
    uwide size = product < 0 ? -(uwide)product : (uwide)product;
    if (size > ((uwide)1 << 72) / value_mul) /* far from what fits, near enough to shift */
        return -EOVERFLOW;
    return narrow((product * (wide)value_mul + 128) >> 8, out);
}

static int fee_of(const struct pn_traded *in, int64_t value, uint32_t qty, int maker, int64_t *out)
{
    int64_t ppm = maker ? in->maker_ppm : in->taker_ppm;
    wide part = (wide)value * ppm;
    uwide size = ((part < 0 ? -(uwide)part : (uwide)part) + PPM / 2) / PPM;
    wide fee = (wide)(maker ? in->maker_fee : in->taker_fee) * qty;
    return narrow(fee + (part < 0 ? -(wide)size : (wide)size), out);
}

int ledger_trade_price(struct ledger_trade *t, const struct pn_traded *in)
{
    int64_t units;
    if (__builtin_mul_overflow(t->px, (int64_t)t->qty, &units) ||
        __builtin_mul_overflow(units, (int64_t)in->value_mul, &t->value))
        return -EOVERFLOW;
    return fee_of(in, t->value, t->qty, t->maker, &t->fee);
}

/* Signed distance of the price from the mid, in the trade's favour, half a unit up. */
static int capture_of(const struct ledger_trade *t, uint64_t value_mul, int64_t *out)
{
    int64_t at_mid;
    int64_t qty = t->side == PN_BID ? (int64_t)t->qty : -(int64_t)t->qty;
    if (!t->mid_q8) {
        *out = 0;
        return 0;
    }
    if (ledger_value_q8(qty, t->mid_q8, value_mul, &at_mid) != 0)
        return -EOVERFLOW;
    return narrow((wide)at_mid - (t->side == PN_BID ? (wide)t->value : -(wide)t->value), out);
}

/* Sums that only ever grow by the trade. */
static int add_sums(struct ledger_book *n, const struct ledger_trade *t, uint64_t value_mul)
{
    uint64_t *qty = t->side == PN_BID ? &n->bought : &n->sold;
    int64_t *value = t->side == PN_BID ? &n->bought_value : &n->sold_value;
    int64_t capture;
    if (capture_of(t, value_mul, &capture) != 0 || __builtin_add_overflow(*qty, t->qty, qty) ||
        __builtin_add_overflow(*value, t->value, value) ||
        __builtin_add_overflow(n->fees, t->fee, &n->fees) ||
        __builtin_add_overflow(n->spread_capture, capture, &n->spread_capture))
        return -EOVERFLOW;
    n->fills++;
    n->maker_fills += t->maker;
    return 0;
}

int ledger_book_apply(struct ledger_book *b, struct ledger_lots *lots, const struct ledger_trade *t,
                      uint64_t value_mul)
{
    struct ledger_book n = *b;
    int64_t sign = t->side == PN_BID ? 1 : -1;
    if (add_sums(&n, t, value_mul) != 0 ||
        __builtin_add_overflow(b->qty, sign * (int64_t)t->qty, &n.qty) || n.qty == INT64_MIN)
        return -EOVERFLOW;
    /* The part that closes what is held the other way, then the part that opens. */
    uint64_t held = b->qty < 0 ? (uint64_t)-b->qty : (uint64_t)b->qty, close = 0;
    if (b->qty && (b->qty < 0) == (sign > 0))
        close = held < t->qty ? held : t->qty;
    int64_t close_value = (int64_t)((wide)t->px * (wide)close * (wide)value_mul);
    int64_t open_value = t->value - close_value;
    if (close) {
        int64_t released = share(b->cost, close, held);
        wide cash = sign > 0 ? -(wide)close_value : close_value;
        wide fifo = release_lots(b, lots, close, 0);
        if (narrow((wide)b->realised + cash - released, &n.realised) != 0 ||
            narrow((wide)b->realised_fifo + cash - (sign > 0 ? -fifo : fifo), &n.realised_fifo) !=
                0)
            return -EOVERFLOW;
        n.cost = b->cost - released;
    }
    if (narrow((wide)n.cost + (sign > 0 ? (wide)open_value : -(wide)open_value), &n.cost) != 0)
        return -EOVERFLOW;
    uint64_t open = t->qty - close;
    wide fifo_cost = (wide)n.bought_value - n.sold_value + n.realised_fifo;
    int64_t fits;
    if (narrow(fifo_cost, &fits) != 0)
        return -EOVERFLOW;
    if (open && !close && b->youngest != LEDGER_NONE && !lots->left &&
        __builtin_add_overflow(lots->lot[b->youngest].value, open_value, &fits))
        return -EOVERFLOW;
    if (close)
        release_lots(b, lots, close, 1);
    n.oldest = b->oldest;
    n.youngest = b->youngest;
    *b = n;
    if (open)
        push_lot(b, lots, open, open_value);
    return 0;
}
