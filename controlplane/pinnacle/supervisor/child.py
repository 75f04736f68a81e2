"""The data plane as a process: started by us, or found running and adopted.

Both are watched through a pidfd, which becomes readable the moment the process ends, whoever its
parent is. A data plane gets its own session and its own log file, so that neither Ctrl-C nor the
death of the supervisor reaches it.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pinnacle.errors import BuildError

NAME = "pinnacle-dp"


def executable() -> Path:
    """The data plane that was installed with this package."""
    import pinnacle

    path = Path(pinnacle.__file__).parent / "_bin" / NAME
    if not os.access(path, os.X_OK):
        raise BuildError(f"{path} is missing; build and install the package again")
    return path


def parent_of(pid: int, control: Path) -> int:
    """The parent of a live process of the data plane on that control segment, by /proc; 0 if
    ``pid`` is none."""
    try:
        folder = Path("/proc") / str(pid)
        words = (folder / "cmdline").read_bytes().split(b"\0")
        state, parent, *_ = (folder / "stat").read_text().rsplit(")", 1)[1].split()
    except (OSError, ValueError, IndexError):
        return 0
    named = Path(os.fsdecode(words[0])).name == NAME
    return int(parent) if named and os.fsencode(control) in words and state not in "ZX" else 0


def find(control: Path, hints: list[int]) -> int | None:
    """The data plane on that control segment: one of the hinted pids, else any process that is
    not the child of another one of it."""
    for pid in hints:
        if parent_of(pid, control):
            return pid
    every = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    found = {pid: parent for pid in every if (parent := parent_of(pid, control))}
    return next((pid for pid, parent in found.items() if parent not in found), None)


@dataclass(frozen=True, slots=True)
class Exit:
    """How a data plane ended. ``code`` is None where the kernel tells only its parent."""

    pid: int
    code: int | None
    signal: str | None
    noticed_ns: int
    time: str
    why: str

    def facts(self) -> dict[str, Any]:
        """For status and logs."""
        return {name: getattr(self, name) for name in self.__slots__}


class DataPlane:
    """One process; ``ended`` is set when it has gone."""

    def __init__(self, pid: int, child: "subprocess.Popen[bytes] | None") -> None:
        self.pid = pid
        self._child = child
        self.adopted = child is None
        self.since = time.monotonic()
        self.noticed_ns = 0
        self.ended = asyncio.Event()
        self.kill_why = ""
        self._fd = os.pidfd_open(pid)
        asyncio.get_running_loop().add_reader(self._fd, self._gone)

    @classmethod
    def spawn(cls, control: Path, log: Path) -> "DataPlane":
        """Starts one on the control segment; what it prints goes to the end of ``log``.

        It leaves its state segments to the supervisor, which removes them when the instance ends:
        after a restart the next one goes on from there.
        """
        keep = {k: v for k, v in os.environ.items() if k in ("PATH", "LANG", "TZ", "HOME")}
        with log.open("ab") as out:
            log.chmod(0o640)
            child = subprocess.Popen(
                [executable(), "--control", str(control), "--keep-state"],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd="/", env=keep,
                start_new_session=True,
            )  # fmt: skip
        return cls(child.pid, child)

    @classmethod
    def adopt(cls, pid: int) -> "DataPlane":
        """Takes over one that runs; raises ``ProcessLookupError`` if it ended meanwhile."""
        return cls(pid, None)

    def _gone(self) -> None:
        self.noticed_ns = time.monotonic_ns()
        self._release()
        if self._child:
            self._child.wait()  # it has ended: takes no time, and leaves no zombie
        self.ended.set()

    def _release(self) -> None:
        if self._fd >= 0:
            asyncio.get_running_loop().remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal, to this very process and no other that got its number."""
        if self._fd >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._fd, number)

    async def ends_within(self, seconds: float) -> bool:
        """Waits for the end; false if it did not come in time."""
        try:
            await asyncio.wait_for(self.ended.wait(), seconds)
        except TimeoutError:
            return False
        return True

    def exit(self) -> Exit:
        """How it ended; only after ``ended``."""
        from pinnacle.supervisor.logs import now_text

        code = self._child.wait() if self._child else None
        name = None
        if code is not None and code < 0:
            with contextlib.suppress(ValueError):
                name = signal.Signals(-code).name
        why = self.kill_why or (
            f"killed by {name or -code}" if code is not None and code < 0
            else f"ended with code {code}" if code is not None
            else "ended; its code is known to its parent only"
        )  # fmt: skip
        return Exit(self.pid, code, name, self.noticed_ns, now_text(), why)

    def forget(self) -> None:
        """Stops watching, without touching the process."""
        self._release()
