"""The steering program on every kind of frame, run by the kernel, against a plain model of it."""

import os
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.effort import effort

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("PINNACLE_BUILD") or ROOT / "build/checks")
PROGRAM = BUILD / "tests/bpf/steer_run"

PASS, REDIRECT = 2, 4
STEERED, NO_SOCKET, OTHER_FLOW, NOT_UDP, NOT_IP4, FRAGMENT, MALFORMED = range(7)
FLOWS = [("239.1.2.3", 5000), ("239.1.2.4", 0), ("0.0.0.0", 7000)]
TAGS = (0x8100, 0x88A8, 0x9100)


class Steer:
    """The program in the kernel, a frame at a time."""

    def __init__(self, flows: list[tuple[str, int]]) -> None:
        if not PROGRAM.exists():
            pytest.skip(f"{PROGRAM} is not built (scripts/dev.sh build; needs libbpf and clang)")
        self._process = subprocess.Popen(
            [PROGRAM, *(f"{group}:{port}" for group, port in flows)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self._process.stdin and self._process.stdout
        self._in, self._out = self._process.stdin, self._process.stdout
        line = self._out.readline().decode().strip()
        if line != "ready":
            self.close()
            pytest.skip(f"the kernel does not run it for us: {line}")

    def close(self) -> None:
        self._in.close()
        self._out.close()
        self._process.wait(10)

    def __call__(self, frame: bytes) -> tuple[int, int]:
        """Action and verdict; the frame must come out as it went in."""
        self._in.write(struct.pack("=I", len(frame)) + frame)
        self._in.flush()
        line = self._out.readline().decode()
        action, verdict, same = map(int, line.split())
        assert same == 1, line
        return action, verdict


@pytest.fixture(scope="module")
def steer() -> Iterator[Steer]:
    program = Steer(FLOWS)
    yield program
    program.close()


def wanted(group: bytes, port: int) -> bool:
    text = ".".join(map(str, group))
    return any(g in (text, "0.0.0.0") and p in (port, 0) for g, p in FLOWS)


def model(frame: bytes) -> tuple[int, int]:
    """What the program must say, in the slow and obvious way."""

    def u16(at: int) -> int:
        return int.from_bytes(frame[at : at + 2])

    kind, at = u16(12), 14
    for _ in range(2):
        if kind not in TAGS:
            break
        if len(frame) < at + 4:
            return PASS, MALFORMED
        kind, at = u16(at + 2), at + 4
    if kind != 0x0800:
        return PASS, NOT_IP4
    if len(frame) < at + 20:
        return PASS, MALFORMED
    version, header, total = frame[at] >> 4, (frame[at] & 15) * 4, u16(at + 2)
    if version != 4 or header < 20 or total < header or at + total > len(frame):
        return PASS, MALFORMED
    if frame[at + 9] != 17:
        return PASS, NOT_UDP
    if u16(at + 6) & 0x3FFF:
        return PASS, FRAGMENT
    if total < header + 8:
        return PASS, MALFORMED
    if not wanted(frame[at + 16 : at + 20], u16(at + header + 2)):
        return PASS, OTHER_FLOW
    return REDIRECT, STEERED


def packet(
    *, group: str = "239.1.2.3", port: int = 5000, tags: tuple[int, ...] = (), options: int = 0,
    protocol: int = 17, fragment: int = 0, version: int = 4, total: int | None = None,
    header: int | None = None, payload: bytes = b"payload", kind: int = 0x0800,
) -> bytes:  # fmt: skip
    length = 20 + 4 * options + 8 + len(payload)
    first = version << 4 | (5 + options if header is None else header)
    ip = struct.pack(
        ">BBHHHBBH4s4s", first, 0, length if total is None else total, 0, fragment, 16, protocol,
        0, bytes([10, 0, 0, 1]), bytes(map(int, group.split("."))),
    )  # fmt: skip
    udp = struct.pack(">HHHH", 1234, port, 8 + len(payload), 0)
    link = b"\1\0\x5e\1\2\3" + b"\2\0\0\0\0\1"
    for tag in tags:
        link += struct.pack(">HH", tag, 7)
    return link + struct.pack(">H", kind) + ip + b"\1" * (4 * options) + udp + payload


CASES = {
    "wanted": (packet(), STEERED),
    "any port": (packet(group="239.1.2.4", port=1), STEERED),
    "any group": (packet(group="10.0.0.9", port=7000), STEERED),
    "other port": (packet(port=5001), OTHER_FLOW),
    "other group": (packet(group="239.1.2.5"), OTHER_FLOW),
    "one tag": (packet(tags=(0x8100,)), STEERED),
    "two tags": (packet(tags=(0x88A8, 0x8100)), STEERED),
    "old outer tag": (packet(tags=(0x9100, 0x8100)), STEERED),
    "three tags": (packet(tags=(0x8100, 0x8100, 0x8100)), NOT_IP4),
    "options": (packet(options=3), STEERED),
    "all options": (packet(options=10), STEERED),
    "options, tags, other port": (packet(options=10, tags=(0x8100,) * 2, port=2), OTHER_FLOW),
    "first fragment": (packet(fragment=0x2000), FRAGMENT),
    "last fragment": (packet(fragment=0x0010), FRAGMENT),
    "do not fragment": (packet(fragment=0x4000), STEERED),
    "TCP": (packet(protocol=6), NOT_UDP),
    "IGMP": (packet(protocol=2), NOT_UDP),
    "IPv6": (packet(kind=0x86DD), NOT_IP4),
    "ARP": (packet(kind=0x0806), NOT_IP4),
    "version 6 in IPv4": (packet(version=6), MALFORMED),
    "short header": (packet(header=4), MALFORMED),
    "header beyond packet": (packet(header=15, total=40), MALFORMED),
    "packet beyond frame": (packet(total=1000), MALFORMED),
    "no room for UDP": (packet(total=24), MALFORMED),
    "padded": (packet() + bytes(18), STEERED),
    "empty datagram": (packet(payload=b""), STEERED),
    "only Ethernet": (packet()[:14], MALFORMED),
    "ends in a tag": (packet(tags=(0x8100,))[:15], MALFORMED),
    "ends in IP": (packet()[:33], MALFORMED),
    "ends in UDP": (packet()[:40], MALFORMED),
}


@pytest.mark.parametrize("name", CASES)
def test_case(steer: Steer, name: str) -> None:
    frame, verdict = CASES[name]
    assert model(frame) == (REDIRECT if verdict == STEERED else PASS, verdict)
    assert steer(frame) == model(frame)


def test_every_cut(steer: Steer) -> None:
    """A frame that ends anywhere; the kernel takes none shorter than its Ethernet header."""
    for whole in (packet(tags=(0x88A8, 0x8100), options=10), packet()):
        for end in range(14, len(whole) + 1):
            assert steer(whole[:end]) == model(whole[:end]), end


frames = st.builds(
    packet,
    group=st.sampled_from(["239.1.2.3", "239.1.2.4", "1.2.3.4"]),
    port=st.sampled_from([5000, 7000, 1]),
    tags=st.lists(st.sampled_from([*TAGS, 0x1234]), max_size=4).map(tuple),
    options=st.integers(0, 10),
    protocol=st.sampled_from([17, 6, 17]),
    fragment=st.sampled_from([0, 0, 0x4000, 0x2000, 1]),
    total=st.none() | st.integers(0, 200),
    header=st.none() | st.integers(0, 15),
    payload=st.binary(max_size=60),
)


@settings(max_examples=effort(600, 100_000), deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(
    frame=frames,
    changes=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=3),
    cut=st.none() | st.integers(14, 120),
)
def test_random(
    steer: Steer, frame: bytes, changes: list[tuple[int, int]], cut: int | None
) -> None:
    """Frames put together from right and wrong parts, with bytes changed and cut off."""
    data = bytearray(frame)
    for at, value in changes:
        if at < len(data):
            data[at] = value
    assert steer(bytes(data[:cut])) == model(bytes(data[:cut]))


def test_no_flows() -> None:
    """Without flows everything goes on to the kernel."""
    program = Steer([])
    try:
        assert program(packet()) == (PASS, OTHER_FLOW)
    finally:
        program.close()


def test_everything() -> None:
    """Group and port 0: all of UDP over IPv4, and nothing else."""
    program = Steer([("0.0.0.0", 0)])
    try:
        assert program(packet(group="1.2.3.4", port=9)) == (REDIRECT, STEERED)
        assert program(packet(protocol=6)) == (PASS, NOT_UDP)
    finally:
        program.close()
