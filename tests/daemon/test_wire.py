"""The data plane on AF_XDP over a veth: the same books as the file, and killed under load."""

import os
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pinnacle.abi import ffi, lib
from pinnacle.capture.generate import Config, generate
from pinnacle.region import View
from pinnacle.replay import Replay

from tests.daemon.plane import Plane, config, until
from tests.daemon.test_crash import LONG, Books, books_of, compare
from tests.netns.live import Sender, flows_of, frames_of, need_af_xdp, port_config
from tests.netns.net import Wire, wire

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")


@pytest.fixture
def pair() -> Iterator[Wire]:
    need_af_xdp()
    with wire() as made:
        yield made


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[bytes], Books, int]:
    """Frames, books and number of messages."""
    path = tmp_path_factory.mktemp("wire") / "day.pcap"
    generate(path, Config(seed=9, symbols=40, messages=60_000))
    with Replay([path]) as replay:
        replay.run()
        return frames_of(path), books_of(replay.view)[0], replay.view.counters.messages


def live_config(folder: Path, frames: list[bytes], **changes: Any) -> Any:
    cfg = config(folder, [Path("-")], **changes)
    cfg.port[0] = port_config("pn0", flows_of(frames), name=b"p0")[0]
    # What a killed run has missed is sent again some time, as a re-request server would.
    cfg.shard[0].engine.reorder_ns = 3600 * 10**9
    cfg.shard[0].engine.reorder_datagrams = 1024
    cfg.channel[0].recovery = lib.PN_RECOVERY_GAPS
    cfg.shard[0].idle_sleep_us = 50
    return cfg


@pytest.fixture
def near(pair: Wire, day: tuple[list[bytes], Books, int], tmp_path: Path) -> Iterator[Plane]:
    plane = Plane(tmp_path, live_config(tmp_path, day[0]))
    yield plane
    plane.close()


def send_all(pair: Wire, frames: list[bytes], stop: threading.Event | None = None) -> None:
    """Everything once, slowly enough for two shared cores."""
    with Sender(pair.far) as sender:
        for at in range(0, len(frames), 32):
            for frame in frames[at : at + 32]:
                sender.send(frame)
            time.sleep(0.001)
            if stop and stop.is_set():
                return


def up(pair: Wire, plane: Plane) -> Plane:
    with pair.near.inside():
        return plane.start()


def send_until(pair: Wire, plane: Plane, frames: list[bytes], messages: int) -> None:
    for _ in range(10):
        send_all(pair, frames)
        if plane.channel().applied_seq == messages:
            return
    assert plane.channel().applied_seq == messages


def attached(pair: Wire) -> bool:
    return "xdp" in pair.near.run("ip", "link", "show", "dev", "pn0").stdout


def test_books_over_the_wire(pair: Wire, near: Plane, day: tuple[list[bytes], Books, int]) -> None:
    frames, want, messages = day
    up(pair, near)
    send_until(pair, near, frames, messages)
    assert compare(near, want, "on the wire") == set()
    until(lambda: near.port().rx_frames >= len(frames))
    port = near.port()
    assert ffi.string(port.name) == b"p0"
    assert sum(port.drops) == 0
    out = ffi.new("struct pn_histogram *")
    with View.attach(near.state) as view:
        assert lib.pn_view_latency(view.handle, out) == 0
    assert out.count > 0
    assert attached(pair)
    assert near.stop()[0] == 0
    assert not near.state.exists()
    assert not attached(pair)


def test_killed_under_load(pair: Wire, near: Plane, day: tuple[list[bytes], Books, int]) -> None:
    """What is valid is right, and in the end nothing but torn books is stale."""
    frames, want, messages = day
    chance = random.Random(4)
    went_on = 0
    for round_number in range(25 if LONG else 5):
        stop = threading.Event()
        sender = threading.Thread(target=send_all, args=(pair, frames, stop))
        up(pair, near)
        sender.start()
        for _ in range(4):
            time.sleep(chance.uniform(0.0, 0.12))
            near.kill()
            went_on += 0 < near.channel().applied_seq < messages
            up(pair, near)
        stop.set()
        sender.join()
        send_until(pair, near, frames, messages)
        stale = compare(near, want, f"round {round_number}")
        assert len(stale) <= near.daemon().repaired
        assert near.stop()[0] == 0
        assert not attached(pair)
    assert went_on, "no kill came between the first and the last message"
