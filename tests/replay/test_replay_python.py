"""The Python side of a replay: stepping, event arrays, books, orders, views, export."""

from pathlib import Path

import numpy as np
import pytest
from pinnacle import layout, tables
from pinnacle.abi import ffi, lib
from pinnacle.config.schema import EngineConfig, ReplayConfig
from pinnacle.errors import (
    NoSuchFileError,
    PinnacleError,
    RegionError,
    UnknownInstrumentError,
    UnknownOrderError,
)
from pinnacle.region import View
from pinnacle.replay import Replay, _engine_config

from tests.support import wire
from tests.support.captures import capture

SMALL = ReplayConfig(
    engine=EngineConfig(
        max_orders=4096, max_instruments=1024, max_pages=1024, max_trades=1024, hugepages="never"
    )
)


@pytest.fixture
def day(tmp_path: Path) -> Path:
    return wire.write_pcap(tmp_path / "day.pcap", wire.day_frames())


def from_memory(frames: list[tuple[int, bytes]], config: ReplayConfig = SMALL) -> Replay:
    replay = Replay(config=config)
    for ts, frame in frames:
        assert replay.push(frame, ts)
    replay.finish()
    return replay


# -- layout and tables


def test_dtypes_have_the_layout_of_c() -> None:
    for name in ("pn_event", "pn_bbo", "pn_level", "pn_order", "pn_top", "pn_channel"):
        dtype = layout.struct_dtype(f"struct {name}")
        ctype = ffi.typeof(f"struct {name}")
        assert dtype.itemsize == ffi.sizeof(ctype)
        for field, info in ctype.fields:
            assert dtype.fields is not None
            assert dtype.fields[field][1] == info.offset
            assert dtype.fields[field][0].itemsize == ffi.sizeof(info.type)
    assert layout.EVENT.itemsize == 64
    assert layout.EVENT["px"] == np.int32
    assert layout.EVENT["size"] == np.uint64


def test_defaults_are_those_of_the_engine() -> None:
    ours, theirs = _engine_config(ReplayConfig()), ffi.new("struct pn_config *")
    lib.pn_config_default(theirs)
    for name, _ in ffi.typeof("struct pn_config").fields:
        if name != "timing":  # on here, because reports show the time of each stage
            assert getattr(ours, name) == getattr(theirs, name), name


def test_tables() -> None:
    assert tables.FEEDS == ("none", "itch50", "deep10", "tops16")
    assert tables.REASON_HELP["flow_unknown"].startswith("datagram of no known")
    assert tables.stale_reasons(5) == ["gap", "late_join"]
    assert len(tables.STAGES) > 0
    assert tables.type_key(0x41) == "A"
    assert tables.type_key(0) == "0x00"


# -- running


def test_run_and_books(day: Path) -> None:
    with Replay([day], config=SMALL) as replay:
        counters = replay.run()
        assert counters.messages == len(wire.day())
        assert (counters.trades, counters.volume) == (wire.DAY_TRADES, wire.DAY_VOLUME)
        book = replay.book("AAPL")
        top = book.top()
        assert (top.state, top.bid_px, top.bid_size, top.bid_orders) == ("valid", 400_700, 350, 2)
        assert top.trading == "open"
        bids = book.levels("bid")
        assert bids.dtype == layout.LEVEL
        assert bids.tolist() == [(400_700, 350, 2), (400_500, 80, 1)]
        assert book.levels("bid", 1).tolist() == [(400_700, 350, 2)]
        assert book.levels("ask").tolist() == [(400_900, 350, 1)]
        assert replay.book("MSFT").levels("ask").tolist() == []
        assert book.traded() == (1, 100)
        names = {i.name: i for i in replay.instruments}
        assert set(names) == {"AAPL", "MSFT"}
        assert (names["MSFT"].locate, names["MSFT"].price_exp, names["MSFT"].lot) == (2, -4, 100)


def test_orders_and_queue(day: Path) -> None:
    with Replay([day], config=SMALL) as replay:
        replay.run()
        orders = replay.orders("AAPL", "bid")
        assert orders["ref"].tolist() == [101, 102, 105]
        assert orders["size"].tolist() == [200, 150, 80]
        assert replay.queue(101, "AAPL") == (0, 0)
        assert replay.queue(102, "AAPL") == (200, 1)
        with pytest.raises(UnknownOrderError):
            replay.queue(103, "AAPL")


def test_step_by_messages_is_exact(day: Path) -> None:
    with Replay([day], config=SMALL) as replay:
        step = replay.step(messages=6, events=True)
        assert (step.messages, step.ran, len(step.events), step.end) == (6, 7, 7, "limit")
        assert replay.counters.messages == 6
        assert replay.book("AAPL").levels("bid").tolist() == [(400_700, 300, 1)]
        step = replay.step(messages=1, events=True)
        assert step.events["ref"].tolist() == [102]
        assert replay.book("AAPL").levels("bid").tolist() == [(400_700, 500, 2)]


def test_step_by_time(day: Path) -> None:
    with Replay([day], config=SMALL) as replay:
        step = replay.step(until_ns=wire.T0 + 1_500_000, events=True)
        assert (step.messages, step.end) == (8, "time")
        assert replay.counters.messages == 8
        assert step.events["rx_ns"].max() == wire.T0 + 1_000_000
        assert not step.done
        assert replay.step(until_ns=wire.T0 + 1_600_000, events=True).ran == 0


def test_events_are_enriched(day: Path) -> None:
    with Replay([day], config=SMALL) as replay:
        events = np.concatenate(list(replay.events(messages=5)))
    executed = events[events["kind"] == lib.PN_EV_EXECUTE]
    assert executed["px"].tolist() == [400_700]
    assert executed["side"].tolist() == [lib.PN_BID]
    deleted = events[events["kind"] == lib.PN_EV_DELETE]
    assert (deleted["px"].tolist(), deleted["size"].tolist()) == ([1_000_000], [50])
    messages = events[events["kind"] < lib.PN_EV_GAP]
    assert messages["seq"].tolist() == list(range(1, len(wire.day()) + 1))
    assert bytes(messages["wire_type"]) == b"".join(m[:1] for m in wire.day())
    assert np.all(messages["ts_ns"] == wire.MIDNIGHT_NS)


@pytest.mark.parametrize("messages", [1, 2, 3, 7, 1000])
def test_steps_of_any_size_give_the_same(day: Path, messages: int) -> None:
    with Replay([day], config=SMALL) as whole, Replay([day], config=SMALL) as parts:
        whole.run()
        total = sum(len(events) for events in parts.events(messages))
        assert parts.digest == whole.digest
        assert total == parts.counters.events


def test_memory_gives_the_same_digest_as_the_file(day: Path) -> None:
    with Replay([day], config=SMALL) as replay, from_memory(wire.day_frames()) as pushed:
        assert pushed.run().messages == replay.run().messages
        assert pushed.digest == replay.digest


def test_memory_port_full() -> None:
    with Replay(config=SMALL, memory_bytes=1 << 20, memory_frames=2) as replay:
        frames = wire.day_frames()
        taken = [replay.push(frame, ts) for ts, frame in frames[:3]]
        assert taken == [True, True, False]
        replay.step(messages=1000)
        assert replay.push(frames[2][1], frames[2][0])


def test_bbo_changes(day: Path) -> None:
    with Replay([day], config=SMALL) as replay:
        changes = np.concatenate([s.bbo for s in replay.steps(3, events=False, bbo=True)])
        last = changes[changes["instrument"] == replay.book("AAPL").index][-1]
        assert (last["bid_px"], last["bid_size"], last["ask_px"]) == (400_700, 350, 400_900)
        assert len(changes) == replay.counters.top_changes


def test_buffers_are_reused_only_when_asked(day: Path) -> None:
    with Replay([day], config=SMALL) as replay:
        first = replay.step(4, events=True, copy=False).events
        kept = replay.step(4, events=True).events
        before = kept.copy()
        replay.step(4, events=True)
        assert np.array_equal(kept, before)
        assert not np.shares_memory(first, kept)


# -- errors and lifetimes


def test_errors(tmp_path: Path, day: Path) -> None:
    with pytest.raises(NoSuchFileError, match="none"):
        Replay([tmp_path / "none.pcap"], config=SMALL)
    with Replay([day], config=SMALL) as replay:
        replay.run()
        with pytest.raises(UnknownInstrumentError, match="TSLA"):
            replay.book("TSLA")
        with pytest.raises(UnknownInstrumentError):
            replay.view.top(10**6)
        with pytest.raises(ValueError, match="neither"):
            replay.book("AAPL").levels("buy")
    with pytest.raises(PinnacleError, match="closed"):
        replay.step(1)


def test_reader_outlives_its_replay(day: Path) -> None:
    replay = Replay([day], config=SMALL)
    replay.run()
    read = replay.view.top_reader("AAPL")
    replay.close()
    del replay
    assert read().bid_px == 400_700


# -- views


def test_readers(day: Path) -> None:
    with Replay([day], config=SMALL) as replay:
        replay.step(messages=6)
        top = replay.view.top_reader("AAPL")
        bids = replay.view.levels_reader("AAPL", "bid", 10)
        assert top().bid_size == 300
        assert bids()["size"].tolist() == [300]
        replay.run()
        assert top().bid_size == 350
        assert bids().tolist() == [(400_700, 350, 2), (400_500, 80, 1)]


def test_attach(day: Path, tmp_path: Path) -> None:
    path = tmp_path / "state"
    with Replay([day], config=SMALL, region=path) as replay:
        replay.run()
        with View.attach(path) as view:
            assert view.header.hugepages is False
            assert view.counters == replay.counters
            assert view.channels == replay.channels
            assert view.instruments == replay.instruments
            assert view.top("AAPL") == replay.view.top("AAPL")


@pytest.mark.parametrize("content", [None, b"", b"x" * 100, bytes(1 << 20)])
def test_attach_refuses(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "state"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RegionError):
        View.attach(path)


def test_channel_record(day: Path) -> None:
    with Replay([day], config=SMALL) as replay:
        replay.run()
        (channel,) = replay.channels
        assert channel.by_type == wire.DAY_TYPES
        assert (channel.feed, channel.framing) == ("itch50", "moldudp64")
        (line,) = channel.lines
        assert (line.group, line.port, line.input) == (wire.GROUP_A, wire.PORT, 0)


# -- IEX


def test_tops_and_deep_books() -> None:
    quotes = [wire.tops_quote("SPY", (100, 7_521_700), (200, 7_523_500))]
    levels = [
        wire.deep_level(b"8", "ZIEXT", 300, 990_500),
        wire.deep_level(b"8", "ZIEXT", 100, 990_400),
        wire.deep_level(b"5", "ZIEXT", 50, 990_700),
        wire.deep_level(b"8", "ZIEXT", 0, 990_500),
    ]
    frames = [
        (wire.T0, wire.udp(wire.iex(0x8003, 1, quotes), "233.215.21.4", 10378)),
        (wire.T0 + 1, wire.udp(wire.iex(0x8004, 1, levels), "233.215.21.5", 10379)),
    ]
    with from_memory(frames) as replay:
        replay.run()
        spy, ziext = replay.book("SPY"), replay.book("ZIEXT")
        assert spy.levels("bid").tolist() == [(7_521_700, 100, 0)]
        assert spy.top().ask_size == 200
        assert ziext.levels("bid")["px"].tolist() == [990_400]
        assert ziext.state == "valid"
        assert {c.feed for c in replay.channels} == {"tops16", "deep10"}


def test_real_captures_from_memory_steps() -> None:
    path = capture("iex/TOPS16.pcapng.gz")
    with Replay([path]) as whole, Replay([path]) as parts:
        counters = whole.run()
        while not parts.step(messages=997).done:
            pass
        assert counters.messages == parts.counters.messages == 57_674
        assert whole.digest == parts.digest
