"""The same input gives the same digest in the release build and in the sanitizer build."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.oracle import pcap
from tests.replay.test_determinism import FRAMES
from tests.support import captures

ROOT = Path(__file__).resolve().parents[2]
ASAN = ROOT / "build/asan"
REPLAY = "import sys; from pinnacle.cli.main import main; sys.exit(main())"
REAL = [
    "iex/DEEP10.pcap.gz",
    "iex/TOPS16.pcapng.gz",
    "nasdaq_itch50/12302019_SNIPPET.NASDAQ_ITCH50",
]


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("builds") / "lines.pcap"
    make = [REPLAY, "capture", "make", "--seed", "11", "--messages", "100000", str(path)]
    subprocess.run([sys.executable, "-c", *make], check=True, capture_output=True)
    return path


def replay(path: Path, *before: str) -> dict[str, Any]:
    """Replays with the package of this run, or with another when a command stands before."""
    done = subprocess.run(
        [*before, sys.executable, "-c", REPLAY, "replay", "--json", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def same_in_both(path: Path) -> None:
    if "asan" in os.environ.get("LD_PRELOAD", ""):
        pytest.skip("this run is the sanitizer build; the other run compares")
    if not (ASAN / "root").is_dir():
        pytest.skip("build/asan is not there (scripts/dev.sh sanitize)")
    ninja = shutil.which("ninja") or pytest.skip("ninja is not installed")
    todo = subprocess.run(
        [ninja, "-C", str(ASAN), "-n"], capture_output=True, text=True, check=True
    )
    if "no work to do" not in todo.stdout:
        pytest.skip("build/asan is older than the sources (scripts/dev.sh sanitize)")
    release = replay(path)
    checked = replay(path, str(ROOT / "scripts/dev.sh"), "sanitized")
    assert release["messages"] > 0
    for key in ("digest", "messages", "by_type", "drops", "books", "trades", "volume"):
        assert release[key] == checked[key], key


def test_generated(generated: Path) -> None:
    same_in_both(generated)


def test_three_channels_with_loss(tmp_path: Path) -> None:
    path = tmp_path / "mixed.pcap"
    pcap.write_pcap(path, FRAMES)
    same_in_both(path)


@pytest.mark.parametrize("name", REAL)
def test_real(name: str) -> None:
    same_in_both(captures.capture(name))
