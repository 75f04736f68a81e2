"""Runs every C unit test program as one test.

The programs come from a meson build with ``-Dchecks=true``: in ``PINNACLE_BUILD``, else in
``build/checks`` of the repository.
"""

import os
import re
import subprocess
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("PINNACLE_BUILD") or REPO / "build" / "checks")
SKIP = 77  # CHECK_SKIP of check.h: it cannot run here and says why
SOURCES = sorted(Path(__file__).parent.glob("test_*.c"))


@pytest.mark.parametrize("source", SOURCES, ids=lambda p: p.stem)
def test_program(source: Path) -> None:
    program = BUILD / "tests" / "unit" / source.stem
    if not BUILD.is_dir():
        pytest.skip(f"no C tests built: meson setup -Dchecks=true {BUILD} && ninja -C {BUILD}")
    assert program.is_file(), f"{source.name} is not built: add it to tests/unit/meson.build"
    run = subprocess.run([program], capture_output=True, text=True, timeout=300, check=False)
    if run.returncode == SKIP:
        pytest.skip(run.stdout.strip())
    assert run.returncode == 0, f"{run.stdout}{run.stderr}"
    # A program that checks nothing has not passed.
    assert re.search(r"\b[1-9]\d* checks, 0 failed", run.stdout), run.stdout
