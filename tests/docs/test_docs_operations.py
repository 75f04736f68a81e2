"""docs/operations.md: commands that change a machine are not run, but looked up word by word.

Scripts must know the options, commands of pinnacle-ctl must exist with theirs, and files that are
named must be there.
"""

import re
import shlex
import subprocess
from pathlib import Path

import pytest
from pinnacle.cli.main import cli

from tests.docs.test_commands import Block, blocks, commands
from tests.support.ctl import ctl

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/operations.md"
CONSOLE = [block for block in blocks(PAGE) if block.language == "console"]
#: known by their own documentation
OTHERS = {"git", ".", "cd", "ip", "ethtool", "apt-get", "systemctl", "install", "ln", "rm",
          "reboot", "ptp4l", "phc2sys", "vagrant"}  # fmt: skip


def options(words: list[str]) -> list[str]:
    return [word.partition("=")[0] for word in words if re.match(r"--[a-z]", word)]


def look_up(command: str) -> str:
    """An empty text, or what of a command is not there (yet)."""
    words = shlex.split(command.split(" && ")[0].split(" || ")[0])
    if words[0] == "sudo":
        words = words[1:]
    tool = words[0]
    if tool == "pinnacle-ctl":
        names = [word for word in words[1:] if not word.startswith("-")]
        if names[0] not in cli.list_commands(None):  # type: ignore[arg-type]
            return f"pinnacle-ctl {names[0]} is not in this build"
        for depth in (2, 1):
            shown = ctl(*names[:depth], "--help")
            if shown.returncode == 0:
                missing = [o for o in options(words) if o not in shown.stdout]
                return f"{command}: {missing}" if missing else ""
        return f"{command}: no such command"
    if tool.startswith("./scripts/"):
        script = ROOT / tool
        if not script.is_file():
            return f"{tool} is not there"
        shown = subprocess.run([script, "--help"], capture_output=True, text=True, check=True)
        missing = [o for o in options(words) if o not in shown.stdout]
        return f"{command}: {missing}" if missing else ""
    return "" if tool in OTHERS else f"{tool}: neither run nor known"


@pytest.mark.parametrize("block", CONSOLE, ids=lambda block: block.place)
def test_every_command_can_be_looked_up(block: Block) -> None:
    problems = [problem for problem in map(look_up, commands(block)) if problem]
    absent = [p for p in problems if p.endswith(("is not in this build", "is not there"))]
    assert [p for p in problems if p not in absent] == []
    if absent:
        pytest.skip("; ".join(absent))


def test_files_and_links_exist() -> None:
    text = PAGE.read_text()
    for target in re.findall(r"\]\(\.\./([^)#]+)\)", text):
        if target.startswith("deploy/") and not (ROOT / "deploy").is_dir():
            continue  # comes with the supervisor
        assert (ROOT / target).exists(), target


def test_exit_codes_are_those_that_exist() -> None:
    from pinnacle.errors import EXIT_CODES

    table = PAGE.read_text().split("## 8.")[1].split("## 9.")[0]
    named = {int(n) for n in re.findall(r"\((\d+)\) \|", table)}
    assert named <= set(EXIT_CODES) | {14}


def test_every_setup_option_is_explained() -> None:
    shown = subprocess.run(
        [ROOT / "scripts/setup_host.sh", "--help"], capture_output=True, text=True, check=True
    ).stdout
    what = shown.split("WHAT")[2].split("--dry-run ")[0]
    text = PAGE.read_text()
    assert [o for o in re.findall(r"^  (--[a-z]+)", what, re.M) if o not in text] == []
