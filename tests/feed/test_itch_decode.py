"""ITCH 5.0 decoding: the specification's samples, and every malformed form of every message."""

import random
from typing import Any

import pytest

from tests.compare import check_honest
from tests.engine import LINK_BLOCKS, Engine, Event
from tests.oracle import itch, mold, pcap
from tests.oracle.books import ItchChannel

OPENING = itch.build("S", event="O")

# Sample messages of the specification, and the event that each must become.
SAMPLES = {
    "S": ("53000000001f1acedb02f051",
          {"kind": "system", "ts_ns": 34200000070384, "aux": ord("Q")}),
    "H": ("482c3d00001f1e7036e4655a585a5a5420202050204c554450",
          {"kind": "status", "ts_ns": 34215592125541, "aux": 3}),
    "Y": ("5924bd00001f1ad5cc18b7534f50412020202031",
          {"kind": "info", "ts_ns": 34200116533431}),
    "L": ("4c0e4000001f208142f8464d41584d46444c5320202020594e41",
          {"kind": "info", "ts_ns": 34224468064326}),
    "J": ("4a2c3d00001f1e703b4f955a585a5a5420202000020918000223440001aa9000000000",
          {"kind": "info", "ts_ns": 34215592415125}),
    "A": ("41159800001f1aced85306000000000166b53e420000064049564f4f20202020000d55ac",
          {"kind": "add", "ts_ns": 34199999894278, "ref": 23508286, "side": 0, "size": 1600,
           "px": 873900}),
    "F": ("4606ca00001f1aced99936000000000120be75530000006443415359202020200026fd40464c5455",
          {"kind": "add", "ts_ns": 34199999977782, "ref": 18923125, "side": 1, "size": 100,
           "px": 2555200}),
    "E": ("45092900021f1aced8f061000000000166929a00000019000000000003e63b",
          {"kind": "execute", "ts_ns": 34199999934561, "ref": 23499418, "size": 25,
           "ref2": 255547}),
    "C": ("4313e400011f1aceebb03b00000000013113de0000133e000000000003e65d4e00036e20",
          {"kind": "execute_at", "ts_ns": 34200001163323, "ref": 19993566, "size": 4926,
           "ref2": 255581, "px": 224800}),
    "X": ("5824c500001f1acefe785d0000000002041a0000000064",
          {"kind": "cancel", "ts_ns": 34200002394205, "ref": 33823232, "size": 100}),
    "D": ("440d1900001f1aced840ed000000000165b51a",
          {"kind": "delete", "ts_ns": 34199999889645, "ref": 23442714}),
    "U": ("551db300001f1aced771e90000000000e6897f000000000145f2c700000064001036c8",
          {"kind": "replace", "ts_ns": 34199999836649, "ref": 15108479, "ref2": 21361351,
           "size": 100, "px": 1062600}),
    "P": ("50119300021f1acee462a900000000000000004200000064474f4f474c202020001399f80000000000"
          "03e642",
          {"kind": "trade", "ts_ns": 34200000684713, "ref2": 255554, "size": 100, "px": 1284600}),
    "Q": ("5103d700011f1acee1500300000000000000004241432d5120202000000000000000000003e63e4f",
          {"kind": "cross", "ts_ns": 34200000483331, "ref2": 255550, "size": 0, "px": 0}),
    "I": ("491ead00001f1acedb43f1000000000000000000000000000000004f504654415720202000000000000000"
          "00000000004f20",
          {"kind": "info", "ts_ns": 34200000087025}),
    "N": ("4e04ea00001f1aceceff2f42495a44202020204e",
          {"kind": "info", "ts_ns": 34199999282991}),
}  # fmt: skip

STOCKS = {"A": "IVOO", "F": "CASY", "P": "GOOGL", "Q": "BAC-Q", "H": "ZXZZT"}


def events_of(engine: Engine, message: bytes) -> list[Event]:
    engine.push(itch.join_blocks([message]), ts_ns=7, link=LINK_BLOCKS)
    return engine.drain().events


@pytest.fixture
def engine() -> object:
    with Engine() as e:
        events_of(e, OPENING)
        yield e


@pytest.mark.parametrize("kind", list(SAMPLES))
def test_samples_of_the_specification(engine: Engine, kind: str) -> None:
    data, want = SAMPLES[kind]
    message = bytes.fromhex(data)
    assert itch.decode(message).u["ts"] == want["ts_ns"]
    (event,) = events_of(engine, message)
    got = event._asdict()
    assert {k: got[k] for k in want} == want
    assert (event.wire_type, event.seq, event.rx_ns) == (ord(kind), 2, 7)
    if kind == "F":
        assert event.aux.to_bytes(4, "big") == b"FLTU" or event.aux.to_bytes(4, "little") == b"FLTU"
    if kind == "C":
        assert event.flags & 2, "not printable"
    if kind in STOCKS:
        assert engine.name(event.instrument) == STOCKS[kind]
        assert engine.instrument(event.instrument).locate == itch.decode(message).u["locate"]


@pytest.mark.parametrize("kind", list(itch.MESSAGES))
def test_every_type_is_counted_by_its_letter(engine: Engine, kind: str) -> None:
    events_of(engine, itch.build(kind, locate=5))
    assert engine.channel(0).by_type[ord(kind)] == 1 + (kind == "S")


def test_trading_states(engine: Engine) -> None:
    for letter, state in (("T", 1), ("H", 2), ("P", 3), ("Q", 4)):
        (event,) = events_of(engine, itch.build("H", locate=5, stock="ABC", state=letter))
        assert event.aux == state
        assert engine.top(event.instrument).trading == state


@pytest.mark.parametrize("kind", list(itch.MESSAGES))
@pytest.mark.parametrize("framing", ["blocks", "mold"])
def test_every_truncation_and_excess(kind: str, framing: str) -> None:
    """Length 0 to n - 1: one reason, nothing else; n + 1 to n + 5: read, and noted."""
    fields: dict[str, Any] = {"locate": 5}
    if kind in "AF":
        fields |= {"ref": 1, "side": "B", "shares": 5, "price": 10**6, "stock": "ABC"}
    full = itch.build(kind, **fields)
    messages = [OPENING, *(full[:n] for n in range(len(full))),
                *(full + b"\xff" * n for n in range(1, 6))]  # fmt: skip
    short = {"msg_empty": 1, "msg_short": len(full) - 1}
    truth = ItchChannel()
    with Engine() as engine:
        for seq, message in enumerate(messages, 1):
            if framing == "blocks":
                engine.push(itch.join_blocks([message]), ts_ns=seq, link=LINK_BLOCKS)
            else:
                payload = mold.build(mold.Packet(b"SESSION   ", seq, (message,)))
                engine.push(pcap.frame_of(payload), ts_ns=seq)
            truth.apply(message)
            if seq == len(full) + 1:
                engine.drain_quietly()
                assert engine.drops() == short
        engine.drain_quietly()
        drops = engine.drops()
        assert {k: drops.get(k) for k in short} == short
        assert drops["msg_long"] == 5
        assert engine.channel(0).next_seq == len(messages) + 1
        for reason in ("msg_short", "msg_empty", "msg_long", "msg_unknown_type"):
            assert drops.get(reason, 0) == truth.reasons[reason]


def test_a_short_book_message_makes_no_valid_wrong_book(engine: Engine) -> None:
    """What a truncated delete would have removed is not known: its book is not to be trusted."""
    add = itch.build("A", locate=5, ref=1, side="B", shares=5, stock="ABC", price=10**6)
    (event,) = events_of(engine, add)
    events_of(engine, itch.build("D", locate=5, ref=1)[:-1])
    assert engine.drops() == {"msg_short": 1}
    assert engine.state(event.instrument) == "STALE"


def test_unknown_types_are_skipped(engine: Engine) -> None:
    known = {ord(k) for k in itch.MESSAGES}
    unknown = [t for t in range(256) if t not in known]
    for t in unknown:
        events_of(engine, bytes([t]) + itch.build("A", locate=5, ref=t + 1)[1:])
    assert engine.drops() == {"msg_unknown_type": len(unknown)}
    assert engine.counters().live_orders == 0


def mold_packets() -> list[bytes]:
    rng = random.Random(1)
    adds = [itch.build("A", locate=5, ref=i, side=rng.choice("BS"), shares=100, stock="ABC",
                       price=1_000_000 + i) for i in range(1, 20)]  # fmt: skip
    stream = [OPENING, *adds]
    return [mold.build(mold.Packet(b"SESSION   ", 1 + i, tuple(stream[i : i + 4])))
            for i in range(0, len(stream), 4)]  # fmt: skip


EXTREMES = (0, 1, 0x7F, 0x80, 0xFE, 0xFF)


@pytest.mark.parametrize("at", range(10, 22))
def test_every_header_byte_at_its_extremes(at: int) -> None:
    """Sequence, count and first block length falsified in the third packet of five."""
    packets = mold_packets()
    messages = [m for p in packets for m in mold.parse(p).messages]
    truth = ItchChannel()
    for message in messages:
        truth.apply(message)
    for value in EXTREMES:
        bad = bytearray(packets[2])
        bad[at] = value
        with Engine() as engine:
            for i, packet in enumerate([*packets[:2], bytes(bad), *packets[3:]]):
                engine.push(pcap.frame_of(packet), ts_ns=i)
            engine.end()
            if bytes(bad) == packets[2]:
                assert not engine.drops()
            check_honest(engine, truth)
            for number in engine.instruments().values():
                level = [x for s in (0, 1) for x in engine.levels(number, s)]
                orders = [x for s in (0, 1) for x in engine.orders(number, s)]
                assert sum(x[1] for x in level) == sum(x[1] for x in orders)
                assert sum(x[2] for x in level) == len(orders)


def test_a_packet_without_number_in_a_numbered_stream_is_not_applied() -> None:
    """Sequence number 0 with messages says nothing of their place; the stream has numbers."""
    packets = mold_packets()
    truth = ItchChannel()
    for packet in packets:
        for message in mold.parse(packet).messages:
            truth.apply(message)
    other = (itch.build("Y", locate=5, stock="ABC", action="0"),) * 4
    stray = mold.build(mold.Packet(b"SESSION   ", 0, other))
    with Engine() as engine:
        for i, packet in enumerate([*packets[:2], stray, *packets[2:]]):
            engine.push(pcap.frame_of(packet), ts_ns=i)
        engine.end()
        check_honest(engine, truth)


@pytest.mark.parametrize("cut", range(0, 60))
def test_payload_cut_on_the_wire(cut: int) -> None:
    """A payload that ends early (not by the snap length) is refused whole."""
    packets = mold_packets()
    with Engine() as engine:
        engine.push(pcap.frame_of(packets[0]))
        engine.push(pcap.frame_of(packets[1][:cut]), ts_ns=1)
        engine.drain_quietly()
        channel = engine.channel(0)
        drops = engine.drops()
        assert sum(drops.values()) == 1, drops
        reason = "framing_short" if cut < mold.HEADER_BYTES else "framing_blocks"
        assert drops == {reason: 1}
        assert channel.next_seq == 5


def test_frame_cut_by_the_snap_length_gives_its_whole_messages() -> None:
    packets = mold_packets()
    frame = pcap.frame_of(packets[1])
    with Engine() as engine:
        engine.push(pcap.frame_of(packets[0]))
        engine.push(frame[:-40], ts_ns=1, wire=len(frame))
        engine.drain_quietly()
        assert engine.drops()["framing_truncated"] == 1
        assert engine.channel(0).messages == 4 + 2
        engine.push(pcap.frame_of(packets[2]), ts_ns=2)
        engine.end()
        assert engine.channel(0).lost == 2
