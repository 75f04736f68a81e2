"""Drives a replay for the command line: pace, limits, stop conditions, time window, sinks.

The engine does the work; this decides how far each step goes and who gets its arrays. The wall
clock is read here and only here, to keep the pace of a recording; it never enters the engine.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from pinnacle import tables
from pinnacle.abi import ffi, lib
from pinnacle.errors import UsageError
from pinnacle.replay import Replay, Step
from pinnacle.times import TimePoint, format_ns

#: condition of --stop-on -> what it means
STOP_ON = {
    "gap": "messages of a channel are lost for good",
    "malformed": "a frame, datagram or message is malformed",
    "inconsistent": "an event contradicts its book",
    "restart": "a channel begins a new session",
    "end": "the end of a session is announced",
}

_STOP_EVENTS = {"gap": lib.PN_EV_GAP, "restart": lib.PN_EV_RESET, "end": lib.PN_EV_END}
_STOP_REASONS = {
    "malformed": ("io_record_cut", "io_record_bad", "io_block_bad", "io_stream_bad", "net_short",
                  "net_ip_bad", "net_udp_bad", "framing_short", "framing_blocks",
                  "framing_version", "msg_short", "msg_unknown_type", "msg_empty", "msg_field"),
    "inconsistent": ("book_unknown_ref", "book_duplicate_ref", "book_over_reduce",
                     "book_mismatch"),
}  # fmt: skip

_NO_LIMIT = 1 << 62
_CHUNK = 262_144
_CHUNK_WITH_ARRAYS = 65_536
_CHUNK_TO_STOP = 256
_PACE_SLEEP = 0.002
_SHOW_NS = 100_000_000

TRADE_KINDS = (lib.PN_EV_EXECUTE, lib.PN_EV_EXECUTE_AT, lib.PN_EV_TRADE, lib.PN_EV_CROSS)


class Sink(Protocol):
    """Takes the arrays of each step; ``events`` and ``bbo`` say which it needs."""

    events: bool
    bbo: bool

    def take(self, step: Step) -> None:
        """Gets windows of buffers that the next step overwrites."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How far and how fast. ``speed``: 0 = as fast as possible, 1 = as recorded."""

    speed: float = 0.0
    start: TimePoint | None = None
    stop: TimePoint | None = None
    max_messages: int = 0
    stop_on: frozenset[str] = frozenset()


@dataclass(slots=True)
class Outcome:
    """How a replay went; filled in while it runs, so that Ctrl-C leaves it right."""

    stopped: str = "interrupted"
    seconds: float = 0.0
    from_ns: int = 0
    trades: int = 0
    volume: int = 0
    warnings: list[str] = field(default_factory=list)


Progress = Callable[[Replay], None]


def is_trade(events: "np.typing.NDArray[np.void]") -> "np.typing.NDArray[np.bool_]":
    """Which events count as trades, by the engine's own rule."""
    counted = np.isin(events["kind"], TRADE_KINDS) & (events["size"] > 0)
    excluded = lib.PN_EVF_NONPRINTABLE | lib.PN_EVF_REJECTED
    mask: np.typing.NDArray[np.bool_] = counted & ((events["flags"] & excluded) == 0)
    return mask


class _StopOn:
    """Says which of the stop conditions has come true."""

    def __init__(self, replay: Replay, conditions: frozenset[str]) -> None:
        self.events = {_STOP_EVENTS[c]: c for c in conditions if c in _STOP_EVENTS}
        self.reasons = {
            tables.REASONS.index(label): c for c in conditions for label in _STOP_REASONS.get(c, ())
        }
        self._view = replay.view
        self._counters = ffi.new("struct pn_counters *")

    def met(self, step: Step) -> str | None:
        for kind, condition in self.events.items():
            if np.any(step.events["kind"] == kind):
                return condition
        if self.reasons:
            self._view.counters_into(self._counters)
            drops = self._counters.drops
            for number, condition in self.reasons.items():
                if drops[number]:
                    return condition
        return None


def drive(
    replay: Replay, limits: Limits, outcome: Outcome, sinks: Sequence[Sink] = (),
    progress: Progress | None = None,
) -> None:  # fmt: skip
    """Runs ``replay`` to its end or a limit, filling ``outcome``."""
    began = time.monotonic()
    try:
        outcome.stopped = _drive(replay, limits, outcome, sinks, progress)
    finally:
        outcome.seconds = time.monotonic() - began


def _drive(
    replay: Replay, limits: Limits, outcome: Outcome, sinks: Sequence[Sink],
    progress: Progress | None,
) -> str:  # fmt: skip
    stop_on = _StopOn(replay, limits.stop_on)
    with_events = any(s.events for s in sinks) or bool(stop_on.events) or limits.start is not None
    with_bbo = any(s.bbo for s in sinks)
    chunk = _CHUNK_WITH_ARRAYS if with_events or with_bbo else _CHUNK
    if limits.stop_on:
        chunk = _CHUNK_TO_STOP
    left = limits.max_messages or _NO_LIMIT
    shown = until = stop_ns = first_ns = 0
    size = 1  # the first step finds the capture's first time
    began = time.monotonic()
    while True:
        size = min(size, left)
        counted = size if limits.max_messages else 0
        step = replay.step(
            counted, until, max_events=size, events=with_events, bbo=with_bbo, copy=False
        )
        if not first_ns:
            first_ns, stop_ns = _resolve(replay, limits, outcome)
            size = chunk
        _deliver(step, sinks, outcome)
        left -= step.messages
        if condition := stop_on.met(step):
            return f"stop-on:{condition}"
        if step.done:
            return "end"
        if left <= 0:
            return "max-messages"
        if step.end == "time" and until == stop_ns:
            return "to"
        if progress and time.monotonic_ns() - shown > _SHOW_NS:
            progress(replay)
            shown = time.monotonic_ns()
        until = stop_ns
        if limits.speed:
            if step.end == "time":
                time.sleep(_PACE_SLEEP)
            played = first_ns + int((time.monotonic() - began) * limits.speed * 1e9)
            until = min(played, stop_ns) if stop_ns else played


def _resolve(replay: Replay, limits: Limits, outcome: Outcome) -> tuple[int, int]:
    first_ns = max(replay.counters.first_ns, 1)
    if limits.start:
        outcome.from_ns = max(limits.start.resolve(first_ns), 1)
    stop_ns = limits.stop.resolve(first_ns) if limits.stop else 0
    if limits.stop and stop_ns < first_ns:
        raise UsageError(
            f"--to {limits.stop.text} lies before the first frame, {format_ns(first_ns)}"
        )
    if stop_ns and stop_ns < outcome.from_ns:
        raise UsageError("--to lies before --from")
    return first_ns, stop_ns


def _deliver(step: Step, sinks: Sequence[Sink], outcome: Outcome) -> None:
    if outcome.from_ns:
        events = step.events[step.events["rx_ns"] >= outcome.from_ns]
        bbo = step.bbo[step.bbo["rx_ns"] >= outcome.from_ns]
        step = step._replace(events=events, bbo=bbo)
        trades = events[is_trade(events)]
        outcome.trades += len(trades)
        outcome.volume += int(trades["size"].sum())
    for sink in sinks:
        sink.take(step)
