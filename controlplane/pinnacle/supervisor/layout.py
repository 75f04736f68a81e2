"""Lays out an instance before its first data plane: folder, places of segments, control segment.

Also what is done with things of an earlier run: a running data plane is kept, remains of a dead
one are used again where the configuration is the same and removed where it is not.
"""

import contextlib
from pathlib import Path
from typing import Any

from pinnacle.config.live import LiveConfig
from pinnacle.config.render import Places, region_bytes, render
from pinnacle.errors import AlreadyRunningError, NoMemoryError, NotRunningError, PinnacleError
from pinnacle.supervisor import child, paths
from pinnacle.supervisor.readings import Instance
from pinnacle.supervisor.segment import ControlSegment


def choose_places(config: LiveConfig, run_dir: Path) -> tuple[Places, str]:
    """Where the segments of a new instance go, and why not into hugepages ("" if they do)."""
    engines = [shard.engine or config.engine for shard in config.shards]
    wishes = {engine.hugepages for engine in engines}
    wanted = next(w for w in ("require", "auto", "never") if w in wishes)
    pages = 1 + sum(-(-region_bytes(engine) // paths.HUGE_PAGE) for engine in engines)
    memory = paths.choose_memory(wanted, pages)
    if memory.folder is None and wanted == "require":
        raise NoMemoryError(f"engine.hugepages is require, but {memory.why}")
    folder = memory.folder or run_dir
    name = f"pinnacle.{config.instance}"
    state = tuple(folder / f"{name}.state.{i}" for i in range(len(config.shards)))
    return Places(run_dir, folder / f"{name}.control", state), memory.why


def earlier(run_dir: Path) -> dict[str, Any] | None:
    """``instance.json`` of an earlier run of this folder."""
    try:
        return paths.read_record(run_dir)
    except NotRunningError:
        return None


def data_plane_of(record: dict[str, Any]) -> int | None:
    """Process number of the data plane that runs on a record's segments."""
    hints: list[int] = []
    with contextlib.suppress(PinnacleError):
        hints = Instance(record).pids()
    return child.find(Path(record["control"]), hints)


def places_of(record: dict[str, Any], run_dir: Path) -> Places:
    """The places that an earlier run chose."""
    return Places(run_dir, Path(record["control"]), tuple(map(Path, record["state"])))


def remove_segments(places: Places) -> None:
    """Removes all segments of an instance that has ended."""
    for path in (places.control, *places.state):
        path.unlink(missing_ok=True)


class Layout:
    """The instance's files as this run uses them; ``running`` is a data plane to be adopted."""

    def __init__(self, config: LiveConfig, run_dir: Path) -> None:
        record = earlier(run_dir)
        self.running = data_plane_of(record) if record else None
        if record and self.running:
            self.places, self.why_no_hugepages = places_of(record, run_dir), record["memory_why"]
        else:
            if record:
                self._keep_or_remove(record, config, run_dir)
            self.places, self.why_no_hugepages = choose_places(config, run_dir)
        rendered = render(config, self.places)
        try:
            self.segment = ControlSegment(self.places.control, rendered)
        except AlreadyRunningError as error:
            if not self.running:
                raise
            raise AlreadyRunningError(
                f"data plane {self.running} of {config.instance} runs with another configuration; "
                f"end it with pinnacle-ctl stop --instance {config.instance}, or start with its "
                f"own ({error})"
            ) from error

    @staticmethod
    def _keep_or_remove(record: dict[str, Any], config: LiveConfig, run_dir: Path) -> None:
        """Segments of a dead data plane serve again only under the same configuration."""
        if record["config"] != config.model_dump(mode="json"):
            remove_segments(places_of(record, run_dir))


def clean_up(run_dir: Path, places: Places, config: LiveConfig, *, keep_logs: bool = False) -> None:
    """Removes what an ended instance leaves: segments, sockets, logs of its own folder."""
    remove_segments(places)
    empty_folder(run_dir, keep_logs or config.log.dir is not None)


def empty_folder(run_dir: Path, keep_logs: bool) -> None:
    """Removes the files that are ours from a run folder, and the folder when it is empty then."""
    names = {paths.SOCKET, paths.SOCKET_RO, paths.RECORD, f"{paths.RECORD}.new"}
    for entry in run_dir.iterdir():
        log = entry.name.startswith((paths.CTL_LOG, paths.DP_LOG))
        if entry.name in names or (log and not keep_logs):
            entry.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # captures that were recorded there stay
        run_dir.rmdir()
        if run_dir.parent == paths.SYSTEM_ROOT:
            run_dir.parent.rmdir()


def check_renders(config: LiveConfig, places: Places) -> None:
    """Raises ``ConfigError`` if the control segment's layout has no room for a configuration."""
    state = tuple(places.run_dir / f"state.{i}" for i in range(len(config.shards)))
    render(config, Places(places.run_dir, places.control, state))
