"""While frames flow nothing allocates, locks, logs, reads a clock or calls the system.

Three looks at the same claim: calls counted at run time, a filter that kills at a system call, and
the symbols that the objects of the path refer to at all.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("PINNACLE_BUILD", ROOT / "build/checks"))
PROGRAM = BUILD / "tests/purity/purity"
OBJECTS = BUILD / "dataplane/libpinnacle.a.p"

# What the path may use from outside the library: plain copies, and the failing assert.
ALLOWED = {"memcpy", "memmove", "memset", "memcmp", "__assert_fail", "_GLOBAL_OFFSET_TABLE_"}
SANITIZER = re.compile(r"__(asan|ubsan|lsan)_")


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A capture of over 100,000 messages on two lines, with loss, duplicates and reordering."""
    path = tmp_path_factory.mktemp("purity") / "lines.pcap"
    made = subprocess.run(
        [
            str(Path(sys.executable).parent / "pinnacle-ctl"),
            "capture",
            "make",
            "--seed",
            "7",
            "--messages",
            "150000",
            "--lines",
            "2",
            "--loss",
            "0.01",
            "--duplicate",
            "0.01",
            "--reorder",
            "0.02",
            str(path),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    return path


def run(verb: str, capture: Path) -> str:
    if not PROGRAM.exists():
        pytest.skip(f"{PROGRAM} is not built (scripts/dev.sh build; x86-64 only)")
    done = subprocess.run(
        [str(PROGRAM), verb, str(capture)], capture_output=True, text=True, check=False
    )
    if done.returncode == 77:
        pytest.skip(done.stdout.strip())
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def events(text: str) -> int:
    found = re.search(r"(\d+) events", text)
    assert found, text
    return int(found[1])


def test_no_call(capture: Path) -> None:
    assert events(run("calls", capture)) > 100_000


def test_no_system_call(capture: Path) -> None:
    assert events(run("system", capture)) > 100_000
