"""The same input gives the same digest, however it comes and in whatever steps it is taken."""

import gzip
import random
from pathlib import Path
from typing import Any

import pytest

from tests.engine import LINK_BLOCKS, Engine, Event
from tests.oracle import iex, itch, pcap, streams
from tests.oracle.streams import Framing

GROUPS = ("233.54.12.111", "233.54.12.222")
Frames = list[tuple[int, bytes]]


def frames_of(seed: int, loss: float = 0.2) -> Frames:
    """Three channels mixed: ITCH on two damaged lines, DEEP and TOPS on one each."""
    rng = random.Random(seed)
    mix = []
    messages = streams.itch_session(seed, 900)
    for line in (0, 1):
        whole = streams.packetise(messages, Framing(), line, seed + line)
        kept = whole[:1] + streams.lose(rng, whole[1:], loss)
        kept = streams.duplicate(rng, kept, 0.1)
        mix += [(d.ts_ns, pcap.frame_of(d.payload, GROUPS[line])) for d in kept]
    for group, framing, make in (
        ("233.215.21.4", Framing(iex.DEEP), streams.deep_session),
        ("233.215.21.3", Framing(iex.TOPS), streams.tops_session),
    ):
        whole = streams.packetise(make(seed, 500), framing, 0, seed)
        mix += [(d.ts_ns, pcap.frame_of(d.payload, group, 10378)) for d in whole]
    return sorted(mix, key=lambda f: f[0])


FRAMES = frames_of(1)


def from_memory(frames: Frames, **config: Any) -> str:
    with Engine(port_bytes=1 << 24, port_frames=1 << 14, **config) as engine:
        for ts, frame in frames:
            engine.push(frame, ts_ns=ts)
        engine.end()
        return engine.digest()


def from_file(path: Path, **config: Any) -> str:
    with Engine(files=[str(path)], **config) as engine:
        engine.drain_quietly()
        return engine.digest()


@pytest.fixture(scope="module")
def reference() -> str:
    return from_memory(FRAMES)


def test_same_again(reference: str) -> None:
    assert from_memory(FRAMES) == reference
    assert from_memory(frames_of(1)) == reference


def test_another_stream_has_another_digest(reference: str) -> None:
    """The digest sees what was delivered: one bit of one price is enough."""
    changed = list(FRAMES)
    level = b"8"  # a price level update that ends its datagram
    at = next(
        i for i, (_, f) in enumerate(changed) if f[-30:-29] == level and f[-32:-30] == b"\x1e\0"
    )
    ts, frame = changed[at]
    changed[at] = (ts, frame[:-8] + bytes([frame[-8] ^ 1]) + frame[-7:])
    assert from_memory(changed) != reference
    assert from_memory(frames_of(2)) != reference


@pytest.mark.parametrize("burst", [1, 7, 64, 256])
def test_burst_sizes(reference: str, burst: int) -> None:
    assert from_memory(FRAMES, burst=burst) == reference


def stepped(step: int) -> tuple[str, list[Event]]:
    events: list[Event] = []
    with Engine(port_bytes=1 << 24, port_frames=1 << 14) as engine:
        for ts, frame in FRAMES:
            engine.push(frame, ts_ns=ts)
        from pinnacle.abi import lib

        lib.pn_engine_finish(engine.engine)
        while True:
            ran = engine.run(max_events=step)
            assert len(ran.events) <= step + 1  # both events of a quote, or none
            events += ran.events
            if ran.done:
                return engine.digest(), events


def test_steps_of_events(reference: str) -> None:
    digest, events = stepped(1000)
    assert digest == reference
    for step in (1, 3, 77):
        again, same = stepped(step)
        assert again == reference
        assert same == events


def test_steps_of_time(reference: str) -> None:
    """until_ns stops before the first event received after it."""
    times = [ts for ts, _ in FRAMES]
    with Engine(port_bytes=1 << 24, port_frames=1 << 14) as engine:
        for ts, frame in FRAMES:
            engine.push(frame, ts_ns=ts)
        from pinnacle.abi import lib

        lib.pn_engine_finish(engine.engine)
        for until in (times[0] - 1, times[100], times[101], times[-1] // 2 + times[0] // 2):
            while True:
                ran = engine.run(until_ns=until)
                assert all(e.rx_ns <= until for e in ran.events)
                if not ran.events:
                    break
        while not engine.run().done:
            pass
        assert engine.digest() == reference


def test_containers(reference: str, tmp_path: Path) -> None:
    plain, ng = tmp_path / "a.pcap", tmp_path / "a.pcapng"
    pcap.write_pcap(plain, FRAMES)
    pcap.write_pcapng(ng, FRAMES)
    assert from_file(plain) == reference
    assert from_file(ng) == reference
    for path in (plain, ng):
        packed = path.with_name(path.name + ".gz")
        packed.write_bytes(gzip.compress(path.read_bytes()))
        assert from_file(packed) == reference
    pa = pytest.importorskip("pyarrow")
    for path in (plain, ng):
        packed = path.with_name(path.name + ".zst")
        with pa.CompressedOutputStream(str(packed), "zstd") as f:
            f.write(path.read_bytes())
        assert from_file(packed) == reference


def test_lines_in_two_files(tmp_path: Path) -> None:
    """A and B from two files are one channel, with the digest of the whole stream."""
    messages = streams.itch_session(5, 700)
    rng = random.Random(5)
    whole = [streams.packetise(messages, Framing(), line, 5 + line) for line in (0, 1)]
    clean = from_memory([(d.ts_ns, pcap.frame_of(d.payload)) for d in whole[0]])
    paths = []
    for line in (0, 1):
        kept = whole[0] if line == 0 else whole[1]
        kept = kept[:1] + (streams.lose(rng, kept[1:], 0.3) if line == 0 else kept[1:])
        path = tmp_path / f"line{line}.pcap"
        pcap.write_pcap(path, [(d.ts_ns, pcap.frame_of(d.payload, GROUPS[line])) for d in kept])
        paths.append(path)
    for order in (paths, paths[::-1]):
        with Engine(files=[str(p) for p in order]) as engine:
            engine.drain_quietly()
            assert len(engine.channels()) == 1
            assert engine.channel(0).lines == 2
            assert engine.digest() == clean


@pytest.mark.parametrize("seed", range(5))
def test_interleavings_of_two_lines(seed: int) -> None:
    """However A and B interleave, the delivered stream is the same."""
    messages = streams.itch_session(6, 400)
    digests = set()
    rng = random.Random(seed)
    for variant in range(4):
        a = streams.packetise(messages, Framing(), 0, 10 * variant)
        b = streams.packetise(messages, Framing(), 1, 10 * variant + 1, most=20)
        if variant:
            b = streams.delay(rng, b, 1.0, 30_000)
        if variant == 3:
            a = a[:1] + streams.lose(rng, a[1:], 0.4)
        mixed = streams.merge(a, b)
        digests.add(from_memory([(d.ts_ns, pcap.frame_of(d.payload, GROUPS[d.line]))
                                 for d in mixed]))  # fmt: skip
    assert len(digests) == 1


def test_raw_blocks_in_any_portions(tmp_path: Path) -> None:
    """A raw ITCH file, and the same messages pushed as blocks in portions."""
    messages = streams.itch_session(7, 500)
    path = tmp_path / "raw.itch"
    path.write_bytes(itch.join_blocks(messages))
    digests = {from_file(path)}
    for portion in (1, 10, 333):
        with Engine() as engine:
            for at in range(0, len(messages), portion):
                engine.push(itch.join_blocks(messages[at : at + portion]), link=LINK_BLOCKS)
            engine.end()
            digests.add(engine.digest())
    assert len(digests) == 1


def test_looking_ahead_takes_no_instruments() -> None:
    """Which messages find the instrument table full depends on their order alone."""
    messages = [
        itch.build("S", event="O"),
        itch.build("L", locate=40_000, mpid="GSCO", stock="X"),
        b"\xdf" + (60_000).to_bytes(2, "big") + bytes(20),
        itch.build("S", locate=50_000, event="S"),
        itch.build("A", locate=1, ref=1, side="B", shares=1, stock="Y", price=1),
    ]
    found = set()
    for burst in (1, 64):
        with Engine(max_instruments=2048, burst=burst) as engine:
            for message in messages:
                engine.push(itch.join_blocks([message]), link=LINK_BLOCKS)
            engine.end()
            drops = engine.drops()
            found.add((engine.digest(), drops.get("instruments_full"), drops["msg_unknown_type"]))
    assert len(found) == 1
    assert {full for _, full, _ in found} == {1}
