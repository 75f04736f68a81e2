"""Plain records that views hand out: header, instruments, channels, counters, tops.

Immutable copies with names instead of numbers; made for people and reports, not for hot loops
(those use the readers of ``pinnacle.region`` and the arrays of ``pinnacle.replay``).
"""

import socket
import struct
from dataclasses import dataclass
from typing import Any, NamedTuple

from pinnacle import tables
from pinnacle.abi import ffi, lib
from pinnacle.layout import text


class Header(NamedTuple):
    """The state segment: ``bytes`` long, ``hugepages`` tells what backs it."""

    abi_version: int
    pid: int
    bytes: int
    start_ns: int
    heartbeat_ns: int
    hugepages: bool
    instruments: int
    channels: int


@dataclass(frozen=True, slots=True)
class Instrument:
    """One tradable. A price in units is ``px * 10**price_exp``; ``locate`` 0 means none."""

    index: int
    name: str
    channel: int
    feed: str
    locate: int
    price_exp: int
    lot: int


class Top(NamedTuple):
    """Best bid and offer; prices are integers in the instrument's scale, size 0 = empty side.

    ``state`` is empty, valid or stale, ``stale_why`` says why; ``ts_ns`` is the venue's time of
    the last change.
    """

    state: str
    stale_why: tuple[str, ...]
    trading: str
    transition: bool
    bid_px: int
    bid_size: int
    bid_orders: int
    ask_px: int
    ask_size: int
    ask_orders: int
    ts_ns: int
    changes: int


class StageTime(NamedTuple):
    """One timed stage, in ticks of the stage clock: calls, all together, and call by call.

    ``p50`` and ``p99`` are upper ends of histogram buckets, right to within 6 %.
    """

    calls: int
    ticks: int
    p50: int
    p99: int
    max: int


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a channel. ``messages`` counts those that came first on this line."""

    group: str
    port: int
    input: int
    datagrams: int
    messages: int
    duplicates: int


@dataclass(frozen=True, slots=True)
class Channel:
    """One sequenced stream; ``by_type`` is keyed by the wire letter."""

    index: int
    name: str
    session: str
    feed: str
    framing: str
    waiting: bool
    late_join: bool
    ended: bool
    unsequenced: bool
    first_seq: int
    last_seq: int
    datagrams: int
    messages: int
    heartbeats: int
    gaps: int
    lost: int
    recovered: int
    duplicates: int
    reorders: int
    restarts: int
    session_changes: int
    lines: tuple[Line, ...]
    by_type: dict[str, int]


@dataclass(frozen=True, slots=True)
class Counters:
    """Totals of one engine; ``drops`` holds only reasons that occurred. Times are ns."""

    frames: int
    bytes: int
    datagrams: int
    messages: int
    events: int
    trades: int
    volume: int
    top_changes: int
    live_orders: int
    peak_orders: int
    live_pages: int
    peak_pages: int
    first_ns: int
    last_ns: int
    now_ns: int
    drops: dict[str, int]


def header_of(raw: Any) -> Header:
    """From ``struct pn_region_header``."""
    return Header(
        raw.abi_version, raw.pid, raw.bytes, raw.start_ns, raw.heartbeat_ns,
        bool(raw.hugepages), raw.instruments, raw.channels,
    )  # fmt: skip


def instrument_of(index: int, raw: Any) -> Instrument:
    """From ``struct pn_instrument``."""
    return Instrument(
        index, text(raw.name), raw.channel, tables.FEEDS[raw.feed], raw.locate,
        raw.price_exp, raw.lot,
    )  # fmt: skip


def label(instrument: Instrument) -> str:
    """The name, or ``#LOCATE`` for an instrument that the feed never named."""
    return instrument.name or f"#{instrument.locate}"


def top_of(raw: Any) -> Top:
    """From ``struct pn_top`` as filled by ``pn_view_top``."""
    return Top(
        tables.BOOK_STATES[raw.state], tuple(tables.stale_reasons(raw.stale_why)),
        tables.TRADING[raw.trading], bool(raw.transition),
        raw.bid_px, raw.bid_size, raw.bid_orders, raw.ask_px, raw.ask_size, raw.ask_orders,
        raw.ts_ns, raw.changes,
    )  # fmt: skip


def channel_of(index: int, raw: Any) -> Channel:
    """From ``struct pn_channel``."""
    lines = tuple(_line_of(raw.line[i]) for i in range(min(raw.lines, lib.PN_LINES_MAX)))
    counts = ffi.unpack(raw.by_type, lib.PN_TYPES_MAX)
    by_type = {tables.type_key(t): n for t, n in enumerate(counts) if n}
    return Channel(
        index=index, name=text(raw.name), session=text(raw.session),
        feed=tables.FEEDS[raw.feed], framing=tables.FRAMINGS[raw.framing],
        waiting=bool(raw.epoch & 1), late_join=bool(raw.late_join), ended=bool(raw.ended),
        unsequenced=bool(raw.unsequenced), first_seq=raw.first_seq,
        last_seq=max(raw.next_seq - 1, 0), datagrams=raw.datagrams, messages=raw.messages,
        heartbeats=raw.heartbeats, gaps=raw.gaps, lost=raw.lost, recovered=raw.recovered,
        duplicates=raw.duplicates, reorders=raw.reorders, restarts=raw.restarts,
        session_changes=raw.session_changes, lines=lines,
        by_type=by_type,
    )  # fmt: skip


def _line_of(raw: Any) -> Line:
    return Line(
        ipv4_text(raw.group_be), raw.port, raw.input, raw.datagrams, raw.messages, raw.duplicates
    )


def stage_of(raw: Any) -> StageTime:
    """From ``struct pn_histogram``."""
    p50, p99 = (lib.pn_histogram_quantile(raw, share) for share in (0.5, 0.99))
    return StageTime(raw.count, raw.sum, p50, p99, raw.max)


def counters_of(raw: Any) -> Counters:
    """From ``struct pn_counters``."""
    drops = {name: n for i, name in enumerate(tables.REASONS) if (n := raw.drops[i])}
    return Counters(
        frames=raw.frames, bytes=raw.bytes, datagrams=raw.datagrams, messages=raw.messages,
        events=raw.events, trades=raw.trades, volume=raw.volume, top_changes=raw.top_changes,
        live_orders=raw.live_orders, peak_orders=raw.peak_orders, live_pages=raw.live_pages,
        peak_pages=raw.peak_pages, first_ns=raw.first_ns, last_ns=raw.last_ns, now_ns=raw.now_ns,
        drops=drops,
    )  # fmt: skip


def ipv4_text(address_be: int) -> str:
    """Four bytes in network order as text; empty for 0 (IPv6, files)."""
    return socket.inet_ntoa(struct.pack("=I", address_be)) if address_be else ""


def ipv4_number(text_form: str) -> int:
    """The inverse: the four bytes as the machine loads them."""
    number: int = struct.unpack("=I", socket.inet_aton(text_form))[0]
    return number
