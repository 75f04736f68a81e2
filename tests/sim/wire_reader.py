"""Reads generated captures with scapy's file readers and a few lines of UDP and MoldUDP64."""

import gzip
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from scapy.utils import RawPcapNgReader, RawPcapReader


@dataclass(frozen=True)
class Datagram:
    ts_ns: int
    group: str
    session: bytes
    seq: int
    count: int
    messages: tuple[bytes, ...]
    frame: bytes


def plain(path: Path, work: Path) -> Path:
    """The file itself, or an unpacked copy of it."""
    if path.suffix == ".gz":
        data = gzip.decompress(path.read_bytes())
    elif path.suffix == ".zst":
        data = pa.input_stream(str(path), compression="zstd").read()
    else:
        return path
    copy = work / path.stem
    copy.write_bytes(data)
    return copy


def datagrams(path: Path) -> Iterator[Datagram]:
    if path.suffix == ".pcapng":
        with RawPcapNgReader(str(path)) as reader:
            for frame, meta in reader:
                yield parse(frame, _pcapng_ns(meta))
    else:
        with RawPcapReader(str(path)) as reader:
            assert reader.nano
            for frame, meta in reader:
                yield parse(frame, meta.sec * 1_000_000_000 + meta.usec)


def _pcapng_ns(meta: Any) -> int:
    assert meta.tsresol == 1_000_000_000
    return (int(meta.tshigh) << 32) + int(meta.tslow)


def ones_sum(data: bytes) -> int:
    words = struct.unpack(f">{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2))
    total = sum(words)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return int(total)


def parse(frame: bytes, ts_ns: int) -> Datagram:
    """Checks every header and both checksums."""
    ip, udp, payload = frame[14:34], frame[34:42], frame[42:]
    assert frame[12:14] == b"\x08\x00" and ip[0] == 0x45 and ip[9] == 17
    assert frame[:3] == b"\x01\x00\x5e" and frame[3:6] == bytes([ip[17] & 0x7F, ip[18], ip[19]])
    assert struct.unpack(">H", ip[2:4])[0] == len(frame) - 14
    assert struct.unpack(">H", udp[4:6])[0] == len(frame) - 34
    assert ones_sum(ip) == 0xFFFF
    pseudo = ip[12:20] + struct.pack(">HH", 17, len(udp) + len(payload))
    assert udp[6:8] != b"\0\0" and ones_sum(pseudo + udp + payload) == 0xFFFF
    seq, count = struct.unpack(">QH", payload[10:20])
    messages, at = [], 20
    while at < len(payload):
        (length,) = struct.unpack(">H", payload[at : at + 2])
        messages.append(payload[at + 2 : at + 2 + length])
        at += 2 + length
    assert at == len(payload) and len(messages) == (0 if count == 0xFFFF else count)
    group = ".".join(map(str, ip[16:20])) + f":{struct.unpack('>H', udp[2:4])[0]}"
    return Datagram(ts_ns, group, payload[:10], seq, count, tuple(messages), frame)
