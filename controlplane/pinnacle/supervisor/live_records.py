"""Records of a live state segment as dictionaries: ports, daemon, latency, books.

The same names as in the segment's layout, with text instead of numbers; times are ns.
"""

from bisect import bisect_right
from itertools import accumulate
from typing import Any

from pinnacle import records, tables
from pinnacle.abi import ffi, lib
from pinnacle.layout import text
from pinnacle.prices import price_text
from pinnacle.region import View

BOOK_STATES = tuple(tables.BOOK_STATES[i] for i in range(len(tables.BOOK_STATES)))
CHANNEL_KEYS = (
    "name", "feed", "framing", "session", "first_seq", "last_seq", "datagrams", "messages",
    "heartbeats", "gaps", "lost", "recovered", "duplicates", "reorders", "restarts",
    "session_changes", "waiting", "late_join", "ended", "unsequenced", "by_type",
)  # fmt: skip
COUNTER_KEYS = (
    "frames", "bytes", "datagrams", "messages", "events", "trades", "volume", "top_changes",
    "live_orders", "peak_orders", "live_pages", "peak_pages",
)  # fmt: skip
QUANTILES = {"p50_ns": 0.5, "p99_ns": 0.99, "p999_ns": 0.999}

PORT_KINDS = {
    lib.PN_PORT_PCAP: "pcap", lib.PN_PORT_AF_XDP: "af_xdp", lib.PN_PORT_DPDK: "dpdk",
    lib.PN_PORT_MEMORY: "memory",
}  # fmt: skip
MODES = {lib.PN_XDP_AUTO: "auto", lib.PN_XDP_ZEROCOPY: "zerocopy", lib.PN_XDP_COPY: "copy"}
_DAEMON_NUMBERS = (
    "starts", "loops", "commands", "command_code", "control_lost", "captured", "capture_drops",
    "rerequests", "rerequest_hits", "rerequest_late",
    "rerequest_refused", "repaired", "reattach_ns",
)  # fmt: skip
_PORT_NUMBERS = (
    "queues", "speed_mbps", "mtu", "rx_frames", "rx_bytes", "tx_frames", "tx_bytes", "passed",
    "polls", "empty_polls",
)  # fmt: skip


def daemon(view: View) -> dict[str, Any]:
    """The daemon around one shard."""
    raw = ffi.new("struct pn_daemon *")
    lib.pn_view_daemon(view.handle, raw)
    return {
        **{name: getattr(raw, name) for name in _DAEMON_NUMBERS},
        "command_text": text(raw.command_text),
        "control_ok": bool(raw.control_ok),
        "capturing": bool(raw.capturing),
    }


def port(view: View, number: int) -> dict[str, Any] | None:
    """One port, ``None`` where the shard does not have it."""
    raw = ffi.new("struct pn_port_status *")
    if lib.pn_view_port(view.handle, number, raw) or not raw.name[0][0]:
        return None
    kind = PORT_KINDS.get(raw.kind, "unknown")
    return {
        "name": text(raw.name),
        "kind": kind,
        "device": text(raw.device),
        "driver": text(raw.driver),
        "mode": MODES.get(raw.mode, "unknown") if kind == "af_xdp" else None,
        "link_up": bool(raw.link_up),
        "hw_time": bool(raw.hw_time),
        "hugepages": bool(raw.hugepages),
        **{name: getattr(raw, name) for name in _PORT_NUMBERS},
        "drops": {name: n for i, name in enumerate(tables.REASONS) if (n := raw.drops[i])},
        "xstats": {
            text(raw.xstat[i].name): raw.xstat[i].value
            for i in range(min(raw.xstats, lib.PN_XSTATS_MAX))
        },
    }


def latency(view: View) -> dict[str, int]:
    """Receive time to published book, ns; quantiles are right to within 6 %."""
    raw = ffi.new("struct pn_histogram *")
    lib.pn_view_latency(view.handle, raw)
    return {
        "count": raw.count,
        **{name: lib.pn_histogram_quantile(raw, share) for name, share in QUANTILES.items()},
        "max_ns": raw.max,
        "sum_ns": raw.sum,
    }


def _bucket_end(number: int) -> int:
    """Largest value of a bucket: 16 linear ones a power of two, as in base/histogram.h."""
    if number < 16:
        return number
    return (16 + number % 16 + 1 << number // 16 - 1) - 1


_BUCKET_ENDS = [_bucket_end(i) for i in range(lib.PN_HIST_BUCKETS)]


def histogram(view: View, ends_ns: tuple[int, ...]) -> tuple[list[int], int]:
    """Cumulative counts up to each end and in all, and the sum in ns.

    A bucket of the segment counts at the first end that is not below its own.
    """
    raw = ffi.new("struct pn_histogram *")
    lib.pn_view_latency(view.handle, raw)
    sums = [0, *accumulate(ffi.unpack(raw.bucket, lib.PN_HIST_BUCKETS))]
    return [*(sums[bisect_right(_BUCKET_ENDS, end)] for end in ends_ns), sums[-1]], raw.sum


def channel_state(channel: records.Channel) -> str:
    """One word for a channel: ended, waiting, lost, late, in-order or silent."""
    if not channel.datagrams:
        return "silent"
    for is_it, word in (
        (channel.waiting, "waiting"), (channel.gaps, "lost"), (channel.late_join, "late"),
        (channel.ended, "ended"),
    ):  # fmt: skip
        if is_it:
            return word
    return "in-order"


def book(
    view: View, channels: list[str], instrument: records.Instrument, top: records.Top, depth: int
) -> dict[str, Any]:
    """One book; prices are exact decimal text."""
    exp = instrument.price_exp
    trades, volume = view.traded(instrument.index)

    def quote(px: int, size: int, orders: int) -> dict[str, Any] | None:
        return {"price": price_text(px, exp), "size": size, "orders": orders} if size else None

    def side(name: str) -> list[dict[str, Any] | None]:
        rows = view.levels(instrument.index, name, depth).tolist()
        return [quote(int(px), int(size), int(orders)) for px, size, orders in rows]

    return {
        "instrument": records.label(instrument),
        "feed": instrument.feed,
        "channel": channels[instrument.channel] if instrument.channel < len(channels) else "",
        "state": top.state,
        "stale_why": list(top.stale_why),
        "trading": top.trading,
        "bid": quote(top.bid_px, top.bid_size, top.bid_orders),
        "ask": quote(top.ask_px, top.ask_size, top.ask_orders),
        "changes": top.changes,
        "trades": trades,
        "volume": volume,
        **({"levels": {"bids": side("bid"), "asks": side("ask")}} if depth else {}),
    }
