"""The result of a replay as one object: what ``pinnacle-ctl replay --json`` prints.

The models here are the format. ``schema/replay.schema.json`` is generated from them (a test
compares the two) and docs/replay-json.md explains them. Prices are decimal strings, sizes and
counts integers, times ns with their text beside them.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from pinnacle import records
from pinnacle.drive import Outcome
from pinnacle.prices import price_text
from pinnacle.replay import Replay
from pinnacle.times import format_ns

SCHEMA_FILE = "replay.schema.json"


class Part(BaseModel):
    """Base of all parts: what is not described here is not in the report."""

    model_config = ConfigDict(extra="forbid")


class Quote(Part):
    """One side's best price, or one level."""

    price: str = Field(description="exact decimal; four decimals for ITCH and IEX")
    size: int
    orders: int = Field(description="0 where the feed does not tell orders apart")


class Levels(Part):
    """Price levels, best first, as many as --depth."""

    bids: list[Quote]
    asks: list[Quote]


class BookReport(Part):
    """One instrument's book at the end."""

    instrument: str = Field(description="name as in the feed, #LOCATE where it was never named")
    locate: int | None = Field(description="the feed's own number, null where it has none")
    feed: str
    channel: str
    state: Literal["empty", "valid", "stale"]
    stale_why: list[str] = Field(
        description="gap, waiting, late_join, inconsistent, overflow; empty unless stale"
    )
    trading: str = Field(description="unknown, open, halted, paused, quote_only")
    bid: Quote | None
    ask: Quote | None
    changes: int = Field(description="how often the best bid or offer changed")
    trades: int
    volume: int
    levels: Levels | None = Field(default=None, description="only with --depth")


class LineReport(Part):
    """One line (A, B) of a channel."""

    group: str = Field(description="IPv4 destination; empty for IPv6 and files without packets")
    port: int
    input: int = Field(description="number of the input file, from 0")
    datagrams: int
    messages: int = Field(description="messages that came first on this line")
    duplicates: int = Field(description="messages already had")


class ChannelReport(Part):
    """One sequenced stream of messages."""

    name: str
    session: str
    feed: str
    framing: str
    first_seq: int
    last_seq: int
    datagrams: int
    messages: int
    heartbeats: int
    gaps: int = Field(description="gaps that never closed")
    lost: int = Field(description="messages in them")
    recovered: int = Field(description="gaps that closed by themselves or by the other line")
    duplicates: int
    reorders: int = Field(description="datagrams that came early and were held")
    restarts: int
    session_changes: int
    late_join: bool = Field(description="the first message heard was not the session's first")
    ended: bool = Field(description="the end of the session was announced")
    waiting: bool = Field(description="messages were still missing when the replay stopped")
    unsequenced: bool
    by_type: dict[str, int]
    lines: list[LineReport]


class StageReport(Part):
    """Time of one stage of the pipeline."""

    calls: int
    seconds: float
    ns_per_message: float
    p50_ns: float = Field(description="of one call, within 6 %")
    p99_ns: float
    max_ns: float


class MemoryReport(Part):
    """The region."""

    backing: Literal["hugepages", "file", "anonymous"]
    path: str | None
    bytes: int
    peak_orders: int
    peak_pages: int


class Window(Part):
    """What happened from --from on."""

    from_ns: int
    trades: int
    volume: int


class ReplayReport(Part):
    """All that a replay found."""

    format: Literal[1] = 1
    files: list[str]
    feeds: list[str]
    stopped: str = Field(description="end, max-messages, to, interrupted, or stop-on:CONDITION")
    first_ns: int
    first_time: str
    last_ns: int
    last_time: str
    frames: int
    bytes: int
    datagrams: int
    messages: int
    by_type: dict[str, int | dict[str, int]] = Field(
        description="messages by wire letter; by feed, then letter, if there are several feeds"
    )
    channels: list[ChannelReport]
    drops: dict[str, int] = Field(description="by reason, only those that occurred")
    books: list[BookReport]
    trades: int
    volume: int
    window: Window | None = Field(default=None, description="only with --from")
    seconds: float = Field(description="wall time of the run, without start and report")
    messages_per_second: float
    stages: dict[str, StageReport]
    memory: MemoryReport
    export: dict[str, int] | None = Field(default=None, description="rows by file, with --export")
    digest: str = Field(description="128 bits over all messages and final books")


def build_report(
    replay: Replay, outcome: Outcome, *, files: list[str], depth: int = 0,
    only: frozenset[str] = frozenset(), region: str | None = None,
) -> ReplayReport:  # fmt: skip
    """The report of a replay as it stands; ``only`` names the instruments to list."""
    counters, channels = replay.counters, replay.channels
    names = [c.name for c in channels]
    books = [
        _book(replay, i, names[i.channel] if i.channel < len(names) else "", depth)
        for i in replay.instruments
        if not only or i.name in only
    ]
    header = replay.view.header
    backing: Literal["hugepages", "file", "anonymous"] = (
        "hugepages" if header.hugepages else "file" if region else "anonymous"
    )
    seconds = outcome.seconds
    window = (
        Window(from_ns=outcome.from_ns, trades=outcome.trades, volume=outcome.volume)
        if outcome.from_ns
        else None
    )
    return ReplayReport(
        files=files, feeds=sorted({c.feed for c in channels}), stopped=outcome.stopped,
        first_ns=counters.first_ns, first_time=format_ns(counters.first_ns),
        last_ns=counters.last_ns, last_time=format_ns(counters.last_ns),
        frames=counters.frames, bytes=counters.bytes, datagrams=counters.datagrams,
        messages=counters.messages, by_type=sum_types(channels),
        channels=[_channel(c) for c in channels], drops=counters.drops, books=books,
        trades=counters.trades, volume=counters.volume, window=window, seconds=round(seconds, 9),
        messages_per_second=round(counters.messages / seconds, 1) if seconds > 0 else 0.0,
        stages=_stages(replay, counters.messages),
        memory=MemoryReport(
            backing=backing, path=region, bytes=header.bytes, peak_orders=counters.peak_orders,
            peak_pages=counters.peak_pages,
        ),
        digest=replay.digest,
    )  # fmt: skip


def sum_types(channels: list[records.Channel]) -> dict[str, int | dict[str, int]]:
    """Messages by wire letter over all channels, by feed first if there are several feeds."""
    by_feed: dict[str, dict[str, int]] = {}
    for channel in channels:
        counts = by_feed.setdefault(channel.feed, {})
        for letter, count in channel.by_type.items():
            counts[letter] = counts.get(letter, 0) + count
    if len(by_feed) == 1:
        return dict(next(iter(by_feed.values())))
    return dict(by_feed)


def _channel(channel: records.Channel) -> ChannelReport:
    fields = {n: getattr(channel, n) for n in ChannelReport.model_fields if n != "lines"}
    lines = [
        LineReport(**{n: getattr(line, n) for n in LineReport.model_fields})
        for line in channel.lines
    ]
    return ChannelReport(lines=lines, **fields)


def _stages(replay: Replay, messages: int) -> dict[str, StageReport]:
    found = {}
    for name, stage in replay.view.stages.items():
        if stage.calls and replay.tick_hz > 0:
            tick_ns = 1e9 / replay.tick_hz
            ns = stage.ticks * tick_ns
            found[name] = StageReport(
                calls=stage.calls, seconds=round(ns / 1e9, 9),
                ns_per_message=round(ns / messages, 2) if messages else 0.0,
                p50_ns=round(stage.p50 * tick_ns, 1), p99_ns=round(stage.p99 * tick_ns, 1),
                max_ns=round(stage.max * tick_ns, 1),
            )  # fmt: skip
    return found


def _book(replay: Replay, instrument: records.Instrument, channel: str, depth: int) -> BookReport:
    view, index, exp = replay.view, instrument.index, instrument.price_exp
    top = view.top(index)
    trades, volume = view.traded(index)

    def quote(px: int, size: int, orders: int) -> Quote | None:
        if not size:
            return None
        return Quote(price=price_text(px, exp), size=size, orders=orders)

    def side(name: str) -> list[Quote]:
        return [
            Quote(price=price_text(int(px), exp), size=int(size), orders=int(orders))
            for px, size, orders in view.levels(index, name, depth).tolist()
        ]

    return BookReport(
        instrument=records.label(instrument), locate=instrument.locate or None,
        feed=instrument.feed, channel=channel, state=top.state,  # type: ignore[arg-type]
        stale_why=list(top.stale_why), trading=top.trading,
        bid=quote(top.bid_px, top.bid_size, top.bid_orders),
        ask=quote(top.ask_px, top.ask_size, top.ask_orders),
        changes=top.changes, trades=trades, volume=volume,
        levels=Levels(bids=side("bid"), asks=side("ask")) if depth else None,
    )  # fmt: skip
