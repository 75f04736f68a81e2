/* recognise.c - see recognise.h. */
#include "feed/recognise.h"

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

/* Captures written from files have sessions of zeros only. */
static int is_blank(const uint8_t *m)
{
    for (int i = 0; i < 10; i++)
        if (m[i])
            return 0;
    return 1;
}

static int is_session_name(const uint8_t *m)
{
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
    if (framing_mold(&d, &p) == 0 && (is_session_name(payload) || is_blank(payload))) {
        int itch50 = p.kind == PACKET_DATA && is_itch50(&p);
        if (itch50 || !is_blank(payload)) /* zeros alone are no evidence */
            *framing = PN_FRAMING_MOLDUDP64;
        if (itch50)
            return PN_FEED_ITCH50;
    }
    return PN_FEED_NONE;
}
