"""What a run has measured: rows of figures with their targets, as a table and as JSON.

A target is shown as met or not met and never decides whether a test passes: the machine may be
shared, slow or both.
"""

from __future__ import annotations

import dataclasses
import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Row:
    """One figure: ``value`` is the median of ``samples``, or a percentile that the name says."""

    group: str
    name: str
    unit: str
    value: float
    low: float  #: smallest sample
    high: float  #: largest sample
    samples: int
    target: float | None = None
    at_least: bool = False  #: the target is a floor; else a ceiling
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is met, ``None`` without one."""
        if self.target is None:
            return None
        return self.value >= self.target if self.at_least else self.value <= self.target


def row(group: str, name: str, unit: str, samples: Sequence[float], **more: Any) -> Row:
    """A row whose value is the median of the samples."""
    return Row(
        group, name, unit, statistics.median(samples), min(samples), max(samples), len(samples),
        **more,
    )  # fmt: skip


def ratios(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """Ratio of each round: what slows the machine for a while slows both of its parts."""
    return [a / b for a, b in zip(above, below, strict=True)]


@dataclass
class Figures:
    """All rows of a run and the facts that they were measured under."""

    rows: list[Row] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)

    def add(self, *rows: Row) -> None:
        self.rows.extend(rows)

    def show(self, console: Console) -> None:
        """Prints the table, a section a group."""
        table = Table(title="PinnacleMM: speed", title_justify="left")
        table.add_column("measured", no_wrap=True)
        for head in ("median", "low", "high", "target"):
            table.add_column(head, justify="right")
        table.add_column("")
        table.add_column("note", overflow="fold", ratio=1)
        for group in dict.fromkeys(r.group for r in self.rows):
            table.add_section()
            table.add_row(f"[bold]{group}[/bold]")
            for r in (r for r in self.rows if r.group == group):
                table.add_row(*cells(r))
        console.print(table)
        for reason in self.skipped:
            console.print(f"not measured: {reason}")

    def write(self, path: Path, machine: dict[str, Any]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = [{**dataclasses.asdict(r), "met": r.met} for r in self.rows]
        out = {**machine, "facts": self.facts, "rows": rows, "not_measured": self.skipped}
        path.write_text(json.dumps(out, indent=1) + "\n")


def number(value: float) -> str:
    """Three significant digits, no exponent."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def cells(r: Row) -> Iterable[str]:
    """What the table shows of a row."""
    target = "" if r.target is None else ("≥ " if r.at_least else "≤ ") + number(r.target)
    verdict = {None: "", True: "[green]met[/green]", False: "[red]not met[/red]"}[r.met]
    value = f"{number(r.value)} {r.unit}"
    return f"  {r.name}", value, number(r.low), number(r.high), target, verdict, r.note
