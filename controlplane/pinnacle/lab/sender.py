"""Puts captures on a real interface; the work is in dataplane/sim/send.h.

>>> with Sender(["day.pcap"], Pace(device="veth0", speed=10.0)) as sender:  # doctest: +SKIP
...     while sender.run(0.25):
...         print(sender.stats.frames)
"""

from __future__ import annotations

import errno
import ipaddress
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from types import TracebackType
from typing import Any

from pinnacle.abi import ffi, lib
from pinnacle.errors import NoPermissionError, OutputError, UsageError, from_c

_ERR_LEN = 512
_PPM = 1_000_000
_ALL_INPUTS = 65_535
#: shares of the frames of which the lateness is told
QUANTILES = (0.5, 0.99, 0.999)


@dataclass(frozen=True)
class Pace:
    """Where frames go, when, and what happens to them on the way. Fractions are of the frames."""

    device: str
    speed: float = 1.0  #: factor of recorded time; 0 = as fast as it goes
    rate: float = 0.0  #: frames a second; 0 = by speed
    loops: int = 1  #: rounds; 0 = without end
    pause_s: float = 0.0  #: between rounds
    seed: int = 1
    lose: float = 0.0
    double: float = 0.0
    late: float = 0.0
    late_frames: int = 8
    group: str | None = None
    source: str | None = None
    port: int = 0
    mac_to: str | None = None
    mac_from: str | None = None
    input: int | None = None  #: of recordings: frames of this input only
    session: str = "SIM0000001"  #: of packets made from a raw ITCH file


@dataclass(frozen=True)
class Stats:
    """What was sent; ``late_ns`` is how long after its time a share of the frames was handed on."""

    frames: int
    bytes: int
    rounds: int
    skipped: int
    lost: int
    doubled: int
    delayed: int
    queue_full: int
    seconds: float
    rate: float
    late_ns: dict[str, int]
    done: float | None  #: share of the files that this round has read, where that is known


class Sender:
    """A sender on one interface; needs CAP_NET_RAW."""

    def __init__(self, files: Sequence[str | PathLike[str]], pace: Pace) -> None:
        self._err = ffi.new("char[]", _ERR_LEN)
        names = [ffi.new("char[]", fspath(f).encode()) for f in files]
        raw = lib.pn_send_open(_config(pace), ffi.new("char *[]", names), len(names), self._err,
                               _ERR_LEN)  # fmt: skip
        if raw == ffi.NULL:
            raise self._failure(ffi.errno)
        self._handle: Any = ffi.gc(raw, lib.pn_send_close)

    def run(self, seconds: float) -> bool:
        """Goes on for so long; false when the last round has ended."""
        code = lib.pn_send_run(self._handle, round(seconds * 1e9), self._err, _ERR_LEN)
        if code < 0:
            raise self._failure(-code)
        return bool(code)

    @property
    def stats(self) -> Stats:
        """Totals so far."""
        s = ffi.new("struct pn_send_stats *")
        lib.pn_send_stats(self._handle, s)
        seconds = s.elapsed_ns / 1e9
        late = {
            f"p{share * 100:g}": int(lib.pn_histogram_quantile(ffi.addressof(s.late), share))
            for share in QUANTILES
        }
        return Stats(
            frames=s.frames, bytes=s.bytes, rounds=s.rounds, skipped=s.skipped, lost=s.lost,
            doubled=s.doubled, delayed=s.delayed, queue_full=s.full, seconds=seconds,
            rate=s.frames / seconds if seconds else 0.0,
            late_ns=late | {"max": int(s.late.max)},
            done=s.input_bytes / s.input_total if s.input_total else None,
        )  # fmt: skip

    def close(self) -> None:
        """Lets go of the interface."""
        if self._handle is not None:
            ffi.release(self._handle)
        self._handle = None

    def __enter__(self) -> Sender:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self.close()

    def _failure(self, code: int) -> Exception:
        text = ffi.string(self._err).decode(errors="replace")
        if code in (errno.EPERM, errno.EACCES) and "packet socket" in text:
            return NoPermissionError(text)
        if code == errno.ENODEV:
            return UsageError(text)
        if code in (errno.ENETDOWN, errno.ENXIO):
            return OutputError(text)
        return from_c(-code, text, "input")


def default_route_devices() -> set[str]:
    """Interfaces that carry a default route, over which somebody may be logged in."""
    found = set()
    for line in _lines("/proc/self/net/route")[1:]:
        fields = line.split()
        if fields[1] == "00000000" and fields[7] == "00000000":
            found.add(fields[0])
    for line in _lines("/proc/self/net/ipv6_route"):
        fields = line.split()
        if fields[0] == "0" * 32 and fields[1] == "00" and fields[9] != "lo":
            found.add(fields[9])
    return found


def check_device(device: str, force: bool) -> None:
    """Refuses an interface with the default route unless ``force``."""
    if not force and device in default_route_devices():
        raise UsageError(
            f"{device} carries the default route, and captured frames on it reach the network; "
            "choose another interface, or give --force"
        )


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def _config(pace: Pace) -> Any:
    """``struct pn_send_config`` of a pace."""
    c = ffi.new("struct pn_send_config *")
    lib.pn_send_config_default(c)
    if not 0 < len(pace.device.encode()) < 16:
        raise UsageError(f"{pace.device!r} is no interface; see ip link")
    c.device = pace.device.encode()
    c.speed, c.rate, c.loops, c.seed = pace.speed, pace.rate, pace.loops, pace.seed
    c.pause_ns = round(pace.pause_s * 1e9)
    for name, share in (("lose", pace.lose), ("double", pace.double), ("late", pace.late)):
        if not 0 <= share <= 1:
            raise UsageError(f"{name}: {share} is not a fraction from 0 to 1")
        setattr(c, f"{name}_ppm", round(share * _PPM))
    c.late_frames = pace.late_frames
    c.group_be, c.source_be = _address(pace.group), _address(pace.source)
    c.port = pace.port
    c.only_input = _ALL_INPUTS if pace.input is None else pace.input
    c.mac_to, c.mac_from = _mac(pace.mac_to), _mac(pace.mac_from)
    if not (1 <= len(pace.session) <= 10 and pace.session.isascii()):
        raise UsageError("session must be 1 to 10 ASCII characters")
    c.session = pace.session.encode()
    return c


def _address(text: str | None) -> int:
    if text is None:
        return 0
    try:
        return int.from_bytes(ipaddress.IPv4Address(text).packed, sys.byteorder)
    except ValueError:
        raise UsageError(f"{text}: not an IPv4 address such as 233.54.12.111") from None


def _mac(text: str | None) -> bytes:
    if text is None:
        return bytes(6)
    try:
        raw = bytes.fromhex(text.replace(":", ""))
    except ValueError:
        raw = b""
    if len(raw) != 6:
        raise UsageError(f"{text}: not a hardware address such as 02:00:00:00:00:01")
    return raw
