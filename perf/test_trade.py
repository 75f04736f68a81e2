"""Tick to order: a frame that moves the market in a memory port, to finished OUCH bytes."""

from pathlib import Path

import pytest

from perf import programs
from perf.figures import Figures, row

TICKS = 200_000
STAGES = ("frame to book", "book to signals", "signals to order bytes")
TARGETS = {"p50": 250.0, "p99": 600.0}


@pytest.mark.parametrize(("sides", "journal"), [(1, False), (3, False), (3, True)])
def test_tick_to_order(
    sides: int, journal: bool, messages: int, rounds: int, figures: Figures, tmp_path: Path
) -> None:
    folder = tmp_path / "journal" if journal else "-"
    lines = programs.run("bench_tick", rounds, min(TICKS, max(messages // 100, 1000)), sides,
                         folder)  # fmt: skip
    done = programs.only(lines, "ticks")
    assert done["without_order"] == 0, done
    what = "both quotes move" if sides == 3 else "one quote moves"
    group = f"tick to order, {what}, journal in {'files' if journal else 'memory'}"
    for stage in ("tick to order", *STAGES):
        for key in ("p50", "p99", "p999", "max"):
            values = [line[key] for line in lines if line.get("stage") == stage]
            target = TARGETS.get(key) if stage == "tick to order" else None
            figures.add(row(group, f"{stage}, {key}", "ns", values, target=target))
