/*
 * quoter_check.c - the bounds of what the control plane asks the quoter for. Within them nothing in
 * quoter.c can overflow. Not on the path.
 */
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

#include "quote/quoter.h"

enum field_kind { U32, I32, I64, U64 };

struct bound {
    const char *name;
    uint32_t offset;
    enum field_kind kind;
    int64_t least, most;
};

#define FIELD(name, kind, least, most) \
    { \
#name, offsetof(struct pn_quote_params, name), kind, least, most \
    }

static const struct bound bounds[] = {
    FIELD(sides, U32, 0, 3),
    FIELD(half_spread_q8, I32, 0, QUOTE_OFFSET_MAX),
    FIELD(fair_offset_q8, I32, -QUOTE_OFFSET_MAX, QUOTE_OFFSET_MAX),
    FIELD(skew_q8, I32, -QUOTE_SKEW_MAX, QUOTE_SKEW_MAX),
    FIELD(vol_mul_q16, I32, 0, QUOTE_WEIGHT_MAX),
    FIELD(micro_q16, I32, -QUOTE_MICRO_MAX, QUOTE_MICRO_MAX),
    FIELD(imbalance_q8[0], I32, -QUOTE_OFFSET_MAX, QUOTE_OFFSET_MAX),
    FIELD(imbalance_q8[1], I32, -QUOTE_OFFSET_MAX, QUOTE_OFFSET_MAX),
    FIELD(imbalance_q8[2], I32, -QUOTE_OFFSET_MAX, QUOTE_OFFSET_MAX),
    FIELD(ofi_q8, I32, -QUOTE_OFFSET_MAX, QUOTE_OFFSET_MAX),
    FIELD(flow_q8, I32, -QUOTE_OFFSET_MAX, QUOTE_OFFSET_MAX),
    FIELD(size, U32, 0, QUOTE_SIZE_MAX),
    FIELD(size_step, U32, 0, QUOTE_SIZE_MAX / PN_LAYERS_MAX),
    FIELD(layers, U32, 0, PN_LAYERS_MAX),
    FIELD(layer_step, U32, 0, QUOTE_STEP_MAX),
    FIELD(max_position, I64, 0, 1ll << 40),
    FIELD(min_rest_ns, U64, 0, 86400000000000ll),
    FIELD(keep_q8, U32, 0, QUOTE_KEEP_MAX),
    FIELD(queue_keep, U32, 0, QUOTE_KEEP_MAX / 256),
    FIELD(join, U32, 0, 1),
    FIELD(post_only, U32, 0, 1),
    FIELD(widen_q16, U32, 0, QUOTE_WEIGHT_MAX),
};

static int refuse(char *err, uint32_t err_len, const char *what, const char *why)
{
    if (err && err_len)
        snprintf(err, err_len, "%s %s", what, why);
    return -EINVAL;
}

static int within(const struct pn_quote_params *p, const struct bound *b)
{
    const char *at = (const char *)p + b->offset;
    uint64_t wide =
        load_u64_le(b->kind == I64 || b->kind == U64 ? at : (const char *)&p->max_position);
    uint32_t narrow = load_u32_le(at);
    switch (b->kind) {
    case U32:
        return narrow <= (uint64_t)b->most;
    case I32:
        return (int32_t)narrow >= b->least && (int32_t)narrow <= b->most;
    case I64:
        return (int64_t)wide >= b->least && (int64_t)wide <= b->most;
    default:
        return wide <= (uint64_t)b->most;
    }
}

int quoter_check(const struct pn_quote_params *p, const struct pn_traded *t, char *err,
                 uint32_t err_len)
{
    char why[64];
    if (err && err_len)
        err[0] = 0;
    if (t->tick < 1 || t->tick > QUOTE_STEP_MAX)
        return refuse(err, err_len, "tick", "of the instrument must be 1 .. 16777216");
    if (t->lot < 1 || t->lot > QUOTE_STEP_MAX)
        return refuse(err, err_len, "lot", "of the instrument must be 1 .. 16777216");
    for (uint32_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        const struct bound *b = &bounds[i];
        if (within(p, b))
            continue;
        snprintf(why, sizeof why, "must be %" PRId64 " .. %" PRId64, b->least, b->most);
        return refuse(err, err_len, b->name, why);
    }
    if (p->layers > 1 && (p->layer_step < t->tick || p->layer_step % t->tick != 0))
        return refuse(err, err_len, "layer_step", "must be a multiple of the tick, at least one");
    if (p->widen_q16 && p->widen_q16 < 65536)
        return refuse(err, err_len, "widen_q16",
                      "must be at least 65536 (or 0, which is the same)");
    return 0;
}
