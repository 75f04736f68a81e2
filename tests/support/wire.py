"""Writes protocol bytes and captures for tests, straight from the specifications.

Independent of the product on purpose: only struct. Nasdaq TotalView-ITCH 5.0, MoldUDP64 1.0,
IEX-TP 1 with DEEP 1.0 and TOPS 1.6, Ethernet/IPv4/UDP, classic pcap.
"""

import struct
from collections.abc import Iterable
from pathlib import Path

SESSION = b"TEST000001"
GROUP_A, GROUP_B, PORT = "233.54.12.111", "233.49.196.111", 26477
T0 = 1_767_364_200_000_000_000  # 2026-01-02 14:30:00 UTC
MIDNIGHT_NS = 34_200_000_000_000  # 09:30 as ITCH tells time


# -- ITCH 5.0


def _itch(kind: bytes, locate: int, ts: int, body: bytes) -> bytes:
    return kind + struct.pack(">HH", locate, 0) + ts.to_bytes(6, "big") + body


def system(code: bytes, ts: int = MIDNIGHT_NS) -> bytes:
    return _itch(b"S", 0, ts, code)


def directory(locate: int, name: str, lot: int = 100, ts: int = MIDNIGHT_NS) -> bytes:
    tail = b"Q" + b"N" + struct.pack(">I", lot) + b"NCZ PN " + b"1N" + struct.pack(">I", 0) + b"N"
    return _itch(b"R", locate, ts, name.ljust(8).encode() + tail)


def trading(locate: int, name: str, state: bytes = b"T", ts: int = MIDNIGHT_NS) -> bytes:
    return _itch(b"H", locate, ts, name.ljust(8).encode() + state + b" " + b"    ")


def add(
    locate: int, ref: int, side: bytes, size: int, name: str, px: int, ts: int = MIDNIGHT_NS
) -> bytes:
    body = struct.pack(">QcI8sI", ref, side, size, name.ljust(8).encode(), px)
    return _itch(b"A", locate, ts, body)


def execute(locate: int, ref: int, size: int, match: int, ts: int = MIDNIGHT_NS) -> bytes:
    return _itch(b"E", locate, ts, struct.pack(">QIQ", ref, size, match))


def execute_at(
    locate: int, ref: int, size: int, match: int, printable: bytes, px: int, ts: int = MIDNIGHT_NS
) -> bytes:
    return _itch(b"C", locate, ts, struct.pack(">QIQcI", ref, size, match, printable, px))


def cancel(locate: int, ref: int, size: int, ts: int = MIDNIGHT_NS) -> bytes:
    return _itch(b"X", locate, ts, struct.pack(">QI", ref, size))


def delete(locate: int, ref: int, ts: int = MIDNIGHT_NS) -> bytes:
    return _itch(b"D", locate, ts, struct.pack(">Q", ref))


def replace(locate: int, ref: int, new: int, size: int, px: int, ts: int = MIDNIGHT_NS) -> bytes:
    return _itch(b"U", locate, ts, struct.pack(">QQII", ref, new, size, px))


def trade(locate: int, size: int, name: str, px: int, match: int, ts: int = MIDNIGHT_NS) -> bytes:
    body = struct.pack(">QcI8sIQ", 0, b"B", size, name.ljust(8).encode(), px, match)
    return _itch(b"P", locate, ts, body)


def broken(locate: int, match: int, ts: int = MIDNIGHT_NS) -> bytes:
    return _itch(b"B", locate, ts, struct.pack(">Q", match))


def day() -> list[bytes]:
    """A small, complete session of two symbols; its outcome is DAY_* below."""
    return [
        system(b"O"),
        directory(1, "AAPL"),
        directory(2, "MSFT"),
        trading(1, "AAPL"),
        trading(2, "MSFT"),
        add(1, 101, b"B", 300, "AAPL", 400_700),
        add(1, 102, b"B", 200, "AAPL", 400_700),
        add(1, 103, b"B", 100, "AAPL", 400_600),
        add(1, 104, b"S", 500, "AAPL", 400_900),
        add(2, 201, b"S", 50, "MSFT", 1_000_000),
        execute(1, 101, 100, 9001),
        execute_at(1, 104, 100, 9002, b"Y", 400_800),
        execute_at(1, 104, 50, 9003, b"N", 400_800),
        cancel(1, 102, 50),
        replace(1, 103, 105, 80, 400_500),
        trade(2, 25, "MSFT", 999_900, 9004),
        delete(2, 201),
        broken(1, 9002),
        system(b"C"),
    ]


DAY_TYPES = {"S": 2, "R": 2, "H": 2, "A": 5, "E": 1, "C": 2, "X": 1, "U": 1, "P": 1, "D": 1, "B": 1}
DAY_TRADES, DAY_VOLUME = 2, 125  # 9001 and 9004; 9002 is broken, 9003 is not printable
DAY_BIDS = [("40.0700", 350, 2), ("40.0500", 80, 1)]
DAY_ASKS = [("40.0900", 350, 1)]


# -- framing


def mold(seq: int, messages: Iterable[bytes], session: bytes = SESSION) -> bytes:
    blocks = [struct.pack(">H", len(m)) + m for m in messages]
    return session + struct.pack(">QH", seq, len(blocks)) + b"".join(blocks)


def mold_end(seq: int, session: bytes = SESSION) -> bytes:
    return session + struct.pack(">QH", seq, 0xFFFF)


def iex(
    protocol: int, seq: int, messages: Iterable[bytes], *, offset: int = 0, send_ns: int = T0,
    session: int = 7,
) -> bytes:  # fmt: skip
    found = list(messages)
    payload = b"".join(struct.pack("<H", len(m)) + m for m in found)
    head = struct.pack("<BBHIIHHqqq", 1, 0, protocol, 1, session, len(payload), len(found),
                       offset, seq, send_ns)  # fmt: skip
    return head + payload


def tops_quote(name: str, bid: tuple[int, int], ask: tuple[int, int], ts: int = T0) -> bytes:
    """bid and ask as (size, price)."""
    body = struct.pack("<Bq8sIqqI", 0, ts, name.ljust(8).encode(), *bid, ask[1], ask[0])
    return b"Q" + body


def deep_level(
    side: bytes, name: str, size: int, px: int, *, last: bool = True, ts: int = T0
) -> bytes:
    """side b"8" (buy) or b"5" (sell)."""
    return side + struct.pack("<Bq8sIq", int(last), ts, name.ljust(8).encode(), size, px)


def udp(payload: bytes, group: str = GROUP_A, port: int = PORT, source: str = "10.0.0.1") -> bytes:
    """An Ethernet frame."""
    address = bytes(map(int, source.split("."))) + bytes(map(int, group.split(".")))
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 28 + len(payload), 0, 0, 16, 17, 0) + address
    words = struct.unpack(">10H", ip)
    total = sum(words)
    total = (total & 0xFFFF) + (total >> 16)
    total = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
    ip = ip[:10] + struct.pack(">H", total) + ip[12:]
    head = struct.pack(">HHHH", 18001, port, 8 + len(payload), 0)
    return bytes.fromhex("01005e360c6f0200000000010800") + ip + head + payload


def udp6(payload: bytes, port: int = PORT) -> bytes:
    """An Ethernet frame with IPv6."""
    addresses = bytes.fromhex("20010db8" + "00" * 11 + "01" + "ff0e" + "00" * 13 + "07")
    ip = struct.pack(">IHBB", 6 << 28, 8 + len(payload), 17, 16) + addresses
    head = struct.pack(">HHHH", 18001, port, 8 + len(payload), 0)
    return bytes.fromhex("33330000000702000000000186dd") + ip + head + payload


def arp() -> bytes:
    return bytes.fromhex("ffffffffffff0200000000010806") + bytes(46)


# -- files


def write_pcap(path: Path, frames: Iterable[tuple[int, bytes]], link: int = 1) -> Path:
    """(receive time ns, frame) pairs into a nanosecond pcap."""
    parts = [struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262_144, link)]
    for ts, frame in frames:
        head = struct.pack("<IIII", ts // 10**9, ts % 10**9, len(frame), len(frame))
        parts.append(head + frame)
    path.write_bytes(b"".join(parts))
    return path


def day_frames(
    messages: list[bytes] | None = None, *, per_datagram: int = 4, step_ns: int = 1_000_000,
    group: str = GROUP_A, lose: frozenset[int] = frozenset(), end: bool = True,
) -> list[tuple[int, bytes]]:  # fmt: skip
    """A session in datagrams of ``per_datagram``; those numbered in ``lose`` are left out."""
    found = day() if messages is None else messages
    frames = []
    for number, at in enumerate(range(0, len(found), per_datagram)):
        if number not in lose:
            payload = mold(1 + at, found[at : at + per_datagram])
            frames.append((T0 + number * step_ns, udp(payload, group)))
    if end:
        frames.append((T0 + 10**9, udp(mold_end(1 + len(found)), group)))
    return frames


def write_raw_itch(path: Path, messages: list[bytes]) -> Path:
    """A raw ITCH 5.0 file: length-prefixed messages."""
    path.write_bytes(b"".join(struct.pack(">H", len(m)) + m for m in messages))
    return path
