"""Where the files of an instance are, and which instance is meant.

An instance has one run folder: ``/run/pinnacle/NAME`` for root, ``$XDG_RUNTIME_DIR/pinnacle/NAME``
for others, or what ``--run-dir`` says. Its segments lie on a hugetlbfs mount where there is room,
else in the run folder. ``instance.json`` in it names them all, for readers and later runs.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pinnacle.errors import NoPermissionError, NotRunningError, UsageError

SYSTEM_ROOT = Path("/run/pinnacle")
HUGE_PAGE = 2 << 20

#: names in the run folder
SOCKET, SOCKET_RO, RECORD, CTL_LOG, DP_LOG = (
    "control", "control-ro", "instance.json", "ctl.log", "dp.log"
)  # fmt: skip


def roots() -> list[Path]:
    """Folders that hold run folders, the one for new instances of this user first."""
    own = os.environ.get("XDG_RUNTIME_DIR")
    user = [Path(own) / "pinnacle"] if own else []
    return [SYSTEM_ROOT, *user] if os.geteuid() == 0 else [*user, SYSTEM_ROOT]


def run_dir_for(instance: str, given: str | None) -> Path:
    """The run folder that an instance is started in."""
    if given:
        return Path(given).absolute()
    first = roots()[0]
    if first == SYSTEM_ROOT and os.geteuid() != 0:
        raise NoPermissionError(
            f"{SYSTEM_ROOT} is root's; use sudo, set XDG_RUNTIME_DIR, or give --run-dir"
        )
    return first / instance


def find_run_dir(instance: str | None, given: str | None) -> Path:
    """The run folder of a running instance: the only one there is, if it is not named.

    Raises ``NotRunningError`` where there is none, ``UsageError`` where there are several.
    """
    if given:
        path = Path(given).absolute()
        if not path.is_dir():
            raise NotRunningError(f"{path}: no such run folder; start with pinnacle-ctl start")
        return path
    if instance:
        found = [root / instance for root in roots() if (root / instance).is_dir()]
        if not found:
            raise NotRunningError(
                f"no instance {instance} is running; start it with pinnacle-ctl start"
            )
        return found[0]
    there = [entry for root in roots() for entry in _folders(root)]
    if len(there) > 1:
        names = ", ".join(sorted(entry.name for entry in there))
        raise UsageError(f"several instances are running ({names}); name one with --instance")
    if not there:
        raise NotRunningError("no instance is running; start one with pinnacle-ctl start --config")
    return there[0]


def _folders(root: Path) -> list[Path]:
    try:
        return [entry for entry in root.iterdir() if (entry / RECORD).exists()]
    except OSError:
        return []


@dataclass(frozen=True, slots=True)
class Memory:
    """Which folder the segments go to, and why not to hugepages (empty if they do)."""

    folder: Path | None
    why: str


def choose_memory(wanted: str, pages: int) -> Memory:
    """Hugetlbfs for segments of so many 2 MiB pages, if wanted and possible.

    ``wanted`` is ``auto``, ``never`` or ``require``; the caller refuses when it is required.
    """
    if wanted == "never":
        return Memory(None, "engine.hugepages is never")
    mount = _hugetlbfs()
    if mount is None:
        return Memory(None, "no hugetlbfs of 2 MiB pages is mounted that this user may write")
    free = _number(Path("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages"))
    spare = _number(Path("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_overcommit_hugepages"))
    if free + spare < pages:
        return Memory(
            None, f"{free} hugepages of 2 MiB are free, {pages} are needed; "
            f"sysctl vm.nr_hugepages={pages} reserves them",
        )  # fmt: skip
    return Memory(mount, "")


def _hugetlbfs() -> Path | None:
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, where, kind, options, *_ = line.split(" ")
        sizes = [o.removeprefix("pagesize=") for o in options.split(",") if "pagesize=" in o]
        if kind == "hugetlbfs" and (not sizes or sizes[0] in ("2M", "2048K", "2097152")):
            path = Path(where.replace("\\040", " "))
            if os.access(path, os.W_OK | os.X_OK):
                return path
    return None


def _number(path: Path) -> int:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return 0


def write_record(run_dir: Path, record: dict[str, Any]) -> None:
    """Puts ``instance.json`` in place at once and whole."""
    new = run_dir / f"{RECORD}.new"
    new.write_text(json.dumps(record, indent=1) + "\n")
    new.chmod(0o644)
    new.replace(run_dir / RECORD)


def read_record(run_dir: Path) -> dict[str, Any]:
    """``instance.json``; raises ``NotRunningError`` where there is none or it cannot be read."""
    try:
        record = json.loads((run_dir / RECORD).read_text())
    except FileNotFoundError:
        raise NotRunningError(
            f"{run_dir.name} is not running; start it with pinnacle-ctl start"
        ) from None
    except PermissionError as error:
        raise NoPermissionError(f"{run_dir}: may not be read; use sudo") from error
    except (OSError, ValueError) as error:
        raise NotRunningError(f"{run_dir / RECORD}: {error}; start the instance anew") from error
    if not isinstance(record, dict):
        raise NotRunningError(f"{run_dir / RECORD}: is damaged; start the instance anew")
    return record
