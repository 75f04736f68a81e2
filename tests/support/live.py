"""A live instance for tests: own run folder, small limits, the real daemon on a capture file."""

import contextlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pinnacle.errors import BuildError
from pinnacle.supervisor import child

from tests.support import wire
from tests.support.ctl import COMMAND, ctl

_NUMBER = itertools.count()

SMALL: dict[str, Any] = {
    "max_orders": 4096, "max_instruments": 1024, "max_pages": 4096, "max_trades": 1024,
    "hugepages": "never",
}  # fmt: skip


def needs_daemon() -> None:
    """Skips where the data plane is not built."""
    try:
        child.executable()
    except BuildError as error:
        pytest.skip(str(error))


def until(what: Callable[[], Any], seconds: float = 20.0, pause: float = 0.01) -> Any:
    """Waits for something true and returns it; fails the test if it does not come."""
    end = time.monotonic() + seconds
    while True:
        found = what()
        if found:
            return found
        assert time.monotonic() < end, "did not come in time"
        time.sleep(pause)


def processes(word: str) -> list[int]:
    """Processes that have ``word`` in their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and word.encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
    return [pid for pid in found if pid != os.getpid()]


class Live:
    """One instance; its folder has the configuration, the capture and the run folder."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        self.folder = folder
        self.name = f"t{os.getpid()}n{next(_NUMBER)}"
        self.run_dir = folder / self.name
        self.file = folder / "live.yaml"
        wire.write_pcap(folder / "day.pcap", wire.day_frames(end=False))
        self.config: dict[str, Any] = {
            "instance": self.name,
            "ports": [{"name": "file", "kind": "pcap", "device": "day.pcap"}],
            "shards": [{"idle_sleep_us": 500}],
            "channels": [{"name": "totalview", "feed": "itch50",
                          "lines": [{"group": wire.GROUP_A, "port": wire.PORT,
                                     "port_name": "file"}]}],
            "engine": SMALL,
            "metrics": {"listen": "127.0.0.1:0"},
            **changes,
        }  # fmt: skip
        self.write()
        self.foreground: subprocess.Popen[bytes] | None = None

    def write(self) -> None:
        self.file.write_text(yaml.safe_dump(self.config))

    def ctl(self, *args: str | Path, **kw: Any) -> "subprocess.CompletedProcess[str]":
        """A command with this instance's run folder."""
        return ctl(*args, "--run-dir", self.run_dir, **kw)

    def start(self, *args: str) -> "subprocess.CompletedProcess[str]":
        """In the background, until the data plane is up."""
        return self.ctl("start", "--config", self.file, "--detach", *args)

    def up(self) -> None:
        """Started, with valid books."""
        done = self.start("--wait", "--timeout", "30")
        assert done.returncode == 0, done.stderr

    def start_here(self, env: dict[str, str] | None = None) -> "subprocess.Popen[bytes]":
        """In the foreground of a process of its own, until the data plane is up."""
        self.foreground = subprocess.Popen(
            [*COMMAND, "start", "--config", str(self.file), "--run-dir", str(self.run_dir)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            env={**os.environ, **(env or {})},
        )  # fmt: skip
        until(lambda: self.status_or_none().get("state") == "running")
        return self.foreground

    def status(self) -> dict[str, Any]:
        done = self.ctl("status", "--json")
        assert done.returncode == 0, done.stderr
        facts: dict[str, Any] = json.loads(done.stdout)
        return facts

    def status_or_none(self) -> dict[str, Any]:
        """Status without a process of its own, for loops; empty if nothing runs."""
        from pinnacle.errors import PinnacleError
        from pinnacle.supervisor.client import Reader

        with contextlib.suppress(PinnacleError):
            facts: dict[str, Any] = Reader(self.run_dir)("status")
            return facts
        return {}

    def plane(self) -> int:
        pid = self.status_or_none()["data_plane"]["pid"]
        assert isinstance(pid, int)
        return pid

    def boss(self) -> int:
        pid = self.status_or_none()["supervisor"]["pid"]
        assert isinstance(pid, int)
        return pid

    def books_valid(self) -> bool:
        facts = self.status_or_none()
        books = facts.get("books") or {}
        return facts.get("state") == "running" and bool(books.get("valid")) and not books["stale"]

    def restarted(self, times: int) -> bool:
        return bool(self.status_or_none()["data_plane"]["restarts"] == times)

    def nothing_left(self) -> None:
        """Neither process nor file."""
        until(lambda: not processes(str(self.run_dir)), 5)
        assert not self.run_dir.exists(), list(self.run_dir.iterdir())

    def clean(self) -> None:
        """Whatever a test left: ends processes of this run folder only."""
        if self.foreground and self.foreground.poll() is None:
            self.foreground.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.foreground.wait(20)
        if self.foreground and self.foreground.stderr:
            self.foreground.stderr.close()
        if self.run_dir.exists():
            self.ctl("stop")
        for pid in processes(str(self.run_dir)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def make(**changes: Any) -> Iterator[Live]:
    """A live instance in a folder with a short name, cleaned up afterwards."""
    needs_daemon()
    folder = Path(tempfile.mkdtemp(prefix="pnlive"))
    folder.chmod(0o755)
    live = Live(folder, **changes)
    try:
        yield live
    finally:
        live.clean()
        shutil.rmtree(folder, ignore_errors=True)
