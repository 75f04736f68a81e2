"""Every kind of port keeps the promises of io.h: the C program of conformance/, kind by kind."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("PINNACLE_BUILD") or ROOT / "build/checks")
PROGRAM = BUILD / "tests/io/conformance"
#: Kinds of this project; a build without one of them says so by not listing it.
KINDS = ("pcap", "memory", "af_xdp", "af_xdp_large", "af_xdp_generic", "af_xdp_queues",
         "af_xdp_busy_poll", "dpdk_ring")  # fmt: skip


def built() -> list[str]:
    if not PROGRAM.exists():
        pytest.skip(f"{PROGRAM} is not built (scripts/dev.sh build)")
    return subprocess.run([PROGRAM], capture_output=True, text=True, check=True).stdout.split()


def test_kinds_are_known() -> None:
    assert set(built()) <= set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_port(kind: str) -> None:
    if kind not in built():
        pytest.skip(f"this build has no {kind} port")
    done = subprocess.run([PROGRAM, kind], capture_output=True, text=True, timeout=300, check=False)
    if done.returncode == 77:
        pytest.skip(done.stdout.strip())
    assert done.returncode == 0, f"{done.stdout[-4000:]}{done.stderr[-4000:]}"
    assert re.search(r"\b[1-9]\d* checks, 0 failed", done.stdout), done.stdout
