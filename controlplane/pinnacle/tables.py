"""Names of feeds, drop reasons, stages, states and message types, from the C tables."""

from functools import cache
from types import MappingProxyType

from pinnacle.abi import ffi, lib


def _labels(function: str, limit: int) -> tuple[str, ...]:
    call = getattr(lib, function)
    names: list[str] = []
    for i in range(limit):
        label = call(i)
        if label == ffi.NULL:
            break
        names.append(ffi.string(label).decode())
    return tuple(names)


def _enum(name: str, prefix: str) -> dict[int, str]:
    found = ffi.typeof(f"enum {name}").elements
    return {number: label.removeprefix(prefix).lower() for number, label in found.items()}


#: label of each drop reason, by number, and what it means, by label
REASONS = _labels("pn_reason_label", lib.PN_REASONS_MAX)
REASON_HELP = MappingProxyType(
    dict(zip(REASONS, _labels("pn_reason_help", lib.PN_REASONS_MAX), strict=True))
)
#: label of each timed stage of the pipeline, by number
STAGES = _labels("pn_stage_label", lib.PN_STAGES_MAX)
#: label of each feed, by number: ``none``, ``itch50``, ``deep10``, ``tops16``
FEEDS = _labels("pn_feed_label", lib.PN_FEEDS)
FEED_NUMBER = MappingProxyType({name: i for i, name in enumerate(FEEDS)})
RECOVERY_NUMBER = MappingProxyType({"none": 0, "gaps": 1, "from_start": 2})
#: names of small enumerations, by number
EVENT_KINDS = MappingProxyType(_enum("pn_event_kind", "PN_EV_"))
BOOK_STATES = MappingProxyType(_enum("pn_book_state", "PN_BOOK_"))
TRADING = MappingProxyType(_enum("pn_trading", "PN_TRADING_"))
FRAMINGS = MappingProxyType(_enum("pn_framing", "PN_FRAMING_"))
STALE_WHY = MappingProxyType(_enum("pn_stale_why", "PN_STALE_"))
#: side by name
SIDES = MappingProxyType({"bid": int(lib.PN_BID), "ask": int(lib.PN_ASK)})


def stale_reasons(bits: int) -> list[str]:
    """``5`` -> ``["gap", "late_join"]``."""
    return [name for bit, name in sorted(STALE_WHY.items()) if bits & bit]


@cache
def type_name(feed: int, wire_type: int) -> str:
    """Name of a message type, such as ``Add Order``; its letter where it has none."""
    label = lib.pn_type_label(feed, wire_type)
    return type_key(wire_type) if label == ffi.NULL else ffi.string(label).decode()


def type_key(wire_type: int) -> str:
    """The wire byte as a letter, or as ``0x..`` where it is not printable."""
    return chr(wire_type) if 0x21 <= wire_type <= 0x7E else f"0x{wire_type:02x}"
