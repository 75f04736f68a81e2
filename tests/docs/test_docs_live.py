"""docs/live.md: every command runs, every key of every JSON answer is explained."""

import json
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.docs.test_docs_replay import ROOT, blocks
from tests.support.ctl import ctl
from tests.support.live import Live, make

TEXT = "live.md"


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch) -> Iterator[Live]:
    """configs/pcap.yaml as it is shipped, but for its name, its capture and its metrics port."""
    for one in make():
        config: dict[str, Any] = yaml.safe_load((ROOT / "configs" / "pcap.yaml").read_text())
        config.update(instance=one.name, metrics={"listen": "127.0.0.1:0"})
        config["ports"][0]["device"] = "day.pcap"
        one.config = config
        one.write()
        monkeypatch.chdir(one.folder)
        yield one


def test_commands(live: Live) -> None:
    lines = [line for block in blocks(TEXT, "console") for line in block.splitlines()]
    assert len(lines) >= 20
    for line in lines:
        command, *args = shlex.split(line.removeprefix("$ "))
        assert command == "pinnacle-ctl"
        own = [] if args[:2] in (["config", "check"], ["config", "schema"]) else [
            "--run-dir", str(live.run_dir)
        ]  # fmt: skip
        result = ctl(*args, *own)
        assert result.returncode == 0, f"{line}: {result.stderr}"
    live.nothing_left()


def keys(node: object, skip: frozenset[str]) -> set[str]:
    if isinstance(node, list):
        return set().union(*(keys(item, skip) for item in node)) if node else set()
    if not isinstance(node, dict):
        return set()
    found = set(node)
    return found.union(*(keys(v, skip) for k, v in node.items() if k not in skip))


def test_json_keys_are_documented(live: Live) -> None:
    shutil.copy(live.folder / "day.pcap", live.folder / "other.pcap")
    live.up()
    docs = ROOT / "docs"
    text = (docs / TEXT).read_text() + (docs / "replay-json.md").read_text()
    known = set(re.findall(r"`\.?([a-z0-9_]+)`", text)) | set(re.findall(r'"(\w+)"', text))
    by_name = frozenset({"drops", "xstats", "by_type", "configured"})
    for args in (("status",), ("get", "feeds"), ("get", "books", "--depth", "2"),
                 ("get", "queues"), ("get", "counters"), ("describe", "channel", "totalview"),
                 ("describe", "port", "file"), ("describe", "book", "AAPL"),
                 ("describe", "shard", "0")):  # fmt: skip
        facts = json.loads(live.ctl(*args, "--json").stdout)
        assert keys(facts, by_name) <= known, f"{args}: {keys(facts, by_name) - known}"


def test_files_are_documented(live: Live) -> None:
    live.up()
    text = (ROOT / "docs" / TEXT).read_text()
    for entry in live.run_dir.iterdir():
        name = entry.name.replace(live.name, "NAME").replace("state.0", "state.N")
        name = name.replace("pinnacle.NAME.state", ".state")
        assert f"`{name}`" in text, entry.name


def test_every_command_is_listed() -> None:
    from pinnacle.cli.main import cli

    text = (ROOT / "docs" / TEXT).read_text()
    for name in ("start", "stop", "restart", "status", "wait", "logs", "top", "get", "describe"):
        assert name in cli.list_commands(None)  # type: ignore[arg-type]
        assert f"| `{name}" in text


def test_links_of_the_page() -> None:
    page = ROOT / "docs" / TEXT
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        assert (Path(page).parent / target).exists(), target
