"""IEX-TP, DEEP 1.0 and TOPS 1.6: the documents' samples, and malformed forms of everything."""

from typing import Any

import pytest

from tests.compare import check_honest, same_book
from tests.engine import Engine, Event
from tests.oracle import iex, pcap
from tests.oracle.books import IexChannel

# protocol, bytes, expected event fields
SAMPLES = [
    (iex.DEEP, "534fa3dd9c17c1d4c118", {"kind": "system", "ts_ns": 1783940853205360035,
                                         "aux": ord("O")}),
    (iex.DEEP, "4480b5661a18c1d4c1185a4558495420202064000000a08601000000000001",
     {"kind": "instrument", "name": "ZEXIT"}),
    (iex.DEEP, "48482c3ea217c1d4c11841504e41552020204e412020",
     {"kind": "status", "aux": 2, "name": "APNAU"}),
    (iex.DEEP, "4920a3dd9c17c1d4c1184120202020202020", {"kind": "info", "name": "A"}),
    (iex.DEEP, "4f4f9dcbdb17c1d4c1184a50524620202020", {"name": "JPRF"}),
    (iex.DEEP, "5001e41eabe6d8d4c118414e5920202020204e", {"kind": "info", "name": "ANY"}),
    (iex.DEEP, "454f0162fc8b63acb8145a58494554202020", {"kind": "info", "name": "ZXIET"}),
    (iex.DEEP, "3801248ae2c39dd7c118454d4220202020206400000014920e0000000000",
     {"kind": "level", "side": 0, "size": 100, "px": 954900, "name": "EMB", "flags": 1}),
    (iex.DEEP, "350056d5cd759ed7c1185351515120202020dc05000024ef050000000000",
     {"kind": "level", "side": 1, "size": 1500, "px": 388900, "name": "SQQQ", "flags": 0}),
    (iex.DEEP, "35019ad365c89dd7c1184e56445520202020000000003887130000000000",
     {"kind": "level", "side": 1, "size": 0, "px": 1279800, "name": "NVDU", "flags": 1}),
    (iex.DEEP, "54408007b2049ed7c118534c44502020202064000000d8590000000000000100000000000000",
     {"kind": "trade", "size": 100, "px": 23000, "ref2": 1, "name": "SLDP"}),
    (iex.DEEP, "42d090f326ef1dbbb8144141202020202020dc00000058a007000000000017ff010000000000",
     {"kind": "broken", "size": 220, "px": 499800, "ref2": 130839, "name": "AA"}),
    (iex.TOPS, "5851f85f3a86d5b10d155a5849455420202040420f0000000000",
     {"kind": "info", "name": "ZXIET"}),
    (iex.TOPS, "414fb05496f5b8fecf145a58494554202020d001000050920400000000007c93040000000000b918"
     "00004200b8d563597c930400000000005092040000000000841d0400000000001c07050000000000",
     {"kind": "info", "name": "ZXIET"}),
]  # fmt: skip
QUOTE = "5100c048e39c37b30d15415453472020202055490000ecb003000000000044b303000000000005ed0000"


class Feed:
    """One engine fed single-message segments of one protocol."""

    def __init__(self, protocol: int, **config: Any) -> None:
        self.engine = Engine(**config)
        self.protocol = protocol
        self.seq = 1

    def send(self, *messages: bytes) -> list[Event]:
        segment = iex.Segment(self.protocol, 1, 77, 0, self.seq, self.seq, messages)
        self.engine.push(pcap.frame_of(iex.build_segment(segment)), ts_ns=self.seq)
        self.seq += len(messages)
        return self.engine.drain().events


@pytest.mark.parametrize(("protocol", "data", "want"), SAMPLES)
def test_samples_of_the_documents(protocol: int, data: str, want: dict[str, object]) -> None:
    feed = Feed(protocol)
    with feed.engine as engine:
        message = bytes.fromhex(data)
        reset, event = feed.send(message)
        assert reset.kind == "reset", "a session begins"
        got = {**event._asdict(), "name": engine.name(event.instrument) if "name" in want else ""}
        assert {k: got[k] for k in want} == want
        assert (event.wire_type, event.seq) == (message[0], 1)
        assert event.ts_ns == iex.decode(protocol, message).u["ts"]


def test_quote_of_the_documents() -> None:
    feed = Feed(iex.TOPS)
    with feed.engine as engine:
        feed.send(bytes.fromhex(QUOTE))
        number = engine.instruments()["ATSG"]
        assert engine.levels(number, 0) == [(241900, 18773, 0)]
        assert engine.levels(number, 1) == [(242500, 60677, 0)]
        feed.send(iex.build(iex.TOPS, "Q", symbol="ATSG"))
        assert engine.levels(number, 0) == engine.levels(number, 1) == []
        assert engine.state(number) == "VALID"


def level(side: str, px: int, size: int, flags: int = 1, symbol: str = "AA") -> bytes:
    return iex.build(iex.DEEP, side, flags=flags, symbol=symbol, size=size, price=px)


def test_top_stands_still_during_a_transition() -> None:
    """Levels change at once, the published top only with the completing update."""
    truth = IexChannel(iex.DEEP)
    feed = Feed(iex.DEEP)
    steps = [level("8", 1000, 5), level("5", 1100, 6), level("8", 1050, 7, 0),
             level("5", 1060, 8, 0, "BB"), level("5", 1100, 0, 0), level("8", 1000, 0, 1),
             level("5", 1060, 9, 1, "BB")]  # fmt: skip
    with feed.engine as engine:
        for step in steps:
            feed.send(step)
            truth.apply(step)
            for key, number in engine.instruments().items():
                assert not same_book(engine, number, truth.books[key])
        assert engine.top(engine.instruments()["AA"]).ask_size == 0


def test_removing_an_absent_level_is_noted_only() -> None:
    feed = Feed(iex.DEEP)
    with feed.engine as engine:
        feed.send(level("8", 1000, 5))
        feed.send(level("8", 900, 0))
        assert engine.drops() == {"book_level_absent": 1}
        assert engine.state(engine.instruments()["AA"]) == "VALID"


@pytest.mark.parametrize("px", [2**31, -(2**31) - 1, 2**62, -(2**63), -1])
@pytest.mark.parametrize("size", [0, 5])
def test_prices_out_of_range_are_counted_and_stale(px: int, size: int) -> None:
    feed = Feed(iex.DEEP)
    with feed.engine as engine:
        feed.send(level("8", 1000, 5))
        feed.send(level("8", px, size))
        assert engine.drops() == {"msg_field": 1}
        assert engine.state(engine.instruments()["AA"]) == "STALE"


@pytest.mark.parametrize("px", [2**31 - 1, 2**31 - 2, 0, 1, 63, 64])
def test_extreme_prices_in_range_are_right_or_stale(px: int) -> None:
    truth = IexChannel(iex.DEEP)
    feed = Feed(iex.DEEP)
    with feed.engine as engine:
        for message in (level("8", 1000, 5), level("8", px, 7), level("5", px, 9),
                        level("8", 1000, 0), level("8", px, 0)):  # fmt: skip
            feed.send(message)
            truth.apply(message)
            check_honest(engine, truth)


@pytest.mark.parametrize("side", ["bid_price", "ask_price"])
def test_half_a_quote_does_not_pass_for_a_whole_one(side: str) -> None:
    """A quote with one impossible price leaves the book stale; the next good one heals it."""
    fields: dict[str, Any] = {
        "symbol": "AA",
        "bid_size": 5,
        "bid_price": 1000,
        "ask_size": 6,
        "ask_price": 1100,
    }
    good = iex.build(iex.TOPS, "Q", **fields)
    bad = iex.build(iex.TOPS, "Q", **{**fields, "bid_size": 9, "ask_size": 9, side: 2**40})
    feed = Feed(iex.TOPS)
    with feed.engine as engine:
        feed.send(good)
        number = engine.instruments()["AA"]
        feed.send(bad)
        assert engine.drops() == {"msg_field": 1}
        assert engine.state(number) == "STALE"
        feed.send(good)
        assert engine.state(number) == "VALID"
        assert engine.levels(number, 0) == [(1000, 5, 0)]
        assert engine.levels(number, 1) == [(1100, 6, 0)]


def test_quotes_without_room_for_their_pages_are_stale() -> None:
    """A quote that could not be stored must not heal its book."""
    truth = IexChannel(iex.TOPS)
    feed = Feed(iex.TOPS, max_pages=3)
    with feed.engine as engine:
        for i in range(6):
            message = iex.build(iex.TOPS, "Q", symbol=f"S{i}", bid_size=5, bid_price=1000 + i,
                                ask_size=6, ask_price=9_000_000 + i)  # fmt: skip
            feed.send(message)
            truth.apply(message)
            check_honest(engine, truth)
        assert engine.drops()["book_pages_full"] > 0


def test_breaks_reverse_trades() -> None:
    feed = Feed(iex.DEEP)

    def report(kind: str, trade: int, size: int) -> bytes:
        return iex.build(iex.DEEP, kind, symbol="AA", size=size, price=1000, trade=trade)

    with feed.engine as engine:
        feed.send(report("T", 1, 100), report("T", 2, 50), report("B", 1, 100))
        number = engine.instruments()["AA"]
        assert engine.traded(number) == (1, 50)
        feed.send(report("B", 1, 100), report("B", 99, 100))
        assert engine.traded(number) == (1, 50)
        assert engine.drops() == {"trade_unknown": 2}


CASES = [(p, k) for p in (iex.DEEP, iex.TOPS) for k in iex.MESSAGES[p]]


@pytest.mark.parametrize(("protocol", "kind"), CASES)
def test_every_truncation_and_excess(protocol: int, kind: str) -> None:
    full = iex.build(protocol, kind, **({} if kind == "S" else {"symbol": "AA"}))
    feed = Feed(protocol)
    with feed.engine as engine:
        feed.send(iex.build(protocol, "S", flags="O"))
        for n in range(len(full)):
            feed.send(full[:n])
        want = {"msg_empty": 1, "msg_short": len(full) - 1}
        assert engine.drops() == want
        for n in range(1, 6):
            feed.send(full + b"\xff" * n)
        assert engine.drops()["msg_long"] == 5
        assert engine.channel(0).next_seq == len(full) + 7


@pytest.mark.parametrize("protocol", [iex.DEEP, iex.TOPS])
def test_unknown_types_are_skipped(protocol: int) -> None:
    feed = Feed(protocol)
    unknown = [t for t in range(256) if chr(t) not in iex.MESSAGES[protocol]]
    with feed.engine as engine:
        feed.send(iex.build(protocol, "S", flags="O"))
        for t in unknown:
            feed.send(bytes([t]) + b"\0" * 41)
        assert engine.drops() == {"msg_unknown_type": len(unknown)}


def segments() -> list[iex.Segment]:
    messages = [iex.build(iex.DEEP, "S", flags="O")]
    messages += [level("85"[i % 2], 1000 + i * 100, i + 1) for i in range(19)]
    out = []
    offset = 0
    for i in range(0, 20, 4):
        part = tuple(messages[i : i + 4])
        out.append(iex.Segment(iex.DEEP, 1, 77, offset, 1 + i, 10 + i, part))
        offset += sum(2 + len(m) for m in part)
    return out


@pytest.mark.parametrize("at", [*range(0, 42)])
def test_every_header_byte_at_its_extremes(at: int) -> None:
    good = segments()
    truth = IexChannel(iex.DEEP)
    for segment in good:
        for message in segment.messages:
            truth.apply(message)
    packets = [iex.build_segment(s) for s in good]
    for value in (0, 1, 0x7F, 0x80, 0xFE, 0xFF):
        bad = bytearray(packets[2])
        bad[at] = value
        with Engine() as engine:
            for i, packet in enumerate([*packets[:2], bytes(bad), *packets[3:]]):
                engine.push(pcap.frame_of(packet), ts_ns=i)
            engine.end()
            if engine.channel(0).restarts or engine.channel(0).session_changes:
                continue  # it then is another stream, which this truth does not describe
            check_honest(engine, truth)


@pytest.mark.parametrize(
    "override", [{"version": 2}, {"length": 3}, {"length": 0xFFFF}, {"count": 0}, {"count": 3},
                 {"count": 5}, {"count": 0xFFFF}])  # fmt: skip
def test_headers_that_contradict_themselves_are_refused(override: dict[str, int]) -> None:
    good = segments()
    with Engine() as engine:
        engine.push(pcap.frame_of(iex.build_segment(good[0])))
        engine.push(pcap.frame_of(iex.build_segment(good[1], **override)), ts_ns=1)
        engine.drain_quietly()
        drops = engine.drops()
        assert sum(drops.values()) == 1, drops
        assert set(drops) <= {"framing_blocks", "framing_version"}
        assert engine.channel(0).next_seq == 5
