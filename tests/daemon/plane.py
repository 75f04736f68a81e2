"""The real data plane for tests: a control segment made through cffi, the installed executable."""

import os
import pwd
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pinnacle.abi import ffi, lib
from pinnacle.errors import PinnacleError
from pinnacle.region import View
from pinnacle.supervisor import child

ROOT = os.geteuid() == 0


def executable() -> str:
    """The data plane of the build under test."""
    return str(child.executable())


def until(what: Callable[[], Any], seconds: float = 20.0, pause: float = 0.005) -> Any:
    """Waits for something true and returns it; fails the test if it does not come."""
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, "did not come in time"
        time.sleep(pause)
    return found


def config(folder: Path, captures: list[Path], **changes: Any) -> Any:
    """A configuration of one shard that reads capture files; changes by name."""
    c = ffi.new("struct pn_live_config *")
    c.instance, c.run_dir = b"test", str(folder).encode()
    c.shards, c.ports, c.channels = 1, len(captures), 1
    c.seccomp, c.heartbeat_lost_ms = 1, 300
    lib.pn_config_default(ffi.addressof(c.shard[0].engine))
    engine = c.shard[0].engine
    engine.max_orders, engine.max_instruments = 1 << 16, 1024
    engine.max_pages, engine.max_trades, engine.hugepages = 1 << 14, 1 << 12, 0
    c.shard[0].state_path = str(folder / "state.0").encode()
    c.shard[0].cpu, c.shard[0].idle_sleep_us = -1, 200
    for i, path in enumerate(captures):
        port = c.port[i]
        port.name, port.device = f"p{i}".encode(), str(path).encode()
        port.kind, port.queues = lib.PN_PORT_PCAP, 1
    c.channel[0].name = b"feed"
    c.channel[0].feed, c.channel[0].lines = lib.PN_FEED_ITCH50, 1
    c.channel[0].input[0] = -1
    for name, value in changes.items():
        if name.startswith("engine_"):
            setattr(engine, name.removeprefix("engine_"), value)
        elif name.startswith("shard_"):
            setattr(c.shard[0], name.removeprefix("shard_"), value)
        else:
            setattr(c, name, value)
    return c


class Plane:
    """One control segment and the data planes that run on it, one after the other."""

    def __init__(self, folder: Path, cfg: Any) -> None:
        self.folder, self.cfg = folder, cfg
        self.control = folder / "control"
        self.state = Path(ffi.string(cfg.shard[0].state_path).decode())
        err = ffi.new("char[]", 512)
        self.writer: Any = lib.pn_control_open(str(self.control).encode(), cfg, err, 512)
        assert self.writer != ffi.NULL, ffi.string(err)
        self.process: subprocess.Popen[str] | None = None

    def spawn(self, *options: str, **settings: Any) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [executable(), "--control", str(self.control), *options],
            stderr=subprocess.PIPE, text=True, **settings,
        )  # fmt: skip

    def start(self, *options: str, **settings: Any) -> "Plane":
        """Starts it and waits until its shard goes round."""
        self.beat()
        began = time.time_ns()
        self.process = self.spawn(*options, **settings)
        pid = self.process.pid

        def up() -> bool:
            assert self.process is not None
            if self.process.poll() is not None:
                raise AssertionError(self.process.communicate()[1])
            try:
                with View.attach(self.state) as view:
                    header = view.header
                    return header.pid == pid and header.heartbeat_ns > began
            except PinnacleError:
                return False

        until(up, pause=0.001)
        return self

    def beat(self) -> None:
        lib.pn_control_beat(self.writer, time.monotonic_ns())

    def command(self, kind: int, text: str = "") -> Any:
        """Gives a command and waits for its answer."""
        number = lib.pn_control_command(self.writer, kind, lib.PN_SHARDS_MAX, text.encode())
        assert number > 0, number
        return until(lambda: (d := self.daemon()).commands >= number and d)

    def _read(self, name: str, kind: str, *arguments: int) -> Any:
        out = ffi.new(f"struct {kind} *")
        with View.attach(self.state) as view:
            assert getattr(lib, name)(view.handle, *arguments, out) == 0
        return out

    def daemon(self) -> Any:
        return self._read("pn_view_daemon", "pn_daemon")

    def port(self, number: int = 0) -> Any:
        return self._read("pn_view_port", "pn_port_status", number)

    def channel(self, number: int = 0) -> Any:
        return self._read("pn_view_channel", "pn_channel", number)

    def digest(self) -> str:
        with View.attach(self.state) as view:
            return view.digest

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Ends it in order; its exit code and its log."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        _, log = self.process.communicate(timeout=20)
        return self.process.returncode, log

    def refused(self, *options: str) -> tuple[int, str]:
        """A start that must not come up: exit code and the one line it says."""
        process = self.spawn(*options)
        _, text = process.communicate(timeout=20)
        lines = [line for line in text.splitlines() if not line.startswith("{")]
        assert len(lines) == 1, text
        return process.returncode, lines[0]

    def close(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
        if self.writer is not None:
            lib.pn_control_close(self.writer, 1)
            self.writer = None
        self.state.unlink(missing_ok=True)


def some_user() -> str | None:
    """A user who is not root and may be switched to."""
    try:
        return pwd.getpwnam("nobody").pw_name
    except KeyError:
        return None
