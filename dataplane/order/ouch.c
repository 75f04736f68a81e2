/* ouch.c - see ouch.h: orders from templates. */
#include "order/ouch.h"

enum { ENTER_FRAME = SOUP_HEADER + sizeof(struct ouch_enter) };

/* Our number in hexadecimal digits, as far as the field goes. */
static void put_id(char *to, uint64_t id)
{
    static const char digit[16] = "0123456789ABCDEF";
    for (int i = OUCH_CLORDID - 1; i >= 0; i--, id >>= 4)
        to[i] = digit[id & 15];
}

static uint8_t tif_letter(uint8_t tif)
{
    /* OUCH has no order beyond the day, and fills or kills by IOC with a minimum quantity. */
    return tif == PN_TIF_IOC || tif == PN_TIF_FOK ? '3' : '0';
}

/* Options of an order; how many bytes. */
PN_HOT uint32_t put_options(uint8_t *to, const struct pn_own_order *o, uint32_t min_qty)
{
    uint8_t *p = to;
    if (o->flags & PN_OF_POST_ONLY) {
        p[0] = 2;
        p[1] = OUCH_OPT_POST_ONLY;
        p[2] = 'P';
        p += 3;
    }
    if (PN_UNLIKELY(o->tif == PN_TIF_FOK)) {
        p[0] = 5;
        p[1] = OUCH_OPT_MIN_QTY;
        store_u32_be(p + 2, min_qty);
        p += 6;
    }
    return (uint32_t)(p - to);
}

void ouch_prepare(struct ouch_template *t, const struct pn_traded *traded)
{
    struct ouch_enter *m = (struct ouch_enter *)(t->frame + SOUP_HEADER);
    memset(t, 0, sizeof *t);
    soup_put_header(t->frame, SOUP_UNSEQUENCED, sizeof *m);
    m->type = 'O';
    for (uint32_t i = 0, end = 0; i < OUCH_SYMBOL; i++) {
        end |= traded->symbol[i] == 0;
        m->symbol[i] = end ? ' ' : traded->symbol[i];
    }
    m->tif = '0';
    m->display = 'Y';
    m->capacity = 'P';
    m->sweep = 'N';
    m->cross = 'N';
}

uint32_t ouch_put_enter(uint8_t *to, const struct ouch_template *t, const struct pn_own_order *o)
{
    struct ouch_enter *m = (struct ouch_enter *)(to + SOUP_HEADER);
    memcpy(to, t->frame, OUCH_FRAME_MAX);
    store_u32_be(m->user_ref, o->user_ref);
    m->side = o->side == PN_BID ? 'B' : 'S';
    store_u32_be(m->qty, o->qty);
    store_u64_be(m->px, (uint64_t)o->px);
    m->tif = tif_letter(o->tif);
    m->display = o->flags & PN_OF_HIDDEN ? 'N' : 'Y';
    put_id(m->clordid, o->id);
    uint32_t options = put_options(to + ENTER_FRAME, o, o->qty);
    store_u16_be(m->options, (uint16_t)options);
    soup_put_header(to, SOUP_UNSEQUENCED, sizeof *m + options);
    return ENTER_FRAME + options;
}

uint32_t ouch_put_replace(uint8_t *to, const struct pn_own_order *old, const struct pn_own_order *o,
                          uint32_t liable)
{
    struct ouch_replace *m = (struct ouch_replace *)(to + SOUP_HEADER);
    m->type = 'U';
    store_u32_be(m->orig_ref, old->user_ref);
    store_u32_be(m->user_ref, o->user_ref);
    store_u32_be(m->qty, o->qty + liable);
    store_u64_be(m->px, (uint64_t)o->px);
    m->tif = tif_letter(o->tif);
    m->display = o->flags & PN_OF_HIDDEN ? 'N' : 'Y';
    m->sweep = 'N';
    put_id(m->clordid, o->id);
    uint32_t options = put_options(to + SOUP_HEADER + sizeof *m, o, o->qty);
    store_u16_be(m->options, (uint16_t)options);
    soup_put_header(to, SOUP_UNSEQUENCED, sizeof *m + options);
    return SOUP_HEADER + (uint32_t)sizeof *m + options;
}

uint32_t ouch_put_cancel(uint8_t *to, uint32_t user_ref, uint32_t total)
{
    struct ouch_cancel *m = (struct ouch_cancel *)(to + SOUP_HEADER);
    soup_put_header(to, SOUP_UNSEQUENCED, sizeof *m);
    m->type = 'X';
    store_u32_be(m->user_ref, user_ref);
    store_u32_be(m->qty, total);
    return SOUP_HEADER + sizeof *m;
}

uint32_t ouch_put_modify(uint8_t *to, uint32_t user_ref, uint8_t side, uint32_t total)
{
    struct ouch_modify *m = (struct ouch_modify *)(to + SOUP_HEADER);
    soup_put_header(to, SOUP_UNSEQUENCED, sizeof *m);
    m->type = 'M';
    store_u32_be(m->user_ref, user_ref);
    m->side = side;
    store_u32_be(m->qty, total);
    return SOUP_HEADER + sizeof *m;
}

uint32_t ouch_put_query(uint8_t *to)
{
    soup_put_header(to, SOUP_UNSEQUENCED, sizeof(struct ouch_query));
    to[SOUP_HEADER] = 'Q';
    return SOUP_HEADER + sizeof(struct ouch_query);
}
