/* wire_frame.c - headers of a generated line's datagrams. */
#include "net/build.h"
#include "sim/wire_internal.h"

enum { SOURCE_PORT = 18000, TTL = 16 };

void wire_frame_build(uint8_t *frame, uint32_t payload, const struct pn_wire_line *cfg,
                      uint32_t line, uint16_t ip_id)
{
    const struct net_headers headers = {
        .mac_from = {0x02, 0, 0, 0, 0, (uint8_t)(line + 1)},
        .to_be = cfg->group_be,
        .from_be = cfg->source_be,
        .port_to = cfg->port,
        .port_from = SOURCE_PORT,
        .ip_id = ip_id,
        .ttl = TTL,
    };
    net_build_udp(frame, payload, &headers);
}
