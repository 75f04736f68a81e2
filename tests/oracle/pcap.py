"""Minimal capture readers and writers, and Ethernet/IPv4/UDP both ways, for tests only."""

import gzip
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Record:
    """One capture record."""

    ts_ns: int
    data: bytes
    length: int


@dataclass(frozen=True)
class Udp:
    """One UDP datagram; addresses as text."""

    src: str
    dst: str
    sport: int
    dport: int
    payload: bytes


def read_bytes(path: Path) -> bytes:
    """The file's bytes, decompressed where it is gzip."""
    data = path.read_bytes()
    if data[:2] == b"\x1f\x8b":
        with gzip.open(path) as f:
            return f.read()
    return data


def records(path: Path) -> Iterator[Record]:
    """Records of a classic pcap file, plain or gzip; a cut last record ends the iteration."""
    data = read_bytes(path)
    magic = data[:4]
    order, scale = {
        b"\xd4\xc3\xb2\xa1": ("<", 1000),
        b"\x4d\x3c\xb2\xa1": ("<", 1),
        b"\xa1\xb2\xc3\xd4": (">", 1000),
        b"\xa1\xb2\x3c\x4d": (">", 1),
    }[magic]
    at = 24
    while at + 16 <= len(data):
        sec, frac, cap, length = struct.unpack_from(order + "IIII", data, at)
        if at + 16 + cap > len(data):
            return
        yield Record(sec * 10**9 + frac * scale, data[at + 16 : at + 16 + cap], length)
        at += 16 + cap


def udp_of(frame: bytes) -> Udp | None:
    """The UDP datagram of an Ethernet/IPv4 frame, VLAN tags skipped; None for anything else."""
    at = 12
    while frame[at : at + 2] in (b"\x81\x00", b"\x88\xa8"):
        at += 4
    if frame[at : at + 2] != b"\x08\x00":
        return None
    at += 2
    header = (frame[at] & 15) * 4
    if frame[at + 9] != 17:
        return None
    src, dst = (".".join(map(str, frame[at + i : at + i + 4])) for i in (12, 16))
    at += header
    sport, dport, length, _ = struct.unpack_from(">HHHH", frame, at)
    return Udp(src, dst, sport, dport, frame[at + 8 : at + length])


def _checksum(data: bytes) -> int:
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def frame_of(payload: bytes, dst: str = "233.54.12.111", dport: int = 26477) -> bytes:
    """An Ethernet/IPv4/UDP frame around a payload, to a multicast group."""
    group = bytes(int(x) for x in dst.split("."))
    mac = b"\x01\x00\x5e" + bytes([group[1] & 0x7F]) + group[2:]
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 28 + len(payload), 0, 0x4000, 16, 17, 0,
                       bytes([10, 0, 0, 1]), group)  # fmt: skip
    head = head[:10] + struct.pack(">H", _checksum(head)) + head[12:]
    udp = struct.pack(">HHHH", 40000, dport, 8 + len(payload), 0)
    return mac + b"\x02\x00\x00\x00\x00\x01" + b"\x08\x00" + head + udp + payload


def write_pcap(path: Path, frames: Iterable[tuple[int, bytes]], nano: bool = True) -> None:
    """Writes (ts_ns, frame) records as classic little-endian pcap."""
    with path.open("wb") as f:
        f.write(struct.pack("<IHHiIII", 0xA1B23C4D if nano else 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
        for ts, frame in frames:
            frac = ts % 10**9 if nano else ts % 10**9 // 1000
            f.write(struct.pack("<IIII", ts // 10**9, frac, len(frame), len(frame)) + frame)


def _block(kind: int, body: bytes) -> bytes:
    body += b"\0" * (-len(body) % 4)
    total = 12 + len(body)
    return struct.pack("<II", kind, total) + body + struct.pack("<I", total)


def write_pcapng(path: Path, frames: Iterable[tuple[int, bytes]]) -> None:
    """Writes (ts_ns, frame) records as pcapng with one interface of ns resolution."""
    with path.open("wb") as f:
        f.write(_block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)))
        options = struct.pack("<HHBxxxHH", 9, 1, 9, 0, 0)
        f.write(_block(1, struct.pack("<HHI", 1, 0, 262144) + options))
        for ts, frame in frames:
            head = struct.pack("<IIIII", 0, ts >> 32, ts & 0xFFFFFFFF, len(frame), len(frame))
            f.write(_block(6, head + frame))
