/* asker.c - see asker.h. */
#include "live/asker.h"

static void forget(struct asker *a)
{
    a->asks = 0;
    a->running = 0;
    a->cursor = 0;
}

void asker_init(struct asker *a)
{
    *a = (struct asker){.chunk = ASKER_CHUNK_FIRST};
}

static void remove_ask(struct asker *a, uint32_t i)
{
    a->ask[i] = a->ask[--a->asks];
}

/* Requests for what came another way are over; one that is partly had asks for the rest. */
static void trim(struct asker *a)
{
    for (uint32_t i = a->asks; i--;) {
        struct ask *ask = &a->ask[i];
        if (ask->seq + ask->count <= a->next || ask->seq >= a->end)
            remove_ask(a, i);
    }
}

void asker_update(struct asker *a, const char session[ASKER_SESSION], uint64_t next, uint64_t end,
                  uint64_t now_ns)
{
    if (end <= next || end - next > UINT64_MAX / 2) {
        forget(a);
        return;
    }
    if (!a->running || memcmp(a->session, session, ASKER_SESSION) != 0 || next < a->next) {
        forget(a);
        memcpy(a->session, session, ASKER_SESSION);
        a->running = 1;
        a->cursor = next;
        a->next = next;
        a->end = end;
        a->next_since = a->began_ns = now_ns;
    }
    if (next >= a->end)
        a->began_ns = now_ns; /* that gap has closed, this is another one */
    if (next != a->next) {
        a->next = next;
        a->next_since = now_ns;
    }
    a->end = end;
    if (a->cursor < next || a->cursor > end)
        a->cursor = next;
    trim(a);
}

/* Whether a request under way covers the message that everything waits for. */
static int covers_next(const struct asker *a)
{
    for (uint32_t i = 0; i < a->asks; i++)
        if (a->ask[i].seq <= a->next && a->next - a->ask[i].seq < a->ask[i].count)
            return 1;
    return 0;
}

static uint64_t timeout_of(const struct asker *a, const struct ask *ask)
{
    uint64_t base = a->round_trip_ns ? 4 * a->round_trip_ns : ASKER_TIMEOUT_NS;
    if (base < ASKER_TIMEOUT_MIN_NS)
        base = ASKER_TIMEOUT_MIN_NS;
    uint32_t doublings = ask->tries > ASKER_TRIES_BACKOFF ? ASKER_TRIES_BACKOFF : ask->tries;
    return doublings ? base << (doublings - 1) : base;
}

/* The next part that no request covers; NULL when there is none or no room to keep one. */
static struct ask *add_ask(struct asker *a)
{
    /* After a step back the cursor may meet requests that are still under way. */
    for (uint32_t i = 0; i < a->asks; i++)
        if (a->ask[i].seq <= a->cursor && a->cursor - a->ask[i].seq < a->ask[i].count) {
            a->cursor = a->ask[i].seq + a->ask[i].count;
            i = UINT32_MAX; /* from the first again */
        }
    if (a->asks == ASKER_ASKS || a->cursor >= a->end)
        return NULL;
    uint64_t count = a->end - a->cursor;
    if (count > a->chunk)
        count = a->chunk;
    for (uint32_t i = 0; i < a->asks; i++)
        if (a->ask[i].seq > a->cursor && a->ask[i].seq - a->cursor < count)
            count = a->ask[i].seq - a->cursor;
    struct ask *ask = &a->ask[a->asks++];
    *ask = (struct ask){.seq = a->cursor, .count = (uint32_t)count};
    a->cursor += count;
    return ask;
}

struct ask *asker_due(struct asker *a, uint64_t now_ns)
{
    if (!a->running || now_ns - a->began_ns < ASKER_GRACE_NS)
        return NULL;
    for (uint32_t i = 0; i < a->asks; i++) {
        struct ask *ask = &a->ask[i];
        if (!ask->sent_ns || now_ns - ask->sent_ns >= timeout_of(a, ask))
            return ask;
    }
    if (a->cursor > a->next && !covers_next(a) && now_ns - a->next_since >= ASKER_STALL_NS) {
        a->cursor = a->next;
        a->next_since = now_ns; /* a pause before the next such step */
    }
    return add_ask(a);
}

void asker_sent(struct ask *ask, uint16_t server, uint64_t now_ns)
{
    ask->server = server;
    ask->sent_ns = now_ns ? now_ns : 1;
    if (ask->tries < UINT16_MAX)
        ask->tries++;
}

uint32_t asker_write(const struct asker *a, const struct ask *ask, uint8_t out[ASKER_REQUEST])
{
    memcpy(out, a->session, ASKER_SESSION);
    store_u64_be(out + 10, ask->seq);
    store_u16_be(out + 18, (uint16_t)ask->count);
    return ASKER_REQUEST;
}

static const struct ask *find_ask(const struct asker *a, const struct packet *p)
{
    for (uint32_t i = 0; i < a->asks; i++)
        if (a->ask[i].seq == p->seq && a->ask[i].sent_ns && p->count <= a->ask[i].count)
            return &a->ask[i];
    return NULL;
}

uint32_t asker_answer(const struct asker *a, const uint8_t *payload, uint32_t bytes,
                      struct packet *packet)
{
    struct net_datagram d = {.payload = payload, .caplen = bytes, .len = bytes};
    if (framing_mold(&d, packet))
        return PN_R_RECOVERY_BAD + 1;
    if (!a->running || memcmp(payload, a->session, ASKER_SESSION) != 0)
        return PN_R_RECOVERY_SESSION + 1;
    if (packet->kind != PACKET_DATA || packet->unsequenced || !find_ask(a, packet))
        return PN_R_RECOVERY_UNASKED + 1;
    return 0;
}

void asker_taken(struct asker *a, const struct packet *packet, uint64_t now_ns)
{
    const struct ask *found = find_ask(a, packet);
    if (!found)
        return;
    uint32_t i = (uint32_t)(found - a->ask);
    struct ask *ask = &a->ask[i];
    if (ask->tries == 1) {
        uint64_t took = now_ns - ask->sent_ns;
        a->round_trip_ns = a->round_trip_ns ? (7 * a->round_trip_ns + took) / 8 : took;
    }
    if (packet->count < ask->count) {
        /* As much as fits a datagram: ask for so much from now on, and for the rest at once. */
        a->chunk = packet->count;
        ask->seq += packet->count;
        ask->count -= packet->count;
        ask->sent_ns = 0;
        ask->tries = 0;
        return;
    }
    if (packet->count >= a->chunk && a->chunk < ASKER_CHUNK_MAX)
        a->chunk += 1 + a->chunk / 8;
    remove_ask(a, i);
}
