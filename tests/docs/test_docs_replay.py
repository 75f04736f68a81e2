"""The documents of replay: every example and command runs, every table is complete."""

import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
from pinnacle.errors import EXIT_CODES
from pinnacle.report import (
    BookReport,
    ChannelReport,
    LineReport,
    MemoryReport,
    ReplayReport,
    Window,
)

from tests.support import wire
from tests.support.ctl import ctl

ROOT = Path(__file__).resolve().parents[2]


def blocks(document: str, language: str) -> list[str]:
    text = (ROOT / "docs" / document).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.S | re.M)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    wire.write_pcap(tmp_path / "day.pcap", wire.day_frames())
    shutil.copy(ROOT / "configs" / "replay.yaml", tmp_path / "replay.yaml")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_python_examples(folder: Path) -> None:
    examples = blocks("python.md", "python")
    assert len(examples) >= 8
    names: dict[str, Any] = {}
    for example in examples:
        exec(compile(example, "docs/python.md", "exec"), names)


def test_commands(folder: Path) -> None:
    lines = [line for block in blocks("replay.md", "console") for line in block.splitlines()]
    assert len(lines) >= 8
    for line in lines:
        command, *args = shlex.split(line.removeprefix("$ "))
        assert command == "pinnacle-ctl"
        result = ctl(*args)
        assert result.returncode == 0, f"{line}: {result.stderr}"
        assert result.stdout


def test_sql(folder: Path) -> None:
    import duckdb

    assert ctl("replay", "--export", "out", "day.pcap").returncode == 0
    (query,) = blocks("replay.md", "sql")
    assert dict(duckdb.execute(query).fetchall()) == {"AAPL": 200, "MSFT": 25}


def test_exit_codes_are_documented() -> None:
    text = (ROOT / "docs" / "replay.md").read_text()
    rows = dict(re.findall(r"^\| (\d+) \| (.*) \|$", text, flags=re.M))
    assert rows == {str(code): meaning for code, (_, meaning) in EXIT_CODES.items()}


def test_options_are_documented() -> None:
    from pinnacle.cli.replay import replay

    text = (ROOT / "docs" / "replay.md").read_text()
    for parameter in replay.params:
        for name in parameter.opts:
            if name.startswith("--"):
                assert f"| `{name}" in text, name


def test_json_keys_are_documented() -> None:
    text = (ROOT / "docs" / "replay-json.md").read_text()
    for model in (ReplayReport, ChannelReport, LineReport, BookReport, MemoryReport, Window):
        for name in model.model_fields:
            assert f"`{name}`" in text, f"{model.__name__}.{name}"
