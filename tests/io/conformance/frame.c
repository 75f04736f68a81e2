/* frame.c - the frames of the conformance test; see fixture.h. */
#include <string.h>

#include "base/bits.h"
#include "fixture.h"

void test_frame_make(struct test_frame *f, uint32_t i, uint32_t len)
{
    static const uint8_t head[FRAME_HEADERS] = {
        1,    0,    0x5e,      54,        102, 1, 2, 0, 0,  0,  0, 1, 8,  0,       /* Ethernet */
        0x45, 0,    0,         0,         0,   0, 0, 0, 16, 17, 0, 0, 10, 0, 0, 1, /* IPv4 */
        233,  54,   102,       1,                                                  /* group */
        0x30, 0x39, PORT >> 8, PORT & 255};
    memcpy(f->data, head, sizeof head);
    store_u16_be(f->data + 16, (uint16_t)(len - 14));
    store_u16_be(f->data + 38, (uint16_t)(len - 34));
    store_u32_be(f->data + FRAME_HEADERS, i);
    for (uint32_t at = FRAME_HEADERS + 4; at < len; at++)
        f->data[at] = (uint8_t)(i * 31 + at);
    f->len = len;
    f->ts_ns = T0 + (uint64_t)i * 1001;
}
