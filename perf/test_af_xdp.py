"""The af_xdp port on veth: the whole engine beside a plain receive loop, loss, and latency."""

from typing import Any

import pytest

from perf import programs
from perf.figures import Figures, Row, ratios, row
from perf.programs import samples

SYMBOLS = 500
MOST = 2_000_000  # frames of the list; one message each, 128 bytes of memory
LONG = 10_000_000  # messages from which on a run is no mere look


@pytest.fixture(scope="module")
def lines(messages: int, rounds: int) -> programs.Lines:
    seconds = 30 if messages >= LONG else 3
    found = programs.run("bench_af_xdp", SYMBOLS, min(messages, MOST), rounds, seconds)
    for line in found:
        if "skip" in line:
            pytest.skip(line["skip"])
    return found


def test_rate(lines: programs.Lines, figures: Figures) -> None:
    group = "AF_XDP on veth, one message a frame"
    plain, engine = samples(lines, "plain", "rate"), samples(lines, "engine", "rate")
    figures.add(
        row(group, "plain receive loop", "Mpps", [r / 1e6 for r in plain]),
        row(group, "received, parsed and booked", "Mpps", [r / 1e6 for r in engine]),
        row(group, "booked / plain", "x", ratios(engine, plain), target=0.9, at_least=True),
    )
    checks = [line for line in lines if line.get("check") == "engine"]
    for line, check in zip(
        (line for line in lines if line.get("pass") == "engine"), checks, strict=True
    ):
        assert line["received"] + line["dropped"] <= line["sent"], line
        assert check["frames"] == line["received"]
        if line["received"] == line["sent"]:
            assert (check["dropped"], check["wrong_books"]) == (0, 0)


def test_nothing_lost(lines: programs.Lines, figures: Figures) -> None:
    group = "AF_XDP on veth, one message a frame"
    (steady,) = [line for line in lines if line.get("pass") == "steady"]
    (check,) = [line for line in lines if line.get("check") == "steady"]
    lost = steady["sent"] - steady["received"]
    seconds = steady["sent"] / steady["asked"]
    note = (
        f"{steady['sent']:,} frames in {seconds:.0f} s at {steady['asked'] / 1e6:.2f} Mpps; "
        f"{steady['dropped']:,} counted by the port, the others lost before it"
    )
    figures.add(
        row(group, "lost at 0.8 of the plain loop's rate", "frames", [lost], target=0, note=note)
    )
    if not lost:
        # Several sessions, so that only what the last one left can be compared.
        stream = programs.only(lines, "stream")["stream"]
        assert (check["dropped"], check["messages"]) == (0, steady["sent"])
        assert check["live_orders"] == stream["live_orders"]


def test_latency(lines: programs.Lines, figures: Figures) -> None:
    found: list[dict[str, Any]] = [line for line in lines if "latency" in line]
    assert found
    for line in found:
        where = {"wire": "sent", "port": "polled"}[line["latency"]]
        group = f"AF_XDP on veth, {line['rate'] / 1e3:g} k frames a second"
        for name in ("p50", "p99", "p99_9", "max"):
            value = line[name] / 1e3
            figures.add(
                Row(group, f"{where} to published book, {name.replace('_', '.')}", "us", value,
                    value, value, line["frames"])
            )  # fmt: skip
