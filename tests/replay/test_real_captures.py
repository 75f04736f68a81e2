"""Real captures: counts published with them, and books computed by the oracle, must be matched."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.compare import check_exact
from tests.engine import LINK_BLOCKS, Engine
from tests.oracle import iex, itch, mold, pcap
from tests.oracle.books import IexChannel, ItchChannel
from tests.support.captures import capture, folder

BIG: dict[str, Any] = {"max_orders": 1 << 16, "max_instruments": 1 << 15, "max_pages": 1 << 17,
       "max_trades": 1 << 20}  # fmt: skip


@dataclass
class Independent:
    """What plain Python makes of an IEX capture."""

    channel: IexChannel
    heartbeats: int = 0
    restarts: int = 0
    next_seq: int = 1
    messages: int = 0
    by_type: Counter[str] = field(default_factory=Counter)


def read_iex(path: Path, protocol: int) -> Independent:
    """The capture by the oracle; a step back to sequence 1 begins a new session."""
    out = Independent(IexChannel(protocol))
    for record in pcap.records(path):
        udp = pcap.udp_of(record.data)
        assert udp is not None
        segment = iex.parse_segment(udp.payload)
        if segment.first_seq < out.next_seq:
            out.restarts += 1
            out.channel.reset()
        assert segment.first_seq in (1, out.next_seq)
        out.next_seq = segment.next_seq
        out.heartbeats += not segment.messages
        for message in segment.messages:
            out.messages += 1
            out.by_type[chr(message[0])] += 1
            out.channel.apply(message)
    return out


@pytest.mark.parametrize(
    ("name", "protocol", "messages", "heartbeats", "restarts"),
    [("iex/DEEP10.pcap.gz", iex.DEEP, 391999, 7937, 11),
     ("iex/TOPS16.pcapng.gz", iex.TOPS, 57674, 237, 0)],
)  # fmt: skip
def test_iex_samples(
    name: str, protocol: int, messages: int, heartbeats: int, restarts: int
) -> None:
    path = capture(name)
    truth = read_iex(path, protocol)
    assert (truth.messages, truth.heartbeats, truth.restarts) == (messages, heartbeats, restarts)
    with Engine(files=[str(path)], **BIG) as engine:
        engine.drain_quietly()
        channel = engine.channel(0)
        assert len(engine.channels()) == 1
        assert channel.messages == messages
        assert channel.heartbeats == heartbeats
        assert channel.restarts == restarts
        assert (channel.gaps, channel.lost, channel.late_join) == (0, 0, 0)
        assert (channel.first_seq, channel.next_seq) == (1, truth.next_seq)
        by_type = {chr(i): n for i, n in enumerate(channel.by_type) if n}
        assert by_type == dict(truth.by_type)
        drops = engine.drops()
        drops.pop("book_crossed", None)
        # The DEEP sample's last record is cut short.
        want = {"io_record_cut": 1} if protocol == iex.DEEP else {}
        absent = truth.channel.reasons["book_level_absent"]
        unknown = truth.channel.reasons["trade_unknown"]
        want |= {"book_level_absent": absent} if absent else {}
        want |= {"trade_unknown": unknown} if unknown else {}
        assert drops == want
        check_exact(engine, truth.channel)
        numbers = engine.instruments()
        for key, book in truth.channel.books.items():
            assert engine.traded(numbers[key])[1] == book.volume, key


def snippet() -> Path:
    return capture("nasdaq_itch50/12302019_SNIPPET.NASDAQ_ITCH50")


def test_itch_snippet() -> None:
    """1000 messages cut from mid-stream: late join, 399 unknown references, known best prices."""
    messages = itch.split_blocks(snippet().read_bytes())
    truth = ItchChannel()
    for message in messages:
        truth.apply(message)
    with Engine(files=[str(snippet())], max_instruments=1 << 14) as engine:
        events = engine.drain().events
        assert events.pop(0).kind == "reset"
        assert len(events) == 1000
        rejected = Counter(chr(e.wire_type) for e in events if e.rejected)
        assert rejected == {"D": 139, "E": 28, "U": 225, "C": 1, "X": 6}
        channel = engine.channel(0)
        by_type = {chr(i): n for i, n in enumerate(channel.by_type) if n}
        assert by_type == dict(truth.by_type)
        assert (channel.late_join, channel.messages) == (1, 1000)
        assert engine.drops()["book_unknown_ref"] == 399
        assert (events[0].ts_ns, events[-1].ts_ns) == (34200000000230, 34200002364611)
        numbers = engine.instruments()
        assert all(engine.state(n) == "STALE" for n in numbers.values()
                   if engine.state(n) != "EMPTY")  # fmt: skip
        by_name = {engine.name(n): n for n in numbers.values()}
        want = {"HDS": (400700, 100, 406000, 100), "SCWX": (168500, 100, 170000, 900),
                "QQQ": (2135100, 100, 2135200, 500), "XOP": (232800, 100, 235400, 100)}  # fmt: skip
        for name, figures in want.items():
            top = engine.top(by_name[name])
            assert (top.bid_px, top.bid_size, top.ask_px, top.ask_size) == figures, name
        for key, book in truth.books.items():
            number = numbers[key]
            for side in (0, 1):
                assert engine.levels(number, side) == book.depth(side), key
                want_orders = [(o.ref, o.size, o.px) for o in book.in_priority(side)]
                assert engine.orders(number, side) == want_orders, key
            assert engine.traded(number) == (book.trades, book.volume), key


def test_snippet_behind_its_beginning_is_a_whole_stream() -> None:
    """The adds of the snippet alone, after a start of messages, give valid books."""
    adds = [m for m in itch.split_blocks(snippet().read_bytes()) if m[:1] in (b"A", b"F")]
    truth = ItchChannel()
    with Engine(max_instruments=1 << 14) as engine:
        for message in [itch.build("S", event="O"), *adds]:
            truth.apply(message)
            engine.push(itch.join_blocks([message]), link=LINK_BLOCKS)
        engine.drain_quietly()
        check_exact(engine, truth)
        assert engine.counters().live_orders == 560


def mold_payloads(data: bytes) -> list[bytes]:
    """The packets of mold.sample.dat, which stand back to back; the last one is cut."""
    out = []
    at = 0
    while at < len(data):
        start = at
        count = int.from_bytes(data[at + 18 : at + 20], "big")
        at += mold.HEADER_BYTES
        for _ in range(count):
            at += 2 + int.from_bytes(data[at : at + 2], "big")
        out.append(data[start:at])
    return out


def test_mold_sample() -> None:
    """Three packets of another venue's dialect: framing is right, types are not Nasdaq's."""
    payloads = mold_payloads(capture("moldudp64/mold.sample.dat").read_bytes())
    assert [len(p) > 20 for p in payloads] == [True] * 3
    declared = {"name": b"genium", "feed": 1, "lines": 1, "input": [-1]}
    with Engine(channels=[declared]) as engine:
        for i, payload in enumerate(payloads):
            engine.push(pcap.frame_of(payload), ts_ns=i)
        engine.end()
        channel = engine.channel(0)
        assert (channel.first_seq, channel.messages, channel.next_seq) == (1, 28, 29)
        assert engine.drops()["framing_blocks"] == 1
    with Engine(channels=[declared]) as engine:
        for i, payload in enumerate(payloads):
            engine.push(pcap.frame_of(payload + (b"" if i < 2 else b"\0" * 5)), ts_ns=i)
        engine.end()
        channel = engine.channel(0)
        assert (channel.messages, channel.next_seq, channel.gaps) == (41, 42, 0)
        by_type = {chr(i): n for i, n in enumerate(channel.by_type) if n}
        assert by_type == {"T": 2, "S": 1, "R": 19, "L": 19}
    with Engine() as engine:
        for i, payload in enumerate(payloads):
            engine.push(pcap.frame_of(payload), ts_ns=i)
        engine.end()
        assert engine.drops() == {"flow_unknown": 3}


def single_packets(pattern: str) -> list[Path]:
    base = folder() / "omi-data-packets"
    if not base.is_dir():
        pytest.skip("real captures omi-data-packets are not there")
    found = sorted(base.glob(pattern))
    assert found, pattern
    return found


def udp_payloads(path: Path) -> list[bytes]:
    out = []
    for record in pcap.records(path):
        udp = pcap.udp_of(record.data)
        if udp is not None:
            out.append(udp.payload)
    return out


def test_single_packets_of_totalview() -> None:
    """Each one-packet capture: recognised, every message delivered, books as the oracle's."""
    for path in single_packets("Nasdaq/*TotalView*/*.pcap"):
        with Engine(files=[str(path)], max_instruments=1 << 16) as engine:
            engine.drain_quietly()
            messages: Counter[str] = Counter()
            for payload in udp_payloads(path):
                for message in mold.parse(payload).messages:
                    messages[chr(message[0])] += 1
            by_type: Counter[str] = Counter()
            for channel in engine.channels():
                by_type.update({chr(i): n for i, n in enumerate(channel.by_type) if n})
                assert channel.feed == 1, path
                assert channel.late_join or channel.unsequenced or channel.first_seq == 1, path
            allowed = {"book_unknown_ref", "seq_duplicate"}
            assert set(engine.drops()) <= allowed, (path, engine.drops())
            assert by_type == messages, path


def test_single_packets_of_deep_and_tops() -> None:
    for path in single_packets("Iex/[DT][eo][ep][ps].IexTp.*/*.pcap"):
        payloads = udp_payloads(path)
        assert payloads, path
        protocols = {int.from_bytes(p[2:4], "little") for p in payloads}
        with Engine(files=[str(path)], max_instruments=1 << 12) as engine:
            engine.drain_quietly()
            if not protocols & set(iex.MESSAGES):
                assert protocols == {0x8002}
                assert engine.drops() == {"flow_unknown": len(payloads)}, path
                continue
            (protocol,) = protocols
            truth = IexChannel(protocol)
            for payload in payloads:
                for message in iex.parse_segment(payload).messages:
                    truth.apply(message)
            (channel,) = engine.channels()
            assert channel.messages == truth.messages, path
            by_type = {chr(i): n for i, n in enumerate(channel.by_type) if n}
            assert by_type == dict(truth.by_type), path
            for key, number in engine.instruments().items():
                book = truth.books.get(key)
                if book is not None:
                    assert engine.levels(number, 0) == book.depth(0), path
                    assert engine.levels(number, 1) == book.depth(1), path


def test_deep_plus_is_an_unknown_feed() -> None:
    for path in single_packets("Iex/DeepPlus*/*.pcap"):
        with Engine(files=[str(path)]) as engine:
            engine.drain_quietly()
            assert engine.drops() == {"flow_unknown": len(udp_payloads(path))}, path
            assert not engine.channels()


def test_every_other_capture_is_survived() -> None:
    """Packets of other venues and protocols: nothing recognised that is not there, no crash."""
    for path in single_packets("**/*.pcap"):
        if any(s in str(path) for s in ("TotalView", "Iex")):
            continue
        with Engine(files=[str(path)]) as engine:
            engine.drain_quietly()
            assert not engine.channels(), path
            counters = engine.counters()
            assert counters.frames == sum(engine.drops().values()), path
