"""Two namespaces, veth pairs between them, a feeder in one and the bare receiver in the other."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from pinnacle.lab import space
from pinnacle.lab.sender import Pace

REPO = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("PINNACLE_BUILD") or REPO / "build" / "checks")
RECEIVER = BUILD / "tests" / "live" / "receiver"
SERVER_PORT = 26_500
GROUPS = ("233.54.12.111", "233.49.196.111")
PORT = 26_477


class Setting:
    """Names of one test's own; ``pairs`` veth pairs, one a line."""

    def __init__(self, pairs: int) -> None:
        self.feed, self.app = f"pnt{os.getpid()}-feed", f"pnt{os.getpid()}-app"
        self.pairs = pairs

    def up(self) -> None:
        space.create(self.feed)
        space.create(self.app)
        for i in range(self.pairs):
            space.join(
                self.feed, self.app,
                space.End(f"feed{i}", f"10.99.{i}.1/24", f"02:00:00:00:{i:02x}:01"),
                space.End(f"app{i}", f"10.99.{i}.2/24", f"02:00:00:00:{i:02x}:02"),
            )  # fmt: skip

    def down(self) -> None:
        space.remove(self.feed)
        space.remove(self.app)

    def inside(self, name: str, *command: str | Path) -> list[str]:
        return [sys.executable, "-m", "pinnacle.lab.enter", name, *map(str, command)]

    def receive(
        self, feeders: list[dict[str, Any]], *, record: Path | None = None, server: bool = True,
        from_start: bool = False, reorder_ms: int = 20_000, seconds: int = 40,
    ) -> dict[str, Any]:  # fmt: skip
        """Runs receiver and feeders; what the receiver reports."""
        lines = [x for i in range(self.pairs) for x in (f"app{i}", GROUPS[i], str(PORT))]
        receiver = subprocess.Popen(
            self.inside(self.app, RECEIVER, str(seconds), record or "-", "10.99.0.1",
                        str(SERVER_PORT if server else 0), str(int(from_start)), str(reorder_ms),
                        *lines),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert receiver.stdout and receiver.stderr
        started: list[subprocess.Popen[bytes]] = []
        try:
            if receiver.stdout.readline() != "ready\n":
                receiver.wait(10)
                pytest.fail(receiver.stderr.read())
            start = time.time() + 1.5  # lines begin together
            started += [
                subprocess.Popen(
                    [
                        sys.executable,
                        "-m",
                        "pinnacle.lab.feeder",
                        json.dumps({**task, "start": start}),
                    ]
                )
                for task in feeders
            ]
            out, err = receiver.communicate(timeout=seconds + 30)
            assert receiver.returncode == 0, err
            report: dict[str, Any] = json.loads(out.splitlines()[-1])
            return report
        finally:
            for process in started:
                process.terminate()
                process.wait(10)
            if receiver.poll() is None:
                receiver.kill()
                receiver.wait(10)

    def feeder(
        self, file: Path, folder: Path, pair: int = 0, served: Path | None = None,
        answers: dict[str, Any] | None = None, **pace: Any,
    ) -> dict[str, Any]:  # fmt: skip
        """The task of a feeder."""
        rerequest = None
        if served:
            where = {"address": "10.99.0.1", "port": SERVER_PORT, **(answers or {})}
            rerequest = {"file": str(served), "answers": where}
        return {
            "namespace": self.feed,
            "files": [str(file)],
            "pace": asdict(Pace(device=f"feed{pair}", **pace)),
            "rerequest": rerequest,
            "report": str(folder / f"feeder-{pair}.json"),
        }


@contextlib.contextmanager
def setting(pairs: int) -> Iterator[Setting]:
    """A setting that is gone afterwards, whatever happened in it."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    if not RECEIVER.exists():
        pytest.skip(f"no C tests built: scripts/dev.sh build ({RECEIVER} is missing)")
    made = Setting(pairs)
    try:
        made.up()
        yield made
    finally:
        made.down()
