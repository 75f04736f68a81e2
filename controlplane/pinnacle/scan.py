"""A look into a capture without building books: flows, guessed feeds, rates, drops.

>>> with Scan("day.pcap") as scan:                           # doctest: +SKIP
...     while scan.read():
...         pass
...     print(scan.facts()["flows"][0]["guess"])
"""

from os import PathLike, fspath
from types import TracebackType
from typing import Any

from pinnacle import tables
from pinnacle.abi import ffi, lib
from pinnacle.errors import PinnacleError, from_c
from pinnacle.records import ipv4_text
from pinnacle.times import format_ns

_ERR_LEN = 512


class Scan:
    """One pass over a capture or raw ITCH file (``"-"``: standard input)."""

    def __init__(self, path: str | PathLike[str]) -> None:
        err = ffi.new("char[]", _ERR_LEN)
        self.path = fspath(path)
        raw = lib.pn_scan_open(self.path.encode(), err, _ERR_LEN)
        if raw == ffi.NULL:
            raise from_c(-ffi.errno, ffi.string(err).decode(errors="replace"), "input")
        self._handle: Any = ffi.gc(raw, lib.pn_scan_close)

    def close(self) -> None:
        """Closes the file."""
        self._handle = None

    def __enter__(self) -> "Scan":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self.close()

    @property
    def _scan(self) -> Any:
        if self._handle is None:
            raise PinnacleError("the scan is closed; open it again")
        return self._handle

    def read(self, frames: int = 1 << 20) -> bool:
        """Reads up to ``frames`` more; true while there are more."""
        return bool(lib.pn_scan_run(self._scan, frames))

    @property
    def progress(self) -> tuple[int, int]:
        """Bytes of the file read, and in all (0 when not known)."""
        totals = self._totals()
        return totals.input_done, totals.input_total

    def facts(self) -> dict[str, Any]:
        """Everything found so far, as plain data; the format of ``capture info --json``."""
        totals = self._totals()
        flows = ffi.new("struct pn_scan_flow[]", lib.PN_SCAN_FLOWS_MAX)
        number = lib.pn_scan_list(self._scan, flows, lib.PN_SCAN_FLOWS_MAX)
        return {
            "file": self.path,
            "frames": totals.frames,
            "bytes": totals.bytes,
            "datagrams": totals.datagrams,
            **_span(totals),
            "backwards": totals.backwards,
            "flows": [_flow(flows[i]) for i in range(number)],
            "unlisted": totals.unlisted,
            "drops": {r: n for i, r in enumerate(tables.REASONS) if (n := totals.drops[i])},
        }

    def _totals(self) -> Any:
        out = ffi.new("struct pn_scan_totals *")
        lib.pn_scan_sum(self._scan, out)
        return out


def _span(raw: Any) -> dict[str, Any]:
    return {
        "first_ns": raw.first_ns,
        "first_time": format_ns(raw.first_ns),
        "last_ns": raw.last_ns,
        "last_time": format_ns(raw.last_ns),
        "peak_second": _peak(raw.second, 1_000_000_000),
        "peak_millisecond": _peak(raw.milli, 1_000_000),
    }


def _peak(rate: Any, width_ns: int) -> dict[str, Any]:
    return {"frames": rate.peak, "time": format_ns(rate.peak_bucket * width_ns)}


def _flow(raw: Any) -> dict[str, Any]:
    addressed = not raw.blocks
    ip6 = bool(raw.ip6)
    return {
        "source": _address(raw.src_be, raw.src_port, ip6) if addressed else None,
        "destination": _address(raw.group_be, raw.port, ip6) if addressed else None,
        "datagrams": raw.datagrams,
        "bytes": raw.bytes,
        "messages": raw.messages,
        **_span(raw),
        "guess": _guess(raw),
    }


def _address(address_be: int, port: int, ip6: bool) -> str:
    return f"{'ipv6' if ip6 else ipv4_text(address_be) or '0.0.0.0'}:{port}"


def _guess(raw: Any) -> dict[str, Any]:
    feed = tables.FEEDS[raw.feed] if raw.feed else None
    framing = tables.FRAMINGS[raw.framing] if raw.framing else None
    of_all = f"of {raw.datagrams:,} datagrams"
    if raw.blocks:
        why = "the file is length-prefixed message blocks that decode as ITCH 5.0"
    elif feed:
        why = f"{raw.framed:,} {of_all} are {framing}, {raw.recognised:,} with {feed} messages"
    elif framing:
        why = f"{raw.framed:,} {of_all} are {framing}, but the messages are of no known feed"
    else:
        why = f"none {of_all} fits MoldUDP64 or IEX-TP; name a feed with replay --feed"
    return {"feed": feed, "framing": framing, "why": why}
