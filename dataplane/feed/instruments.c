/* instruments.c - see instruments.h. */
#include "feed/instruments.h"

#include <string.h>

enum { PRICE_EXP = -4 }; /* of every feed so far: ten-thousandths */

void instruments_attach(struct instruments *s, const struct region *r)
{
    struct pn_region_header *h = region_header(r);
    *s = (struct instruments){
        .header = h,
        .record = region_section(r, PN_SEC_INSTRUMENTS),
        .book = region_section(r, PN_SEC_BOOKS),
        .symbol = region_section(r, PN_SEC_SYMBOLS),
        .symbol_mask = h->section[PN_SEC_SYMBOLS].count - 1,
        .max = (uint32_t)h->section[PN_SEC_INSTRUMENTS].count,
    };
}

void instrument_map_init(struct instrument_map *m, struct instruments *all, uint32_t channel,
                         uint32_t feed)
{
    memset(m, 0, sizeof *m);
    m->all = all;
    m->channel = channel;
    m->feed = feed;
    for (int i = 0; i < LOCATE_CHUNKS; i++)
        m->chunk[i] = INSTRUMENT_NONE;
}

void instrument_map_resume(struct instrument_map *m)
{
    const struct instruments *all = m->all;
    for (uint32_t i = 0; i < all->header->instruments; i++) {
        const struct pn_instrument *r = &all->record[i];
        if (r->channel != m->channel || r->feed != m->feed || m->feed != PN_FEED_ITCH50)
            continue;
        uint32_t locate = r->locate & UINT16_MAX;
        m->chunk[locate / INSTRUMENT_CHUNK] = i - locate % INSTRUMENT_CHUNK;
        if (r->name[0])
            m->named[locate / 64] |= 1ull << (locate % 64);
    }
}

void instrument_map_renew(struct instrument_map *m)
{
    memset(m->named, 0, sizeof m->named);
}

static void record_init(struct instrument_map *m, uint32_t i, uint32_t locate)
{
    struct pn_instrument *r = &m->all->record[i];
    r->channel = m->channel;
    r->feed = m->feed;
    r->locate = locate;
    r->price_exp = PRICE_EXP;
    m->all->book[i].channel = (uint16_t)m->channel;
    m->all->book[i].by_order = m->feed == PN_FEED_ITCH50;
}

/* The count is published after the records it covers. */
static uint32_t take(struct instrument_map *m, uint32_t count, uint32_t first_locate)
{
    struct pn_region_header *h = m->all->header;
    uint32_t base = h->instruments;
    if (m->all->max - base < count)
        return INSTRUMENT_NONE;
    for (uint32_t i = 0; i < count; i++)
        record_init(m, base + i, count > 1 ? first_locate + i : 0);
    __atomic_store_n(&h->instruments, base + count, __ATOMIC_RELEASE);
    return base;
}

uint32_t instrument_map_grow(struct instrument_map *m, uint32_t locate)
{
    uint32_t chunk = locate / INSTRUMENT_CHUNK;
    m->chunk[chunk] = take(m, INSTRUMENT_CHUNK, chunk * INSTRUMENT_CHUNK);
    return m->chunk[chunk];
}

static void copy_symbol(char *name, const uint8_t *symbol)
{
    uint32_t n = 8;
    while (n && (symbol[n - 1] == ' ' || symbol[n - 1] == 0))
        n--;
    for (uint32_t i = 0; i < n; i++) /* hostile bytes must not reach a terminal */
        name[i] = symbol[i] > ' ' && symbol[i] < 0x7f ? (char)symbol[i] : '?';
    memset(name + n, 0, PN_NAME_LEN - n);
}

void instrument_map_name(struct instrument_map *m, uint32_t locate, const uint8_t *symbol)
{
    uint32_t base = m->chunk[locate / INSTRUMENT_CHUNK];
    if (base == INSTRUMENT_NONE)
        return;
    copy_symbol(m->all->record[base + locate % INSTRUMENT_CHUNK].name, symbol);
    m->named[locate / 64] |= 1ull << (locate % 64);
}

uint32_t instrument_map_symbol(struct instrument_map *m, const uint8_t *symbol)
{
    struct instruments *all = m->all;
    char name[PN_NAME_LEN];
    copy_symbol(name, symbol);
    uint64_t key = load_u64_le(name) ^ (uint64_t)m->channel << 56;
    uint64_t i = (key * 0x9e3779b97f4a7c15ull >> 20) & all->symbol_mask;
    for (; all->symbol[i]; i = (i + 1) & all->symbol_mask) {
        uint32_t id = all->symbol[i] - 1;
        if (all->record[id].channel == m->channel &&
            load_u64_le(all->record[id].name) == load_u64_le(name))
            return id;
    }
    uint32_t id = take(m, 1, 0);
    if (id == INSTRUMENT_NONE)
        return INSTRUMENT_NONE;
    memcpy(all->record[id].name, name, sizeof name);
    all->symbol[i] = id + 1;
    return id;
}
