/* match_phase.c - the day of an instrument: openings, halts, the close. */
#include "sim/match_orders.h"

/* Takes off every order of a ladder, the best first. */
static void clear(struct match *m, uint32_t ladder, uint8_t why)
{
    struct mt_ladder *l = &m->ladder[ladder];
    while (l->best_rank) {
        const struct mt_level *v = &m->page[l->best].level[l->best_rank % MT_PAGE_LEVELS];
        mt_take_off(m, v->head[MT_SHOWN] ? v->head[MT_SHOWN] : v->head[MT_DARK], why);
    }
}

static void clear_kind(struct match *m, uint32_t instrument, uint32_t kind)
{
    clear(m, mt_ladder_id(instrument, kind, 0), 'E');
    clear(m, mt_ladder_id(instrument, kind, 1), 'E');
}

void match_phase(struct match *m, uint32_t instrument, enum match_phase phase, uint8_t why)
{
    mt_begin(m);
    if (instrument >= m->cfg.instruments || phase > MATCH_CLOSED)
        return;
    struct mt_instrument *in = &m->instrument[instrument];
    uint32_t before = in->phase;
    in->phase = phase;
    if (phase == MATCH_OPEN && before != MATCH_OPEN) {
        mt_cross(m, instrument, before == MATCH_HALT ? 'H' : 'O');
        clear_kind(m, instrument, MT_OPENING);
    }
    if (phase == MATCH_CLOSED && before == MATCH_OPEN)
        mt_cross(m, instrument, 'C');
    mt_emit(m, (struct match_event){.kind = ME_STATUS,
                                    .why = (uint8_t)phase,
                                    .maker = why,
                                    .instrument = instrument,
                                    .qty = phase});
    if (phase == MATCH_CLOSED)
        for (uint32_t kind = MT_BOOK; kind <= MT_CLOSING; kind++)
            clear_kind(m, instrument, kind);
}
