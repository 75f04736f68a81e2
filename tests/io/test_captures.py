"""What io makes of real captures, frame by frame, against scapy's readers.

The helper ``dump_frames`` prints every frame; scapy, or plain ``struct`` for raw ITCH, says what
should be there.
"""

import gzip
import os
import struct
import subprocess
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.support.captures import CAPTURES, WHY_NONE

REPO = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("PINNACLE_BUILD") or REPO / "build" / "checks")
LINKS = {1: 0, 0: 2, 101: 1, 113: 3, 276: 4}


class Frame(NamedTuple):
    ts_ns: int
    caplen: int
    len: int
    link: int
    crc: int


class Dump(NamedTuple):
    frames: list[Frame]
    inputs: list[int]
    datagrams: list[tuple[str, ...]]
    counters: dict[str, int]


def dump(*args: str, stdin: bytes | None = None) -> Dump:
    """Runs dump_frames on files."""
    program = BUILD / "tests" / "io" / "dump_frames"
    if not program.is_file():
        pytest.skip(f"{program} is not built (meson -Dchecks=true)")
    run = subprocess.run([program, *args], input=stdin, capture_output=True, check=True)
    out = Dump([], [], [], {})
    for line in run.stdout.decode().splitlines():
        words = line.split()
        if len(words) == 2:
            out.counters[words[0]] = int(words[1])
            continue
        ts, caplen, length, link = map(int, words[1:5])
        out.frames.append(Frame(ts, caplen, length, link, int(words[5], 16)))
        out.inputs.append(int(words[0]))
        out.datagrams.append(tuple(words[6:]))
    assert out.counters.pop("rx_frames") == len(out.frames)
    assert out.counters.pop("rx_bytes") == sum(f.caplen for f in out.frames)
    return out


def captures(*patterns: str) -> list[Any]:
    """The captures that match, as test parameters; one skipped parameter when there are none."""
    paths = sorted(p for pattern in patterns for p in CAPTURES.glob(pattern))
    if paths:
        return [pytest.param(p, id=p.name) for p in paths]
    skip = pytest.mark.skip(reason=WHY_NONE)
    return [pytest.param(CAPTURES, marks=skip)]


def scapy_frames(path: Path) -> Iterator[Frame]:
    from scapy.utils import RawPcapNgReader, RawPcapReader

    with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
        ng = file.read(4) == b"\x0a\x0d\x0d\x0a"
    with (RawPcapNgReader if ng else RawPcapReader)(str(path)) as reader:
        data: bytes
        meta: Any
        for data, meta in reader:
            if ng:
                ticks = meta.tshigh << 32 | meta.tslow
                ts = ticks * 10**9 // meta.tsresol
                link = meta.linktype
            elif len(data) < meta.caplen:
                return  # scapy hands out a cut last record, we count it
            else:
                ts = meta.sec * 10**9 + meta.usec * (1 if reader.nano else 1000)
                link = reader.linktype
            yield Frame(ts, len(data), meta.wirelen, LINKS[link], zlib.crc32(data))


@pytest.mark.parametrize(
    "path", captures("iex/*.gz", "deribit_sbe/*.pcapng", "omi-data-packets/**/*.pcap")
)
def test_frames_agree_with_scapy(path: Path) -> None:
    ours = dump(str(path))
    assert ours.frames == list(scapy_frames(path))
    cut = {"io_record_cut": 1} if path.name == "DEEP10.pcap.gz" else {}
    assert ours.counters == cut
    assert ours.frames == dump("-b", "1", str(path)).frames


@pytest.mark.parametrize("path", captures("iex/*.gz"))
def test_datagrams_agree_with_scapy(path: Path) -> None:
    from scapy.layers.inet import IP, UDP
    from scapy.layers.l2 import Ether
    from scapy.utils import RawPcapReader

    ours = dump(str(path)).datagrams
    with RawPcapReader(str(path)) as reader:
        for i, (data, _) in enumerate(reader):
            if i % 97:  # scapy takes a while to dissect
                continue
            packet = Ether(data)
            group = bytes(map(int, packet[IP].dst.split("."))).hex()
            size = str(packet[UDP].len - 8)
            assert ours[i] == (group, str(packet[UDP].dport), size, size)


@pytest.mark.parametrize("path", captures("nasdaq_itch50/*.NASDAQ_ITCH50"))
def test_raw_itch(path: Path) -> None:
    ours = dump(str(path))
    data, blocks = path.read_bytes(), []
    while data:
        (size,) = struct.unpack_from(">H", data)
        blocks.append(data[: size + 2])
        data = data[size + 2 :]
    at = 0
    for frame in ours.frames:
        joined = b""
        while len(joined) < frame.caplen:
            joined += blocks[at]
            at += 1
        assert zlib.crc32(joined) == frame.crc and len(joined) == frame.len
        assert frame.ts_ns == int.from_bytes(joined[7:13], "big")
        assert frame.link == 5
    assert at == len(blocks) == 1000
    assert ours.counters == {}


@pytest.mark.parametrize("path", captures("iex/TOPS16.pcapng.gz"))
def test_same_frames_plain_and_from_stdin(path: Path, tmp_path: Path) -> None:
    want = dump(str(path)).frames
    data = gzip.decompress(path.read_bytes())
    plain = tmp_path / "plain"
    plain.write_bytes(data)
    assert dump(str(plain)).frames == want
    assert dump("-", stdin=data).frames == want
    assert dump("-", stdin=path.read_bytes()).frames == want


@pytest.mark.parametrize("path", captures("iex/TOPS16.pcapng.gz"))
def test_merge_of_two(path: Path) -> None:
    other = CAPTURES / "iex" / "DEEP10.pcap.gz"
    merged = dump(str(path), str(other))
    key = [(f.ts_ns, i) for f, i in zip(merged.frames, merged.inputs, strict=True)]
    alone = [dump(str(p)).frames for p in (path, other)]
    for number, frames in enumerate(alone):
        ours = [f for f, i in zip(merged.frames, merged.inputs, strict=True) if i == number]
        assert ours == frames
    if all(frames == sorted(frames, key=lambda f: f.ts_ns) for frames in alone):
        assert key == sorted(key)


@pytest.mark.parametrize("nano", [False, True])
@pytest.mark.parametrize("endianness", ["<", ">"])
def test_files_written_by_scapy(tmp_path: Path, nano: bool, endianness: str) -> None:
    from scapy.layers.inet import IP, UDP
    from scapy.layers.l2 import Dot1Q, Ether
    from scapy.utils import RawPcapWriter

    path = tmp_path / "scapy.pcap"
    with RawPcapWriter(str(path), linktype=1, nano=nano, endianness=endianness) as writer:
        writer.write_header(None)
        for i in range(20):
            tag = Dot1Q(vlan=5) if i % 2 else Dot1Q(vlan=5) / Dot1Q(vlan=6)
            frame = bytes(Ether() / tag / IP(dst="233.54.12.1") / UDP(dport=1000 + i) / bytes(i))
            writer.write_packet(frame, sec=i, usec=i * 3)
    ours = dump(str(path))
    assert ours.frames == list(scapy_frames(path))
    assert [f.ts_ns for f in ours.frames] == [
        i * 10**9 + i * 3 * (1 if nano else 1000) for i in range(20)
    ]
    assert ours.datagrams == [("e9360c01", str(1000 + i), str(i), str(i)) for i in range(20)]
