"""A machine as /proc and /sys show it, below any root: this machine, or a tree laid out like one.

Everything answers "" or an empty list for what is not there; nothing is ever written. What only
the running kernel can answer (netlink, limits, the clock) comes from ``LiveFacts``, which are
given for a prepared tree and read for the real root.
"""

import ctypes
import os
import resource
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from pinnacle.netlink.nic import Nic


@dataclass(frozen=True)
class Clock:
    """What adjtimex(2) says: microseconds."""

    synchronised: bool
    max_error_us: int
    est_error_us: int


@dataclass(frozen=True)
class LiveFacts:
    """Answers that are no files."""

    nic: Callable[[str], Nic | None] = lambda name: None
    clock: Clock | None = None
    memlock: int | None = None  # bytes, -1 = no limit
    nofile: int | None = None
    writable: Callable[[Path], bool | None] = lambda path: None
    libraries: dict[str, str] = field(default_factory=dict)  # pkg-config name -> version


def parse_cpus(text: str) -> list[int]:
    """``0-2,5`` -> [0, 1, 2, 5]; nothing for text that is no such list."""
    cpus: set[int] = set()
    for part in text.strip().split(","):
        low, _, high = part.strip().partition("-")
        if low.isdigit() and (high.isdigit() or not high):
            cpus.update(range(int(low), int(high or low) + 1))
    return sorted(cpus)


def format_cpus(cpus: list[int]) -> str:
    """[0, 1, 2, 5] -> ``0-2,5``."""
    parts: list[str] = []
    first = last = None
    for cpu in [*sorted(set(cpus)), None]:
        if first is not None and last is not None and (cpu is None or cpu != last + 1):
            parts.append(str(first) if first == last else f"{first}-{last}")
            first = None
        if first is None:
            first = cpu
        last = cpu
    return ",".join(parts)


class HostView:
    """Reads below a root."""

    def __init__(self, root: Path = Path("/"), live: LiveFacts | None = None) -> None:
        self.root = root
        self.live = live if live is not None else live_facts() if str(root) == "/" else LiveFacts()

    def path(self, name: str) -> Path:
        return self.root / name.lstrip("/")

    def text(self, name: str) -> str:
        """A file's text without surrounding space, "" if it cannot be read."""
        try:
            return self.path(name).read_text(errors="replace").strip()
        except OSError:
            return ""

    def number(self, name: str) -> int | None:
        """A file's number, None if there is none."""
        try:
            return int(self.text(name), 0)
        except ValueError:
            return None

    def exists(self, name: str) -> bool:
        try:
            return self.path(name).exists()
        except OSError:
            return False

    def names(self, name: str) -> list[str]:
        """What is in a folder, in order."""
        try:
            return sorted(entry.name for entry in self.path(name).iterdir())
        except OSError:
            return []

    def target(self, name: str) -> str:
        """The last part of what a symbolic link points to."""
        try:
            return self.path(name).readlink().name
        except OSError:
            return ""

    def chosen(self, name: str) -> str:
        """The word in brackets of ``a [b] c``, as sysfs shows choices."""
        text = self.text(name)
        return text.partition("[")[2].partition("]")[0] if "[" in text else text

    def cmdline(self) -> dict[str, str]:
        """The kernel's command line; a word without = has an empty value."""
        words = (word.partition("=") for word in self.text("proc/cmdline").split())
        return {name: value for name, _, value in words}

    def online_cpus(self) -> list[int]:
        return parse_cpus(self.text("sys/devices/system/cpu/online"))

    def mounts(self, kind: str) -> list[tuple[str, str]]:
        """Mount point and options of every file system of a kind."""
        rows = (line.split() for line in self.text("proc/mounts").splitlines())
        return [(row[1], row[3]) for row in rows if len(row) > 3 and row[2] == kind]

    def processes(self) -> set[str]:
        """Names of the processes."""
        return {self.text(f"proc/{n}/comm") for n in self.names("proc") if n.isdigit()} - {""}


class _Timex(ctypes.Structure):
    _fields_ = [
        ("modes", ctypes.c_uint), ("offset", ctypes.c_long), ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long), ("esterror", ctypes.c_long), ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    ]  # fmt: skip


def read_clock() -> Clock | None:
    """The kernel's clock discipline; reading it (modes = 0) needs no rights."""
    unsynchronised, error_state = 0x40, 5
    timex = _Timex()
    state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex))
    if state < 0:
        return None
    synchronised = state != error_state and not timex.status & unsynchronised
    return Clock(synchronised, int(timex.maxerror), int(timex.esterror))


def _read_nic(name: str) -> Nic | None:
    from pinnacle.errors import PinnacleError
    from pinnacle.netlink.nic import read_nic

    try:
        return read_nic(name)
    except (PinnacleError, OSError):
        return None


def _libraries() -> dict[str, str]:
    """Versions of the libraries that ports are made with, from their pkg-config files."""
    found: dict[str, str] = {}
    for folder in Path("/usr").glob("lib/*/pkgconfig"):
        for name in ("libdpdk", "libbpf", "libxdp"):
            file = folder / f"{name}.pc"
            if file.is_file():
                for line in file.read_text(errors="replace").splitlines():
                    if line.startswith("Version:"):
                        found[name] = line.partition(":")[2].strip()
    return found


def live_facts() -> LiveFacts:
    """The answers of this machine."""
    return LiveFacts(
        nic=_read_nic,
        clock=read_clock(),
        memlock=resource.getrlimit(resource.RLIMIT_MEMLOCK)[0],
        nofile=resource.getrlimit(resource.RLIMIT_NOFILE)[1],
        writable=lambda path: os.access(path, os.W_OK),
        libraries=_libraries(),
    )
