/* tables.c - numbers to words, for reports and metrics (api.h). */
#include "abi_hash.h"
#include "api.h"
#include "base/reasons.h"
#include "feed/iex.h"
#include "feed/itch50.h"
#include "pipeline.h"

const char *pn_reason_label(uint32_t reason)
{
    return reason_label(reason);
}

const char *pn_reason_help(uint32_t reason)
{
    return reason_help(reason);
}

const char *pn_stage_label(uint32_t stage)
{
    static const char *const labels[STAGES] = {
        [STAGE_IO] = "io",
        [STAGE_NET] = "net",
        [STAGE_SEQUENCE] = "sequence",
        [STAGE_BOOK] = "decode_book",
    };
    return stage < STAGES ? labels[stage] : NULL;
}

const char *pn_feed_label(uint32_t feed)
{
    static const char *const labels[PN_FEEDS] = {
        [PN_FEED_NONE] = "none",
        [PN_FEED_ITCH50] = "itch50",
        [PN_FEED_DEEP10] = "deep10",
        [PN_FEED_TOPS16] = "tops16",
    };
    return feed < PN_FEEDS ? labels[feed] : NULL;
}

const char *pn_type_label(uint32_t feed, uint32_t wire_type)
{
    if (wire_type >= PN_TYPES_MAX)
        return NULL;
    switch (feed) {
    case PN_FEED_ITCH50:
        return itch50_types[wire_type].label;
    case PN_FEED_DEEP10:
        return iex_deep_types[wire_type].label;
    case PN_FEED_TOPS16:
        return iex_tops_types[wire_type].label;
    default:
        return NULL;
    }
}

uint64_t pn_abi_hash(void)
{
    return PN_ABI_HASH;
}

#ifdef PN_DPDK
#define DPDK_THERE ", dpdk (libdpdk " PN_DPDK ")"
#define DPDK_LEFT_OUT ""
#else
#define DPDK_THERE ""
#define DPDK_LEFT_OUT " live port dpdk (libdpdk not found);"
#endif

#ifdef PN_AF_XDP
#define AF_XDP_THERE ", af_xdp (libbpf " PN_AF_XDP ")"
#define AF_XDP_LEFT_OUT ""
#else
#define AF_XDP_THERE ""
#define AF_XDP_LEFT_OUT " live port af_xdp (libbpf or clang not found);"
#endif

const char *pn_build_info(void)
{
    return "version: 0.1.0\n"
           "compiler: " __VERSION__ "\n"
           "ports: pcap, pcapng, raw ITCH, memory" AF_XDP_THERE DPDK_THERE "\n"
           "feeds: itch50, deep10, tops16\n"
           "left out:" DPDK_LEFT_OUT AF_XDP_LEFT_OUT " no other\n";
}
