"""Writes valid samples as the first corpus of a fuzz target: ``make_seeds.py TARGET DIR``.

Each target has one function in SEEDS that yields its samples.
"""

import gzip
import struct
import sys
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path


def itch(count: int = 4) -> list[bytes]:
    """A few ITCH 5.0 messages with their real lengths."""
    lengths = {"S": 12, "R": 39, "A": 36, "F": 40, "E": 31, "C": 36, "X": 23, "D": 19, "U": 35}
    out = []
    for i, (kind, size) in enumerate(lengths.items()):
        head = kind.encode() + struct.pack(">HH", 1, 0) + (34_200 * 10**9 + i).to_bytes(6, "big")
        out.append(head.ljust(size, b"\1"))
    return out[:count]


def blocks(messages: list[bytes]) -> bytes:
    return b"".join(struct.pack(">H", len(m)) + m for m in messages)


def moldudp64(messages: list[bytes], seq: int = 1) -> bytes:
    return b"SESSION001" + struct.pack(">QH", seq, len(messages)) + blocks(messages)


def udp(payload: bytes, port: int = 26477) -> bytes:
    return struct.pack(">HHHH", 1234, port, 8 + len(payload), 0) + payload


def ip4(body: bytes, options: bytes = b"", fragment: int = 0, proto: int = 17) -> bytes:
    size = 20 + len(options)
    head = struct.pack(
        ">BBHHHBBH4s4s",
        0x40 | size // 4,
        0,
        size + len(body),
        1,
        fragment,
        64,
        proto,
        0,
        bytes([10, 0, 0, 1]),
        bytes([233, 54, 12, 111]),
    )
    return head + options + body


def ip6(body: bytes, chain: tuple[int, ...] = ()) -> bytes:
    headers = b""
    for following in (*chain[1:], 17)[: len(chain)]:
        headers += bytes([following, 0]) + bytes(6)
    first = chain[0] if chain else 17
    size = len(headers) + len(body)
    addresses = b"\xfe\x80" + bytes(13) + b"\1" + b"\xff\x0e" + bytes(13) + b"\2"
    return struct.pack(">IHBB", 6 << 28, size, first, 64) + addresses + headers + body


def ethernet(body: bytes, kind: int = 0x0800, tags: tuple[int, ...] = ()) -> bytes:
    out = b"\1\0\x5e\1\1\1\2\0\0\0\0\1"
    for tag in tags:
        out += struct.pack(">HH", tag, 5)
    return out + struct.pack(">H", kind) + body


def frames() -> list[bytes]:
    """Ethernet frames of each shape that is decoded."""
    body = udp(moldudp64(itch()))
    return [
        ethernet(ip4(body)),
        ethernet(ip4(udp(b"")) + bytes(18)),
        ethernet(ip4(body, options=b"\1" * 8)),
        ethernet(ip4(body), tags=(0x8100,)),
        ethernet(ip4(body), tags=(0x88A8, 0x8100)),
        ethernet(ip4(body), tags=(0x9100, 0x8100, 0x8100)),
        ethernet(ip4(body, fragment=0x2000)),
        ethernet(ip4(body, proto=6)),
        ethernet(ip6(body), kind=0x86DD),
        ethernet(ip6(body, chain=(0, 60, 43)), kind=0x86DD),
        ethernet(ip6(body, chain=(44,)), kind=0x86DD),
        ethernet(b"\0\1\x08\0\6\4\0\1" + bytes(20), kind=0x0806),
    ]


def net_seeds() -> Iterator[bytes]:
    for cut in (0, 100):
        for frame in frames():
            yield struct.pack(">BH", 0, cut) + frame
            yield struct.pack(">BH", 1, cut) + frame[14:]
            yield struct.pack(">BH", 2, cut) + b"\2\0\0\0" + frame[14:]
            yield struct.pack(">BH", 3, cut) + bytes(14) + frame[12:]
            yield struct.pack(">BH", 4, cut) + frame[12:14] + bytes(18) + frame[14:]
    yield struct.pack(">BH", 5, 0) + blocks(itch())


def pcap_seeds() -> Iterator[bytes]:
    for order in "<>":
        for magic in (0xA1B2C3D4, 0xA1B23C4D):
            for link, skip in ((1, 0), (101, 14), (113, 0)):
                out = struct.pack(order + "IHHIIII", magic, 2, 4, 0, 0, 65535, link)
                for i, frame in enumerate(frames()):
                    data = frame[skip:]
                    cap = len(data) - (i % 3 == 2) * 5
                    out += struct.pack(order + "IIII", 1_700_000_000 + i, i, cap, len(data))
                    out += data[:cap]
                yield out
                yield out[:-7]
    yield struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 1 << 20, 1) + struct.pack(
        "<IIII", 1, 1, 300_000, 300_000
    )


def pcapng_block(order: str, kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    size = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + size + body + size


def pcapng_section(order: str) -> bytes:
    option = struct.pack(order + "HH", 1, 4) + b"note"
    packed = struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1)
    return pcapng_block(order, 0x0A0D0D0A, packed + option)


def pcapng_interface(order: str, link: int, resolution: int | None, offset: int) -> bytes:
    body = struct.pack(order + "HHI", link, 0, 65535)
    if resolution is not None:
        body += struct.pack(order + "HHB3x", 9, 1, resolution)
    if offset:
        body += struct.pack(order + "HHq", 14, 8, offset)
    return pcapng_block(order, 1, body + bytes(4))


def pcapng_packets(order: str, interfaces: int) -> bytes:
    out = b""
    for i, data in enumerate(frames()):
        ticks = 1_700_000_000_000_000 + i
        high, low, size = ticks >> 32, ticks & 0xFFFFFFFF, len(data)
        if i % 4 == 1:
            out += pcapng_block(order, 3, struct.pack(order + "I", size) + data)
        elif i % 4 == 2:
            fixed = struct.pack(order + "HHIIII", i % interfaces, 0, high, low, size, size)
            out += pcapng_block(order, 2, fixed + data)
        else:
            fixed = struct.pack(order + "IIIII", i % interfaces, high, low, size - 3, size)
            out += pcapng_block(order, 6, fixed + data[:-3])
    return out


def pcapng_seeds() -> Iterator[bytes]:
    sections = []
    for order in "<>":
        for resolution, offset in ((None, 0), (9, 0), (6, 100), (12, -5), (0x80 | 20, 0)):
            out = pcapng_section(order)
            out += pcapng_interface(order, 1, resolution, offset)
            out += pcapng_interface(order, 113, 9, 0)
            out += pcapng_block(order, 5, b"statistics..") + pcapng_packets(order, 2)
            sections.append(out)
            yield out
            yield out[:-9]
    yield sections[0] + sections[-1]


def raw_itch_seeds() -> Iterator[bytes]:
    yield blocks(itch(9))
    yield blocks(itch(9) * 8)
    yield blocks(itch(9)) + b"\0\0"
    yield blocks(itch(9))[:-3]
    yield blocks([b"", b"A", b"x" * 3000])


def source_seeds() -> Iterator[bytes]:
    plain = next(pcap_seeds())
    yield plain
    yield gzip.compress(plain, mtime=0)
    yield gzip.compress(plain, mtime=0) + bytes(5) + gzip.compress(b"second", mtime=0)
    yield gzip.compress(plain, mtime=0)[:-12]
    # One raw block of five bytes, an RLE block, a skippable frame.
    raw = b"\x28\xb5\x2f\xfd\x20\x05\x29\x00\x00hello"
    rle = b"\x28\xb5\x2f\xfd\x20\x40\x03\x02\x00z"
    skippable = b"\x50\x2a\x4d\x18\x03\0\0\0abc"
    yield raw
    yield rle
    yield skippable + raw + skippable + rle
    yield raw[:-2]


# -- engine targets: bytes that choose messages; see feed_input and build of each target


def mold_steps() -> Iterator[bytes]:
    """A sound header (odd first byte) around system events: in order, a hole, its end, the end."""
    for feed in (0, 1):
        out = bytes([feed])
        for how, seq, count in ((1, 1, 2), (1, 4, 1), (1, 3, 1), (5, 1, 1), (9, 5, 0)):
            out += bytes([how, 0, 1, seq, count, *range(count)])
        yield out
        packet = moldudp64(itch(9))
        yield bytes([feed, 0]) + len(packet).to_bytes(2, "big") + b"\1" + packet


def iextp_steps() -> Iterator[bytes]:
    """Segments of two short messages: in order, a hole, a repeat, a restart."""
    for feed in range(4):
        out = bytes([feed])
        for how, seq, sent in ((1, 1, 1), (1, 4, 2), (1, 3, 3), (1, 3, 3), (5, 1, 200)):
            out += bytes([how, 1, 2, 10]) + b"S" * 10 + bytes([18]) + b"I" * 18 + bytes([seq, sent])
        yield out


def itch_steps() -> Iterator[bytes]:
    """Whole messages (even first byte: twice the length), and built ones of every type."""
    yield b"".join(bytes([2 * len(m)]) + m for m in itch(9))
    for bits in (0x00, 0x33, 0x74, 0xB1):
        yield b"".join(bytes([1, kind, bits, ref]) for kind in range(22) for ref in (1, 0x82))


def iex_steps() -> Iterator[bytes]:
    """Built messages of every type over symbols and prices."""
    for bits in (0x00, 0x41, 0x83, 0xC5):
        yield b"".join(bytes([1, how, bits]) for how in (0x10, 0x12, 0x34, 0x05, 0x57, 0x98, 0x06))


def asker_steps() -> Iterator[bytes]:
    missing = b"\x14" + struct.pack(">HI", 500, 2_000_000)  # 500 are missing, 2 ms pass
    good = b"\x50" + struct.pack(">I", 1000) + b"\0\x20"  # an answer to the first request
    yield missing + good * 3
    yield missing + b"\x10" + struct.pack(">I", 50_000_000) + good
    for how in (1, 2, 4, 8, 16):
        yield missing + b"\x50" + struct.pack(">I", 1000) + bytes([how]) + b"\x10\x7f\x7f\x7f"


def rerequest_steps() -> Iterator[bytes]:
    for seq, count in ((1, 1), (1, 500), (299, 9), (301, 1), (0, 1), (2**64 - 1, 65_535)):
        yield b"\x14SIM0000001" + struct.pack(">QH", seq, count)
    yield b"\x14SIM0000042" + struct.pack(">QH", 7, 7) + b"\x14OTHER00001" + bytes(10)
    yield b"\x02ab\x17" + bytes(23)


def live_config_patches() -> Iterator[bytes]:
    """Patches of a good control segment: its counts, its names, its commands."""
    yield b""
    for offset in (56, 64, 88, 2400, 2420, 2440, 5200, 25_000, 30_000, 40_000):
        for value in (0, 1, 17, 0xFFFFFFFFFFFFFFFF):
            yield struct.pack("<IQ", offset, value)


SEEDS: dict[str, Callable[[], Iterator[bytes]]] = {
    "asker": asker_steps,
    "rerequest": rerequest_steps,
    "deep": iex_steps,
    "iextp": iextp_steps,
    "itch": itch_steps,
    "live_config": live_config_patches,
    "mold": mold_steps,
    "net": net_seeds,
    "pcap": pcap_seeds,
    "pcapng": pcapng_seeds,
    "raw_itch": raw_itch_seeds,
    "source": source_seeds,
    "tops": iex_steps,
}


def main(argv: list[str]) -> int:
    target, folder = argv[0], Path(argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for seed in SEEDS[target]():
        (folder / sha256(seed).hexdigest()[:16]).write_bytes(seed)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
