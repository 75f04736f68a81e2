"""The sender, seen from the other end of a wire: what arrives, when, and what was rewritten."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pinnacle.capture.generate import Config, generate

from tests.live.setting import Setting, setting
from tests.support.ctl import ctl

MESSAGES = 5000
DAY: dict[str, Any] = {"seed": 5, "symbols": 20, "messages": MESSAGES, "heartbeats_max": 1}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("send")
    generate(str(made / "one.pcap"), Config(**DAY))
    generate(str(made / "day.itch"), Config(**DAY))
    return made


@pytest.fixture
def wire() -> Iterator[Setting]:
    with setting(1) as made:
        yield made


class Frame:
    """One UDP datagram over IPv4 as it arrived."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.mac_to = data[:6].hex(":")
        self.group = socket.inet_ntoa(data[30:34])
        self.port = struct.unpack(">H", data[36:38])[0]
        self.session = data[42:52].decode()
        self.seq, self.count = struct.unpack(">QH", data[52:62])


def checksum_holds(frame: bytes) -> bool:
    """Of the UDP datagram and its pseudo header (RFC 768)."""
    udp = frame[34 : 34 + struct.unpack(">H", frame[38:40])[0]]
    data = frame[26:34] + struct.pack(">HH", 17, len(udp)) + udp + b"\0" * (len(udp) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return bool(total == 0xFFFF)


def send(wire: Setting, *args: str | Path) -> tuple[dict[str, Any], list[Frame]]:
    """Runs the sender; its summary, and what arrived."""
    import json
    import subprocess
    import sys

    receive = (
        "import socket,sys,struct;"
        "s=socket.socket(socket.AF_PACKET,socket.SOCK_RAW,socket.htons(0x0800));"
        "s.setsockopt(socket.SOL_SOCKET,33,1<<26);s.bind(('app0',0));s.settimeout(1.5);"
        "print('ready',flush=True);o=sys.stdout.buffer\n"
        "try:\n"
        " while True:\n"
        "  d=s.recv(65536);o.write(struct.pack('<I',len(d))+d)\n"
        "except TimeoutError: pass"
    )
    receiver = subprocess.Popen(
        wire.inside(wire.app, sys.executable, "-c", receive), stdout=subprocess.PIPE
    )
    assert receiver.stdout
    assert receiver.stdout.readline() == b"ready\n"
    command = wire.inside(wire.feed, sys.executable, "-m", "pinnacle.cli.main", "replay", "--to",
                          "feed0", "--json", *args)  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    raw, _ = receiver.communicate(timeout=30)
    assert done.returncode == 0, done.stderr
    frames, at = [], 0
    while at < len(raw):
        size = struct.unpack("<I", raw[at : at + 4])[0]
        frames.append(Frame(raw[at + 4 : at + 4 + size]))
        at += 4 + size
    return json.loads(done.stdout), [f for f in frames if f.data[23] == 17]


def test_all_arrive_as_captured(wire: Setting, folder: Path) -> None:
    from scapy.utils import RawPcapReader

    summary, frames = send(wire, "--rate", "20000", folder / "one.pcap")
    with RawPcapReader(str(folder / "one.pcap")) as reader:
        captured = [data for data, _ in reader]
    assert [f.data for f in frames] == captured
    assert summary["frames"] == len(captured) and summary["rounds"] == 1
    assert summary["bytes"] == sum(map(len, captured))
    assert 10_000 < summary["rate"] < 25_000


def test_rounds_have_sessions_of_their_own(wire: Setting, folder: Path) -> None:
    summary, frames = send(wire, "--speed", "max", "--loop", "3", folder / "one.pcap")
    assert summary["rounds"] == 3
    sessions = list(dict.fromkeys(f.session for f in frames))
    assert sessions == ["SIM0000001", "SIM0000002", "SIM0000003"]
    assert all(checksum_holds(f.data) for f in frames)


def test_rewriting(wire: Setting, folder: Path) -> None:
    _, frames = send(wire, "--speed", "max", "--group", "239.1.2.3", "--port", "5000", "--source",
                     "10.99.0.1", folder / "one.pcap")  # fmt: skip
    assert {(f.group, f.port, f.mac_to) for f in frames} == {
        ("239.1.2.3", 5000, "01:00:5e:01:02:03")
    }
    assert all(checksum_holds(f.data) for f in frames)


def test_raw_itch_becomes_moldudp64(wire: Setting, folder: Path) -> None:
    _, frames = send(wire, "--rate", "20000", folder / "day.itch")
    expected = 1
    for frame in frames[:-1]:
        assert frame.seq == expected
        expected += frame.count
    assert expected == MESSAGES + 1
    assert (frames[-1].seq, frames[-1].count) == (MESSAGES + 1, 0xFFFF)
    assert all(checksum_holds(f.data) for f in frames)


def test_faults_are_counted_and_repeatable(wire: Setting, folder: Path) -> None:
    faults = ["--rate", "20000", "--lose", "0.1", "--double", "0.05", "--late", "0.05"]
    first, a = send(wire, *faults, "--fault-seed", "3", folder / "one.pcap")
    second, b = send(wire, *faults, "--fault-seed", "3", folder / "one.pcap")
    _, c = send(wire, *faults, "--fault-seed", "4", folder / "one.pcap")
    assert [f.data for f in a] == [f.data for f in b] != [f.data for f in c]
    assert first["lost"] == second["lost"] > 0 and first["doubled"] and first["delayed"]
    assert first["frames"] == len(a)


def test_recorded_pace(wire: Setting, folder: Path, tmp_path: Path) -> None:
    """A second of capture at twice its pace takes half a second."""
    from scapy.utils import RawPcapReader

    slow = tmp_path / "slow.pcap"
    with RawPcapReader(str(folder / "one.pcap")) as reader, slow.open("wb") as out:
        out.write(struct.pack("<IHHIIII", 0xA1B23C4D, 2, 4, 0, 0, 65_535, 1))
        for number, (data, _) in zip(range(101), reader, strict=False):
            second, part = divmod(number * 10_000_000, 10**9)
            out.write(struct.pack("<IIII", 1000 + second, part, len(data), len(data)) + data)
    begun = time.monotonic()
    summary, frames = send(wire, "--speed", "2x", slow)
    assert len(frames) == 101
    assert 0.5 <= summary["seconds"] < 1.0
    assert time.monotonic() - begun > 0.5
    assert summary["late_ns"]["p50"] < 5_000_000


def test_refusals(tmp_path: Path) -> None:
    refuse(2, "no interface nix9", "replay", "--to", "nix9", sample(tmp_path))
    refuse(2, "has no meaning without --to", "replay", "--rate", "5", sample(tmp_path))
    refuse(2, "has no meaning with --to", "replay", "--to", "nix9", "--depth", "2",
           sample(tmp_path))  # fmt: skip
    refuse(2, "exclude each other", "replay", "--to", "nix9", "--rate", "5", "--speed", "2x",
           sample(tmp_path))  # fmt: skip


def test_default_route_is_refused(tmp_path: Path) -> None:
    from pinnacle.lab.sender import default_route_devices

    devices = default_route_devices()
    if not devices:
        pytest.skip("this machine has no default route")
    refuse(2, "carries the default route", "replay", "--to", min(devices), sample(tmp_path))


def refuse(code: int, message: str, *args: str) -> None:
    """A command that must fail with one clear line."""
    done = ctl(*args)
    assert done.returncode == code and message in done.stderr, done
    assert done.stderr.count("\n") == 1


def sample(folder: Path) -> str:
    path = folder / "sample.pcap"
    if not path.exists():
        generate(str(path), Config(**DAY))
    return str(path)
