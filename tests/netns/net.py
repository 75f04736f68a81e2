"""Network namespaces joined by veth: made for one test, named after this process, always removed.

``with wire() as w`` gives two namespaces with one interface each. Code that opens sockets runs
inside one by ``with w.near.inside():``; commands by ``w.far.run("ping", ...)``. Names begin with
``pn-<pid>-``, and what a killed run left behind is removed by the next one.
"""

import ctypes
import itertools
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

PREFIX = "pn-"
NETNS = Path("/run/netns")
CLONE_NEWNET = 0x40000000
_numbers = itertools.count()
_libc = ctypes.CDLL(None, use_errno=True)


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


def why_not() -> str:
    """Why namespaces cannot be made here, or nothing."""
    if os.geteuid() != 0:
        return "network namespaces take root"
    if not shutil.which("ip"):
        return "iproute2 is not installed (scripts/setup.sh test)"
    return ""


def remove_left_over() -> None:
    """Removes namespaces of processes that are gone."""
    for entry in NETNS.glob(f"{PREFIX}*") if NETNS.is_dir() else ():
        pid = entry.name.removeprefix(PREFIX).split("-")[0]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            subprocess.run(["ip", "netns", "delete", entry.name], check=False)


def _setns(fd: int) -> None:
    if _libc.setns(fd, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


@dataclass(frozen=True)
class Namespace:
    """One namespace and its interface of the wire."""

    name: str
    device: str
    address: str
    mac: str = ""

    @contextmanager
    def inside(self) -> Iterator[None]:
        """The calling thread is in the namespace; what it opens there stays there."""
        here = f"/proc/self/task/{threading.get_native_id()}/ns/net"
        with open(here) as old, open(NETNS / self.name) as new:  # noqa: PTH123
            _setns(new.fileno())
            try:
                yield
            finally:
                _setns(old.fileno())

    def run(
        self, *command: str | Path, check: bool = True, timeout: float = 60
    ) -> "subprocess.CompletedProcess[str]":
        """Runs a command in the namespace."""
        done = subprocess.run(
            ["ip", "netns", "exec", self.name, *map(str, command)],
            capture_output=True, text=True, timeout=timeout, check=False,
        )  # fmt: skip
        assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done

    def popen(self, *command: str | Path) -> "subprocess.Popen[str]":
        """Starts one there, its output as text."""
        return subprocess.Popen(
            ["ip", "netns", "exec", self.name, *map(str, command)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def ip(self, *arguments: str) -> None:
        """``ip`` in the namespace."""
        _ip("-n", self.name, *arguments)


@dataclass(frozen=True)
class Wire:
    """Two namespaces: ``near`` is where the port under test is, ``far`` is the other end."""

    near: Namespace
    far: Namespace


@contextmanager
def wire(*, queues: int = 1, mtu: int = 1500) -> Iterator[Wire]:
    """Makes a wire with addresses 10.77.0.1 (near) and 10.77.0.2 (far), both ends up."""
    reason = why_not()
    if reason:
        pytest.skip(reason)
    remove_left_over()
    number = next(_numbers)
    ends = [
        Namespace(f"{PREFIX}{os.getpid()}-{number}-{side}", device, address)
        for side, device, address in (("near", "pn0", "10.77.0.1"), ("far", "pn1", "10.77.0.2"))
    ]
    with ExitStack() as stack:
        for end in ends:
            _ip("netns", "add", end.name)
            stack.callback(_ip, "netns", "delete", end.name)
        queue = ["numrxqueues", str(queues), "numtxqueues", str(queues)]
        ends[0].ip("link", "add", "pn0", *queue, "type", "veth", "peer", "name", "pn1", *queue,
                   "netns", ends[1].name)  # fmt: skip
        for end in ends:
            for what in ("default", end.device):
                end.run("sh", "-c", f"echo 1 >/proc/sys/net/ipv6/conf/{what}/disable_ipv6")
            end.ip("address", "add", f"{end.address}/24", "dev", end.device)
            end.ip("link", "set", end.device, "mtu", str(mtu), "up")
            end.ip("link", "set", "lo", "up")
        yield Wire(*ends)
