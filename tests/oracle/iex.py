"""IEX-TP 1, DEEP 1.0 and TOPS 1.6 messages by field tables, as the specification prints them.

Everything is little-endian. Decodes and builds; knows nothing of books or sequencing.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass

from tests.oracle.itch import BadMessageError, Field, Message

DEEP = 0x8004
TOPS = 0x8003
HEADER_BYTES = 40

_COMMON: tuple[Field, ...] = (("flags", 1, 1, "u"), ("ts", 2, 8, "i"))
_SYMBOL: Field = ("symbol", 10, 8, "a")

_SHARED: Mapping[str, tuple[int, tuple[Field, ...]]] = {
    "S": (10, ()),
    "D": (31, (_SYMBOL, ("round_lot", 18, 4, "u"), ("poc", 22, 8, "i"), ("tier", 30, 1, "u"))),
    "H": (22, (_SYMBOL, ("reason", 18, 4, "a"))),
    "I": (18, (_SYMBOL,)),
    "O": (18, (_SYMBOL,)),
    "P": (19, (_SYMBOL, ("detail", 18, 1, "a"))),
    "T": (38, (_SYMBOL, ("size", 18, 4, "u"), ("price", 22, 8, "i"), ("trade", 30, 8, "i"))),
    "B": (38, (_SYMBOL, ("size", 18, 4, "u"), ("price", 22, 8, "i"), ("trade", 30, 8, "i"))),
    "X": (26, (_SYMBOL, ("price", 18, 8, "i"))),
    "A": (80, (_SYMBOL, ("paired", 18, 4, "u"), ("reference", 22, 8, "i"),
               ("indicative", 30, 8, "i"), ("imbalance", 38, 4, "u"),
               ("imbalance_side", 42, 1, "a"), ("extension", 43, 1, "u"),
               ("scheduled", 44, 4, "u"), ("book_price", 48, 8, "i"), ("collar", 56, 8, "i"),
               ("lower", 64, 8, "i"), ("upper", 72, 8, "i"))),
}  # fmt: skip

_LEVEL: tuple[int, tuple[Field, ...]] = (
    30,
    (_SYMBOL, ("size", 18, 4, "u"), ("price", 22, 8, "i")),
)

MESSAGES: Mapping[int, Mapping[str, tuple[int, tuple[Field, ...]]]] = {
    DEEP: {**_SHARED, "E": (18, (_SYMBOL,)), "8": _LEVEL, "5": _LEVEL},
    TOPS: {
        **_SHARED,
        "Q": (
            42,
            (
                _SYMBOL,
                ("bid_size", 18, 4, "u"),
                ("bid_price", 22, 8, "i"),
                ("ask_price", 30, 8, "i"),
                ("ask_size", 38, 4, "u"),
            ),
        ),
    },
}


def decode(protocol: int, data: bytes) -> Message:
    """Decodes one message of DEEP or TOPS; raises BadMessageError with the reason's label."""
    if not data:
        raise BadMessageError("msg_empty")
    kind = chr(data[0])
    table = MESSAGES[protocol]
    if kind not in table:
        raise BadMessageError("msg_unknown_type")
    length, fields = table[kind]
    if len(data) < length:
        raise BadMessageError("msg_short")
    numbers: dict[str, int] = {}
    texts: dict[str, str] = {}
    for name, offset, size, what in _COMMON + fields:
        part = data[offset : offset + size]
        if what == "a":
            texts[name] = part.decode("latin-1").rstrip(" ")
        else:
            numbers[name] = int.from_bytes(part, "little", signed=what == "i")
    return Message(kind, numbers, texts, len(data) > length)


def build(protocol: int, kind: str, **values: int | str) -> bytes:
    """Builds one message; fields left out are zero or blank. ``flags`` may be a letter."""
    length, fields = MESSAGES[protocol][kind]
    out = bytearray(length)
    out[0] = ord(kind)
    if isinstance(values.get("flags"), str):
        values["flags"] = ord(str(values["flags"]))
    for name, offset, size, what in _COMMON + fields:
        value = values.pop(name, "" if what == "a" else 0)
        if what == "a":
            assert isinstance(value, str), name
            out[offset : offset + size] = value.encode("latin-1").ljust(size)
        else:
            assert isinstance(value, int), name
            out[offset : offset + size] = value.to_bytes(size, "little", signed=what == "i")
    assert not values, f"{kind} has no field {sorted(values)}"
    return bytes(out)


@dataclass(frozen=True)
class Segment:
    """One IEX-TP segment: header fields and its messages."""

    protocol: int
    channel: int
    session: int
    offset: int
    first_seq: int
    send_ns: int
    messages: tuple[bytes, ...]

    @property
    def next_seq(self) -> int:
        return self.first_seq + len(self.messages)


def parse_segment(payload: bytes) -> Segment:
    """Parses a whole segment; raises ValueError where it is malformed."""
    if len(payload) < HEADER_BYTES:
        raise ValueError("framing_short")
    version, _, protocol, channel, session, length, count, offset, seq, send = struct.unpack_from(
        "<BBHIIHHqqq", payload
    )
    if version != 1 or protocol not in MESSAGES:
        raise ValueError("framing_version")
    messages = []
    at = HEADER_BYTES
    for _ in range(count):
        if at + 2 > len(payload):
            raise ValueError("framing_blocks")
        (size,) = struct.unpack_from("<H", payload, at)
        if at + 2 + size > len(payload):
            raise ValueError("framing_blocks")
        messages.append(payload[at + 2 : at + 2 + size])
        at += 2 + size
    if at != len(payload) or length != len(payload) - HEADER_BYTES:
        raise ValueError("framing_blocks")
    return Segment(protocol, channel, session, offset, seq, send, tuple(messages))


def build_segment(segment: Segment, **override: int) -> bytes:
    """Bytes of a segment; override may falsify ``length``, ``count``, ``version``."""
    body = b"".join(struct.pack("<H", len(m)) + m for m in segment.messages)
    head = struct.pack(
        "<BBHIIHHqqq",
        override.get("version", 1),
        0,
        segment.protocol,
        segment.channel,
        segment.session,
        override.get("length", len(body)),
        override.get("count", len(segment.messages)),
        segment.offset,
        segment.first_seq,
        segment.send_ns,
    )
    return head + body
