"""What an instance's state segments hold, as plain objects: the source of every read-only verb.

The supervisor and a command that attaches by itself use the same functions, so both print the
same. Each function returns what ``--json`` prints; docs/live.md explains the keys.
"""

import contextlib
import os
from pathlib import Path
from typing import Any

from pinnacle.abi import ffi, lib
from pinnacle.config.live import LiveConfig
from pinnacle.errors import PinnacleError, RegionError, UnknownNameError
from pinnacle.records import Header, label
from pinnacle.region import View
from pinnacle.supervisor import live_records


class Shard:
    """One state segment, attached when it is there and again when it has been made anew."""

    def __init__(self, number: int, path: Path) -> None:
        self.number, self.path = number, path
        self.view: View | None = None
        self._inode: tuple[int, int] | None = None

    def refresh(self) -> View | None:
        """The view of the segment as it is now, or ``None`` while there is none.

        Raises ``RegionError`` for a segment of another build, ``NoPermissionError``.
        """
        try:
            now = os.stat(self.path)  # noqa: PTH116  # on every poll: no Path machinery
        except FileNotFoundError:
            self.view, self._inode = None, None
            return None
        inode = (now.st_dev, now.st_ino)
        if self.view is None or inode != self._inode:
            self.view, self._inode = None, None
            self.view = View.attach(self.path)
            self._inode = inode
        return self.view

    def header(self) -> Header | None:
        """The segment's header, or ``None`` while there is no usable segment."""
        with contextlib.suppress(PinnacleError):
            if view := self.refresh():
                return view.header
        return None


class Instance:
    """Read-only access to all shards of an instance, by its ``instance.json``."""

    def __init__(self, record: dict[str, Any]) -> None:
        self.record = record
        self.config = LiveConfig.model_validate(record["config"])
        self.shards = [Shard(i, Path(path)) for i, path in enumerate(record["state"])]

    def views(self) -> list[tuple[int, View]]:
        """Shards that are there; an attach error of one is the error of all."""
        return [(s.number, view) for s in self.shards if (view := s.refresh())]

    def pids(self) -> list[int]:
        """Process numbers that the segments' headers name."""
        return [h.pid for s in self.shards if (h := s.header())]


def shards(instance: Instance) -> list[dict[str, Any]]:
    """Each shard: memory, loops, commands, re-attach, capture."""
    found = []
    for number, view in instance.views():
        header, daemon = view.header, live_records.daemon(view)
        found.append(
            {
                "shard": number,
                "cpu": instance.config.shards[number].cpu,
                "pid": header.pid,
                "start_ns": header.start_ns,
                "heartbeat_ns": header.heartbeat_ns,
                "region": str(instance.shards[number].path),
                "region_bytes": header.bytes,
                "hugepages": header.hugepages,
                "instruments": header.instruments,
                **daemon,
                "latency": live_records.latency(view),
            }
        )
    return found


def feeds(instance: Instance) -> list[dict[str, Any]]:
    """Each channel with its lines."""
    found = []
    ports = instance.config.ports
    for number, view in instance.views():
        for channel in view.channels:
            facts = {name: getattr(channel, name) for name in live_records.CHANNEL_KEYS}
            facts["lines"] = [
                {
                    "group": line.group, "port": line.port,
                    "port_name": ports[line.input].name if line.input < len(ports) else "any",
                    "datagrams": line.datagrams, "messages": line.messages,
                    "duplicates": line.duplicates,
                }
                for line in channel.lines
            ]  # fmt: skip
            found.append({"shard": number, "state": live_records.channel_state(channel), **facts})
    return found


def queues(instance: Instance) -> list[dict[str, Any]]:
    """Each port with its device, what it received, passed on and dropped."""
    views = dict(instance.views())
    found = []
    for number, port in enumerate(instance.config.ports):
        if port.shard in views:
            facts = live_records.port(views[port.shard], number)
            if facts is not None:
                found.append({"shard": port.shard, **facts})
    return found


def counters(instance: Instance) -> dict[str, Any]:
    """Totals of all shards and of each; drops by reason."""
    each, drops = [], dict[str, int]()
    total: dict[str, int] = dict.fromkeys(live_records.COUNTER_KEYS, 0)
    for number, view in instance.views():
        counted = view.counters
        facts = {name: getattr(counted, name) for name in live_records.COUNTER_KEYS}
        each.append({"shard": number, **facts, "drops": counted.drops})
        for name, value in facts.items():
            total[name] += value
        for name, value in counted.drops.items():
            drops[name] = drops.get(name, 0) + value
    return {**total, "drops": drops, "shards": each}


def book_counts(instance: Instance) -> dict[str, int]:
    """How many books are empty, valid and stale; numbers that no feed has used are left out."""
    counts = dict.fromkeys(live_records.BOOK_STATES, 0)
    top, about = ffi.new("struct pn_top *"), ffi.new("struct pn_instrument *")
    for _, view in instance.views():
        handle = view.handle
        for i in range(view.header.instruments):
            if lib.pn_view_top(handle, i, top):
                continue
            if top.state == lib.PN_BOOK_EMPTY and (
                lib.pn_view_instrument(handle, i, about) or about.name[0] == b"\0"
            ):
                continue
            counts[live_records.BOOK_STATES[top.state]] += 1
    return counts


def books(
    instance: Instance, *, names: list[str] | None = None, state: str | None = None,
    limit: int = 0, depth: int = 0,
) -> dict[str, Any]:  # fmt: skip
    """Books, the most active first: all of them, or those named, in one state, up to a limit.

    Raises ``UnknownNameError`` for a name that no instrument has.
    """
    rows = []
    for number, view in instance.views():
        channels = [c.name for c in view.channels]
        for one in view.instruments:
            if names and label(one) not in names:
                continue
            with contextlib.suppress(RegionError):
                top = view.top(one.index)
                if state and top.state != state:
                    continue
                rows.append((top.changes, number, view, channels, one, top))
    rows.sort(key=lambda row: (-row[0], row[1], row[4].index))
    missing = set(names or ()) - {label(row[4]) for row in rows}
    if missing and not state:
        raise UnknownNameError(
            f"no book {', '.join(sorted(missing))}; pinnacle-ctl get books lists them"
        )
    shown = rows[:limit] if limit else rows
    return {
        "counts": book_counts(instance),
        "books": [
            {"shard": number, **live_records.book(view, channels, one, top, depth)}
            for _, number, view, channels, one, top in shown
        ],
    }


def sample(instance: Instance, limit: int = 20) -> dict[str, Any]:
    """All that a live view needs in one go."""
    return {
        "counters": counters(instance),
        "feeds": feeds(instance),
        "queues": queues(instance),
        "shards": shards(instance),
        **books(instance, limit=limit),
    }


def describe(instance: Instance, kind: str, name: str) -> dict[str, Any]:
    """Everything known of one channel, port, book or shard.

    Raises ``UnknownNameError``.
    """
    if kind == "book":
        found = books(instance, names=[name], depth=10)["books"]
        return {"kind": kind, **found[0]}
    rows: list[dict[str, Any]] = {"channel": feeds, "port": queues, "shard": shards}[kind](instance)
    by = "shard" if kind == "shard" else "name"
    for row in rows:
        if str(row[by]) == name:
            return {"kind": kind, **row, "configured": _configured(instance.config, kind, name)}
    known = ", ".join(str(row[by]) for row in rows) or "none yet"
    raise UnknownNameError(f"no {kind} {name}; there are: {known}")


def _configured(config: LiveConfig, kind: str, name: str) -> dict[str, Any] | None:
    if kind == "shard":
        return config.shards[int(name)].model_dump(mode="json")
    of_kind = config.channels if kind == "channel" else config.ports
    return next((one.model_dump(mode="json") for one in of_kind if one.name == name), None)
