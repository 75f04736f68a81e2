/*
 * reasons.h - every reason for which input is dropped or marked, in one table.
 *
 * REASON(identifier, label, help) makes the enum, the label in reports and the metric. A dropped
 * thing bumps exactly one of these.
 */
#ifndef PN_BASE_REASONS_H
#define PN_BASE_REASONS_H

#include <stdint.h>

#define PN_REASONS(REASON) \
    /* io: records of a capture */ \
    REASON(IO_RECORD_CUT, "io_record_cut", "last capture record is cut short") \
    REASON(IO_RECORD_BAD, "io_record_bad", "capture record with impossible lengths") \
    REASON(IO_BLOCK_BAD, "io_block_bad", "pcapng block with impossible lengths") \
    REASON(IO_FRAME_HUGE, "io_frame_huge", "frame longer than the port can hold") \
    REASON(IO_STREAM_BAD, "io_stream_bad", \
           "compressed stream is damaged, or the file cannot be read on") \
    REASON(IO_LINK_TYPE, "io_link_type", "link type that is not decoded") \
    REASON(IO_INTERFACE, "io_interface", "record of an undeclared pcapng interface") \
    REASON(IO_SNAPPED, "io_snapped", "frame cut by the capture's snap length (note)") \
    REASON(IO_RING_FULL, "io_ring_full", "receive ring full: the reader was too slow") \
    REASON(IO_NO_BUFFER, "io_no_buffer", "no free buffer for a received frame") \
    REASON(IO_NO_SOCKET, "io_no_socket", \
           "frame of a wanted flow on a device queue that no port polls; left to the kernel") \
    REASON(IO_REDIRECT, "io_redirect", "steered frame that the kernel could not hand over") \
    REASON(IO_DEVICE_MISSED, "io_device_missed", "frame that the device had no room for") \
    REASON(IO_DEVICE_ERROR, "io_device_error", "frame that the device received damaged") \
    /* net: headers up to UDP */ \
    REASON(NET_SHORT, "net_short", "frame ends inside a header") \
    REASON(NET_NOT_IP, "net_not_ip", "neither IPv4 nor IPv6 (ARP, LLDP, ...)") \
    REASON(NET_VLAN_DEPTH, "net_vlan_depth", "more VLAN tags than are followed") \
    REASON(NET_IP_BAD, "net_ip_bad", "IP header contradicts itself") \
    REASON(NET_FRAGMENT, "net_fragment", "IP fragment") \
    REASON(NET_NOT_UDP, "net_not_udp", "IP protocol other than UDP") \
    REASON(NET_IP6_EXT, "net_ip6_ext", "IPv6 extension headers beyond what is followed") \
    REASON(NET_UDP_BAD, "net_udp_bad", "UDP length contradicts the IP length") \
    /* channel: which stream is it */ \
    REASON(FLOW_UNKNOWN, "flow_unknown", "datagram of no known or recognised feed") \
    REASON(CHANNELS_FULL, "channels_full", "more channels or lines than the limit") \
    /* framing */ \
    REASON(FRAMING_SHORT, "framing_short", "datagram shorter than its framing header") \
    REASON(FRAMING_BLOCKS, "framing_blocks", "message blocks do not fill the datagram exactly") \
    REASON(FRAMING_VERSION, "framing_version", \
           "framing version or protocol id that is not this feed's") \
    REASON(FRAMING_TRUNCATED, "framing_truncated", \
           "datagram cut by the capture; whole messages used") \
    /* sequencing */ \
    REASON(SEQ_DUPLICATE, "seq_duplicate", "datagram whose messages were all had before") \
    REASON(SEQ_OLD_SESSION, "seq_old_session", "datagram of an earlier session") \
    REASON(SEQ_WRONG_SESSION, "seq_wrong_session", "datagram of a session not agreed on") \
    REASON(SEQ_OVERFLOW, "seq_overflow", "sequence number beyond the end of its range") \
    REASON(SEQ_UNNUMBERED, "seq_unnumbered", "messages without number in a numbered stream") \
    REASON(SEQ_IMPLAUSIBLE, "seq_implausible", "sequence number too far ahead to be believed") \
    REASON(SEQ_HELD_FULL, "seq_held_full", "early datagram that did not fit the reorder window") \
    REASON(SEQ_AFTER_END, "seq_after_end", "new messages after the end of the session") \
    /* recovery: answers of re-request servers */ \
    REASON(RECOVERY_BAD, "recovery_bad", "answer of a re-request server that is malformed") \
    REASON(RECOVERY_SESSION, "recovery_session", "answer for a session that does not run") \
    REASON(RECOVERY_UNASKED, "recovery_unasked", "answer with messages not asked for") \
    REASON(RECOVERY_FULL, "recovery_full", "answer that the shard had no room for") \
    /* recorder */ \
    REASON(TAP_FULL, "tap_full", "frame left out of a recording that was too slow (note)") \
    /* decoding */ \
    REASON(MSG_SHORT, "msg_short", "message shorter than its type demands") \
    REASON(MSG_LONG, "msg_long", "message longer than known; the known part is used (note)") \
    REASON(MSG_UNKNOWN_TYPE, "msg_unknown_type", "message type that is not known") \
    REASON(MSG_EMPTY, "msg_empty", "message of length zero") \
    REASON(MSG_FIELD, "msg_field", "field with an impossible value") \
    REASON(INSTRUMENTS_FULL, "instruments_full", "more instruments than the limit") \
    /* books */ \
    REASON(BOOK_UNKNOWN_REF, "book_unknown_ref", "order reference not in the book") \
    REASON(BOOK_DUPLICATE_REF, "book_duplicate_ref", "order reference already in the book") \
    REASON(BOOK_OVER_REDUCE, "book_over_reduce", "reduction beyond what the order has left") \
    REASON(BOOK_MISMATCH, "book_mismatch", "order reference belongs to another instrument") \
    REASON(BOOK_SIZE_OVERFLOW, "book_size_overflow", "sum of sizes at one price beyond its range") \
    REASON(BOOK_ORDERS_FULL, "book_orders_full", "more live orders than the limit") \
    REASON(BOOK_PAGES_FULL, "book_pages_full", "more price pages than the limit") \
    REASON(BOOK_CROSSED, "book_crossed", "best bid at or above best offer while trading (note)") \
    REASON(BOOK_LEVEL_ABSENT, "book_level_absent", \
           "removal of a price level that is not there (note)") \
    REASON(TRADE_UNKNOWN, "trade_unknown", "broken trade that is not on record")

enum pn_reason {
#define REASON(id, label, help) PN_R_##id,
    PN_REASONS(REASON)
#undef REASON
        PN_REASON_COUNT
};

/* Label and help of a reason; NULL past the last. */
const char *reason_label(uint32_t reason);
const char *reason_help(uint32_t reason);

#endif
