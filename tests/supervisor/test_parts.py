"""The supervisor's parts that need no data plane: back-off, logs, systemd, lock, protocol."""

import json
import os
import random
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pinnacle.config.live import LogConfig, RestartConfig
from pinnacle.errors import AlreadyRunningError, PinnacleError, UsageError
from pinnacle.supervisor import logs, protocol
from pinnacle.supervisor.backoff import Backoff
from pinnacle.supervisor.lock import FolderLock, held
from pinnacle.supervisor.notify import Notifier


def test_backoff_doubles_to_a_limit() -> None:
    config = RestartConfig(delay_ms=100, max_ms=500, jitter=0.0, limit=7, window_s=60)
    backoff = Backoff(config)
    assert [backoff.failed(t) for t in range(7)] == [0.0, 0.1, 0.2, 0.4, 0.5, 0.5, None]


def test_backoff_forgets_after_the_window() -> None:
    backoff = Backoff(RestartConfig(jitter=0.0, limit=2, window_s=10))
    assert [backoff.failed(t) for t in (0, 20, 40)] == [0.0, 0.0, 0.0]
    assert backoff.failed(45) is None


def test_backoff_jitter_only_shortens() -> None:
    config = RestartConfig(delay_ms=100, jitter=0.5, limit=1000)
    pauses = []
    for seed in range(50):
        backoff = Backoff(config, random.Random(seed))
        backoff.failed(0)
        pauses.append(backoff.failed(0))
    assert all(p is not None and 0.05 <= p <= 0.1 for p in pauses)
    assert len(set(pauses)) > 40


def test_log_lines_and_turning_over(tmp_path: Path) -> None:
    path = tmp_path / "ctl.log"
    log = logs.Log(path, LogConfig(max_bytes=4096, keep=2), None)
    for number in range(200):
        log("info", "event", number=number)
    log("debug", "left out")
    log.close()
    assert {p.name for p in tmp_path.iterdir()} == {"ctl.log", "ctl.log.1", "ctl.log.2"}
    assert all(p.stat().st_size <= 4096 + 200 for p in tmp_path.iterdir())
    numbers = [record["number"] for record in logs.read_log(path, "ctl")]
    assert numbers == list(range(numbers[0], 200))
    assert 60 < len(numbers) < 200


def test_turning_over_under_a_writer(tmp_path: Path) -> None:
    """A writer that holds the file open and appends goes on at the start of the cut file."""
    path = tmp_path / "dp.log"
    with path.open("ab", buffering=0) as writer:
        writer.write(b"x" * 5000 + b"\n")
        assert logs.turn_over(path, LogConfig(max_bytes=4096, keep=1))
        writer.write(b"after\n")
    assert path.read_bytes() == b"after\n"
    assert (tmp_path / "dp.log.1").stat().st_size == 5001


@pytest.mark.parametrize("keep", [0, 1])
def test_keep(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "a.log"
    for _ in range(3):
        path.write_text("x" * 5000)
        logs.turn_over(path, LogConfig(max_bytes=4096, keep=keep))
    assert len(list(tmp_path.iterdir())) == 1 + keep


def test_lines_that_are_not_json_are_kept() -> None:
    assert logs.parse_line("EAL: hello\n", "dp")["event"] == "EAL: hello"
    assert logs.parse_line("[1]", "dp")["event"] == "[1]"
    text = logs.readable(logs.parse_line("\x1b[2Jevil", "dp"), colour=False)
    assert "\x1b" not in text


def test_notifier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(path))
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        monkeypatch.setenv("WATCHDOG_USEC", "2000000")
        monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
        notifier = Notifier()
        assert "NOTIFY_SOCKET" not in os.environ and notifier.every_s == 1.0
        notifier.send(READY="1", STATUS="up")
        assert systemd.recv(4096) == b"READY=1\nSTATUS=up"
        for now in (10.0, 10.5, 11.0):
            notifier.watchdog(now)
        systemd.setblocking(False)
        assert systemd.recv(4096) == systemd.recv(4096) == b"WATCHDOG=1"
        with pytest.raises(BlockingIOError):
            systemd.recv(4096)
    notifier.send(STOPPING="1")  # nobody listens any more: not an error


def test_without_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    monkeypatch.setenv("WATCHDOG_USEC", "1000")
    notifier = Notifier()
    notifier.watchdog(1.0)
    assert notifier.every_s == 0.0


def test_lock_of_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "main"
    lock = FolderLock(folder)
    assert held(folder)
    with pytest.raises(AlreadyRunningError, match="main is running already"):
        FolderLock(folder)
    folder.rmdir()
    lock.release()
    assert not held(folder)
    again = FolderLock(folder)
    assert held(folder)
    again.release()
    assert not held(folder)


@given(st.binary(max_size=300))
def test_garbage_is_refused(line: bytes) -> None:
    try:
        verb, _, _ = protocol.parse_request(line)
    except UsageError as error:
        assert isinstance(error, PinnacleError) and "\n" not in str(error)
    else:
        assert verb in protocol.VERBS


@pytest.mark.parametrize(
    "request_",
    [
        [], 1, None, {}, {"verb": 1}, {"verb": "nothing"}, {"verb": "ping", "more": 1},
        {"verb": "ping", "args": {"x": 1}}, {"verb": "books", "args": {"limit": -1}},
        {"verb": "books", "args": {"limit": "1"}}, {"verb": "books", "args": {"depth": 1e9}},
        {"verb": "describe", "args": {"kind": "file", "name": "x"}}, {"verb": ["ping"]},
        {"verb": "command", "args": {"name": "stop"}}, {"verb": "ping", "args": [1]},
    ],
)  # fmt: skip
def test_requests_refused(request_: object) -> None:
    with pytest.raises(UsageError):
        protocol.parse_request(json.dumps(request_).encode())


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(UsageError):
        protocol.parse_request(b"[" * 8000 + b"]" * 8000)
