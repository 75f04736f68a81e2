/* agents_draw.c - the tables behind the variates; used at open only, but for the square root. */
#include "sim/agents_draw.h"

uint64_t draw_log2(uint64_t x)
{
    uint64_t log2 = 0;
    for (uint32_t bit = 32; bit--;) { /* the square has twice the logarithm */
        unsigned __int128 square = (unsigned __int128)x * x >> 63;
        if (square >> 64) {
            log2 |= 1ull << bit;
            square >>= 1;
        }
        x = (uint64_t)square;
    }
    return log2;
}

void draw_log_init(struct draw_log *t)
{
    for (uint64_t i = 0; i < 1u << DRAW_LOG_BITS; i++)
        t->log2_q32[i] = draw_log2((1ull << 63) + (i << (63 - DRAW_LOG_BITS)));
    t->log2_q32[1u << DRAW_LOG_BITS] = 1ull << 32;
}

uint64_t draw_geometric_scale(uint32_t mean)
{
    if (mean <= 1)
        return 0;
    uint64_t twice = (uint64_t)(((unsigned __int128)(mean - 1) << 64) / mean); /* of 1 - 1 / mean */
    uint64_t bits = (1ull << 32) - draw_log2(twice);
    uint64_t nats = (uint64_t)((unsigned __int128)bits * DRAW_LN2_Q32 >> 32);
    return (1ull << 48) / (nats ? nats : 1);
}

void draw_choice_init(struct draw_choice *c, const uint64_t *weight)
{
    uint64_t left[DRAW_WEIGHTS], total = 0;
    uint32_t small[DRAW_WEIGHTS] = {0}, large[DRAW_WEIGHTS] = {0}, smalls = 0, larges = 0;
    for (uint32_t k = 0; k < DRAW_WEIGHTS; k++)
        total += weight[k];
    for (uint32_t k = 0; k < DRAW_WEIGHTS; k++) {
        left[k] = weight[k] * DRAW_WEIGHTS;
        c->keep_q32[k] = UINT32_MAX;
        c->other[k] = (uint8_t)k;
        if (left[k] < total)
            small[smalls++] = k;
        else
            large[larges++] = k;
    }
    while (smalls && larges) {
        uint32_t s = small[--smalls], l = large[larges - 1];
        c->keep_q32[s] = (uint32_t)(((unsigned __int128)left[s] << 32) / total);
        c->other[s] = (uint8_t)l;
        left[l] -= total - left[s];
        if (left[l] < total) {
            larges--;
            small[smalls++] = l;
        }
    }
}

uint64_t draw_root(uint64_t x)
{
    if (!x)
        return 0;
    uint64_t root = 1ull << ((65 - (uint32_t)__builtin_clzll(x)) / 2); /* not below the root */
    for (;;) {
        uint64_t next = (root + x / root) / 2;
        if (next >= root)
            return root;
        root = next;
    }
}
