"""Options of ``pytest perf/``, the figures of the run, and their table and file at its end."""

import os
from pathlib import Path

import pytest
from rich.console import Console

from perf import machine
from perf.figures import Figures

FIGURES = pytest.StashKey[Figures]()
WIDTH = 150  # of the table
RESULTS = Path(__file__).parent / "results"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("perf")
    group.addoption(
        "--messages", type=int, default=int(os.environ.get("PINNACLE_PERF_MESSAGES", 40_000_000)),
        help="length of the benchmark streams (PINNACLE_PERF_MESSAGES; default 40 million)",
    )  # fmt: skip
    group.addoption("--rounds", type=int, default=5, help="rounds of every pass (default 5)")
    group.addoption(
        "--save", action="store_true", default=bool(os.environ.get("PINNACLE_PERF_SAVE")),
        help="keep the results under a name that git takes (PINNACLE_PERF_SAVE)",
    )  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    config.stash[FIGURES] = Figures(facts={"machine": machine.describe()})


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.stem != "test_machine")


@pytest.fixture(scope="session")
def figures(request: pytest.FixtureRequest) -> Figures:
    """Where the tests put what they measure."""
    return request.config.stash[FIGURES]


@pytest.fixture(scope="session")
def messages(request: pytest.FixtureRequest) -> int:
    """Length of a stream."""
    return int(request.config.getoption("--messages"))


@pytest.fixture(scope="session")
def rounds(request: pytest.FixtureRequest) -> int:
    """How often every pass runs."""
    return int(request.config.getoption("--rounds"))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    figures = config.stash[FIGURES]
    if not figures.rows:
        return
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        figures.skipped.append(f"{report.nodeid}: {reason.removeprefix('Skipped: ')}")
    facts = figures.facts.pop("machine")
    facts["machine"]["load_after"] = os.getloadavg()[0]
    terminalreporter.write_line("")
    figures.show(Console(width=WIDTH))
    name = f"{facts['date'][:10]}-{facts['commit'].rstrip('+')}"
    path = RESULTS / (f"{name}.json" if config.getoption("--save") else f"{name}.local.json")
    figures.write(path, facts)
    m = facts["machine"]
    terminalreporter.write_line(
        f"{m['cpu']}, {m['cores']} cores, {m['memory']}, {m['hugepages']} hugepages, "
        f"load {m['load_before']:.1f} before and {m['load_after']:.1f} after, "
        f"Linux {m['kernel']}, {m['gcc']}; commit {facts['commit']}"
    )
    terminalreporter.write_line(f"written to {os.path.relpath(path)}")
