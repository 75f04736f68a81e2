"""Network namespaces joined by veth pairs, made and removed by name.

Everything is found again by name alone, so what a crash left behind can be removed by whoever
comes next. Needs root. pyroute2 does the netlink; entering a namespace is one system call.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from pinnacle.errors import NoPermissionError, OutputError

_NETNS = Path("/run/netns")
_CLONE_NEWNET = 0x40000000


@dataclass(frozen=True)
class End:
    """One end of a veth pair: interface, IPv4 address with prefix length, hardware address."""

    device: str
    address: str
    mac: str


def require_root(what: str) -> None:
    """Raises ``NoPermissionError`` for everybody but root."""
    if os.geteuid() != 0:
        raise NoPermissionError(f"{what} makes network namespaces, which needs root; use sudo")


def exists(name: str) -> bool:
    """Whether there is a namespace of that name."""
    return (_NETNS / name).exists()


def create(name: str) -> None:
    """A new namespace with its loopback up."""
    from pyroute2 import NetNS, netns

    try:
        netns.create(name)
        with NetNS(name) as space:
            space.link("set", index=1, state="up")
    except OSError as error:
        raise OutputError(f"network namespace {name}: {error.strerror}; try lab down") from error


def join(first: str, second: str, one: End, other: End) -> None:
    """A veth pair, ``one`` in namespace ``first`` and ``other`` in ``second``, up and addressed."""
    from pyroute2 import NetNS

    with NetNS(first) as a, NetNS(second) as b:
        a.link("add", ifname=one.device, kind="veth",
               peer={"ifname": other.device, "net_ns_fd": second})  # fmt: skip
        for space, end in ((a, one), (b, other)):
            index = space.link_lookup(ifname=end.device)[0]
            space.link("set", index=index, address=end.mac, mtu=1500)
            address, _, prefix = end.address.partition("/")
            space.addr("add", index=index, address=address, prefixlen=int(prefix))
            space.link("set", index=index, state="up")


def route_multicast(name: str, device: str) -> None:
    """All of 224.0.0.0/4 out of one interface of a namespace."""
    from pyroute2 import NetNS

    with NetNS(name) as space:
        index = space.link_lookup(ifname=device)[0]
        space.route("add", dst="224.0.0.0/4", oif=index)


def enter(name: str) -> None:
    """Moves this thread into a namespace; for a process that does nothing else."""
    fd = os.open(_NETNS / name, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if ctypes.CDLL(None, use_errno=True).setns(fd, _CLONE_NEWNET) != 0:
            code = ctypes.get_errno()
            raise OutputError(f"network namespace {name}: {os.strerror(code)}")
    finally:
        os.close(fd)


def processes(name: str) -> list[int]:
    """Processes whose network namespace it is."""
    try:
        ours = (_NETNS / name).stat()
    except OSError:
        return []
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            theirs = (entry / "ns" / "net").stat()
            if (theirs.st_dev, theirs.st_ino) == (ours.st_dev, ours.st_ino):
                found.append(int(entry.name))
    return [pid for pid in found if pid != os.getpid()]


def remove(name: str, patience_s: float = 3.0) -> int:
    """Ends all processes in a namespace, then removes it; how many processes there were.

    Interfaces in it go with it, and so do their peers.
    """
    from pyroute2 import netns

    ended = len(processes(name))
    for how in (signal.SIGTERM, signal.SIGKILL):
        for pid in processes(name):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, how)
        end = time.monotonic() + patience_s
        while processes(name) and time.monotonic() < end:
            time.sleep(0.02)
    if exists(name):
        with contextlib.suppress(FileNotFoundError):
            netns.remove(name)
    return ended
