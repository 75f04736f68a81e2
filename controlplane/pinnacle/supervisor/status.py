"""The status of an instance as one object: what ``pinnacle-ctl status --json`` prints."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pinnacle.errors import PinnacleError
from pinnacle.supervisor import child, readings
from pinnacle.supervisor.readings import Instance

if TYPE_CHECKING:
    from pinnacle.supervisor.core import Supervisor

FORMAT = 1


def with_supervisor(boss: "Supervisor") -> dict[str, Any]:
    """Status as the supervisor knows it; called in a thread, so it only reads."""
    now, plane = time.monotonic(), boss.plane
    attached = (
        f"to data plane {boss.attached_to}, which went on undisturbed" if boss.attached_to else None
    )
    alive = plane is not None and not plane.ended.is_set()
    return {
        "format": FORMAT,
        "instance": boss.config.instance,
        "state": boss.state,
        "run_dir": str(boss.run_dir),
        "config_file": str(boss.config_file) if boss.config_file else None,
        "supervisor": {
            "pid": boss.pid,
            "started": boss.started.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "uptime_s": round(now - boss.since, 3),
            "attached": attached,
        },
        "data_plane": {
            "pid": plane.pid if plane and alive else None,
            "uptime_s": round(now - plane.since, 3) if plane and alive else None,
            "restarts": boss.restarts,
            "last_exit": boss.last_exit.facts() if boss.last_exit else None,
            "last_down_ms": boss.last_down_ms,
            "next_start_s": round(boss.next_start - now, 3) if boss.next_start else None,
        },
        "metrics": boss.metrics_address,
        **_read(boss.reader()),
    }


def without_supervisor(instance: Instance) -> dict[str, Any]:
    """Status from the state segments alone: the data plane may run on without a supervisor."""
    record = instance.record
    pid = child.find(Path(record["control"]), instance.pids())
    return {
        "format": FORMAT,
        "instance": record["instance"],
        "state": "unsupervised" if pid else "dead",
        "run_dir": record["run_dir"],
        "config_file": record["config_file"],
        "supervisor": None,
        "data_plane": {
            "pid": pid, "uptime_s": None, "restarts": None, "last_exit": None,
            "last_down_ms": None, "next_start_s": None,
        },
        "metrics": None,
        **_read(instance),
    }  # fmt: skip


def _read(instance: Instance) -> dict[str, Any]:
    """What the segments add; a segment that cannot be attached is said, not hidden."""
    why = instance.record["memory_why"]
    memory = {"hugepages": not why, "why_not": why or None, "bytes": 0}
    found: dict[str, Any] = {
        "memory": memory, "books": None, "feeds": [], "ports": [], "shards": [], "note": None,
    }  # fmt: skip
    try:
        found["shards"] = [
            {name: shard[name] for name in _SHARD_KEYS} for shard in readings.shards(instance)
        ]
        memory["bytes"] = sum(shard["region_bytes"] for shard in found["shards"])
        found["books"] = readings.book_counts(instance)
        found["feeds"] = [
            {name: feed[name] for name in _FEED_KEYS} for feed in readings.feeds(instance)
        ]
        found["ports"] = [
            {**{name: port[name] for name in _PORT_KEYS}, "dropped": sum(port["drops"].values())}
            for port in readings.queues(instance)
        ]
    except PinnacleError as error:
        found["note"] = str(error)
    return found


_SHARD_KEYS = (
    "shard", "pid", "cpu", "region", "region_bytes", "hugepages", "starts", "control_ok",
    "control_lost", "repaired", "reattach_ns", "capturing", "latency",
)  # fmt: skip
_FEED_KEYS = ("name", "feed", "state", "messages", "gaps", "lost", "recovered")
_PORT_KEYS = ("name", "kind", "device", "driver", "mode", "link_up", "rx_frames", "passed")
