/* resume.c - see resume.h. */
#include "resume.h"

#include <errno.h>
#include <string.h>

#include "book/repair.h"
#include "book/session.h"

void resume_look(struct resume *r, const struct region *region)
{
    r->channels = region_header(region)->channels;
    memcpy(r->was, region_section(region, PN_SEC_CHANNELS), sizeof r->was);
}

/* The stream began a session that the books had not begun when the end came. */
static void redo_reset(struct pipeline *p, uint32_t i)
{
    struct channel *ch = &p->channels.channel[i];
    struct pn_channel *pub = ch->pub;
    struct pn_event ev = {
        .kind = PN_EV_RESET,
        .instrument = i,
        .seq = pub->first_seq,
        .aux = pub->first_seq > 1 || pub->framing != PN_FRAMING_MOLDUDP64,
    };
    session_reset(&p->books, &ev);
    pub->applied_seq = pub->first_seq - 1;
    pub->applied_sessions = pub->sessions;
}

int resume_apply(struct resume *r, struct pipeline *p, uint64_t now_ns, struct error *e)
{
    struct channels *c = &p->channels;
    if (r->channels != c->count)
        return error_set(e, -ESTALE,
                         "the state has %u channels, %u are configured; channels that were only "
                         "recognised cannot be resumed: remove the state segment to start anew",
                         r->channels, c->count);
    r->repaired = book_repair(&p->books);
    for (uint32_t i = 0; i < c->count; i++) {
        struct channel *ch = &c->channel[i];
        if (ch->pub->sessions != ch->pub->applied_sessions)
            redo_reset(p, i);
        instrument_map_resume(&ch->map);
        sequence_resume(&ch->seq, now_ns);
        p->missing |= ch->seq.missing;
    }
    return 0;
}
