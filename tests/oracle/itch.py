"""Nasdaq TotalView-ITCH 5.0 messages by a field table, as the specification prints it.

Decodes and builds; knows nothing of books. Integers are big-endian; ``alpha`` fields are kept as
text without their padding. Must never guess: a message that is too short is refused whole.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

# type -> (length, ((name, offset, length, kind), ...)); kind "u" unsigned integer, "a" text.
Field = tuple[str, int, int, str]

HEADER: tuple[Field, ...] = (("locate", 1, 2, "u"), ("tracking", 3, 2, "u"), ("ts", 5, 6, "u"))


def _stock(offset: int) -> Field:
    return ("stock", offset, 8, "a")


MESSAGES: Mapping[str, tuple[int, tuple[Field, ...]]] = {
    "S": (12, (("event", 11, 1, "a"),)),
    "R": (39, (_stock(11), ("category", 19, 1, "a"), ("financial", 20, 1, "a"),
               ("round_lot", 21, 4, "u"), ("round_lots_only", 25, 1, "a"),
               ("classification", 26, 1, "a"), ("sub_type", 27, 2, "a"),
               ("authenticity", 29, 1, "a"), ("short_sale", 30, 1, "a"), ("ipo", 31, 1, "a"),
               ("luld_tier", 32, 1, "a"), ("etp", 33, 1, "a"), ("leverage", 34, 4, "u"),
               ("inverse", 38, 1, "a"))),
    "H": (25, (_stock(11), ("state", 19, 1, "a"), ("reserved", 20, 1, "a"),
               ("reason", 21, 4, "a"))),
    "Y": (20, (_stock(11), ("action", 19, 1, "a"))),
    "L": (26, (("mpid", 11, 4, "a"), _stock(15), ("primary", 23, 1, "a"), ("mode", 24, 1, "a"),
               ("state", 25, 1, "a"))),
    "V": (35, (("level1", 11, 8, "u"), ("level2", 19, 8, "u"), ("level3", 27, 8, "u"))),
    "W": (12, (("breached", 11, 1, "a"),)),
    "K": (28, (_stock(11), ("release", 19, 4, "u"), ("qualifier", 23, 1, "a"),
               ("price", 24, 4, "u"))),
    "J": (35, (_stock(11), ("reference", 19, 4, "u"), ("upper", 23, 4, "u"),
               ("lower", 27, 4, "u"), ("extension", 31, 4, "u"))),
    "h": (21, (_stock(11), ("market", 19, 1, "a"), ("action", 20, 1, "a"))),
    "A": (36, (("ref", 11, 8, "u"), ("side", 19, 1, "a"), ("shares", 20, 4, "u"), _stock(24),
               ("price", 32, 4, "u"))),
    "F": (40, (("ref", 11, 8, "u"), ("side", 19, 1, "a"), ("shares", 20, 4, "u"), _stock(24),
               ("price", 32, 4, "u"), ("mpid", 36, 4, "a"))),
    "E": (31, (("ref", 11, 8, "u"), ("shares", 19, 4, "u"), ("match", 23, 8, "u"))),
    "C": (36, (("ref", 11, 8, "u"), ("shares", 19, 4, "u"), ("match", 23, 8, "u"),
               ("printable", 31, 1, "a"), ("price", 32, 4, "u"))),
    "X": (23, (("ref", 11, 8, "u"), ("shares", 19, 4, "u"))),
    "D": (19, (("ref", 11, 8, "u"),)),
    "U": (35, (("ref", 11, 8, "u"), ("new_ref", 19, 8, "u"), ("shares", 27, 4, "u"),
               ("price", 31, 4, "u"))),
    "P": (44, (("ref", 11, 8, "u"), ("side", 19, 1, "a"), ("shares", 20, 4, "u"), _stock(24),
               ("price", 32, 4, "u"), ("match", 36, 8, "u"))),
    "Q": (40, (("shares", 11, 8, "u"), _stock(19), ("price", 27, 4, "u"), ("match", 31, 8, "u"),
               ("cross", 39, 1, "a"))),
    "B": (19, (("match", 11, 8, "u"),)),
    "I": (50, (("paired", 11, 8, "u"), ("imbalance", 19, 8, "u"), ("direction", 27, 1, "a"),
               _stock(28), ("far", 36, 4, "u"), ("near", 40, 4, "u"), ("reference", 44, 4, "u"),
               ("cross", 48, 1, "a"), ("variation", 49, 1, "a"))),
    "N": (20, (_stock(11), ("interest", 19, 1, "a"))),
    "O": (48, (_stock(11), ("eligible", 19, 1, "a"), ("minimum", 20, 4, "u"),
               ("maximum", 24, 4, "u"), ("near", 28, 4, "u"), ("near_time", 32, 8, "u"),
               ("lower", 40, 4, "u"), ("upper", 44, 4, "u"))),
}  # fmt: skip


class BadMessageError(Exception):
    """A message that must be dropped; the argument is the reason's label."""


@dataclass(frozen=True)
class Message:
    """One decoded message: its type letter, its numbers and its texts."""

    type: str
    u: Mapping[str, int] = field(default_factory=dict)
    a: Mapping[str, str] = field(default_factory=dict)
    long: bool = False


def decode(data: bytes) -> Message:
    """Decodes one message; raises BadMessageError with the reason's label."""
    if not data:
        raise BadMessageError("msg_empty")
    kind = chr(data[0])
    if kind not in MESSAGES:
        raise BadMessageError("msg_unknown_type")
    length, fields = MESSAGES[kind]
    if len(data) < length:
        raise BadMessageError("msg_short")
    numbers: dict[str, int] = {}
    texts: dict[str, str] = {}
    for name, offset, size, what in HEADER + fields:
        part = data[offset : offset + size]
        if what == "u":
            numbers[name] = int.from_bytes(part, "big")
        else:
            texts[name] = part.decode("latin-1").rstrip(" ")
    return Message(kind, numbers, texts, len(data) > length)


def build(kind: str, **values: int | str) -> bytes:
    """Builds one message; fields left out are zero or blank."""
    length, fields = MESSAGES[kind]
    out = bytearray(length)
    out[0] = ord(kind)
    for name, offset, size, what in HEADER + fields:
        value = values.pop(name, 0 if what == "u" else "")
        if what == "u":
            assert isinstance(value, int), name
            out[offset : offset + size] = value.to_bytes(size, "big")
        else:
            assert isinstance(value, str), name
            out[offset : offset + size] = value.encode("latin-1").ljust(size)
    assert not values, f"{kind} has no field {sorted(values)}"
    return bytes(out)


def split_blocks(data: bytes) -> list[bytes]:
    """Messages of back-to-back blocks (u16 big-endian length, message); must fill data."""
    out = []
    at = 0
    while at < len(data):
        (length,) = struct.unpack_from(">H", data, at)
        assert at + 2 + length <= len(data), "block runs past the end"
        out.append(data[at + 2 : at + 2 + length])
        at += 2 + length
    return out


def join_blocks(messages: list[bytes]) -> bytes:
    """The inverse of split_blocks."""
    return b"".join(struct.pack(">H", len(m)) + m for m in messages)
