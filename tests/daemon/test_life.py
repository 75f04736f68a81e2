"""A data plane from start to end: books, status, commands, what it gives up, what it leaves."""

import errno
import json
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from pinnacle.abi import ffi, lib
from pinnacle.region import View
from pinnacle.replay import Replay

from tests.daemon.plane import ROOT, Plane, some_user, until
from tests.support import wire

Make = Callable[..., Plane]


def status(pid: int) -> dict[str, str]:
    """Fields of /proc/PID/status."""
    text = Path(f"/proc/{pid}/status").read_text()
    return {k: v.strip() for k, v in (line.split(":", 1) for line in text.splitlines())}


def applied(p: Plane, messages: int) -> None:
    until(lambda: p.channel().applied_seq >= messages)


def test_books_are_those_of_a_replay(plane: Make, tmp_path: Path) -> None:
    p = plane().start()
    applied(p, len(wire.day()))
    with View.attach(p.state) as view:
        top = view.top("AAPL")
        assert (top.bid_px, top.bid_size, top.ask_px, top.ask_size) == (400_700, 350, 400_900, 350)
        assert view.book("AAPL").state == "valid"
        assert view.counters.messages == len(wire.day())
    until(lambda: p.port().rx_frames == 5)
    port = p.port()
    assert ffi.string(port.name) == b"p0"
    assert port.kind == lib.PN_PORT_PCAP
    with Replay([tmp_path / "day.pcap"]) as replay:
        replay.run()
        assert p.digest() == replay.digest


def test_two_ports_are_two_lines(plane: Make, tmp_path: Path) -> None:
    files = []
    for name, group, lose in (("a", wire.GROUP_A, {1, 3}), ("b", wire.GROUP_B, {0, 2})):
        frames = wire.day_frames(group=group, lose=frozenset(lose), end=False)
        files.append(wire.write_pcap(tmp_path / f"{name}.pcap", frames))
    p = plane(files)
    p.close()
    p.cfg.channel[0].lines = 2
    p.cfg.channel[0].input = [0, 1, -1, -1]
    p = Plane(tmp_path, p.cfg)
    try:
        p.start()
        applied(p, len(wire.day()))
        channel = p.channel()
        assert (channel.gaps, channel.lost, channel.epoch % 2) == (0, 0, 0)
        until(lambda: p.port(1).rx_frames == 3)
        p.stop()
    finally:
        p.close()


def test_orderly_end_leaves_nothing(plane: Make, tmp_path: Path) -> None:
    before = set(tmp_path.iterdir())
    p = plane().start()
    code, log = p.stop()
    assert code == 0
    assert not p.state.exists()
    assert set(tmp_path.iterdir()) - before <= {p.control, tmp_path / "day.pcap"}
    events = [json.loads(line) for line in log.splitlines()]
    assert [e["event"] for e in events][-1] == "stopping"
    assert all({"time", "level", "event"} <= set(e) for e in events)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_it(plane: Make, number: int) -> None:
    assert plane().start().stop(number)[0] == 0


def test_hangup_is_ignored(plane: Make) -> None:
    p = plane().start()
    assert p.process
    p.process.send_signal(signal.SIGHUP)
    loops = p.daemon().loops
    until(lambda: p.daemon().loops > loops + 10)
    assert p.stop()[0] == 0


def test_stop_command(plane: Make) -> None:
    p = plane().start()
    lib.pn_control_command(p.writer, lib.PN_CMD_STOP, lib.PN_SHARDS_MAX, b"")
    assert p.process
    assert p.process.wait(10) == 0
    assert not p.state.exists()


def test_state_is_kept_if_told_to(plane: Make) -> None:
    p = plane().start("--keep-state")
    applied(p, len(wire.day()))
    digest = p.digest()
    assert p.stop()[0] == 0
    assert p.state.exists()
    assert p.digest() == digest


def test_capture_commands_are_answered(plane: Make, tmp_path: Path) -> None:
    p = plane().start()
    answer = p.command(lib.PN_CMD_CAPTURE_STOP)
    assert answer.command_code == -errno.ENODATA
    assert ffi.string(answer.command_text)
    assert p.command(lib.PN_CMD_CAPTURE_START, "record.pcapng").command_code == 0
    assert p.command(lib.PN_CMD_CAPTURE_STOP).command_code == 0
    assert (tmp_path / "record.pcapng").stat().st_size > 0


def test_control_plane_lost_and_back(plane: Make) -> None:
    p = plane().start()
    until(lambda: p.daemon().control_lost == 1)
    assert p.daemon().control_ok == 0
    loops = p.daemon().loops
    until(lambda: p.daemon().loops > loops)
    p.beat()
    until(lambda: p.daemon().control_ok == 1, seconds=0.25)
    code, log = p.stop()
    assert code == 0
    assert "control plane lost" in log
    assert "control plane is back" in log


def test_privileges_are_given_up(plane: Make) -> None:
    p = plane().start()
    assert p.process
    tasks = list(Path(f"/proc/{p.process.pid}/task").iterdir())
    assert len(tasks) >= 3
    for task in tasks:
        s = status(int(task.name))
        for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            assert int(s[name], 16) == 0, (task, name, s[name])
        assert s["NoNewPrivs"] == "1"
        assert s["Seccomp"] == "2"
    if ROOT:
        assert int(status(p.process.pid)["CapBnd"], 16) == 0


@pytest.mark.skipif(not ROOT, reason="only root can run it as another user")
def test_another_user(plane: Make, tmp_path: Path) -> None:
    user = some_user()
    if user is None:
        pytest.skip("there is no user nobody")
    p = plane(user=user.encode()).start()
    assert p.process
    s = status(p.process.pid)
    assert len(set(s["Uid"].split())) == 1
    assert s["Uid"].split()[0] != "0"
    assert s["Groups"] == ""
    assert int(s["CapEff"], 16) == 0
    assert p.stop()[0] == 0
    assert not p.state.exists()  # in a folder that only root may write


def test_service_manager_is_told(plane: Make, tmp_path: Path) -> None:
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(path))
        listener.settimeout(10)
        p = plane()
        p.start(env={"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "200000"})
        assert b"READY=1" in listener.recv(4096)
        for _ in range(3):
            assert listener.recv(4096) == b"WATCHDOG=1"
        p.stop()
        last = b""
        while last != b"STOPPING=1":
            last = listener.recv(4096)


def test_check_looks_and_ends(plane: Make) -> None:
    p = plane()
    done = p.spawn("--check")
    assert done.wait(10) == 0
    assert not p.state.exists()
