"""What the machine gives at this moment: conftest.py runs it first. It decides nothing."""

from perf import programs
from perf.figures import Figures, row


def test_loads(rounds: int, figures: Figures) -> None:
    found: dict[int, list[float]] = {}
    for _ in range(rounds):
        for line in programs.run("bench_machine"):
            found.setdefault(line["kib"], []).append(line["ns"])
    for kib, times in found.items():
        size = f"{kib} KiB" if kib < 1024 else f"{kib // 1024} MiB"
        figures.add(row("machine", f"dependent load from {size}", "ns", times))
    assert all(len(times) == rounds for times in found.values())
