"""From the wire through AF_XDP into books: gaps recovered, lines merged, recordings replayed.

Loss, duplication and reordering are done by the sender from a seed: it sends past the queueing
discipline, where netem would be, and not every kernel has netem.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pinnacle.capture.generate import Config, generate
from pinnacle.replay import Replay

from tests.live.setting import Setting, setting

MESSAGES = 60_000
RATE = 20_000.0  # frames a second: two shared cores carry it without loss of their own


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One day as raw ITCH, as one line, and as two with boundaries of their own."""
    made = tmp_path_factory.mktemp("wire")
    day: dict[str, Any] = {"seed": 3, "symbols": 40, "messages": MESSAGES, "heartbeats_max": 1}
    generate(str(made / "day.itch"), Config(**day))
    generate(str(made / "one.pcap"), Config(**day))
    two = Config(**day, lines=2, own_boundaries=True)
    generate(str(made / "a.pcap"), two, path_b=str(made / "b.pcap"))
    return made


@pytest.fixture(scope="module")
def truth(folder: Path) -> str:
    """Digest of the undamaged stream."""
    return replayed([folder / "one.pcap"])


def replayed(files: list[Path]) -> str:
    with Replay(files) as run:
        run.run()
        return run.digest


@pytest.fixture
def one_pair() -> Iterator[Setting]:
    with setting(1) as made:
        yield made


@pytest.fixture
def two_pairs() -> Iterator[Setting]:
    with setting(2) as made:
        yield made


def assert_whole(report: dict[str, Any], truth: str) -> None:
    assert report["messages"] == MESSAGES, report
    assert report["lost"] == 0 and report["late"] == 0 and report["waiting"] == 0, report
    assert report["digest"] == truth, report


def test_undamaged(one_pair: Setting, folder: Path, truth: str) -> None:
    feeder = one_pair.feeder(folder / "one.pcap", folder, rate=RATE)
    assert_whole(one_pair.receive([feeder], server=False), truth)


@pytest.mark.parametrize("seed", [1, 2])
def test_gaps_are_recovered(one_pair: Setting, folder: Path, truth: str, seed: int) -> None:
    """Loss, copies and disorder of the line, and answers that are lost, copied and late."""
    feeder = one_pair.feeder(
        folder / "one.pcap", folder, served=folder / "day.itch", seed=seed, rate=RATE, lose=0.01,
        double=0.01, late=0.02, answers={"lose": 0.05, "double": 0.05, "late": 0.05, "seed": seed},
    )  # fmt: skip
    report = one_pair.receive([feeder])
    assert_whole(report, truth)
    assert report["recovered"] > 10 and report["hits"] > 100


def test_gaps_without_server_are_lost(one_pair: Setting, folder: Path, truth: str) -> None:
    """The same loss with nobody to ask: noticed, counted, and never taken for the truth."""
    feeder = one_pair.feeder(folder / "one.pcap", folder, rate=RATE, lose=0.01)
    report = one_pair.receive([feeder], server=False, reorder_ms=5)
    assert report["gaps"] > 50 and report["lost"] >= report["gaps"]
    assert report["messages"] + report["lost"] == MESSAGES
    assert report["digest"] != truth


def test_recording_gives_the_same(
    one_pair: Setting, folder: Path, truth: str, tmp_path: Path
) -> None:
    """Answers of the server are in the record, so the replay needs none."""
    record = tmp_path / "record.pcapng"
    feeder = one_pair.feeder(
        folder / "one.pcap", folder, served=folder / "day.itch", rate=RATE, lose=0.01, late=0.01
    )
    report = one_pair.receive([feeder], record=record)
    assert_whole(report, truth)
    assert report["captured"] == report["frames"] and report["capture_drops"] == 0
    assert report["hits"] > 100
    assert replayed_patiently(record) == truth


def replayed_patiently(record: Path) -> str:
    """Replay with the receiver's own limits and channel."""
    from pinnacle.config.schema import ChannelConfig, EngineConfig, LineConfig, ReplayConfig

    line = LineConfig(group="233.54.12.111", port=26_477, input=0)
    channel = ChannelConfig(name="itch", feed="itch50", lines=(line,), recovery="gaps")
    engine = EngineConfig(reorder_ns=20_000_000_000)
    with Replay([record], config=ReplayConfig(engine=engine, channels=(channel,))) as run:
        run.run()
        return run.digest


def test_two_ports_are_merged(two_pairs: Setting, folder: Path, truth: str, tmp_path: Path) -> None:
    """Lines A and B on two interfaces, each with its losses; the record tells them apart."""
    record = tmp_path / "record.pcapng"
    feeders = [
        two_pairs.feeder(folder / "a.pcap", folder, rate=RATE, lose=0.02, seed=1),
        two_pairs.feeder(folder / "b.pcap", folder, pair=1, served=folder / "day.itch", rate=RATE,
                         lose=0.02, seed=2),
    ]  # fmt: skip
    report = two_pairs.receive(feeders, record=record)
    assert_whole(report, truth)
    assert report["first_on_a"] and report["first_on_b"] and report["duplicates"] > MESSAGES / 2
    assert report["capture_drops"] == 0
    with Replay([record]) as run:
        run.run()
        lines = run.channels[0].lines
        assert {line.input for line in lines} >= {0, 1}


def test_joined_late(one_pair: Setting, folder: Path, truth: str, tmp_path: Path) -> None:
    """Joined in mid-session: what came before is asked for, and the books are whole."""
    from scapy.utils import PcapReader, PcapWriter

    later = tmp_path / "later.pcap"
    with PcapReader(str(folder / "one.pcap")) as frames, PcapWriter(
        str(later), nano=True, linktype=1
    ) as out:  # fmt: skip
        for number, frame in enumerate(frames):
            if number >= 8000:
                out.write(frame)
    feeder = one_pair.feeder(later, folder, served=folder / "day.itch", rate=RATE)
    report = one_pair.receive([feeder], from_start=True)
    assert_whole(report, truth)
    assert report["late_join"] == 0 and report["hits"] > 100
