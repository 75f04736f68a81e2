"""Drives the C engine for tests through the bare cffi boundary: push frames, run, look.

Thin on purpose: tests of the engine must not depend on the Python API above it.
"""

from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, NamedTuple

from pinnacle.abi import ffi, lib

ERR_BYTES = 512
ENOENT = -2
EAGAIN = -11
ENOSPC = -28
LINK_ETHERNET = 0
LINK_BLOCKS = 5

STATES = {lib.PN_BOOK_EMPTY: "EMPTY", lib.PN_BOOK_VALID: "VALID", lib.PN_BOOK_STALE: "STALE"}
KINDS = {
    lib.PN_EV_ADD: "add",
    lib.PN_EV_EXECUTE: "execute",
    lib.PN_EV_EXECUTE_AT: "execute_at",
    lib.PN_EV_CANCEL: "cancel",
    lib.PN_EV_DELETE: "delete",
    lib.PN_EV_REPLACE: "replace",
    lib.PN_EV_LEVEL: "level",
    lib.PN_EV_QUOTE: "quote",
    lib.PN_EV_TRADE: "trade",
    lib.PN_EV_CROSS: "cross",
    lib.PN_EV_BROKEN: "broken",
    lib.PN_EV_STATUS: "status",
    lib.PN_EV_SYSTEM: "system",
    lib.PN_EV_INSTRUMENT: "instrument",
    lib.PN_EV_INFO: "info",
    lib.PN_EV_GAP: "gap",
    lib.PN_EV_RESET: "reset",
    lib.PN_EV_END: "end",
}

SMALL: Mapping[str, int] = {
    "max_orders": 1 << 12,
    "max_instruments": 4096,
    "max_pages": 1 << 12,
    "max_trades": 1 << 10,
    "hugepages": 0,
    "timing": 0,
}


class EngineError(Exception):
    """A cold function of the engine refused."""


class Event(NamedTuple):
    kind: str
    side: int
    flags: int
    wire_type: int
    instrument: int
    ts_ns: int
    rx_ns: int
    seq: int
    ref: int
    ref2: int
    size: int
    px: int
    aux: int

    @property
    def rejected(self) -> bool:
        return bool(self.flags & lib.PN_EVF_REJECTED)


class Bbo(NamedTuple):
    ts_ns: int
    rx_ns: int
    seq: int
    instrument: int
    state: int
    bid_px: int
    ask_px: int
    bid_orders: int
    ask_orders: int
    bid_size: int
    ask_size: int


class Ran(NamedTuple):
    events: list[Event]
    bbos: list[Bbo]
    done: bool


def _copy(struct: Any, kind: Any) -> Any:
    return kind(*(getattr(struct, name) for name in kind._fields))


def _event(e: Any) -> Event:
    return Event(KINDS.get(e.kind, str(e.kind)), e.side, e.flags, e.wire_type, e.instrument,
                 e.ts_ns, e.rx_ns, e.seq, e.ref, e.ref2, e.size, e.px, e.aux)  # fmt: skip


class View:
    """Reading half, shared by the engine's own view and one attached by path."""

    def __init__(self, path: str) -> None:
        self._instruments: dict[int, tuple[int, dict[int | str, int]]] = {}
        err = ffi.new("char[]", ERR_BYTES)
        self.view = lib.pn_view_open(path.encode(), err, ERR_BYTES)
        if self.view == ffi.NULL:
            raise EngineError(ffi.string(err).decode())

    def close_view(self) -> None:
        lib.pn_view_close(self.view)

    def top(self, instrument: int) -> Any:
        out = ffi.new("struct pn_top *")
        code = lib.pn_view_top(self.view, instrument, out)
        if code:
            raise EngineError(f"pn_view_top: {code}")
        return out

    def state(self, instrument: int) -> str:
        return STATES[self.top(instrument).state]

    def levels(self, instrument: int, side: int, cap: int = 4096) -> list[tuple[int, int, int]]:
        out = ffi.new("struct pn_level[]", cap)
        count = lib.pn_view_levels(self.view, instrument, side, out, cap)
        if count < 0:
            raise EngineError(f"pn_view_levels: {count}")
        return [(out[i].px, out[i].size, out[i].orders) for i in range(count)]

    def traded(self, instrument: int) -> tuple[int, int]:
        trades, volume = ffi.new("uint64_t *"), ffi.new("uint64_t *")
        code = lib.pn_view_traded(self.view, instrument, trades, volume)
        if code:
            raise EngineError(f"pn_view_traded: {code}")
        return trades[0], volume[0]

    def channel(self, number: int = 0) -> Any:
        out = ffi.new("struct pn_channel *")
        code = lib.pn_view_channel(self.view, number, out)
        if code:
            raise EngineError(f"pn_view_channel: {code}")
        return out

    def channels(self) -> list[Any]:
        return [self.channel(i) for i in range(lib.pn_view_header(self.view).channels)]

    def counters(self) -> Any:
        out = ffi.new("struct pn_counters *")
        lib.pn_view_counters(self.view, out)
        return out

    def drops(self) -> dict[str, int]:
        counters = self.counters()
        out = {}
        for i in range(lib.PN_REASONS_MAX):
            label = lib.pn_reason_label(i)
            if label == ffi.NULL:
                assert counters.drops[i] == 0, "a reason without a label was counted"
                break
            if counters.drops[i]:
                out[ffi.string(label).decode()] = counters.drops[i]
        return out

    def instrument(self, number: int) -> Any:
        out = ffi.new("struct pn_instrument *")
        code = lib.pn_view_instrument(self.view, number, out)
        if code:
            raise EngineError(f"pn_view_instrument: {code}")
        return out

    def instruments(self, channel: int = 0) -> dict[int | str, int]:
        """Index by locate (ITCH) or by name (IEX) of one channel; records are only ever added."""
        count = lib.pn_view_header(self.view).instruments
        first, found = self._instruments.setdefault(channel, (0, {}))
        if first == count:
            return found
        self._instruments[channel] = (count, found)
        for i in range(first, count):
            record = self.instrument(i)
            if record.channel != channel:
                continue
            if record.feed == lib.PN_FEED_ITCH50:
                found.setdefault(record.locate, i)
            elif record.feed:
                found[ffi.string(record.name).decode()] = i
        return found

    def name(self, number: int) -> str:
        record = self.instrument(number)  # owns the memory that .name points to
        text: str = ffi.string(record.name).decode()
        return text


class Engine(View):
    """One engine with a memory port (or files), private or over a named region."""

    def __init__(
        self,
        *,
        path: str | None = None,
        files: Iterable[str] = (),
        port_bytes: int = 1 << 22,
        port_frames: int = 1 << 12,
        channels: Iterable[Mapping[str, Any]] = (),
        **overrides: int,
    ) -> None:
        self._instruments = {}
        cfg = ffi.new("struct pn_config *")
        lib.pn_config_default(cfg)
        for name, value in {**SMALL, **overrides}.items():
            setattr(cfg, name, value)
        self._err = ffi.new("char[]", ERR_BYTES)
        where = ffi.NULL if path is None else ffi.new("char[]", path.encode())
        self.engine = lib.pn_engine_open(cfg, where, self._err, ERR_BYTES)
        if self.engine == ffi.NULL:
            raise EngineError(ffi.string(self._err).decode())
        for channel in channels:
            self._add_channel(channel)
        files = list(files)
        for file in files:
            self._check(lib.pn_engine_add_file(self.engine, file.encode(), self._err, ERR_BYTES))
        if not files:
            self._check(
                lib.pn_engine_add_memory(self.engine, port_bytes, port_frames, self._err, ERR_BYTES)
            )
        self.view = lib.pn_engine_view(self.engine)

    def _check(self, code: int) -> None:
        if code:
            text = ffi.string(self._err).decode()
            self.close()
            raise EngineError(f"{code}: {text}")

    def _add_channel(self, channel: Mapping[str, Any]) -> None:
        c = ffi.new("struct pn_channel_config *", channel)
        self._check(lib.pn_engine_add_channel(self.engine, c, self._err, ERR_BYTES))

    def __enter__(self) -> "Engine":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        if self.engine != ffi.NULL:
            lib.pn_engine_close(self.engine)
            self.engine = ffi.NULL

    def try_push(
        self, data: bytes, ts_ns: int = 0, link: int = LINK_ETHERNET, input: int = 0, wire: int = 0
    ) -> int:
        """Pushes one frame; wire is the length it had on the wire where that is longer."""
        code: int = lib.pn_engine_push(
            self.engine, data, len(data), max(wire, len(data)), ts_ns, link, input
        )
        return code

    def push(
        self, data: bytes, ts_ns: int = 0, link: int = LINK_ETHERNET, input: int = 0, wire: int = 0
    ) -> None:
        """Pushes one frame, running the engine when the port is full."""
        code = self.try_push(data, ts_ns, link, input, wire)
        if code == ENOSPC:
            self.drain()
            code = self.try_push(data, ts_ns, link, input, wire)
        assert code == 0, f"push: {code}"

    def run(
        self, max_events: int = 0, until_ns: int = 0, event_cap: int = 1024, bbo_cap: int = 1024
    ) -> Ran:
        """One run; caps of 0 pass no buffer."""
        run = ffi.new("struct pn_run *")
        events = ffi.new("struct pn_event[]", max(event_cap, 1))
        bbos = ffi.new("struct pn_bbo[]", max(bbo_cap, 1))
        run.max_events, run.until_ns = max_events, until_ns
        run.event, run.event_cap = (events, event_cap) if event_cap else (ffi.NULL, 0)
        run.bbo, run.bbo_cap = (bbos, bbo_cap) if bbo_cap else (ffi.NULL, 0)
        code = lib.pn_engine_run(self.engine, run)
        assert code == 0, f"run: {code}"
        return Ran(
            [_event(events[i]) for i in range(run.events if event_cap else 0)],
            [_copy(bbos[i], Bbo) for i in range(run.bbos if bbo_cap else 0)],
            run.end == lib.PN_RUN_DONE,
        )

    def drain(self, max_events: int = 0) -> Ran:
        """Runs until nothing pushed so far is left; all events and records of it."""
        all_events: list[Event] = []
        all_bbos: list[Bbo] = []
        while True:
            ran = self.run(max_events)
            all_events += ran.events
            all_bbos += ran.bbos
            if ran.done or not (ran.events or ran.bbos):
                return Ran(all_events, all_bbos, ran.done)

    def drain_quietly(self) -> None:
        """As drain, without copying events."""
        while True:
            before = self.counters().frames
            run = ffi.new("struct pn_run *")
            code = lib.pn_engine_run(self.engine, run)
            assert code == 0, f"run: {code}"
            if run.end == lib.PN_RUN_DONE or self.counters().frames == before:
                return

    def end(self) -> Ran:
        """Says that no more frames will come and runs to the end."""
        lib.pn_engine_finish(self.engine)
        ran = self.drain()
        assert ran.done, "the input has ended but the engine does not say so"
        return ran

    def digest(self) -> str:
        out = ffi.new("uint64_t[2]")
        lib.pn_engine_digest(self.engine, out)
        return f"{out[0]:016x}{out[1]:016x}"

    def queue(self, ref: int, instrument: int) -> tuple[int, int] | None:
        size, orders = ffi.new("uint64_t *"), ffi.new("uint64_t *")
        code = lib.pn_engine_queue(self.engine, ref, instrument, size, orders)
        if code == ENOENT:
            return None
        assert code == 0, f"queue: {code}"
        return size[0], orders[0]

    def orders(self, instrument: int, side: int, cap: int = 8192) -> list[tuple[int, int, int]]:
        """(ref, size, px) in price, then time order."""
        out = ffi.new("struct pn_order[]", cap)
        count = lib.pn_engine_orders(self.engine, instrument, side, out, cap)
        assert count <= cap
        return [(out[i].ref, out[i].size, out[i].px) for i in range(count)]
