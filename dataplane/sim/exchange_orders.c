/*
 * exchange_orders.c - the members' orders that live, by member and UserRefNum: a fixed pool and a
 * hash of chains.
 */
#include "sim/exchange_internal.h"

#include <errno.h>
#include <stdlib.h>

int orders_open(struct exchange *x)
{
    uint32_t buckets = (uint32_t)round_pow2(x->cfg.max_orders);
    x->order_cap = x->cfg.max_orders + 1; /* place 0 is none */
    x->order = calloc(x->order_cap, sizeof *x->order);
    x->hash = calloc(buckets, sizeof *x->hash);
    x->hash_mask = buckets - 1;
    x->order_top = 1;
    return x->order && x->hash ? 0 : -ENOMEM;
}

void orders_close(struct exchange *x)
{
    free(x->order);
    free(x->hash);
}

static uint32_t *bucket(struct exchange *x, uint32_t member, uint32_t user_ref)
{
    uint64_t h = ((uint64_t)member << 32 | user_ref) * 0x9e3779b97f4a7c15ull;
    return &x->hash[h >> 32 & x->hash_mask];
}

struct ex_order *orders_new(struct exchange *x, uint32_t member, uint32_t user_ref)
{
    uint32_t at = x->order_free;
    if (at)
        x->order_free = x->order[at].next;
    else if (x->order_top < x->order_cap)
        at = x->order_top++;
    else
        return 0;
    uint32_t *head = bucket(x, member, user_ref);
    x->order[at] = (struct ex_order){.member = member, .user_ref = user_ref, .next = *head};
    *head = at;
    return &x->order[at];
}

void orders_free(struct exchange *x, struct ex_order *o)
{
    uint32_t at = (uint32_t)(o - x->order), *link = bucket(x, o->member, o->user_ref);
    while (*link != at)
        link = &x->order[*link].next;
    *link = o->next;
    if (o->told)
        ex_account(x, o->member, o->symbol)->open_orders--;
    x->member[o->member].withheld -= o->withheld_ns != 0;
    o->user_ref = 0;
    o->next = x->order_free;
    x->order_free = at;
}

struct ex_order *orders_find(struct exchange *x, uint32_t member, uint32_t user_ref)
{
    uint32_t at = *bucket(x, member, user_ref);
    while (at && (x->order[at].user_ref != user_ref || x->order[at].member != member))
        at = x->order[at].next;
    return at ? &x->order[at] : 0;
}

struct ex_order *orders_by_token(struct exchange *x, uint32_t member, uint64_t token)
{
    uint64_t at = token >> 32;
    if (at == 0 || at >= x->order_top)
        return 0;
    struct ex_order *o = &x->order[at];
    return o->member == member && o->user_ref && o->user_ref == (uint32_t)token ? o : 0;
}

void orders_cancel_all(struct exchange *x, uint32_t member, uint32_t symbol, uint8_t why)
{
    while (match_mass_cancel(x->match, member, symbol, why))
        ex_publish(x);
    ex_publish(x);
}

uint64_t exchange_open_orders(const struct exchange *x, const char *user,
                              struct pn_exchange_order *out, uint64_t cap)
{
    uint64_t n = 0;
    for (uint32_t i = 1; i < x->order_top; i++) {
        const struct ex_order *o = &x->order[i];
        if (!o->user_ref || !o->told || strncmp(x->cfg.member_user[o->member], user, 8) != 0)
            continue;
        if (n < cap)
            out[n] = (struct pn_exchange_order){.ref = o->ref,
                                                .user_ref = o->user_ref,
                                                .qty = o->open,
                                                .px = (int32_t)o->px,
                                                .instrument = o->symbol,
                                                .side = o->side != 'B'};
        n++;
    }
    return n;
}
