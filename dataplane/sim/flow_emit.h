/*
 * flow_emit.h - writes ITCH 5.0 messages of the flow, framed with their length. Field offsets are
 * those of the Nasdaq TotalView-ITCH 5.0 specification. The caller guarantees room (64 bytes).
 */
#ifndef PN_SIM_FLOW_EMIT_H
#define PN_SIM_FLOW_EMIT_H

#include "sim/flow_internal.h"

/* Lengths by wire byte, from the specification. */
static const uint8_t itch_length[PN_FLOW_TYPES] = {
    ['S'] = 12, ['R'] = 39, ['H'] = 25, ['Y'] = 20, ['L'] = 26, ['V'] = 35, ['W'] = 12, ['K'] = 28,
    ['J'] = 35, ['h'] = 21, ['A'] = 36, ['F'] = 40, ['E'] = 31, ['C'] = 36, ['X'] = 23, ['D'] = 19,
    ['U'] = 35, ['P'] = 44, ['Q'] = 40, ['B'] = 19, ['I'] = 50, ['N'] = 20, ['O'] = 48,
};

/* Begins a message: frame and common header. Returns the message, to be filled from offset 11. */
static inline uint8_t *emit(struct pn_flow *f, uint8_t type, uint32_t locate, uint32_t tracking)
{
    uint8_t *m = f->out + 2;
    uint32_t len = itch_length[type];
    store_u16_be(f->out, (uint16_t)len);
    m[0] = type;
    store_u16_be(m + 1, (uint16_t)locate);
    store_u16_be(m + 3, (uint16_t)tracking);
    store_u48_be(m + 5, f->now_ns);
    f->out += 2 + len;
    f->bytes += 2 + len;
    f->sent++;
    f->by_type[type]++;
    return m;
}

/* As emit, for a symbol, with its name at the offset. */
static inline uint8_t *emit_named(struct pn_flow *f, uint8_t type, uint32_t symbol, uint32_t offset)
{
    uint8_t *m = emit(f, type, symbol + 1, 0);
    memcpy(m + offset, f->symbol[symbol].name, 8);
    return m;
}

static inline void emit_action(struct pn_flow *f, uint32_t symbol, uint8_t state,
                               const char reason[4])
{
    uint8_t *m = emit_named(f, 'H', symbol, 11);
    m[19] = state;
    m[20] = ' ';
    memcpy(m + 21, reason, 4);
    f->symbol[symbol].trading = state;
}

#endif
