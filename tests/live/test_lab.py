"""The lab as a user runs it: up, books move, what is lost is recovered, recorded, replayed; down.

Everything here is the real thing: namespaces, AF_XDP, supervisor and data plane.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pinnacle.lab import space
from pinnacle.lab.places import Places

from tests.support.ctl import COMMAND, ctl

NAME = f"t{os.getpid()}"
MESSAGES = 200_000  # of the generated day


@pytest.fixture
def places() -> Iterator[Places]:
    if os.geteuid() != 0:
        pytest.skip("a lab needs root")
    made = Places(NAME)
    try:
        yield made
    finally:
        ctl("lab", "down", "--name", NAME)
        assert_gone(made)


def assert_gone(places: Places) -> None:
    """No namespace, no process, no file, no segment."""
    assert not space.exists(places.feed) and not space.exists(places.app)
    assert not places.folder.exists()
    assert not [p for p in commands() if NAME in p], commands()
    for mount in ("/dev/hugepages", "/dev/shm", "/run/pinnacle"):
        folder = Path(mount)
        left = [p.name for p in folder.iterdir() if NAME in p.name] if folder.is_dir() else []
        assert not left, f"{mount}: {left}"


def commands() -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                found.append((entry / "cmdline").read_text().replace("\0", " "))
            except OSError:
                continue
    return [line for line in found if "pinnacle" in line]


def run(*args: str) -> str:
    done = ctl(*args)
    assert done.returncode == 0, done.stderr
    return done.stdout


def up(*args: str) -> Any:
    return json.loads(run("lab", "up", "--name", NAME, "--json", *args))


def status() -> Any:
    return json.loads(run("lab", "status", "--name", NAME, "--json"))


def until(what: Callable[[Any], bool], seconds: float = 60.0) -> Any:
    """Status of the lab as soon as something is so."""
    end = time.monotonic() + seconds
    while True:
        facts = status()
        if facts["feeds"] and what(facts):
            return facts
        assert time.monotonic() < end, facts
        time.sleep(0.2)


def test_books_move(places: Places) -> None:
    """The text that a user sees, and books that change while he looks."""
    text = run("lab", "up", "--name", NAME)
    assert "appliance    running" in text and "look further" in text
    assert text.count("bid") >= 6
    first = status()
    time.sleep(1.0)
    second = status()
    assert second["feeds"][0]["last_seq"] > first["feeds"][0]["last_seq"] > 0
    assert first["books"] != second["books"]
    assert {book["state"] for book in second["books"]} == {"valid"}
    again = ctl("lab", "up", "--name", NAME)
    assert again.returncode == 2 and "is there already" in again.stderr
    assert "removed" in run("lab", "down", "--name", NAME)
    assert "there was none" in run("lab", "down", "--name", NAME)


def test_recovered_recorded_replayed(places: Places, tmp_path: Path) -> None:
    """Loss, copies and disorder: the books of the undamaged capture, live and from the record."""
    record = tmp_path / "live.pcapng"
    up("--rate", "10000", "--lose", "0.01", "--double", "0.01", "--late", "0.01", "--loop", "1",
       "--record", str(record))  # fmt: skip
    facts = until(lambda f: f["feeds"][0]["ended"] and not f["feeds"][0]["waiting"])
    feed = facts["feeds"][0]
    assert feed["messages"] == MESSAGES and feed["lost"] == feed["gaps"] == 0
    assert feed["recovered"] > 50
    assert facts["feeder"]["rerequests"]["answers"] > 50
    folder = ["--run-dir", str(places.run_dir)]
    shown = json.loads(run("capture", "status", *folder, "--json"))[0]
    assert shown["recording"] and shown["frames"] > 50_000 and shown["left_out"] == 0
    run("capture", "stop", *folder)
    none = ctl("capture", "stop", *folder)
    assert "nothing is being recorded" in none.stderr and none.returncode == 2
    clean = replayed(str(places.folder / "feed.pcap"))
    assert live_digest(places) == clean
    config = str(places.folder / "appliance.yaml")
    assert replayed("--config", config, str(record)) == clean
    assert_interfaces(record)


def live_digest(places: Places) -> str:
    from pinnacle.region import View
    from pinnacle.supervisor import paths

    segment = paths.read_record(places.run_dir)["state"][0]
    return View.attach(segment).digest


def replayed(*args: str) -> str:
    report: dict[str, Any] = json.loads(run("replay", "--json", *args))
    digest: str = report["digest"]
    return digest


def assert_interfaces(record: Path) -> None:
    """As another program's reader sees it: names, ns times in order, both inputs used."""
    from scapy.utils import RawPcapNgReader

    with RawPcapNgReader(str(record)) as reader:
        times, names = [], set()
        for number, (_, described) in enumerate(reader):
            meta: Any = described
            times.append(meta.tshigh << 32 | meta.tslow)
            names.add(meta.ifname)
            assert meta.tsresol == 1_000_000_000
            if number == 50_000:
                break
    assert names == {b"wire", b"recovery"}
    assert times == sorted(times) and abs(times[0] / 1e9 - time.time()) < 3600


def test_rounds_follow_each_other(places: Places) -> None:
    """Each round is a session of its own, and its books are valid although frames were lost."""
    up("--rate", "40000", "--lose", "0.005")
    facts = until(lambda f: f["feeds"][0]["session_changes"] >= 1
                  and f["feeds"][0]["last_seq"] > 20_000)  # fmt: skip
    feed = facts["feeds"][0]
    assert feed["session"] != "SIM0000001" and not feed["late_join"]
    assert feed["lost"] == 0


def test_killed_half_made(places: Places) -> None:
    """``lab up`` killed at random moments: down removes what it had made."""
    for delay in (0.35, 0.8, 1.3, 2.0):
        made = subprocess.Popen([*COMMAND, "lab", "up", "--name", NAME], stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL)  # fmt: skip
        time.sleep(delay)
        made.kill()
        made.wait()
        run("lab", "down", "--name", NAME)
        assert_gone(places)


def test_killed_processes(places: Places) -> None:
    """Supervisor, data plane and feeder killed: status says so, down leaves nothing."""
    up()
    until(lambda f: f["feeds"][0]["last_seq"] > 100)
    inside = [*space.processes(places.feed), *space.processes(places.app)]
    assert len(inside) >= 3
    for pid in inside:
        os.kill(pid, signal.SIGKILL)
    time.sleep(0.5)
    facts = status()
    assert not facts["feeder"]["running"]
    assert "the feeder has ended" in run("lab", "status", "--name", NAME)
    run("lab", "down", "--name", NAME)


def test_refusals(tmp_path: Path) -> None:
    missing = ctl("lab", "status", "--name", "none")
    assert missing.returncode != 0 and "no lab none" in missing.stderr
    bad = ctl("lab", "up", "--name", "../x")
    assert bad.returncode == 2 and "letters and digits" in bad.stderr
    if os.geteuid() == 0:
        gone = ctl("lab", "up", "--name", NAME, "--capture", str(tmp_path / "none.pcap"))
        assert gone.returncode == 3, gone
        assert_gone(Places(NAME))
        command = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", *COMMAND]
        user = subprocess.run([*command, "lab", "up"], capture_output=True, text=True, check=False)
        assert user.returncode == 4 and "use sudo" in user.stderr
