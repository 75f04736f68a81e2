/* digest.c - see digest.h; also pn_view_digest of api.h. */
#include "digest.h"

#include "api.h"
#include "book/book.h"
#include "shm/view.h"

static uint64_t digest_channel(const struct pn_channel *ch)
{
    uint64_t h = ch->feed;
    for (uint32_t type = 0; type < PN_TYPES_MAX; type++)
        h = ((h ^ ch->by_type[type]) * 0x9e3779b97f4a7c15ull) ^ h >> 29;
    return ((h ^ ch->next_seq) * 0x9e3779b97f4a7c15ull ^ ch->messages) * 0x9e3779b97f4a7c15ull;
}

uint64_t digest_channels(const struct pn_channel *channel, uint32_t channels)
{
    uint64_t h = 0;
    for (uint32_t i = 0; i < channels; i++)
        /* A declared channel that nothing came for is not there in a replay that recognises. */
        if (channel[i].datagrams)
            h += digest_channel(&channel[i]);
    return h;
}

void pn_view_digest(const struct pn_view *view, uint64_t digest[2])
{
    const struct region *r = &view->region;
    const struct books books = {
        .book = region_section(r, PN_SEC_BOOKS),
        .instrument = view->instrument,
        .ladder.page = region_section(r, PN_SEC_PAGES),
        .orders.slot = region_section(r, PN_SEC_ORDERS),
        .orders.pool = region_section(r, PN_SEC_POOL),
        .header = region_header(r),
    };
    digest[0] = digest_channels(view->channel, region_header(r)->channels);
    digest[1] = book_digest(&books);
}
