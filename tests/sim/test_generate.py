"""Captures and their truth: every claim of the truth is recomputed from the files."""

import hashlib
import json
import os
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner
from pinnacle.capture.generate import Book, Config, Truth, generate, stream, truth_path
from pinnacle.cli.capture_make import make
from pinnacle.errors import OutputError, PinnacleError, UsageError
from scapy.layers.inet import UDP
from scapy.layers.l2 import Ether
from scapy.utils import rdpcap

from tests.oracle import itch_model
from tests.sim.wire_reader import Datagram, datagrams, plain

BASE = Config(seed=11, symbols=25, messages=12_000, lines=2)
FAULTS = replace(
    BASE,
    loss_a=0.05,
    loss_b=0.2,
    loss_all=0.01,
    dup=0.03,
    reorder=0.04,
    reorder_datagrams=5,
    own_boundaries=True,
)
#: As for the stream: faults and framing are the same in every build. Uncompressed.
FAULTS_SHA256 = "80a124983e9c43e9082fcc320c08ac269dc0c5528f6925fe313f2f01fa8ea98f"

Seen = dict[str, list[Datagram]]


def lines_of(truth: Truth, folder: Path, work: Path) -> Seen:
    """Datagrams by group, in file order."""
    seen: Seen = {line.group: [] for line in truth.lines}
    for name in truth.files:
        for datagram in datagrams(plain(folder / name, work)):
            seen[datagram.group].append(datagram)
    return seen


def messages_of(line: list[Datagram]) -> dict[int, bytes]:
    out: dict[int, bytes] = {}
    for d in line:
        for i, message in enumerate(d.messages):
            assert out.setdefault(d.seq + i, message) == message
    return out


def numbers(ranges: list[tuple[int, int]]) -> set[int]:
    return {n for first, count in ranges for n in range(first, first + count)}


def check_truth(truth: Truth, seen: Seen, config: Config) -> None:
    whole = dict(enumerate(itch_model.blocks(stream(config)), 1))
    assert set(whole) == set(range(truth.first_seq, truth.last_seq + 1))
    missing = set(whole)
    for line in truth.lines:
        got = messages_of(seen[line.group])
        assert all(whole[n] == message for n, message in got.items())
        lost = set(whole) - set(got)
        missing &= lost
        assert lost == numbers(line.lost)
        assert line.lost_messages == len(lost)
        assert line.messages == len(got)
        assert line.datagrams == len(seen[line.group])
    assert missing == numbers(truth.lost_all)
    assert truth.lost_all_messages == len(missing)
    check_books(truth, itch_model.run(stream(config)))


def check_books(truth: Truth, model: itch_model.Model) -> None:
    assert truth.by_type == dict(model.counts)
    assert len(truth.books) == truth.config["symbols"]
    for book in truth.books:
        want = model.books[book.locate]
        assert (book.instrument, book.trading) == (want.name, want.state)
        assert (book.trades, book.volume) == (want.trades, want.volume)
        assert sides(book) == (want.best("B"), want.best("S"))
    assert truth.trades == sum(b.trades for b in model.books.values())
    assert truth.volume == sum(b.volume for b in model.books.values())
    assert truth.live_orders == len(model.orders)


def sides(book: Book) -> tuple[tuple[int, int, int] | None, ...]:
    return tuple(
        (int(s.price.replace(".", "")), s.size, s.orders) if s else None
        for s in (book.bid, book.ask)
    )


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("a.pcap", replace(BASE, lines=1)),
        ("a.pcap", BASE),
        ("a.pcap", FAULTS),
        ("a.pcapng", FAULTS),
        ("a.pcap.gz", FAULTS),
        ("a.pcapng.zst", replace(FAULTS, seed=12, own_boundaries=False)),
        ("a.pcap", replace(FAULTS, rate=500_000.0, mean_messages=12)),
        ("a.pcap", replace(BASE, lines=1, loss_a=0.3, loss_all=0.05)),
        ("a.pcap", replace(BASE, loss_a=1.0, loss_b=0.5)),
    ],
)
def test_truth_is_what_the_files_say(name: str, config: Config, tmp_path: Path) -> None:
    truth = generate(tmp_path / name, config)
    check_truth(truth, lines_of(truth, tmp_path, tmp_path), config)
    stored = json.loads(truth_path(tmp_path / name).read_text())
    assert stored == json.loads(truth.to_json())


def test_two_files_have_a_line_each(tmp_path: Path) -> None:
    truth = generate(tmp_path / "a.pcap", FAULTS, path_b=tmp_path / "b.pcap.zst")
    for name, line in zip(("a.pcap", "b.pcap.zst"), truth.lines, strict=True):
        groups = {d.group for d in datagrams(plain(tmp_path / name, tmp_path))}
        assert groups == {line.group}
        assert line.file == name
    check_truth(truth, lines_of(truth, tmp_path, tmp_path), FAULTS)
    together = generate(tmp_path / "ab.pcap", FAULTS)
    assert replace(truth.lines[1], file="") == replace(together.lines[1], file="")


def test_same_seed_same_files(tmp_path: Path) -> None:
    for name in ("a.pcap", "b.pcap"):
        generate(tmp_path / name, FAULTS)
    first = (tmp_path / "a.pcap").read_bytes()
    assert first == (tmp_path / "b.pcap").read_bytes()
    assert hashlib.sha256(first).hexdigest() == FAULTS_SHA256
    generate(tmp_path / "c.pcap", replace(FAULTS, seed=5))
    assert first != (tmp_path / "c.pcap").read_bytes()


def test_raw_itch_is_the_stream(tmp_path: Path) -> None:
    config = replace(BASE, lines=1)
    for name in ("a.itch", "a.itch.gz", "a.itch.zst"):
        truth = generate(tmp_path / name, config)
        assert plain(tmp_path / name, tmp_path).read_bytes() == stream(config)
        assert truth.lines == [] and truth.lost_all == []
    check_books(truth, itch_model.run(stream(config)))


def test_scapy_reads_the_frames_and_agrees_on_checksums(tmp_path: Path) -> None:
    generate(tmp_path / "a.pcapng", replace(BASE, messages=1_500, symbols=5))
    packets = rdpcap(str(tmp_path / "a.pcapng"))
    assert len(packets) > 500
    for packet in packets[:300]:
        again = Ether(bytes(packet))
        del again[UDP].chksum, again["IP"].chksum, again["IP"].len, again[UDP].len
        assert bytes(again) == bytes(packet)


def test_pcapng_has_an_interface_a_line(tmp_path: Path) -> None:
    truth = generate(tmp_path / "a.pcapng", BASE)
    data = (tmp_path / "a.pcapng").read_bytes()
    at, blocks, by_interface = 0, Counter[int](), Counter[int]()
    while at < len(data):
        kind, size = (int.from_bytes(data[at + i : at + i + 4], "little") for i in (0, 4))
        assert size % 4 == 0
        assert int.from_bytes(data[at + size - 4 : at + size], "little") == size
        blocks[kind] += 1
        if kind == 6:
            by_interface[int.from_bytes(data[at + 8 : at + 12], "little")] += 1
        at += size
    assert blocks == {0x0A0D0D0A: 1, 1: 2, 6: truth.frames}
    assert by_interface == {i: line.datagrams for i, line in enumerate(truth.lines)}


def test_capture_times_and_the_lag_of_line_b(tmp_path: Path) -> None:
    config = replace(FAULTS, skew_us=250.0, own_boundaries=False)
    truth = generate(tmp_path / "a.pcap", config)
    every = list(datagrams(tmp_path / "a.pcap"))
    assert all(a.ts_ns <= b.ts_ns for a, b in pairwise(every))
    first: list[dict[int, int]] = [{}, {}]
    for i, line in enumerate(truth.lines):
        for d in lines_of(truth, tmp_path, tmp_path)[line.group]:
            if d.messages:
                first[i].setdefault(d.seq, d.ts_ns)
    lags = sorted(first[1][seq] - first[0][seq] for seq in first[0] if seq in first[1])
    assert 240_000 < lags[len(lags) // 2] < 300_000


def test_reordering_and_duplicates_are_as_counted_and_bounded(tmp_path: Path) -> None:
    config = replace(
        BASE, lines=1, rate=200_000.0, dup=0.05, reorder=0.05, reorder_datagrams=4, reorder_us=1e6
    )
    truth = generate(tmp_path / "a.pcap", config)
    (line,) = truth.lines
    (seen,) = lines_of(truth, tmp_path, tmp_path).values()
    data = [d for d in seen if d.messages]
    copies = Counter(d.seq for d in data)
    assert sum(n - 1 for n in copies.values()) == line.duplicated > 100
    newest = late = furthest = 0
    for i, d in enumerate(data):
        if copies[d.seq] == 1 and d.seq < newest:
            late += 1
            overtaken = {e.seq for e in data[max(0, i - 30) : i] if e.seq > d.seq}
            furthest = max(furthest, len(overtaken))
        newest = max(newest, d.seq)
    assert late == line.reordered > 100
    assert 3 <= furthest <= 6


def test_a_held_datagram_waits_no_longer_than_told(tmp_path: Path) -> None:
    """Against the other line, which holds nothing back; the day has long silences."""
    config = replace(BASE, reorder=0.2, reorder_us=700.0, skew_us=0.0, seed=21)
    truth = generate(tmp_path / "a.pcap", config)
    assert 0 < truth.lines[0].reordered < 0.1 * truth.lines[0].datagrams
    first: list[dict[int, int]] = [{}, {}]
    for i, line in enumerate(lines_of(truth, tmp_path, tmp_path).values()):
        for d in line:
            first[i].setdefault(d.seq, d.ts_ns)
    apart = [abs(first[1][seq] - ns) for seq, ns in first[0].items() if seq in first[1]]
    assert 500_000 < max(apart) < 710_000
    check_truth(truth, lines_of(truth, tmp_path, tmp_path), config)


def test_without_faults_lines_are_in_order_and_alike(tmp_path: Path) -> None:
    truth = generate(tmp_path / "a.pcap", BASE)
    a, b = lines_of(truth, tmp_path, tmp_path).values()
    for line in (a, b):
        nexts = [d.seq + len(d.messages) for d in line]
        assert [d.seq for d in line] == [1, *nexts[:-1]]
    assert [d.frame[42:] for d in a] == [d.frame[42:] for d in b]


def test_own_boundaries_differ(tmp_path: Path) -> None:
    truth = generate(tmp_path / "a.pcap", replace(BASE, own_boundaries=True))
    a, b = lines_of(truth, tmp_path, tmp_path).values()
    assert messages_of(a) == messages_of(b)
    assert {(d.seq, d.count) for d in a} != {(d.seq, d.count) for d in b}


def test_datagrams_are_packed_within_limits(tmp_path: Path) -> None:
    config = replace(BASE, lines=1, rate=2_000_000.0, mean_messages=20, payload_max=700)
    truth = generate(tmp_path / "a.pcap", config)
    (seen,) = lines_of(truth, tmp_path, tmp_path).values()
    sizes = [len(d.frame) - 42 for d in seen]
    counts = Counter(len(d.messages) for d in seen)
    assert max(sizes) <= 700
    assert counts[1] > 0 and max(counts) > 12
    alone = generate(tmp_path / "b.pcap", replace(config, mean_messages=1))
    assert alone.lines[0].datagrams > 12_000


def test_heartbeats_and_end_of_session(tmp_path: Path) -> None:
    config = replace(BASE, lines=1, messages=3_000, heartbeats_max=0, session="TEST")
    truth = generate(tmp_path / "a.pcap", config)
    (seen,) = lines_of(truth, tmp_path, tmp_path).values()
    assert {d.session for d in seen} == {b"TEST      "}
    assert [d.count for d in seen[-3:]] == [0xFFFF] * 3
    assert all(d.seq == truth.last_seq + 1 for d in seen[-3:])
    assert sum(d.count == 0 for d in seen) == truth.lines[0].heartbeats > 10_000
    pairs = pairwise(seen)
    assert max(b.ts_ns - a.ts_ns for a, b in pairs) < 1_100_000_000
    few = generate(tmp_path / "b.pcap", replace(config, heartbeats_max=1))
    assert 0 < few.lines[0].heartbeats < truth.lines[0].heartbeats / 5


def test_rate_sets_the_pace_of_the_session(tmp_path: Path) -> None:
    config = replace(BASE, lines=1, messages=50_000, rate=10_000.0)
    times = [itch_model.be(m, 5, 6) for m in itch_model.blocks(stream(config))]
    open_ns = 34_200 * 10**9
    session = [t for t in times if open_ns <= t < open_ns + 5 * 10**9]
    assert 0.75 * 50_000 < len(session) <= 50_000


@pytest.mark.parametrize(
    ("name", "config", "text"),
    [
        ("a.txt", BASE, "name it .pcap"),
        ("a.gz", BASE, "name it .pcap"),
        ("a.itch", BASE, "no lines"),
        ("a.itch", replace(BASE, lines=1, loss_a=0.1), "no lines"),
        ("a.pcap", replace(BASE, lines=3), "lines must be"),
        ("a.pcap", replace(BASE, lines=1, loss_b=0.1), "needs two lines"),
        ("a.pcap", replace(BASE, loss_a=1.5), "fraction"),
        ("a.pcap", replace(BASE, messages=10), "needs"),
        ("a.pcap", replace(BASE, symbols=-1), "out of range"),
        ("a.pcap", replace(BASE, mix={"S": 1.0}), "has no share"),
        ("a.pcap", replace(BASE, mix={"A": 101.0}), "percentage"),
        ("a.pcap", replace(BASE, mix={"A": 0.0}), "weight of A"),
        ("a.pcap", replace(BASE, payload_max=10), "payload"),
        ("a.pcap", replace(BASE, reorder_datagrams=65), "64"),
        ("a.pcap", replace(BASE, groups=("1.2.3.4:5", "233.0.0.1:1")), "multicast"),
        ("a.pcap", replace(BASE, groups=("233.0.0.1:1", "nonsense")), "not a group"),
        ("a.pcap", replace(BASE, session="ELEVENCHARS"), "session"),
        ("a.pcap", replace(BASE, rate=0.001), "fill a day"),
    ],
)
def test_wrong_settings_are_refused_and_leave_nothing(
    name: str, config: Config, text: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=text):
        generate(tmp_path / name, config)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="No such file or directory"):
        generate(tmp_path / "no" / "a.pcap", BASE)
    if Path("/dev/full").exists():
        (tmp_path / "full.pcap").symlink_to("/dev/full")
        with pytest.raises(PinnacleError, match="No space left"):
            generate(tmp_path / "full.pcap", BASE)
        assert os.path.lexists("/dev/full")


def test_command_line(tmp_path: Path) -> None:
    path = str(tmp_path / "a.pcap")
    common = ["--symbols", "25", "--messages", "12000", "--lines", "2", "--seed", "11"]
    result = CliRunner().invoke(make, [*common, "--loss-all", "0.02", "--json", path])
    assert result.exit_code == 0, result.output
    facts = json.loads(result.output)
    assert facts["messages"] == 12_000 and facts["lost_all_messages"] > 0
    assert len(facts["lines"]) == 2
    text = CliRunner().invoke(make, [*common, "--mix", "U=20", path])
    assert text.exit_code == 0 and "12,000 messages" in text.output
    wrong = CliRunner().invoke(make, ["--mix", "A", path])
    assert isinstance(wrong.exception, UsageError)
