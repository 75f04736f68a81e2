"""The sender's half of a lab: a capture round and round onto an interface, and its re-requests.

Runs as a process of its own in the sender's namespace (``python -m pinnacle.lab.feeder``) until it
is told to end. What it has done is in a JSON file that is replaced twice a second.
"""

from __future__ import annotations

import dataclasses
import json
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from pinnacle.lab import space
from pinnacle.lab.rerequest import Answers, RerequestServer
from pinnacle.lab.sender import Pace, Sender

_REPORT_S = 0.5
_STEP_S = 0.05


def serve(server: RerequestServer, stop: threading.Event) -> None:
    """Answers re-requests until told to stop."""
    while not stop.is_set():
        server.serve(_STEP_S)


def report(path: Path, sender: Sender, server: RerequestServer | None) -> None:
    """Replaces the file that says what was done so far."""
    state: dict[str, Any] = {"time": time.time(), "sent": dataclasses.asdict(sender.stats)}
    if server:
        state["rerequests"] = dataclasses.asdict(server.served)
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(state))
    fresh.replace(path)


def run(task: dict[str, Any]) -> None:
    """Feeds as ``task`` says: ``namespace``, ``files``, ``pace``, ``rerequest``, ``report``;
    from the time ``start`` on."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if task.get("namespace"):
        space.enter(task["namespace"])  # before there are threads
    server = None
    if asked := task.get("rerequest"):
        server = RerequestServer(asked["file"], Answers(**asked["answers"]))
        threading.Thread(target=serve, args=(server, stop), daemon=True).start()
    with Sender(task["files"], Pace(**task["pace"])) as sender:
        stop.wait(max(task.get("start", 0.0) - time.time(), 0.0))
        reported, more = 0.0, True
        while not stop.is_set():
            more = more and sender.run(_STEP_S)
            if not more:
                stop.wait(_STEP_S)  # all is sent; re-requests go on
            if time.monotonic() - reported > _REPORT_S:
                reported = time.monotonic()
                report(Path(task["report"]), sender, server)


if __name__ == "__main__":
    run(json.loads(sys.argv[1]))
