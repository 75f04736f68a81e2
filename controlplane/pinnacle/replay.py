"""Replay: the C engine run inside this process over capture files or frames from memory.

>>> from pinnacle.replay import Replay                       # doctest: +SKIP
>>> with Replay(["day.pcap.gz"]) as replay:                  # doctest: +SKIP
...     for step in replay.steps(messages=100_000):
...         print(len(step.events), step.events["size"].sum())
...     print(replay.book("AAPL").levels("bid", 5))
...     print(replay.digest)

The engine is the same as live and takes its time from the capture, so equal input gives equal
results. Events come as numpy record arrays; there is no Python object a message.
"""

import errno
from collections.abc import Iterator, Sequence
from os import PathLike, fspath
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np

from pinnacle import layout, records, tables
from pinnacle.abi import ffi, lib
from pinnacle.config.render import fill_engine
from pinnacle.config.schema import ChannelConfig, ReplayConfig
from pinnacle.errors import PinnacleError, UnknownOrderError, UsageError, from_c
from pinnacle.layout import StructArray
from pinnacle.region import Book, InstrumentKey, View

__all__ = ["LINKS", "Replay", "Step"]

#: what the first byte of a pushed frame is
LINKS = {"ethernet": 0, "ip": 1, "null": 2, "sll": 3, "sll2": 4, "blocks": 5}

_ERR_LEN = 512
_BATCH = 65_536
_MOST = 16 * _BATCH  # longest buffer, events
_SPARE = 16  # room for control events and the second half of a quote


class Step(NamedTuple):
    """What one step did. Both arrays are empty unless they were asked for.

    ``events`` has the dtype ``layout.EVENT``, ``bbo`` (one record a change of a best bid or
    offer) ``layout.BBO``. ``ran`` counts the events of the step; ``messages`` the messages, 0
    when neither events nor a number of messages were asked for. ``end`` says why it ended:
    ``limit``, ``time`` (the next message is later), ``full`` (a buffer), ``idle`` (no frames
    have been pushed) or ``done`` (the input is at its end).
    """

    events: StructArray
    bbo: StructArray
    ran: int
    messages: int
    end: str

    @property
    def done(self) -> bool:
        """Whether the input is at its end."""
        return self.end == "done"


class Replay:
    """One engine over its input, from opening to the last book.

    ``files``: captures (pcap, pcapng, raw ITCH 5.0; .gz, .zst; ``"-"`` is standard input), merged
    by receive time; lines of one channel may be in different files. ``config``: limits,
    channels and feed. ``region``: path of the state segment so that other processes can attach
    with ``View.attach``; without it the memory is private.

    Without ``files`` the input is memory: :meth:`push` frames, :meth:`finish`, step.

    An engine belongs to one thread. Errors are ``PinnacleError`` of the kinds in
    ``pinnacle.errors``.
    """

    def __init__(
        self, files: Sequence[str | PathLike[str]] = (), *, config: ReplayConfig | None = None,
        region: str | PathLike[str] | None = None, memory_bytes: int = 1 << 24,
        memory_frames: int = 1 << 14,
    ) -> None:  # fmt: skip
        self.config = config or ReplayConfig()
        where = region if region is not None else self.config.region
        self._err = ffi.new("char[]", _ERR_LEN)
        path = ffi.NULL if where is None else fspath(where).encode()
        raw = lib.pn_engine_open(_engine_config(self.config), path, self._err, _ERR_LEN)
        if raw == ffi.NULL:
            raise from_c(-ffi.errno, self._message(), "engine")
        self._handle: Any = ffi.gc(raw, lib.pn_engine_close)
        self._run = ffi.new("struct pn_run *")
        self._events = layout.empty(layout.EVENT, 0)
        self._bbo = layout.empty(layout.BBO, 0)
        self._view: View | None = None
        for channel in self.config.channels:
            given = _channel_config(channel)
            self._check(lib.pn_engine_add_channel(raw, given, self._err, _ERR_LEN), "channel")
        for file in files:
            name = fspath(file).encode()
            self._check(lib.pn_engine_add_file(raw, name, self._err, _ERR_LEN), "input")
        if not files:
            code = lib.pn_engine_add_memory(raw, memory_bytes, memory_frames, self._err, _ERR_LEN)
            self._check(code, "engine")

    def close(self) -> None:
        """Ends the replay; its memory goes when the last view or reader of it is gone."""
        self._handle = self._view = None

    def __enter__(self) -> "Replay":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self.close()

    # -- input from memory

    def push(
        self, frame: bytes | bytearray | memoryview, ts_ns: int, *, length: int | None = None,
        link: str = "ethernet", input: int = 0,
    ) -> bool:  # fmt: skip
        """Adds one frame received at ``ts_ns``; false when the memory port is full (step first).

        ``length``: bytes on the wire where the frame was cut. ``link``: what the first byte is,
        one of ``LINKS``. ``input``: number of the port it came from, to tell lines apart.
        """
        data = ffi.from_buffer(frame)
        wire = len(frame) if length is None else length
        code = lib.pn_engine_push(
            self._engine, ffi.cast("uint8_t *", data), len(frame), wire, ts_ns, LINKS[link], input
        )
        if code == -errno.ENOSPC:
            return False
        if code < 0:
            raise UsageError(f"frame refused (error {-code}); length or link is impossible")
        return True

    def finish(self) -> None:
        """No more frames will be pushed."""
        lib.pn_engine_finish(self._engine)

    # -- running

    def run(self) -> records.Counters:
        """Runs to the end of the input and returns the totals."""
        while not self.step(max_events=1 << 20).done:
            pass
        return self.counters

    def step(
        self,
        messages: int = 0,
        until_ns: int = 0,
        *,
        max_events: int = 0,
        events: bool = False,
        bbo: bool = False,
        copy: bool = True,
    ) -> Step:
        """Runs on for exactly ``messages`` messages, or up to receive time ``until_ns``.

        Zero means no limit. ``max_events`` bounds the step too, without counting messages: an
        IEX TOPS quote is one message and two events (it sets both sides), and a gap, a new
        session or an end is an event but no message. A step also ends when a buffer is full.
        ``copy=False`` returns windows of buffers that the next step overwrites: faster, and
        enough for reductions.
        """
        count = messages > 0
        room = min(messages or max_events or _BATCH, _MOST) + _SPARE
        self._reserve(room if events or count else 0, room if bbo else 0)
        ran = changes = seen = kept = 0
        end = ""
        while not end:
            limit = min(max(messages - seen, 1), _MOST) if count else max_events
            got, got_bbo, done = self._advance(limit, until_ns, kept, changes)
            if count or events:
                seen += _count_messages(self._events[kept : kept + got])
            split = count and got > 0 and _splits_quote(self._events[kept + got - 1])
            ran, changes = ran + got, changes + got_bbo
            kept += got if events else 0
            full = (events and kept + 2 > room) or (bbo and changes + 2 > room)
            reached = seen >= messages and not split if count else 0 < max_events <= ran
            if done or full or reached:
                end = "done" if done else "limit" if reached else "full"
            elif not got or not count:
                end = "time" if until_ns else "idle"
        found, found_bbo = self._events[:kept], self._bbo[:changes]
        if copy:
            found, found_bbo = found.copy(), found_bbo.copy()
        return Step(found, found_bbo, ran, seen, end)

    def _advance(
        self, max_events: int, until_ns: int, ran: int, changes: int
    ) -> tuple[int, int, bool]:
        """One run of the engine behind what the buffers hold already."""
        run = self._run
        run.max_events, run.until_ns = max(max_events, 0), until_ns
        run.event_cap = max(len(self._events) - ran, 0)
        run.event = self._event_at + ran if run.event_cap else ffi.NULL
        run.bbo_cap = max(len(self._bbo) - changes, 0)
        run.bbo = self._bbo_at + changes if run.bbo_cap else ffi.NULL
        code = lib.pn_engine_run(self._engine, run)
        if code < 0:
            raise from_c(code, "the engine stopped", "run")
        return run.events, run.bbos, run.end == lib.PN_RUN_DONE

    def steps(
        self, messages: int = _BATCH, *, events: bool = True, bbo: bool = False, copy: bool = True
    ) -> Iterator[Step]:
        """Steps of ``messages`` messages each, to the end of the input."""
        while True:
            step = self.step(messages, events=events, bbo=bbo, copy=copy)
            yield step
            if step.done:
                return

    def events(self, messages: int = _BATCH, *, copy: bool = True) -> Iterator[StructArray]:
        """Events to the end of the input, in arrays of up to ``messages`` records."""
        for step in self.steps(messages, copy=copy):
            if len(step.events):
                yield step.events

    # -- results

    @property
    def view(self) -> View:
        """The engine's own region; usable as long as this object or a reader of it lives."""
        if self._view is None:
            self._view = View(lib.pn_engine_view(self._engine), owner=self._engine)
        return self._view

    @property
    def counters(self) -> records.Counters:
        """Totals so far."""
        return self.view.counters

    @property
    def channels(self) -> list[records.Channel]:
        """All channels found so far."""
        return self.view.channels

    @property
    def instruments(self) -> list[records.Instrument]:
        """All instruments heard of so far."""
        return self.view.instruments

    def book(self, instrument: InstrumentKey) -> Book:
        """The book of an instrument, by name or number."""
        return self.view.book(instrument)

    @property
    def digest(self) -> str:
        """128 bits, as hex, over all messages delivered and the books as they stand."""
        out = ffi.new("uint64_t[2]")
        lib.pn_engine_digest(self._engine, out)
        return f"{out[0]:016x}{out[1]:016x}"

    @property
    def tick_hz(self) -> float:
        """Ticks a second of the stage times in ``view.stages``."""
        return float(lib.pn_engine_tick_hz(self._engine))

    @property
    def progress(self) -> tuple[int, int]:
        """Bytes of the inputs read, and bytes in all (0 when that is not known)."""
        out = ffi.new("uint64_t[2]")
        lib.pn_engine_progress(self._engine, out, out + 1)
        return out[0], out[1]

    def orders(self, instrument: InstrumentKey, side: str) -> StructArray:
        """Resting orders of one side in price, then time order, as ``struct pn_order``.

        Empty for feeds that do not tell orders apart.
        """
        index, number = self.view.index_of(instrument), tables.SIDES[side]
        room = 1024
        while True:
            array = layout.empty(layout.ORDER, room)
            out = layout.pointer(array, "struct pn_order *")
            count = lib.pn_engine_orders(self._engine, index, number, out, room)
            if count <= room:
                return array[:count].copy()
            room = count

    def queue(self, ref: int, instrument: InstrumentKey) -> tuple[int, int]:
        """Size and number of orders ahead of order ``ref`` at its price.

        Raises ``UnknownOrderError`` if the order does not rest in that book.
        """
        out = ffi.new("uint64_t[2]")
        index = self.view.index_of(instrument)
        if lib.pn_engine_queue(self._engine, ref, index, out, out + 1) < 0:
            raise UnknownOrderError(f"order {ref} does not rest in the book of {instrument}")
        return out[0], out[1]

    # -- inside

    @property
    def _engine(self) -> Any:
        if self._handle is None:
            raise PinnacleError("the replay is closed; open it again")
        return self._handle

    def _reserve(self, events: int, changes: int) -> None:
        """Buffers of these sizes; those of the step before are used again if they fit."""
        if len(self._events) != events:
            self._events = np.empty(events, layout.EVENT)
            self._event_at = layout.pointer(self._events, "struct pn_event *")
        if len(self._bbo) != changes:
            self._bbo = np.empty(changes, layout.BBO)
            self._bbo_at = layout.pointer(self._bbo, "struct pn_bbo *")

    def _message(self) -> str:
        return str(ffi.string(self._err).decode(errors="replace"))

    def _check(self, code: int, step: str) -> None:
        if code < 0:
            raise from_c(code, self._message(), step)


def _count_messages(events: StructArray) -> int:
    """Messages among events: no control events, and a quote's two sides once (at the bid)."""
    kind = events["kind"]
    second = (kind == lib.PN_EV_QUOTE) & (events["side"] == lib.PN_ASK)
    return int(np.count_nonzero((kind < lib.PN_EV_GAP) & ~second))


def _splits_quote(last: np.void) -> bool:
    """Whether the event is the first half of a message that has two."""
    return bool(last["kind"] == lib.PN_EV_QUOTE and last["side"] == lib.PN_BID)


def _engine_config(config: ReplayConfig) -> Any:
    """``struct pn_config`` of a configuration."""
    out = ffi.new("struct pn_config *")
    fill_engine(out, config.engine, 0 if config.feed == "auto" else tables.FEED_NUMBER[config.feed])
    return out


def _channel_config(channel: ChannelConfig) -> Any:
    """``struct pn_channel_config`` of a channel."""
    out = ffi.new("struct pn_channel_config *")
    out.name = channel.name.encode()
    out.feed = tables.FEED_NUMBER[channel.feed]
    out.lines = len(channel.lines)
    out.recovery = tables.RECOVERY_NUMBER[channel.recovery]
    for i, line in enumerate(channel.lines):
        out.group_be[i] = 0 if line.group == "any" else records.ipv4_number(line.group)
        out.port[i] = line.port
        out.input[i] = line.input
    return out
