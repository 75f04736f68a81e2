/*
 * framing.h - from a datagram to a checked packet: whose stream, which numbers, which blocks.
 *
 * MoldUDP64 1.0 (big-endian, 20-byte header), IEX-TP 1.26 (little-endian, 40-byte header), and
 * bare blocks (raw ITCH files). Blocks are a 2-byte length and so many bytes; they must fill the
 * payload exactly, else the whole packet is refused: with one wrong length every later block
 * would be read from the wrong place.
 */
#ifndef PN_FEED_FRAMING_H
#define PN_FEED_FRAMING_H

#include "base/bits.h"
#include "base/reasons.h"
#include "net/net.h"
#include "shm/abi.h"

enum packet_kind { PACKET_DATA, PACKET_HEARTBEAT, PACKET_END };

enum { MOLD_HEADER = 20, MOLD_END = 0xffff, IEXTP_HEADER = 40 };

struct packet {
    const uint8_t *blocks;
    uint32_t bytes;
    uint32_t count;      /* whole blocks in bytes */
    uint64_t seq;        /* of the first block; for the other kinds the next to come */
    uint64_t session[2]; /* opaque, compared as a whole */
    uint64_t sender_ns;  /* when it was sent, 0 = the framing does not say */
    uint64_t rx_ns;
    uint8_t kind; /* enum packet_kind */
    uint8_t line;
    uint8_t unsequenced; /* 1: no usable sequence number; 2: numbered by counting, as files are */
    uint8_t midstream;   /* 1: unsequenced, and not from its beginning */
    uint8_t truncated;   /* 1: cut by the capture, blocks beyond are missing */
};

/* 0 with *p filled, or reason + 1. *p's line is the caller's. */
uint32_t framing_mold(const struct net_datagram *d, struct packet *p);
/* feed: enum pn_feed that the protocol id must name, or PN_FEED_NONE for any. */
uint32_t framing_iextp(const struct net_datagram *d, uint32_t feed, struct packet *p);
uint32_t framing_blocks(const struct net_datagram *d, struct packet *p);

/* Feed of an IEX-TP protocol id, PN_FEED_NONE for those not decoded. */
uint32_t framing_iextp_feed(uint32_t protocol);

PN_HOT uint32_t block_length(const uint8_t *p, int big_endian)
{
    return big_endian ? load_u16_be(p) : load_u16_le(p);
}

#endif
