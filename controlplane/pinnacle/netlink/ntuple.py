"""Ntuple rules: which receive queue takes a flow (ETHTOOL_SRXCLSRLINS and its relatives).

A rule here is IPv4 UDP by destination group and port, with a queue or a drop, which is all that a
feed needs. Rules of other kinds that are found on a device are counted, not shown.
"""

import errno
import ipaddress
import struct
from dataclasses import dataclass, replace
from typing import ClassVar

from pinnacle.errors import UsageError
from pinnacle.netlink.ethtool import Ethtool, explain

GRXRINGS, GRXCLSRLCNT, GRXCLSRULE, GRXCLSRLALL = 0x2D, 0x2E, 0x2F, 0x30
SRXCLSRLDEL, SRXCLSRLINS = 0x31, 0x32
UDP_V4_FLOW = 0x02
DROP = 0xFFFF_FFFF_FFFF_FFFF
ANY_PLACE = 0xFFFF_FFFF
SPECIAL_PLACES = 0x8000_0000
RULES_MAX = 8192

# struct ethtool_rxnfc up to rule_cnt: command, flow type, data; then struct ethtool_rx_flow_spec:
# flow type, header values (52), extension (20), header masks (52), extension, cookie, location.
_LAYOUT = struct.Struct("=IIQ I 52s 20s 52s 20s 4x Q I 4x I 4x")
# struct ethtool_tcpip4_spec: source, destination, source port, destination port, tos
_HEADER = struct.Struct("!4s4sHHB39x")


@dataclass(frozen=True)
class Rule:
    """UDP to ``group`` and ``port`` (0 = any) goes to ``queue`` (None = dropped)."""

    group: str
    port: int
    queue: int | None
    place: int = ANY_PLACE
    LAYOUT: ClassVar[struct.Struct] = _LAYOUT

    def pack(self, command: int = SRXCLSRLINS) -> bytes:
        group = ipaddress.IPv4Address(self.group).packed
        if not 0 <= self.port <= 0xFFFF:
            raise UsageError(f"{self.port} is no UDP port: 0 to 65535, 0 takes all")
        if self.queue is not None and not 0 <= self.queue < 1 << 32:
            raise UsageError(f"{self.queue} is no queue")
        values = _HEADER.pack(bytes(4), group, 0, self.port, 0)
        some = b"\xff" * 4 if any(group) else bytes(4)
        masks = _HEADER.pack(bytes(4), some, 0, 0xFFFF if self.port else 0, 0)
        cookie = DROP if self.queue is None else self.queue
        return _LAYOUT.pack(
            command, 0, 0, UDP_V4_FLOW, values, bytes(20), masks, bytes(20), cookie, self.place, 0
        )

    @classmethod
    def unpack(cls, data: bytes) -> "Rule | None":
        """The rule in a structure, or None if it is of another kind."""
        words = _LAYOUT.unpack(data[: _LAYOUT.size])
        kind, values, masks, cookie, place = words[3], words[4], words[6], words[8], words[9]
        source, destination, source_port, port, tos = _HEADER.unpack(masks)
        plain = kind == UDP_V4_FLOW and not (any(source) or source_port or tos)
        whole = destination in (bytes(4), b"\xff" * 4) and port in (0, 0xFFFF)
        if not plain or not whole or (cookie != DROP and cookie >> 32):
            return None
        _, group, _, port, _ = _HEADER.unpack(values)
        queue = None if cookie == DROP else cookie
        return cls(str(ipaddress.IPv4Address(group)), port, queue, place)


@dataclass(frozen=True)
class Rules:
    """What is on a device: our kind of rules, how many others, and how many fit."""

    rules: list[Rule]
    others: int
    capacity: int
    chooses_place: bool


def _command(command: int, data: int = 0, place: int = 0, count: int = 0) -> bytes:
    zero = bytes(52)
    return _LAYOUT.pack(command, 0, data, 0, zero, bytes(20), zero, bytes(20), 0, place, count)


def receive_rings(tool: Ethtool, name: str) -> int | None:
    """Receive queues that a rule may name; None where the driver does not say."""
    answer = tool.ask(name, _command(GRXRINGS))
    return None if answer is None else int(_LAYOUT.unpack(answer)[2])


def _count(tool: Ethtool, name: str) -> tuple[int, bool] | None:
    """Rules there are, and whether the driver chooses places itself; None without such rules."""
    answer = tool.ask(name, _command(GRXCLSRLCNT))
    if answer is None:
        return None
    words = _LAYOUT.unpack(answer)
    return min(words[10], RULES_MAX), bool(words[2] & SPECIAL_PLACES)


def _places(tool: Ethtool, name: str, count: int) -> tuple[int, list[int]]:
    """How many rules fit, and the places of those there are."""
    start = _LAYOUT.size - 4  # rule_locs begins right behind rule_cnt, in the padding
    answer = tool.ask(name, _command(GRXCLSRLALL, count=count)[:start] + bytes(4 * max(count, 1)))
    if answer is None:
        return 0, []
    words = _LAYOUT.unpack(answer[:start] + bytes(4))
    found = min(words[10], count)
    return int(words[2]), list(struct.unpack(f"={found}I", answer[start : start + 4 * found]))


def read_rules(tool: Ethtool, name: str) -> Rules | None:
    """The rules of a device, or None if it has no such thing."""
    counted = _count(tool, name)
    if counted is None:
        return None
    total, places = _places(tool, name, counted[0])
    rules, others = [], 0
    for place in places:
        one = tool.ask(name, _command(GRXCLSRULE, place=place))
        rule = None if one is None else Rule.unpack(one)
        if rule is None:
            others += 1
        else:
            rules.append(rule)
    return Rules(rules, others, total, counted[1])


def insert_rule(tool: Ethtool, name: str, rule: Rule) -> int:
    """Puts a rule on the device and returns its place. Changes the device."""
    if rule.place == ANY_PLACE:
        counted = _count(tool, name)
        if counted is not None and not counted[1]:
            used = set(_places(tool, name, counted[0])[1])
            free = next(place for place in range(RULES_MAX + 1) if place not in used)
            rule = replace(rule, place=free)
    what = f"steer {rule.group}:{rule.port} to queue {rule.queue}"
    try:
        answer = tool.call(name, rule.pack())
    except OSError as error:
        if error.errno == errno.EOPNOTSUPP:
            raise UsageError(
                f"{name}: {what}: the driver has no such rules, or they are off; "
                f"try: ethtool -K {name} ntuple on"
            ) from error
        raise explain(error, name, what) from error
    return int(_LAYOUT.unpack(answer)[9])


def delete_rule(tool: Ethtool, name: str, place: int) -> None:
    """Takes the rule at a place off the device. Changes the device."""
    tool.change(name, _command(SRXCLSRLDEL, place=place), f"remove the rule at {place}")
