"""A lab: two namespaces joined by a wire, a feed in one, an appliance in the other.

``up`` makes it, ``status`` looks at it, ``down`` removes it. ``down`` needs nothing that ``up`` has
written: namespaces, processes in them and the folder are found by name, so a lab that was killed
half made goes too.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from pinnacle.errors import NotRunningError, OutputError, PinnacleError, UsageError
from pinnacle.lab import space
from pinnacle.lab.places import SERVER_PORT, Places
from pinnacle.lab.sender import Pace

Say = Callable[[str], None]
_LOOK_MESSAGES = 50_000  # from which a capture's channels are known
_START_S = 60.0
_PAUSE_S = 1.0  # between rounds, so that what is missing of one comes before the next


@dataclass(frozen=True)
class Wish:
    """What kind of lab."""

    name: str = "lab"
    capture: str | None = None  #: None: one is generated
    rate: float = 2000.0  #: frames a second
    speed: float | None = None  #: factor of recorded time instead of the rate
    loops: int = 0
    lose: float = 0.0
    double: float = 0.0
    late: float = 0.0
    seed: int = 1
    record: str | None = None  #: file that the appliance records to from the beginning
    rerequest: bool = True
    symbols: int = 50
    messages: int = 200_000


def up(wish: Wish, say: Say) -> dict[str, Any]:
    """Makes a lab and returns its state; on an error nothing of it is left."""
    space.require_root("lab up")
    places = Places(wish.name)
    if places.folder.exists() or space.exists(places.feed) or space.exists(places.app):
        raise UsageError(f"lab {wish.name} is there already; see lab status, or lab down")
    try:
        return _make(wish, places, say)
    except BaseException:
        down(wish.name)
        raise


def _make(wish: Wish, places: Places, say: Say) -> dict[str, Any]:
    places.folder.mkdir(parents=True)
    if wish.capture:
        source = Path(wish.capture).absolute()
        served = source
    else:
        source, served = places.folder / "feed.pcap", places.folder / "feed.itch"
        _generate(wish, source, served)
        say(f"capture      {source.name}: {wish.messages:,} messages, {wish.symbols} symbols")
    channels = channels_of(source)
    numbered = any(c["feed"] == "itch50" for c in channels)
    rerequest = wish.rerequest and numbered
    space.create(places.feed)
    space.create(places.app)
    space.join(places.feed, places.app, places.feed_end, places.app_end)
    space.route_multicast(places.feed, places.feed_end.device)
    say(f"wire         {places.feed} {places.feed_end.device} -- {places.app} "
        f"{places.app_end.device}")  # fmt: skip
    config = places.folder / "appliance.yaml"
    config.write_text(yaml.safe_dump(live_config(wish, channels, rerequest), sort_keys=False))
    _start_appliance(places, config)
    say(f"appliance    running, run folder {places.run_dir}")
    if wish.record:
        _record(places, wish.record)
        say(f"recording    {wish.record}")
    task = {
        "namespace": places.feed,
        "files": [str(source)],
        "pace": asdict(_pace(wish, places)),
        "rerequest": _answers(places, served) if rerequest else None,
        "report": str(places.report),
    }
    feeder = _start_feeder(places, task)
    say(f"feeder       pid {feeder}, {'re-requests served' if rerequest else 'no re-requests'}")
    state = {"name": wish.name, "feeder": feeder, "run_dir": str(places.run_dir),
             "config": str(config), "wish": asdict(wish)}  # fmt: skip
    places.state.write_text(json.dumps(state))
    return state


def _generate(wish: Wish, capture: Path, served: Path) -> None:
    from pinnacle.capture.generate import Config, generate

    day: dict[str, Any] = {"seed": wish.seed, "symbols": wish.symbols, "messages": wish.messages}
    generate(str(capture), Config(**day, heartbeats_max=1), write_truth=False)
    generate(str(served), Config(**day), write_truth=False)


def channels_of(capture: Path) -> list[dict[str, Any]]:
    """Channels of a capture as the live configuration has them; of raw ITCH those it is sent as."""
    from pinnacle.replay import Replay

    with Replay([capture]) as run:
        run.step(_LOOK_MESSAGES)
        found = run.channels
    channels = []
    for number, channel in enumerate(found):
        lines = [{"group": line.group, "port": line.port, "port_name": "wire"}
                 for line in channel.lines if line.port]  # fmt: skip
        if not lines:
            lines = [{"group": "233.54.12.111", "port": 26_477, "port_name": "wire"}]
        channels.append({"name": f"{channel.feed}.{number}", "feed": channel.feed, "lines": lines})
    if not channels:
        raise UsageError(f"{capture}: no feed was recognised in it; see capture info")
    return channels


def live_config(wish: Wish, channels: list[dict[str, Any]], rerequest: bool) -> dict[str, Any]:
    """The appliance's configuration."""
    server = Places(wish.name).feed_end.address.partition("/")[0]
    servers = [
        {"channel": c["name"], "address": server, "port": SERVER_PORT, "rate": 20_000}
        for c in channels if c["feed"] == "itch50"
    ]  # fmt: skip
    return {
        "instance": f"lab-{wish.name}"[:23],
        "ports": [{"name": "wire", "kind": "af_xdp", "device": Places(wish.name).app_end.device}],
        "shards": [{"idle_sleep_us": 50}],
        "channels": channels,
        "recovery": {"servers": servers if rerequest else []},
        "engine": {
            "max_orders": 262_144, "max_instruments": 16_384, "max_pages": 65_536,
            "max_trades": 65_536, "reorder_datagrams": 1024,
            "reorder_ns": 2_000_000_000 if rerequest else 100_000_000,
        },
        "metrics": {"listen": None},
    }  # fmt: skip


def _pace(wish: Wish, places: Places) -> Pace:
    return Pace(
        device=places.feed_end.device, loops=wish.loops, seed=wish.seed, lose=wish.lose,
        double=wish.double, late=wish.late, pause_s=_PAUSE_S,
        speed=1.0 if wish.speed is None else wish.speed,
        rate=wish.rate if wish.speed is None else 0.0,
    )  # fmt: skip


def _answers(places: Places, served: Path) -> dict[str, Any]:
    address = places.feed_end.address.partition("/")[0]
    return {"file": str(served),
            "answers": {"address": address, "port": SERVER_PORT, "any_loop": True}}  # fmt: skip


def _start_appliance(places: Places, config: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "pinnacle.lab.enter", places.app, sys.executable, "-m",
         "pinnacle.cli.main", "start", "--config", str(config), "--run-dir", str(places.run_dir),
         "--detach", "--timeout", str(_START_S)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=2 * _START_S, check=False,
    )  # fmt: skip
    if run.returncode != 0:
        said = run.stderr.strip().removeprefix("pinnacle-ctl: error: ")
        raise OutputError(f"the appliance does not start: {said}")


def _record(places: Places, file: str) -> None:
    from pinnacle.supervisor import client

    args = {"name": "capture-start", "text": str(Path(file).absolute()), "timeout_s": 10.0}
    client.request(places.run_dir, "command", args)


def _start_feeder(places: Places, task: dict[str, Any]) -> int:
    log = places.folder / "feeder.log"
    with log.open("wb") as out:
        feeder = subprocess.Popen(
            [sys.executable, "-m", "pinnacle.lab.feeder", json.dumps(task)],
            stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd="/", start_new_session=True,
        )  # fmt: skip
    end = time.monotonic() + _START_S
    while not places.report.exists():
        if feeder.poll() is not None or time.monotonic() > end:
            last = (log.read_text().strip().splitlines() or ["it said nothing"])[-1]
            raise OutputError(f"the feeder does not run: {last}")
        time.sleep(0.05)
    return feeder.pid


def status(name: str, books: int = 5) -> dict[str, Any]:
    """Feeder, appliance and the most active books of a lab."""
    from pinnacle.supervisor.client import Reader

    places = Places(name)
    if not places.state.exists():
        raise NotRunningError(f"no lab {name}; make it with pinnacle-ctl lab up")
    report: dict[str, Any] = json.loads(places.report.read_text())
    running = space.processes(places.feed)
    read = Reader(places.run_dir)
    result: dict[str, Any] = {
        "name": name,
        "feeder": {"running": bool(running), **report},
        "appliance": None,
        "feeds": [],
        "books": [],
    }
    with contextlib.suppress(PinnacleError):
        result["appliance"] = read("status")
        result["feeds"] = read("feeds")
        result["books"] = read("books", names=[], state=None, limit=books, depth=0)["books"]
    return result


def down(name: str) -> dict[str, Any]:
    """Removes a lab, whatever is left of it; says what was there."""
    space.require_root("lab down")
    from pinnacle.supervisor import client, lock, orphan

    places = Places(name)
    there = {"folder": places.folder.exists(),
             "namespaces": [n for n in (places.feed, places.app) if space.exists(n)]}  # fmt: skip
    with contextlib.suppress(PinnacleError, OSError):
        client.request(places.run_dir, "stop", {}, 10.0)
        end = time.monotonic() + 10.0
        while lock.held(places.run_dir) and time.monotonic() < end:
            time.sleep(0.02)
    ended = space.remove(places.feed) + space.remove(places.app)
    if places.run_dir.is_dir():  # of a supervisor that was killed: segments, and the data plane
        with contextlib.suppress(PinnacleError, OSError):
            orphan.stop(places.run_dir, 5.0)
    shutil.rmtree(places.folder, ignore_errors=True)
    with contextlib.suppress(OSError):
        places.folder.parent.rmdir()  # the last lab's
    return {**there, "processes": ended}
