/*
 * The order table against a plain array: every reference is found while it lives and never after,
 * whatever shares its entry in the young index and however the old index has been shifted.
 */
#include <stdlib.h>
#include <string.h>

#include "book/orders.h"
#include "check.h"

enum { MAX = 4096, YOUNG = 1024, OLD = 8192 };

static struct pn_pool pool;
static struct pn_order slot[MAX + 1];
static uint32_t young[YOUNG];
static struct pn_old_order old[OLD];

static struct orders table(void)
{
    memset(&pool, 0, sizeof pool);
    memset(slot, 0, sizeof slot);
    memset(young, 0, sizeof young);
    memset(old, 0, sizeof old);
    return (struct orders){.slot = slot,
                           .young = young,
                           .old = old,
                           .pool = &pool,
                           .young_mask = YOUNG - 1,
                           .old_mask = OLD - 1,
                           .max = MAX};
}

/* As order_add does it: room in the entry first. */
static uint32_t add(struct orders *t, uint64_t ref)
{
    uint32_t *entry = orders_entry(t, ref), id = orders_next(t);
    if (!id || (*entry >> YOUNG_LEFT_BITS && orders_retire(t, entry) != 0))
        return 0;
    struct pn_order *o = orders_put(t, entry, id);
    o->ref = ref;
    o->size = 1;
    return id;
}

static void test_one_entry(void)
{
    struct orders t = table();
    /* 300 references of one entry: the count of those that left it sticks at its end. */
    for (uint64_t i = 0; i < 300; i++)
        CHECK(add(&t, 7 + i * YOUNG) != 0);
    for (uint64_t i = 0; i < 300; i++)
        CHECK(orders_find(&t, 7 + i * YOUNG) != 0);
    CHECK_EQ(orders_find(&t, 7 + 300 * YOUNG), 0);
    CHECK_EQ(young[7] & YOUNG_LEFT_MAX, YOUNG_LEFT_MAX);
    for (uint64_t i = 0; i < 300; i++) {
        orders_remove(&t, orders_find(&t, 7 + i * YOUNG));
        CHECK_EQ(orders_find(&t, 7 + i * YOUNG), 0);
    }
    CHECK_EQ(young[7] >> YOUNG_LEFT_BITS, 0);
}

static void test_limit(void)
{
    struct orders t = table();
    for (uint64_t i = 0; i < MAX; i++)
        CHECK(add(&t, i * 977) != 0);
    CHECK_EQ(orders_next(&t), 0);
    CHECK_EQ(add(&t, 1), 0);
    /* The last slot freed is the first one used again. */
    uint32_t id = orders_find(&t, 977 * 5);
    orders_remove(&t, id);
    CHECK_EQ(orders_next(&t), id);
    CHECK_EQ(pool.order_used, MAX);
}

static void test_random(void)
{
    struct orders t = table();
    static uint64_t live[MAX];
    static uint64_t gone[MAX];
    uint32_t n = 0, dead = 0;
    uint64_t seed = 1, next = 0;
    for (int step = 0; step < 200000; step++) {
        seed = seed * 6364136223846793005ull + 1442695040888963407ull;
        uint64_t draw = seed >> 33;
        if (n < MAX && (n == 0 || draw % 16 < 8u + (uint32_t)(step / 20000) % 2)) {
            next += 1 + draw % 5;
            CHECK(add(&t, next) != 0);
            live[n++] = next;
            continue;
        }
        uint32_t i = (uint32_t)(draw % n);
        uint32_t id = orders_find(&t, live[i]);
        CHECK(id != 0 && slot[id].ref == live[i] && slot[id].size == 1);
        orders_remove(&t, id);
        gone[dead++ % MAX] = live[i];
        live[i] = live[--n];
        if (step % 1000 == 0) {
            for (uint32_t k = 0; k < n; k++)
                CHECK(slot[orders_find(&t, live[k])].ref == live[k]);
            for (uint32_t k = 0; k < (dead < MAX ? dead : MAX); k++)
                CHECK_EQ(orders_find(&t, gone[k]), 0);
        }
    }
    /* All gone: nothing is left in either index. */
    while (n)
        orders_remove(&t, orders_find(&t, live[--n]));
    for (uint32_t i = 0; i < YOUNG; i++)
        CHECK_EQ(young[i] >> YOUNG_LEFT_BITS, 0);
    for (uint32_t i = 0; i < OLD; i++)
        CHECK_EQ(old[i].slot, 0);
}

int main(void)
{
    test_one_entry();
    test_limit();
    test_random();
    return check_done("orders");
}
