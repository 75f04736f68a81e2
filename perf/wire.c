/* wire.c - see bench.h: messages as a network card would hand them over, one a frame. */
#include <string.h>

#include "base/bits.h"
#include "bench.h"

enum { ETH = 14, IP = 20, UDP = 8, MOLD = 20, HEADERS = ETH + IP + UDP + MOLD, SLOT = 128 };

void bench_port_wire(struct bench_port *b, const uint8_t *begin, const uint8_t *end,
                     uint64_t messages)
{
    static const uint8_t head[HEADERS] = {
        1,    0,   0x5e, 54,  12,  111, 2,    0,   0,    0,   0, 1, 8,  0, /* Ethernet */
        0x45, 0,   0,    0,   0,   0,   0,    0,   16,   17,  0, 0, 10, 0,
        0,    1,   233,  54,  12,  111, 0x67, 109, 0x67, 109, 0, 0, 0,  0, /* UDP, port 26477 */
        'S',  'I', 'M',  '0', '0', '0', '0',  '0', '0',  '1'};
    bench_port_cut(b, begin, end, messages, 1);
    uint8_t *at = bench_alloc(messages * SLOT);
    for (uint64_t i = 0; i < b->count; i++, at += SLOT) {
        struct io_frame *f = &b->frame[i];
        uint32_t len = HEADERS + f->len;
        memcpy(at, head, HEADERS);
        store_u16_be(at + ETH + 2, (uint16_t)(len - ETH));
        store_u16_be(at + ETH + IP + 4, (uint16_t)(len - ETH - IP));
        store_u64_be(at + HEADERS - 10, i + 1);
        store_u16_be(at + HEADERS - 2, 1);
        memcpy(at + HEADERS, f->data, f->len);
        f->data = at;
        f->caplen = f->len = len;
        f->link = IO_LINK_ETHERNET;
    }
}
