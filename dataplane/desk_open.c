/* desk_open.c - memory and parts of a desk; all of it is taken here, none later. */
#include <errno.h>
#include <stdlib.h>

#include "desk_internal.h"
#include "feed/instruments.h"

enum { LOTS = 1 << 16, MATCHES = 1 << 20 };

/* Text in a fixed field of the control segment: ended. */
static int is_text(const char *text, size_t room)
{
    return memchr(text, 0, room) != NULL;
}

static int check_traded(const struct pn_trade_config *c, uint32_t i, struct error *e)
{
    const struct pn_traded *t = &c->instrument[i];
    if (!is_text(t->name, sizeof t->name) || !t->name[0])
        return error_set(e, -EINVAL, "traded instrument %u has no name", i);
    if (t->venue >= PN_VENUES_MAX || t->session >= c->sessions ||
        t->strategy >= PN_STRATEGIES_MAX || t->account >= PN_ACCOUNTS_MAX)
        return error_set(e, -EINVAL, "%s: venue, session, strategy or account is out of range",
                         t->name);
    if (!t->tick || !t->lot || !t->value_mul || t->tick > 1u << 30 || t->lot > 1u << 30 ||
        t->value_mul > 1ull << 40)
        return error_set(e, -EINVAL, "%s: tick, lot and value_mul must be above 0 and sane",
                         t->name);
    for (uint32_t k = 0; k < i; k++)
        if (strncmp(c->instrument[k].name, t->name, PN_NAME_LEN) == 0 &&
            c->instrument[k].strategy == t->strategy && c->instrument[k].account == t->account &&
            c->instrument[k].session == t->session)
            return error_set(e, -EINVAL, "%s: the same strategy trades it twice", t->name);
    return 0;
}

int desk_check(const struct pn_trade_config *c, const struct region *r, struct error *e)
{
    uint64_t slots = region_header(r)->section[PN_SEC_POSITIONS].count;
    uint64_t orders = region_header(r)->section[PN_SEC_OWN].count;
    if (!c->traded || c->traded > PN_TRADED_MAX || c->traded > slots)
        return error_set(e, -EINVAL, "%u traded instruments, the region has room for %llu",
                         c->traded, (unsigned long long)slots);
    if (!c->sessions || c->sessions > PN_SESSIONS_MAX)
        return error_set(e, -EINVAL, "sessions must be 1 to %d, not %u", PN_SESSIONS_MAX,
                         c->sessions);
    if (!c->max_orders || c->max_orders + 1ull > orders)
        return error_set(e, -EINVAL, "max_orders must be 1 to %llu, not %u",
                         (unsigned long long)orders - 1, c->max_orders);
    if (!is_text(c->journal, sizeof c->journal))
        return error_set(e, -EINVAL, "journal folder is not ended");
    for (uint32_t i = 0; i < c->sessions; i++)
        if (!is_text(c->session[i].name, sizeof c->session[i].name) ||
            c->session[i].kind != PN_SESSION_OUCH50)
            return error_set(e, -EINVAL, "session %u: name not ended, or a kind other than OUCH",
                             i);
    int rc = 0;
    for (uint32_t i = 0; i < c->traded && rc == 0; i++)
        rc = check_traded(c, i, e);
    return rc;
}

static void hash_names(struct desk *d)
{
    for (uint32_t i = 0; i < d->slots; i++) {
        d->slot[i].instrument = INSTRUMENT_NONE;
        desk_hash_name(d, i);
    }
}

static int open_journal(struct desk *d, struct error *e)
{
    const struct pn_trade_config *c = d->cfg;
    if (!c->journal[0] && !c->journal_bytes)
        return 0;
    struct journal_options o = {
        .folder = c->journal[0] ? c->journal : NULL,
        .file_bytes = c->journal_bytes ? c->journal_bytes : 64 << 20,
        .sync = c->journal_sync,
        .sync_ms = c->journal_sync_ms,
        .keeper = c->journal[0] != 0,
    };
    return journal_open(&d->journal, &o, e);
}

static int open_parts(struct desk *d, const struct region *r, struct error *e)
{
    const struct pn_trade_config *c = d->cfg;
    int rc = gate_open(&d->gate, c, d->gate_status, d->position, e);
    if (rc == 0)
        rc = table_open(&d->table, region_section(r, PN_SEC_OWN), c->max_orders, c, d->gate, e);
    if (rc == 0)
        rc = ledger_open(&d->ledger, c, d->position, LOTS, MATCHES, e);
    for (uint32_t i = 0; i < c->sessions && rc == 0; i++)
        rc = session_open(&d->session[i], &c->session[i], i, c, &d->session_status[i], e);
    if (rc == 0)
        rc = open_journal(d, e);
    return rc;
}

static void find_sections(struct desk *d, const struct region *r)
{
    d->status = region_section(r, PN_SEC_DESK);
    d->gate_status = region_section(r, PN_SEC_GATE);
    d->position = region_section(r, PN_SEC_POSITIONS);
    d->session_status = region_section(r, PN_SEC_SESSIONS);
    d->fill = region_section(r, PN_SEC_FILLS);
    d->times = region_section(r, PN_SEC_TIMES);
    /* The journal is the truth; what an earlier run left here is made anew from it. */
    for (int i = PN_SEC_OWN; i <= PN_SEC_FILLS; i++) {
        const struct pn_section *s = &region_header(r)->section[i];
        memset(r->base + s->offset, 0, s->count * s->stride);
    }
    for (uint32_t i = 0; i < d->slots; i++)
        d->position[i].slot = i;
}

int desk_open(struct desk **out, const struct region *r, struct pipeline *p,
              const struct pn_trade_control *control, struct error *e)
{
    uint64_t instruments = region_header(r)->section[PN_SEC_INSTRUMENTS].count;
    struct desk *d = calloc(1, sizeof *d);
    if (!d)
        return error_set(e, -ENOMEM, "no memory for a desk");
    *out = d;
    d->p = p;
    d->control = control;
    d->seen = calloc(1, sizeof *d->seen);
    d->watched = calloc(instruments, sizeof *d->watched);
    d->first_slot = calloc(instruments, sizeof *d->first_slot);
    if (!d->seen || !d->watched || !d->first_slot)
        return error_set(e, -ENOMEM, "no memory for a desk");
    d->cfg = &d->seen->config;
    *d->cfg = control->config; /* a copy that nobody else can change, then checked */
    int rc = desk_check(d->cfg, r, e);
    if (rc != 0)
        return rc;
    d->slots = d->cfg->traded;
    d->slot = calloc(d->slots, sizeof *d->slot);
    if (!d->slot)
        return error_set(e, -ENOMEM, "no memory for %u traded instruments", d->slots);
    find_sections(d, r);
    hash_names(d);
    signals_init(&d->signals, region_section(r, PN_SEC_SIGNALS), d->slots);
    d->next_id = 1;
    for (uint32_t i = 0; i < d->cfg->sessions; i++) {
        uint64_t ns = d->cfg->session[i].reply_timeout_ms * 1000000ull;
        if (ns && (!d->timeout_ns || ns < d->timeout_ns))
            d->timeout_ns = ns;
    }
    /* Nothing is taken for seen until it was looked at. */
    d->epoch_seen = UINT64_MAX;
    return open_parts(d, r, e);
}

void desk_close(struct desk *d)
{
    if (!d)
        return;
    for (uint32_t i = 0; i < PN_SESSIONS_MAX; i++)
        if (d->session[i])
            session_close(d->session[i]);
    if (d->journal)
        journal_close(d->journal);
    if (d->ledger)
        ledger_close(d->ledger);
    if (d->table)
        table_close(d->table);
    if (d->gate)
        gate_close(d->gate);
    free(d->slot);
    free(d->first_slot);
    free(d->watched);
    free(d->seen);
    free(d);
}
