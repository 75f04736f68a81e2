"""On a terminal: colour, a progress bar, and none of both when not wanted."""

import os
import pty
import subprocess
from pathlib import Path

import pytest

from tests.support import wire
from tests.support.ctl import COMMAND


def on_terminal(*args: str | Path, env: dict[str, str]) -> tuple[str, int]:
    """Everything that the command writes to a terminal."""
    ours, theirs = pty.openpty()
    base = {k: v for k, v in os.environ.items() if k != "NO_COLOR"}
    process = subprocess.Popen(
        [*COMMAND, *map(str, args)],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        env={**base, "TERM": "xterm", "COLUMNS": "100", **env},
    )
    os.close(theirs)
    parts = []
    while True:
        try:
            part = os.read(ours, 65_536)
        except OSError:  # how a terminal says that its last writer has gone
            break
        if not part:
            break
        parts.append(part)
    os.close(ours)
    return b"".join(parts).decode(), process.wait(timeout=60)


@pytest.fixture
def slow_day(tmp_path: Path) -> Path:
    return wire.write_pcap(tmp_path / "day.pcap", wire.day_frames(step_ns=100_000_000, end=False))


def test_colour_and_progress(slow_day: Path) -> None:
    text, code = on_terminal("replay", "--speed", "recorded", slow_day, env={})
    assert code == 0
    assert "\x1b[32mvalid\x1b[0m" in text
    assert "messages" in text.split("digest")[0]
    assert "replay" in text and "%" in text


def test_no_color(slow_day: Path) -> None:
    text, code = on_terminal("replay", slow_day, env={"NO_COLOR": "1"})
    assert code == 0
    assert "\x1b[32m" not in text and "\x1b[1m" not in text


def test_error_in_colour() -> None:
    text, code = on_terminal("replay", "/nonexistent.pcap", env={})
    assert code == 3
    assert "\x1b[31merror:\x1b[0m" in text


def test_hostile_names_do_not_reach_the_terminal(tmp_path: Path) -> None:
    """An instrument name with an escape sequence is shown as text."""
    messages = [wire.system(b"O"), wire.add(1, 5, b"B", 100, "\x1b[2JX", 10_000)]
    path = wire.write_pcap(tmp_path / "evil.pcap", wire.day_frames(messages))
    text, code = on_terminal("replay", path, env={})
    assert code == 0
    assert "\x1b[2J" not in text
    assert "?[2JX" in text
