"""The command line itself: help, exit codes, streams, colour, broken pipes, start-up imports."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from pinnacle.cli.main import cli
from pinnacle.errors import EXIT_CODES

from tests.support import wire
from tests.support.ctl import COMMAND, ctl

HEAVY = ("numpy", "pydantic", "rich", "pyarrow", "yaml", "asyncio", "pinnacle.abi", "cffi")

COMMANDS = [
    (),
    ("replay",),
    ("capture",),
    ("capture", "info"),
    ("config",),
    ("config", "check"),
    ("config", "show"),
    ("config", "diff"),
    ("config", "schema"),
    ("start",),
    ("stop",),
    ("restart",),
    ("status",),
    ("wait",),
    ("logs",),
    ("top",),
    ("get",),
    ("get", "feeds"),
    ("get", "books"),
    ("get", "queues"),
    ("get", "counters"),
    ("describe",),
    ("version",),
    ("help",),
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_has_examples(command: tuple[str, ...]) -> None:
    result = CliRunner().invoke(cli, [*command, "--help"])
    assert result.exit_code == 0, result.output
    assert "Example" in result.output
    assert "pinnacle-ctl" in result.output.split("Example")[1]


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom pinnacle.cli.main import run\nrun(['--help'])\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stderr.strip() == "[]"


def test_exit_code_table() -> None:
    result = ctl("help", "exit-codes")
    assert result.returncode == 0
    for code, (_, meaning) in EXIT_CODES.items():
        assert f"{code:>4}  {meaning}" in result.stdout


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("nonsense",), 2),
        (("replay",), 2),
        (("replay", "--speed", "fast", "x.pcap"), 2),
        (("replay", "--from", "noon", "x.pcap"), 2),
        (("replay", "--feed", "other", "x.pcap"), 2),
        (("replay", "--no-such-option", "x.pcap"), 2),
        (("replay", "/nonexistent/x.pcap"), 3),
        (("capture", "info", "/nonexistent/x.pcap"), 3),
        (("config", "check", "/nonexistent.yaml"), 3),
        (("start", "--config", "/nonexistent.yaml"), 3),
        (("start", "--wait"), 2),
        (("wait", "--for", "rain"), 2),
        (("describe", "thing", "x"), 2),
        (("replay", "--config", "/nonexistent.yaml", "x.pcap"), 3),
    ],
)
def test_errors_are_one_line_on_stderr(args: tuple[str, ...], code: int) -> None:
    result = ctl(*args)
    assert result.returncode == code
    assert result.stdout == ""
    assert result.stderr.startswith("pinnacle-ctl: error: ")
    assert result.stderr.count("\n") == 1


def test_bad_configuration(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("engine:\n  burst: 0\n")
    for args in (("config", "check", path), ("replay", "--config", path, "x.pcap")):
        result = ctl(*args)
        assert result.returncode == 7
        assert f"{path}:2: engine.burst: 0 is out of bounds" in result.stderr


def test_config_show_and_schema() -> None:
    shown = json.loads(ctl("config", "show", "--json").stdout)
    schema = json.loads(ctl("config", "schema").stdout)
    assert set(shown) == set(schema["properties"])
    assert "burst: 64" in ctl("config", "show").stdout


def test_version() -> None:
    facts = json.loads(ctl("version", "--json").stdout)
    assert {"package", "python", "abi"} <= set(facts)
    assert any("left out" in name or "left out" in text for name, text in facts.items())
    for name in facts:
        assert name in ctl("version").stdout


def test_no_colour_into_a_pipe(tmp_path: Path) -> None:
    path = wire.write_pcap(tmp_path / "day.pcap", wire.day_frames())
    assert "\x1b" not in ctl("replay", path).stdout
    assert "\x1b" not in ctl("replay", "/nonexistent").stderr


def test_broken_pipe_is_quiet() -> None:
    """The reader goes away before anything is written."""
    process = subprocess.Popen(
        [*COMMAND, "config", "schema"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout and process.stderr
    process.stdout.close()
    assert process.wait(timeout=60) == 141
    assert process.stderr.read() == b""
    process.stderr.close()
