/* abi_check.c - pins every shared layout: a change of one is then a choice, not an accident. */
#include <assert.h>
#include <stddef.h>

#include "shm/abi_control.h"
#include "shm/abi_trade.h"

#define SIZE_IS(type, bytes) static_assert(sizeof(struct type) == (bytes), #type " changed size")
#define AT(type, field, offset) \
    static_assert(offsetof(struct type, field) == (offset), #type "." #field " moved")

SIZE_IS(pn_event, 64);
AT(pn_event, instrument, 4);
AT(pn_event, ts_ns, 8);
AT(pn_event, ref, 32);
AT(pn_event, px, 56);

SIZE_IS(pn_top, 64);
AT(pn_top, bid_px, 8);
AT(pn_top, bid_size, 24);
AT(pn_top, changes, 48);

SIZE_IS(pn_page, 576);
AT(pn_page, level, 64);
static_assert(sizeof((struct pn_page *)0)->level / 8 == PN_PAGE_LEVELS, "levels of a page");

SIZE_IS(pn_book, 448);
AT(pn_book, step, 64);
AT(pn_book, seq, 68);
AT(pn_book, gap_epoch, 128 - 8);
AT(pn_book, dir, 192);

SIZE_IS(pn_order, 32);
SIZE_IS(pn_old_order, 8);
SIZE_IS(pn_trade, 32);
SIZE_IS(pn_instrument, 64);
AT(pn_instrument, channel, 24);
SIZE_IS(pn_line_stats, 32);
SIZE_IS(pn_channel, 2400);
AT(pn_channel, epoch, 48);
AT(pn_channel, by_type, 352);
SIZE_IS(pn_histogram, 8224);
SIZE_IS(pn_counters, 896);
SIZE_IS(pn_pool, 64);
SIZE_IS(pn_section, 24);
SIZE_IS(pn_region_header, 640);
SIZE_IS(pn_config, 72);
SIZE_IS(pn_channel_config, 80);
SIZE_IS(pn_level, 24);
SIZE_IS(pn_bbo, 64);
SIZE_IS(pn_run, 72);

SIZE_IS(pn_steer, 8);
SIZE_IS(pn_port_config, 1240);
SIZE_IS(pn_server_config, 16);
SIZE_IS(pn_shard_config, 344);
SIZE_IS(pn_command, 384);
AT(pn_command, text, 16);
SIZE_IS(pn_xstat, 64);
SIZE_IS(pn_port_status, 5144);
AT(pn_port_status, drops, 272);
SIZE_IS(pn_daemon, 408);
AT(pn_control, heartbeat_ns, 40);
AT(pn_control, config, 64);

SIZE_IS(pn_traded, 128);
SIZE_IS(pn_session_config, 160);
SIZE_IS(pn_quote_params, 128);
SIZE_IS(pn_slot_limits, 128);
SIZE_IS(pn_group_limits, 64);
SIZE_IS(pn_rate_limits, 64);
SIZE_IS(pn_order_request, 64);
SIZE_IS(pn_signals, 256);
SIZE_IS(pn_own_order, 128);
SIZE_IS(pn_position, 192);
SIZE_IS(pn_group, 64);
SIZE_IS(pn_session_status, 192);
SIZE_IS(pn_fill, 128);
SIZE_IS(pn_reply, 64);
SIZE_IS(pn_journal_record, 64);
AT(pn_journal_record, u, 40);
SIZE_IS(pn_journal_head, 64);
