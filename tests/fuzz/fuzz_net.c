/* fuzz_net.c - one frame: byte 0 is the link type, bytes 1 and 2 what the snap length cut off. */
#include "capture_run.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    uint32_t caplen = (uint32_t)size - 3;
    uint8_t *exact = malloc(caplen ? caplen : 1); /* a read beyond it is a finding */
    struct io_frame f = {.data = exact,
                         .caplen = caplen,
                         .len = caplen + load_u16_be(data + 1),
                         .ts_ns = 5,
                         .input = 3,
                         .link = data[0] % (IO_LINK_UNKNOWN + 2)};
    struct net_datagram quick, any;
    memcpy(exact, data + 3, caplen);
    uint32_t why = net_parse_frame(&f, &quick);
    MUST(net_parse_any(&f, &any) == why && why <= PN_REASON_COUNT);
    if (why == 0) {
        MUST(quick.payload == any.payload && quick.caplen == any.caplen && quick.len == any.len);
        MUST(quick.group_be == any.group_be && quick.port == any.port);
        MUST(quick.src_be == any.src_be && quick.src_port == any.src_port);
        MUST(quick.ts_ns == 5 && any.ts_ns == 5 && quick.input == 3 && any.input == 3);
        MUST(quick.link == f.link && any.link == f.link && quick.ip6 == any.ip6);
        MUST(quick.payload >= exact && quick.payload + quick.caplen <= exact + caplen);
        MUST(quick.caplen <= quick.len && quick.len <= f.len);
    }
    free(exact);
    return 0;
}
