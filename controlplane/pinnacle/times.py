"""Times as text: nanoseconds since the epoch (captures) or since midnight (raw ITCH files).

A value below two days cannot be a capture's epoch time, so it is a time of day. Nothing here
uses floating point: nanoseconds survive every round trip.
"""

import re
from datetime import UTC, date, datetime, timedelta

from pinnacle.errors import UsageError

NS = 1_000_000_000
DAY_NS = 86_400 * NS

_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?")
_ISO = re.compile(
    r"(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?)?"
    r"(Z|UTC|[+-]\d{2}:?\d{2})?"
)
_HOW = "use HH:MM:SS[.ns] or an ISO time such as 2026-07-13T13:30:00.5Z (UTC when no zone is given)"


def is_time_of_day(ns: int) -> bool:
    """Whether ``ns`` counts from midnight rather than from the epoch."""
    return ns < 2 * DAY_NS


def format_ns(ns: int) -> str:
    """``1499697138433824000`` -> ``2017-07-10 14:32:18.433824000 UTC``."""
    seconds, rest = divmod(ns, NS)
    if is_time_of_day(ns):
        hours, seconds = divmod(seconds, 3600)
        return f"{hours:02}:{seconds // 60:02}:{seconds % 60:02}.{rest:09}"
    day = datetime.fromtimestamp(0, UTC) + timedelta(seconds=seconds)
    return f"{day:%Y-%m-%d %H:%M:%S}.{rest:09} UTC"


def format_span(ns: int) -> str:
    """A duration with a fitting unit: ``17.3 s``, ``400.455 s``, ``12 us``."""
    for unit, size in (("h", 3600 * NS), ("min", 60 * NS), ("s", NS), ("ms", 10**6), ("us", 1000)):
        if ns >= size * (2 if unit in ("h", "min") else 1):
            return f"{ns / size:.3f} {unit}"
    return f"{ns} ns"


def _clock_ns(hours: str, minutes: str, seconds: str | None, fraction: str | None) -> int:
    whole = int(hours) * 3600 + int(minutes) * 60 + int(seconds or 0)
    if int(hours) > 24 or int(minutes) > 59 or int(seconds or 0) > 59:
        raise ValueError
    return whole * NS + int((fraction or "0").ljust(9, "0"))


class TimePoint:
    """A time given by the user; ``resolve`` turns it into ns once the capture's day is known."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.of_day = False
        try:
            if found := _CLOCK.fullmatch(text.strip()):
                hours, minutes, seconds, fraction = found.groups()
                self._ns = _clock_ns(hours, minutes, seconds, fraction)
                self.of_day = True
            elif found := _ISO.fullmatch(text.strip()):
                self._ns = _iso_ns(*found.groups())
            else:
                raise ValueError
        except ValueError as error:
            raise UsageError(f"{text!r} is not a time; {_HOW}") from error

    def resolve(self, first_ns: int) -> int:
        """Ns comparable with receive times of a capture whose first frame came at ``first_ns``."""
        if not self.of_day:
            if is_time_of_day(first_ns):
                raise UsageError(f"{self.text!r} has a date but the input has times of day only")
            return self._ns
        return first_ns - first_ns % DAY_NS + self._ns if not is_time_of_day(first_ns) else self._ns


def _iso_ns(
    day: str, hours: str | None, minutes: str | None, seconds: str | None,
    fraction: str | None, zone: str | None,
) -> int:  # fmt: skip
    days = (date.fromisoformat(day) - date(1970, 1, 1)).days
    ns = days * DAY_NS
    if hours is not None and minutes is not None:
        ns += _clock_ns(hours, minutes, seconds, fraction)
    if zone and zone not in ("Z", "UTC"):
        sign = -1 if zone[0] == "-" else 1
        digits = zone[1:].replace(":", "")
        ns -= sign * (int(digits[:2]) * 3600 + int(digits[2:]) * 60) * NS
    return ns
