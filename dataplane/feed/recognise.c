/* recognise.c - see recognise.h. */
#include "feed/recognise.h"

#include <string.h>

#include "feed/framing.h"
#include "feed/itch50.h"

/* All whole messages have a type of ITCH 5.0 at its full length? */
static int is_itch50(const struct packet *p)
{
    const uint8_t *m = p->blocks;
    for (uint32_t i = 0; i < p->count; i++) {
        uint32_t len = load_u16_be(m);
        if (!len || !itch50_types[m[2]].len || len < itch50_types[m[2]].len ||
            len > itch50_types[m[2]].len + 16u)
            return 0;
        m += 2 + len;
    }
    return p->count > 0;
}

/* Ten characters, or ten zeros where a capture was put together without a session. */
static int is_session_name(const uint8_t *m)
{
    static const uint8_t none[10];
    if (memcmp(m, none, sizeof none) == 0)
        return 1;
    for (int i = 0; i < 10; i++)
        if (m[i] < ' ' || m[i] > '~')
            return 0;
    return 1;
}

uint32_t recognise_feed(const uint8_t *payload, uint32_t caplen, uint32_t len, uint32_t *framing)
{
    struct net_datagram d = {.payload = payload, .caplen = caplen, .len = len};
    struct packet p;
    *framing = PN_FRAMING_NONE;
    if (framing_iextp(&d, PN_FEED_NONE, &p) == 0) {
        *framing = PN_FRAMING_IEXTP;
        return framing_iextp_feed(load_u16_le(payload + 2));
    }
    if (framing_mold(&d, &p) == 0 && is_session_name(payload)) {
        *framing = PN_FRAMING_MOLDUDP64;
        if (p.kind == PACKET_DATA && is_itch50(&p))
            return PN_FEED_ITCH50;
    }
    return PN_FEED_NONE;
}
