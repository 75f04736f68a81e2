/*
 * iex.h - IEX DEEP 1.0 (revision 1.08) and TOPS 1.6 (revision 1.66): messages to events.
 *
 * Little-endian. Every message starts with type, a flag byte and an 8-byte time in ns since the
 * epoch; all but S go on with an 8-byte symbol. Prices are 8 bytes, ten-thousandths.
 */
#ifndef PN_FEED_IEX_H
#define PN_FEED_IEX_H

#include "feed/decode.h"

extern const struct message_type iex_deep_types[256];
extern const struct message_type iex_tops_types[256];

/* Decodes one message; returns 0, 1 or (TOPS quote) 2 events. */
uint32_t iex_decode(const struct decode_ctx *c, const uint8_t *m, uint32_t len,
                    struct pn_event ev[DECODE_EVENTS_MAX]);

#endif
