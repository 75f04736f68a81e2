/* digest.h - the digest of what channels delivered and of the books, from an engine or a region. */
#ifndef PN_DIGEST_H
#define PN_DIGEST_H

#include <stdint.h>

#include "shm/abi.h"

/* What was delivered, channel by channel; they add up, as channels appear in any order. */
uint64_t digest_channels(const struct pn_channel *channel, uint32_t channels);

#endif
