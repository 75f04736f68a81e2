/* recognise.h - which feed is this datagram of? By content alone, without state. */
#ifndef PN_FEED_RECOGNISE_H
#define PN_FEED_RECOGNISE_H

#include <stdint.h>

/*
 * The feed of a UDP payload (enum pn_feed), or PN_FEED_NONE. *framing (enum pn_framing) may be
 * known without the feed: a MoldUDP64 heartbeat, or messages of a protocol that is not decoded.
 */
uint32_t recognise_feed(const uint8_t *payload, uint32_t caplen, uint32_t len, uint32_t *framing);

#endif
