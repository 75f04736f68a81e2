"""Deterministic ITCH 5.0 captures from a seed, with the truth about them.

>>> from pinnacle.capture.generate import Config, generate
>>> truth = generate("day.pcap.zst", Config(seed=7, symbols=100, messages=200_000, lines=2,
...                                         loss_a=0.01, loss_all=0.001))
>>> truth.messages, truth.lost_all_messages < 2000
(200000, True)

The C generator (dataplane/sim) keeps real books and writes the file; this module fills in its
configuration and turns what it knows into a ``Truth``. The same configuration gives the same bytes.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import json
import stat
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pinnacle.abi import ffi, lib
from pinnacle.errors import NoMemoryError, OutputError, PinnacleError, UsageError

SECOND = 1_000_000_000
#: Types whose share can be set; all others come when the day's schedule has them.
MIX_TYPES = "AFDUEXCPNI"
_FORMATS = {".pcap": "PN_WIRE_PCAP", ".pcapng": "PN_WIRE_PCAPNG", ".itch": "PN_WIRE_ITCH"}

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Config:
    """What to generate. Losses, duplication and reordering are fractions of the datagrams."""

    seed: int = 1
    symbols: int = 500
    messages: int = 1_000_000
    max_live_orders: int = 0  #: resting orders to build up to and hold; 0 = chosen
    rate: float = 0.0  #: mean messages a second in market hours; 0 = a real day's hours
    mix: Mapping[str, float] = field(default_factory=dict)  #: percent by type, over the default
    lines: int = 1
    own_boundaries: bool = False  #: line B groups messages into other datagrams
    skew_us: float = 3.0  #: line B behind line A
    loss_a: float = 0.0
    loss_b: float = 0.0
    loss_all: float = 0.0  #: losses of the same messages on every line
    loss_all_messages: int = 8  #: mean length of such a loss
    dup: float = 0.0
    reorder: float = 0.0
    reorder_datagrams: int = 8
    reorder_us: float = 1000.0
    mean_messages: int = 4  #: of a datagram, where messages are close together
    payload_max: int = 1400
    heartbeats_max: int = 3  #: in one silence; 0 = one every second
    session: str = "SIM0000001"
    groups: tuple[str, str] = ("233.54.12.111:26477", "233.49.196.111:26477")


@dataclass(frozen=True)
class Side:
    price: str
    size: int
    orders: int


@dataclass(frozen=True)
class Book:
    """An instrument at the end of the whole stream, losses left aside."""

    instrument: str
    locate: int
    trading: str
    bid: Side | None
    ask: Side | None
    trades: int
    volume: int


@dataclass(frozen=True)
class Line:
    """What happened on one line; ranges are (first sequence number, count)."""

    group: str
    file: str
    datagrams: int
    messages: int
    heartbeats: int
    lost_datagrams: int
    lost_messages: int
    lost: list[tuple[int, int]]
    duplicated: int
    reordered: int


@dataclass(frozen=True)
class Truth:
    """What is in a generated capture. ``lost_all``: sequence ranges lost on every line."""

    files: list[str]
    config: dict[str, Any]
    messages: int
    by_type: dict[str, int]
    first_seq: int
    last_seq: int
    frames: int
    file_bytes: int
    lines: list[Line]
    lost_all_messages: int
    lost_all: list[tuple[int, int]]
    trades: int
    volume: int
    live_orders: int
    peak_orders: int
    books: list[Book]

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), indent=1)


def truth_path(path: str | Path) -> Path:
    """Where the truth about a capture is written: beside it."""
    return Path(f"{path}.truth.json")


def generate(
    path: str | Path,
    config: Config | None = None,
    *,
    path_b: str | Path | None = None,
    progress: Progress | None = None,
    write_truth: bool = True,
) -> Truth:
    """Writes a capture to ``path`` (format and compression by suffix) and its truth beside it.

    ``path_b`` takes line B into a file of its own. ``progress`` is called with messages done and
    messages in all. On an error no half-written file stays.
    """
    config = config or Config()
    paths = [Path(path)] if path_b is None else [Path(path), Path(path_b)]
    flow, wire = _flow_config(config), _wire_config(config, _format_of(paths))
    done = False
    try:
        truth = _run(paths, config, flow, wire, progress)
        if write_truth:
            _write_truth(truth_path(path), truth)
        done = True
        return truth
    finally:
        if not done:
            _remove(paths)


def stream(config: Config) -> bytes:
    """The framed messages alone (u16 length, message), without a file."""
    flow, err = _flow_config(config), ffi.new("char[256]")
    size, messages = ffi.new("uint64_t *"), ffi.new("uint64_t *")
    data = lib.pn_flow_make(flow, size, messages, err, 256)
    if data == ffi.NULL:
        raise _error(err, [])
    try:
        return bytes(ffi.buffer(data, size[0]))
    finally:
        lib.pn_flow_free(data)


def _flow_config(config: Config) -> Any:
    c = ffi.new("struct pn_flow_config *")
    lib.pn_flow_config_default(c)
    _set(c, "seed", config.seed, 64)
    _set(c, "symbols", config.symbols, 32)
    _set(c, "messages", config.messages, 64)
    _set(c, "max_live_orders", config.max_live_orders, 64)
    for kind, percent in config.mix.items():
        if kind not in tuple(MIX_TYPES):
            raise UsageError(f"mix: type {kind!r} has no share; use {', '.join(MIX_TYPES)}")
        if not 0 <= percent <= 100:
            raise UsageError(f"mix: {kind}={percent} is not a percentage from 0 to 100")
        c.weight[ord(kind)] = round(percent * 10_000)
    if config.rate:
        _compress_day(c, config)
    return c


def _compress_day(c: Any, config: Config) -> None:
    """Shortens the hours around 09:30 so that the session's messages come at the wanted rate."""
    if not config.rate > 0:
        raise UsageError("rate must be above 0 messages a second")
    session = round(config.messages / config.rate * SECOND)
    if session > c.close_ns - c.open_ns:
        slowest = config.messages * SECOND / (c.close_ns - c.open_ns)
        raise UsageError(f"rate: {config.messages} messages fill a day at {slowest:.0f} a second")
    session = max(session, SECOND)
    c.close_ns = c.open_ns + session
    c.start_ns = c.open_ns - max(session // 8, SECOND)
    c.end_ns = c.close_ns + max(session // 8, SECOND)


def _set(struct: Any, name: str, value: int, bits: int) -> None:
    if not 0 <= value < 1 << bits:
        raise UsageError(f"{name.replace('_', '-')}: {value} is out of range")
    setattr(struct, name, value)


def _format_of(paths: list[Path]) -> str:
    formats = set()
    for path in paths:
        name = path.name.lower()
        for packed in (".gz", ".zst"):
            name = name.removesuffix(packed)
        formats.add(_FORMATS.get(Path(name).suffix))
    if len(formats) != 1 or None in formats:
        raise UsageError(
            f"{paths[0]}: name it .pcap, .pcapng or .itch, with .gz or .zst behind if compressed"
        )
    return str(formats.pop())


def _ppm(name: str, fraction: float) -> int:
    if not 0 <= fraction <= 1:
        raise UsageError(f"{name}: {fraction} is not a fraction from 0 to 1")
    return round(fraction * 1_000_000)


def _wire_config(config: Config, format_name: str) -> Any:
    w = ffi.new("struct pn_wire_config *")
    lib.pn_wire_config_default(w)
    w.format = getattr(lib, format_name)
    faults = (config.loss_a, config.loss_b, config.loss_all, config.dup, config.reorder)
    if format_name == "PN_WIRE_ITCH" and (any(faults) or config.lines != 1):
        raise UsageError("a raw ITCH file has no lines and no faults; use .pcap or .pcapng")
    if config.loss_b and config.lines < 2:
        raise UsageError("loss on line B needs two lines")
    if not (1 <= len(config.session) <= 10 and config.session.isascii()):
        raise UsageError("session must be 1 to 10 ASCII characters")
    w.session = config.session.encode()
    w.loss_all_ppm = _ppm("loss-all", config.loss_all)
    w.reorder_ns = round(config.reorder_us * 1000)
    for name in ("seed", "lines", "loss_all_messages", "reorder_datagrams", "mean_messages",
                 "payload_max", "heartbeats_max"):  # fmt: skip
        _set(w, name, getattr(config, name), 64 if name == "seed" else 32)
    for i, loss in enumerate((config.loss_a, config.loss_b)):
        line = w.line[i]
        line.group_be, line.port = _endpoint(config.groups[i])
        line.loss_ppm = _ppm(f"loss-{'ab'[i]}", loss)
        line.dup_ppm = _ppm("dup", config.dup)
        line.reorder_ppm = _ppm("reorder", config.reorder)
    _set(w.line[1], "delay_ns", w.line[0].delay_ns + round(config.skew_us * 1000), 64)
    w.line[1].own_boundaries = config.own_boundaries
    return w


def _endpoint(text: str) -> tuple[int, int]:
    """Group as the number whose bytes in memory are in network order, and port."""
    group, _, port = text.rpartition(":")
    try:
        address, number = ipaddress.IPv4Address(group), int(port)
    except ValueError:
        raise UsageError(f"{text}: not a group and port such as 233.54.12.111:26477") from None
    if not address.is_multicast or not 0 < number < 65536:
        raise UsageError(f"{text}: not a multicast group and port")
    return int.from_bytes(address.packed, sys.byteorder), number


def _run(
    paths: list[Path], config: Config, flow: Any, wire: Any, progress: Progress | None
) -> Truth:
    err = ffi.new("char[256]")
    names = [str(p).encode() for p in paths]
    second = names[1] if len(names) > 1 else ffi.NULL
    handle = lib.pn_wire_open(flow, wire, names[0], second, err, 256)
    if handle == ffi.NULL:
        raise _error(err, paths)
    try:
        more, stats = 1, ffi.new("struct pn_wire_stats *")
        while more > 0:
            more = lib.pn_wire_step(handle, err, 256)
            if progress:
                lib.pn_wire_stats(handle, stats)
                progress(stats.messages, config.messages)
        truth = _truth(handle, paths, config, wire) if more == 0 else None
    finally:
        closed = lib.pn_wire_close(handle, err, 256)
    if truth is None or closed:
        raise _error(err, paths)
    return truth


def _error(err: Any, paths: list[Path]) -> PinnacleError:
    text = ffi.string(err).decode(errors="replace")
    if any(text.startswith(str(p)) for p in paths):
        return OutputError(f"{text}; choose another place to write to")
    if "memory" in text:
        return NoMemoryError(f"{text}; ask for fewer messages, symbols or live orders")
    return UsageError(text)


def _truth(handle: Any, paths: list[Path], config: Config, wire: Any) -> Truth:
    stats, totals = ffi.new("struct pn_wire_stats *"), ffi.new("struct pn_flow_totals *")
    flow = lib.pn_wire_flow(handle)
    lib.pn_wire_stats(handle, stats)
    lib.pn_flow_totals(flow, totals)
    has_lines = wire.format != lib.PN_WIRE_ITCH
    lost_all = _ranges(handle, lib.PN_WIRE_ALL_LINES) if has_lines else []
    return Truth(
        files=[p.name for p in paths],
        config={**dataclasses.asdict(config), "mix": dict(config.mix)},
        messages=totals.messages,
        by_type={chr(i): totals.by_type[i] for i in range(128) if totals.by_type[i]},
        first_seq=1,
        last_seq=totals.messages,
        frames=stats.frames,
        file_bytes=stats.file_bytes,
        lines=[_line(handle, paths, config, stats, i) for i in range(config.lines * has_lines)],
        lost_all_messages=sum(count for _, count in lost_all),
        lost_all=lost_all,
        trades=totals.trades,
        volume=totals.volume,
        live_orders=totals.live_orders,
        peak_orders=totals.peak_orders,
        books=[_book(flow, i) for i in range(config.symbols)],
    )


def _line(handle: Any, paths: list[Path], config: Config, stats: Any, i: int) -> Line:
    s = stats.line[i]
    return Line(
        group=config.groups[i],
        file=paths[min(i, len(paths) - 1)].name,
        datagrams=s.datagrams,
        messages=s.messages,
        heartbeats=s.heartbeats,
        lost_datagrams=s.lost_datagrams,
        lost_messages=s.lost_messages,
        lost=_ranges(handle, i),
        duplicated=s.duplicated,
        reordered=s.reordered,
    )


def _ranges(handle: Any, line: int) -> list[tuple[int, int]]:
    count = lib.pn_wire_lost(handle, line, ffi.NULL, 0)
    out = ffi.new("struct pn_wire_range[]", count)
    lib.pn_wire_lost(handle, line, out, count)
    return [(r.first, r.count) for r in out]


def _book(flow: Any, index: int) -> Book:
    s = ffi.new("struct pn_flow_symbol *")
    lib.pn_flow_symbol(flow, index, s)
    return Book(
        instrument=ffi.string(s.name).decode(),
        locate=s.locate,
        trading=chr(s.trading),
        bid=_side(s.bid_px, s.bid_size, s.bid_orders),
        ask=_side(s.ask_px, s.ask_size, s.ask_orders),
        trades=s.trades,
        volume=s.volume,
    )


def _side(px: int, size: int, orders: int) -> Side | None:
    return Side(f"{px // 10_000}.{px % 10_000:04}", size, orders) if size else None


def _write_truth(path: Path, truth: Truth) -> None:
    try:
        path.write_text(truth.to_json() + "\n")
    except OSError as error:
        raise OutputError(f"{path}: {error.strerror}") from error


def _remove(paths: list[Path]) -> None:
    for path in paths:
        with suppress(OSError):
            if stat.S_ISREG(path.stat().st_mode):
                path.unlink()
