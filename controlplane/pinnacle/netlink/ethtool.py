"""The ethtool ioctl (SIOCETHTOOL): what pyroute2 has no netlink messages for.

Layouts are those of ``linux/ethtool.h``, written as ``struct`` formats; ``tests/netlink`` compares
each byte with what a C compiler makes of that header. Reading needs no rights, changing needs
CAP_NET_ADMIN. A driver that lacks a thing answers EOPNOTSUPP: reading functions then return None.
"""

import array
import errno
import fcntl
import socket
import struct
from dataclasses import asdict, dataclass, fields, replace
from types import TracebackType
from typing import Any, ClassVar, Self, TypeVar

from pinnacle.errors import NoPermissionError, NoSuchFileError, PinnacleError, UsageError

SIOCETHTOOL = 0x8946
NAME_MAX = 15

GDRVINFO, GCOALESCE, SCOALESCE, GRINGPARAM, SRINGPARAM = 0x03, 0x0E, 0x0F, 0x10, 0x11
GSTRINGS, GSSET_INFO, GFEATURES, SFEATURES = 0x1B, 0x37, 0x3A, 0x3B
GCHANNELS, SCHANNELS, GET_TS_INFO = 0x3C, 0x3D, 0x41
SS_FEATURES = 4

_ABSENT = {errno.EOPNOTSUPP, errno.EINVAL, errno.ENODATA}

NumbersT = TypeVar("NumbersT", bound="Numbers")


@dataclass(frozen=True)
class Numbers:
    """A command word followed by numbers of 32 bits: most of ethtool's structures."""

    GET: ClassVar[int]
    SET: ClassVar[int]

    def pack(self, command: int) -> bytes:
        return struct.pack(f"={1 + len(fields(self))}I", command, *asdict(self).values())

    @classmethod
    def unpack(cls: type[NumbersT], data: bytes) -> NumbersT:
        return cls(*struct.unpack(f"={1 + len(fields(cls))}I", data)[1:])

    @classmethod
    def empty(cls: type[NumbersT]) -> NumbersT:
        return cls(*[0] * len(fields(cls)))


@dataclass(frozen=True)
class Channels(Numbers):
    """Queues of an interface by kind: the most there can be, and how many there are."""

    GET, SET = GCHANNELS, SCHANNELS
    max_rx: int
    max_tx: int
    max_other: int
    max_combined: int
    rx: int
    tx: int
    other: int
    combined: int


@dataclass(frozen=True)
class Rings(Numbers):
    """Descriptors a queue: the most there can be, and how many there are."""

    GET, SET = GRINGPARAM, SRINGPARAM
    rx_max: int
    rx_mini_max: int
    rx_jumbo_max: int
    tx_max: int
    rx: int
    rx_mini: int
    rx_jumbo: int
    tx: int


@dataclass(frozen=True)
class Coalesce(Numbers):
    """When the device interrupts; the order of the fields is the kernel's."""

    GET, SET = GCOALESCE, SCOALESCE
    rx_usecs: int
    rx_frames: int
    rx_usecs_irq: int
    rx_frames_irq: int
    tx_usecs: int
    tx_frames: int
    tx_usecs_irq: int
    tx_frames_irq: int
    stats_block_usecs: int
    adaptive_rx: int
    adaptive_tx: int
    pkt_rate_low: int
    rx_usecs_low: int
    rx_frames_low: int
    tx_usecs_low: int
    tx_frames_low: int
    pkt_rate_high: int
    rx_usecs_high: int
    rx_frames_high: int
    tx_usecs_high: int
    tx_frames_high: int
    rate_sample_interval: int


@dataclass(frozen=True)
class Driver:
    """Driver, its version, firmware, and where the device is (a PCI address, or empty)."""

    LAYOUT: ClassVar[struct.Struct] = struct.Struct("=I32s32s32s32s32s12s5I")
    driver: str
    version: str
    firmware: str
    bus: str

    @classmethod
    def unpack(cls, data: bytes) -> Self:
        _, *texts = cls.LAYOUT.unpack(data)[:5]
        return cls(*(text.split(b"\0")[0].decode(errors="replace") for text in texts))


#: bits of so_timestamping and of the receive filters that matter to a receiver
SO_RX_HARDWARE, SO_RX_SOFTWARE, SO_RAW_HARDWARE = 1 << 2, 1 << 3, 1 << 6
FILTER_ALL = 1 << 1


@dataclass(frozen=True)
class TimeStamping:
    """What the device can put times on, and its clock (-1: none)."""

    LAYOUT: ClassVar[struct.Struct] = struct.Struct("=IIiI3II3I")
    so_timestamping: int
    phc_index: int
    tx_types: int
    rx_filters: int

    @classmethod
    def unpack(cls, data: bytes) -> Self:
        words = cls.LAYOUT.unpack(data)
        return cls(words[1], words[2], words[3], words[7])

    @property
    def every_frame(self) -> bool:
        """Whether it can stamp every received frame, not only PTP's."""
        wanted = SO_RX_HARDWARE | SO_RAW_HARDWARE
        return self.so_timestamping & wanted == wanted and bool(self.rx_filters & FILTER_ALL)


@dataclass(frozen=True)
class Feature:
    """One offload: is it on, was it asked for, can it be switched."""

    on: bool
    wanted: bool
    fixed: bool


class Ethtool:
    """A socket for the ioctl; use as a context manager. One interface a call, by name."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._socket.close()

    def call(self, name: str, data: bytes) -> bytes:
        """Hands a structure to the driver and returns it as it came back; raises OSError."""
        if not 0 < len(name.encode()) <= NAME_MAX:
            raise UsageError(f"{name!r} is no interface name: 1 to {NAME_MAX} characters")
        buffer = array.array("B", data)
        request = struct.pack("=16sQ16x", name.encode(), buffer.buffer_info()[0])
        fcntl.ioctl(self._socket.fileno(), SIOCETHTOOL, request)
        return buffer.tobytes()

    def change(self, name: str, data: bytes, what: str) -> bytes:
        """``call`` for changes: an error says what was to be done."""
        try:
            return self.call(name, data)
        except OSError as error:
            raise explain(error, name, what) from error

    def ask(self, name: str, data: bytes) -> bytes | None:
        """``call`` for questions: None if the driver has no such thing."""
        try:
            return self.call(name, data)
        except OSError as error:
            if error.errno in _ABSENT:
                return None
            raise explain(error, name, "ethtool") from error

    def _numbers(self, name: str, kind: type[NumbersT]) -> NumbersT | None:
        answer = self.ask(name, kind.empty().pack(kind.GET))
        return None if answer is None else kind.unpack(answer)

    def _set_numbers(self, name: str, kind: type[NumbersT], what: str, **values: int) -> NumbersT:
        now = self._numbers(name, kind)
        if now is None:
            raise UsageError(f"{name}: the driver has no {what} to change")
        unknown = set(values) - {field.name for field in fields(kind)}
        if unknown:
            raise UsageError(f"{name}: {what} has no {', '.join(sorted(unknown))}")
        new = replace(now, **values)
        if new != now:
            self.change(name, new.pack(kind.SET), f"set {what}")
        return new

    def channels(self, name: str) -> Channels | None:
        return self._numbers(name, Channels)

    def set_channels(self, name: str, **values: int) -> Channels:
        """Sets rx, tx, other or combined; does nothing if they are so already."""
        return self._set_numbers(name, Channels, "channels", **values)

    def rings(self, name: str) -> Rings | None:
        return self._numbers(name, Rings)

    def set_rings(self, name: str, **values: int) -> Rings:
        """Sets rx, tx, rx_mini or rx_jumbo."""
        return self._set_numbers(name, Rings, "rings", **values)

    def coalesce(self, name: str) -> Coalesce | None:
        return self._numbers(name, Coalesce)

    def set_coalesce(self, name: str, **values: int) -> Coalesce:
        """Sets any of the fields of ``Coalesce``."""
        return self._set_numbers(name, Coalesce, "coalescing", **values)

    def driver(self, name: str) -> Driver | None:
        empty = Driver.LAYOUT.pack(GDRVINFO, b"", b"", b"", b"", b"", b"", 0, 0, 0, 0, 0)
        answer = self.ask(name, empty)
        return None if answer is None else Driver.unpack(answer)

    def time_stamping(self, name: str) -> TimeStamping | None:
        answer = self.ask(name, TimeStamping.LAYOUT.pack(GET_TS_INFO, *[0] * 10))
        return None if answer is None else TimeStamping.unpack(answer)

    def feature_names(self, name: str) -> list[str]:
        """Names of the kernel's feature bits, by index."""
        answer = self.ask(name, struct.pack("=IIQI", GSSET_INFO, 0, 1 << SS_FEATURES, 0))
        if answer is None:
            return []
        mask, count = struct.unpack("=8xQI", answer)
        if not mask:
            return []
        strings = self.ask(
            name, struct.pack("=III", GSTRINGS, SS_FEATURES, count) + bytes(32 * count)
        )
        if strings is None:
            return []
        cells = (strings[12 + 32 * i : 44 + 32 * i] for i in range(count))
        return [cell.split(b"\0")[0].decode(errors="replace") for cell in cells]

    def features(self, name: str) -> dict[str, Feature]:
        """Every offload by name."""
        names = self.feature_names(name)
        blocks = (len(names) + 31) // 32
        answer = self.ask(name, struct.pack("=II", GFEATURES, blocks) + bytes(16 * blocks))
        if answer is None:
            return {}
        words = struct.unpack(f"={4 * blocks}I", answer[8:])
        found = {}
        for index, feature in enumerate(names):
            block, bit = 4 * (index // 32), 1 << index % 32
            can, wanted, on, never = (bool(words[block + i] & bit) for i in range(4))
            if feature:
                found[feature] = Feature(on=on, wanted=wanted, fixed=never or not can)
        return found

    def set_features(self, name: str, **values: bool) -> None:
        """Switches offloads on or off; ``_`` in a keyword stands for ``-`` of a name."""
        names = self.feature_names(name)
        blocks = (len(names) + 31) // 32
        words = [0] * (2 * blocks)
        for keyword, on in values.items():
            feature = keyword.replace("_", "-")
            if feature not in names:
                raise UsageError(f"{name}: no offload {feature}")
            index = names.index(feature)
            words[2 * (index // 32)] |= 1 << index % 32
            words[2 * (index // 32) + 1] |= on << index % 32
        data = struct.pack(f"={2 + 2 * blocks}I", SFEATURES, blocks, *words)
        self.change(name, data, "set offloads")


def explain(error: OSError, name: str, what: str) -> PinnacleError:
    """The error of the project for one of the kernel's."""
    if error.errno == errno.ENODEV:
        return NoSuchFileError(f"{name}: no such interface; see: ip link")
    if error.errno in (errno.EPERM, errno.EACCES):
        return NoPermissionError(f"{name}: {what}: needs CAP_NET_ADMIN; use sudo")
    if error.errno == errno.EOPNOTSUPP:
        return UsageError(f"{name}: {what}: the driver cannot do that")
    return UsageError(f"{name}: {what}: {error.strerror}")


def plain(value: Any) -> Any:
    """A dataclass of this module as a dictionary for JSON; None stays None."""
    return None if value is None else asdict(value)
