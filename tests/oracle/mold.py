"""MoldUDP64 1.0 packets: build and parse, nothing else."""

import struct
from dataclasses import dataclass

HEADER_BYTES = 20
END_OF_SESSION = 0xFFFF


@dataclass(frozen=True)
class Packet:
    """One downstream packet; ``end`` marks the end of session."""

    session: bytes
    seq: int
    messages: tuple[bytes, ...] = ()
    end: bool = False


def build(packet: Packet, count: int | None = None) -> bytes:
    """Bytes of a packet; count may falsify the header's count."""
    if count is None:
        count = END_OF_SESSION if packet.end else len(packet.messages)
    body = b"".join(struct.pack(">H", len(m)) + m for m in packet.messages)
    return packet.session.ljust(10)[:10] + struct.pack(">QH", packet.seq, count) + body


def parse(payload: bytes) -> Packet:
    """Parses a whole packet; raises ValueError where it is malformed."""
    if len(payload) < HEADER_BYTES:
        raise ValueError("framing_short")
    seq, count = struct.unpack_from(">QH", payload, 10)
    end = count == END_OF_SESSION
    messages = []
    at = HEADER_BYTES
    for _ in range(0 if end else count):
        if at + 2 > len(payload):
            raise ValueError("framing_blocks")
        (size,) = struct.unpack_from(">H", payload, at)
        if at + 2 + size > len(payload):
            raise ValueError("framing_blocks")
        messages.append(payload[at + 2 : at + 2 + size])
        at += 2 + size
    if at != len(payload):
        raise ValueError("framing_blocks")
    return Packet(payload[:10], seq, tuple(messages), end)
