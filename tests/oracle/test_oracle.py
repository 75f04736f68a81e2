"""The oracle itself, against real data and results that others computed independently."""

import random
import re
from collections import Counter

import pytest

from tests.oracle import iex, itch, mold, pcap, sequence, streams
from tests.oracle.books import IexChannel, ItchChannel
from tests.support.captures import capture


def test_itch_lengths_follow_from_the_fields() -> None:
    for kind, (length, fields) in itch.MESSAGES.items():
        covered = [False] * length
        for _, offset, size, _ in (("type", 0, 1, "a"), *itch.HEADER, *fields):
            for i in range(offset, offset + size):
                assert not covered[i], f"{kind}: byte {i} twice"
                covered[i] = True
        assert all(covered), f"{kind}: bytes {[i for i, c in enumerate(covered) if not c]}"


@pytest.mark.parametrize("protocol", [iex.DEEP, iex.TOPS])
def test_iex_lengths_follow_from_the_fields(protocol: int) -> None:
    for kind, (length, fields) in iex.MESSAGES[protocol].items():
        ends = [offset + size for _, offset, size, _ in fields] or [10]
        assert max(ends) == length, kind


def test_snippet_agrees_with_the_independent_computation() -> None:
    data = capture("nasdaq_itch50/12302019_SNIPPET.NASDAQ_ITCH50").read_bytes()
    channel = ItchChannel()
    unknown: Counter[str] = Counter()
    printed = 0
    for message in itch.split_blocks(data):
        applied = channel.apply(message)
        printed += itch.decode(message).u["shares"] if message[:1] == b"P" else 0
        if applied is not None and applied.rejected:
            unknown[chr(message[0])] += 1
    assert channel.by_type == {"A": 367, "U": 225, "F": 193, "D": 167, "E": 28, "X": 6, "I": 4,
                               "P": 4, "Q": 4, "C": 1, "S": 1}  # fmt: skip
    assert unknown == {"D": 139, "E": 28, "U": 225, "C": 1, "X": 6}
    assert channel.reasons == {"book_unknown_ref": 399}
    assert sum(len(b.orders) for b in channel.books.values()) == 532
    assert printed == 123
    by_name = {name: channel.book(key) for key, name in channel.names.items()}
    best = {n: [s and s[:2] for s in by_name[n].top()] for n in ("HDS", "SCWX", "QQQ", "XOP")}
    assert best == {"HDS": [(400700, 100), (406000, 100)], "SCWX": [(168500, 100), (170000, 900)],
                    "QQQ": [(2135100, 100), (2135200, 500)],
                    "XOP": [(232800, 100), (235400, 100)]}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "protocol"), [("iex/DEEP10.pcap.gz", iex.DEEP), ("iex/TOPS16.pcapng.gz", iex.TOPS)]
)
def test_iex_samples_agree_with_the_independent_computation(name: str, protocol: int) -> None:
    path = capture(name)
    lines = [s for s in capture("expected/iex.txt").read_text().splitlines() if " types " in s]
    line = lines[0 if protocol == iex.DEEP else 1].split("}")[0]
    types = dict(re.findall(r"'(.)': (\d+)", line))
    heartbeats = restarts = 0
    next_seq = 1
    count: Counter[str] = Counter()
    for record in pcap.records(path):
        udp = pcap.udp_of(record.data)
        assert udp is not None
        segment = iex.parse_segment(udp.payload)
        heartbeats += not segment.messages
        restarts += segment.first_seq < next_seq
        next_seq = segment.next_seq
        for m in segment.messages:
            count[iex.decode(protocol, m).type] += 1
    assert dict(count) == {k: int(v) for k, v in types.items()}
    assert (heartbeats, restarts) == ((7937, 11) if protocol == iex.DEEP else (237, 0))


def test_packets_survive_a_round_trip() -> None:
    messages = streams.itch_session(1, 50)
    framing = streams.Framing()
    got = [m for d in streams.packetise(messages, framing, 0, 2)
           for m in mold.parse(d.payload).messages]  # fmt: skip
    assert got == messages
    frame = pcap.frame_of(b"abc", "233.54.12.111", 26477)
    udp = pcap.udp_of(frame)
    assert udp is not None and (udp.dst, udp.dport, udp.payload) == ("233.54.12.111", 26477, b"abc")


@pytest.mark.parametrize("seed", range(5))
def test_generated_sessions_are_valid(seed: int) -> None:
    channel = ItchChannel()
    for message in streams.itch_session(seed, 2000):
        channel.apply(message)
    assert not channel.reasons
    assert all(b.why == set() for b in channel.books.values())
    deep = IexChannel(iex.DEEP)
    for message in streams.deep_session(seed, 1000):
        deep.apply(message)
    assert not deep.reasons
    assert not any(b.transition for b in deep.books.values())


def test_missing_messages_are_named() -> None:
    assert sequence.missing([(1, 3), (6, 2)], 9) == [4, 5, 8, 9]
    assert sequence.runs([4, 5, 8, 9]) == [(4, 2), (8, 2)]
    line = streams.packetise(streams.itch_session(3, 100), streams.Framing(), 0, 3)
    rest = streams.lose(random.Random(1), line, 0.5)
    assert 0 < len(rest) < len(line)
