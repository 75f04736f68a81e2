"""The linters and type checkers, each as one test; a missing tool is a skip with its name."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tidy.project import ROOT, files

PYTHON_FOLDERS = [n for n in ("bpf", "controlplane", "tests", "perf") if files(".py", under=n)]


def check(tool: str, *arguments: str | Path, brief: str = "") -> None:
    """Runs a tool over the project. brief, a regular expression, picks what is shown of it."""
    beside = Path(sys.executable).parent / tool
    path = str(beside) if beside.exists() else shutil.which(tool)
    if path is None:
        pytest.skip(f"{tool} is not installed (scripts/setup.sh test installs it)")
    done = subprocess.run(
        [path, *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    text = f"{done.stdout[-6000:]}\n{done.stderr[-6000:]}"
    if brief:
        found = re.findall(brief, done.stdout + done.stderr, re.MULTILINE)
        text = "\n".join(dict.fromkeys(found)) or text
    assert done.returncode == 0, f"\n{text}"


def test_clang_format() -> None:
    check("clang-format", "--dry-run", "-Werror", *files(".c", ".h"), brief=r"^(\S+?):\d")


def test_ruff_lint() -> None:
    check("ruff", "check", "--no-cache", *PYTHON_FOLDERS)


def test_ruff_format() -> None:
    check("ruff", "format", "--check", "--no-cache", *PYTHON_FOLDERS)


def test_mypy() -> None:
    check("mypy", *PYTHON_FOLDERS)


def test_shellcheck() -> None:
    check("shellcheck", *files(".sh"), ".ci/run")


def test_cppcheck() -> None:
    check(
        "cppcheck",
        "--quiet",
        "--std=c11",
        "--language=c",
        "--enable=warning,portability",
        "--inline-suppr",
        "--suppress=missingIncludeSystem",
        "--suppress=memleakOnRealloc:tests/*",
        "--error-exitcode=1",
        "-j2",
        "-Idataplane",
        "-Itests/unit",
        *files(".c"),
    )
