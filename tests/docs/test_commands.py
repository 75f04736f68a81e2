"""Every command and Python example in the documentation is run, or says why it is not.

A fenced ``console`` block holds commands after ``$ `` and what they print; a ``python`` block is
an example. What is typed at pinnacle-ctl or python is run, page by page and in order, in a folder
that looks like the repository with a freshly made sample capture. Other commands must at least
exist: scripts answer --help, and a verb of scripts/dev.sh is in its help. A block that must not be
run carries ``<!-- not run: reason -->`` on the line before it.
"""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# These are run by test_docs_replay.py and test_docs_live.py, on what they are written for.
RUN_THERE = {"replay.md", "python.md", "live.md"}
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES = [page for page in PAGES if page.name not in RUN_THERE]
SKIP_MARK = re.compile(r"<!-- not run: (.+) -->")
# Known by their own documentation; that they are installed is all that is checked.
OTHER_TOOLS = {"pytest", "git", "."}
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Block:
    """One fenced block: its place, language and text, and why it is not run ("" if it is)."""

    page: Path
    line: int
    language: str
    text: str
    skip: str

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> Iterator[Block]:
    language, start, text, before = "", 0, list[str](), ""
    for number, line in enumerate(page.read_text().splitlines(), 1):
        if line.startswith("```"):
            if start:
                mark = SKIP_MARK.fullmatch(before)
                yield Block(page, start, language, "\n".join(text), mark[1] if mark else "")
                start, before = 0, ""
            else:
                language, start, text = line[3:].strip(), number, []
        elif start:
            text.append(line)
        elif line.strip():
            before = line.strip()


def commands(block: Block) -> list[str]:
    """Returns the commands of a console block, continued lines joined."""
    joined = block.text.replace("\\\n", " ")
    return [line[2:] for line in joined.splitlines() if line.startswith("$ ")]


BLOCKS = [block for page in PAGES for block in blocks(page)]
CONSOLE = [b for b in BLOCKS if b.language == "console"]
EXAMPLES = [b for b in BLOCKS if b.language == "python"]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the repository's files and its own captures/, as demo.sh leaves it."""
    folder = tmp_path_factory.mktemp("clone")
    for entry in ROOT.iterdir():
        if entry.name not in {"captures", "build", ".git"}:
            (folder / entry.name).symlink_to(entry)
    (folder / "captures").mkdir()
    for line in (ROOT / "scripts/demo.sh").read_text().replace("\\\n", " ").splitlines():
        made = re.match(r"\s*run (pinnacle-ctl capture make .*)", line)
        if made:
            run(made[1], folder)
    assert any((folder / "captures").iterdir()), "demo.sh makes no capture"
    return folder


def run(command: str, folder: Path) -> str:
    """Runs one command line with this interpreter's environment first in the path."""
    done = subprocess.run(
        ["bash", "-c", f'PATH="{BIN}:$PATH"\n{command}'],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"$ {command}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return done.stdout


def run_or_look_up(command: str, folder: Path) -> None:
    words = shlex.split(command, comments=True)
    tool = words[0]
    if tool in {"pinnacle-ctl", "python"}:
        run(command, folder)
    elif tool.startswith(("./scripts/", "scripts/")):
        text = run(f"{tool} --help", ROOT)
        unknown = [w for w in words if w.startswith("--") and w.partition("=")[0] not in text]
        assert not unknown or unknown == ["--help"], f"{command}: {unknown} is not in its help"
        if "--dry-run" in words:
            run(command, ROOT)
        if tool.endswith("dev.sh") and words[1:] and not words[1].startswith("-"):
            assert re.search(rf"^  {re.escape(words[1])}\b", text, re.MULTILINE), command
    else:
        assert tool in OTHER_TOOLS, f"{command}: neither run nor known"


def test_there_are_commands() -> None:
    typed = [command for block in CONSOLE for command in commands(block)]
    assert sum(command.startswith("pinnacle-ctl ") for command in typed) >= 5


def test_every_block_says_what_it_is() -> None:
    known = {"console", "python", "json", "yaml", "text", "mermaid"}
    assert [b.place for b in BLOCKS if b.language not in known] == []
    assert [b.place for b in CONSOLE if not commands(b)] == []


@pytest.mark.parametrize("block", CONSOLE, ids=lambda b: b.place)
def test_console(block: Block, clone: Path) -> None:
    if block.skip:
        pytest.skip(f"{block.place}: {block.skip}")
    for command in commands(block):
        run_or_look_up(command, clone)


def test_examples(clone: Path, tmp_path: Path) -> None:
    for block in EXAMPLES:
        assert not block.skip, f"{block.place}: an example is always run"
        script = tmp_path / "example.py"
        script.write_text(block.text + "\n")
        run(f"python {shlex.quote(str(script))}", clone)
