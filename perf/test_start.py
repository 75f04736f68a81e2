"""How long the command line takes to start."""

import subprocess
import sys
import time
from pathlib import Path

from perf.figures import Figures, row

TIMES = 20


def wall_ms(command: list[str]) -> float:
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, check=False)
    taken = (time.perf_counter() - start) * 1e3
    assert done.returncode == 0, done.stderr.decode()
    return taken


def test_help(figures: Figures) -> None:
    script = Path(sys.executable).parent / "pinnacle-ctl"
    installed = script.exists()
    command = [str(script)] if installed else [sys.executable, "-m", "pinnacle.cli.main"]
    bare = [sys.executable, "-c", "pass"]
    helps, bares = [], []
    for _ in range(TIMES):
        helps.append(wall_ms([*command, "--help"]))
        bares.append(wall_ms(bare))
    note = "wall time of the " + ("installed script" if installed else "module")
    figures.add(
        row("start", "pinnacle-ctl --help", "ms", helps, target=150.0, note=note),
        row("start", "python -c pass", "ms", bares),
    )
    assert len(helps) == TIMES
