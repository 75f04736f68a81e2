"""Decode and book a stream, with and without look-ahead, beside passes that do less."""

from typing import Any

import pytest

from perf import programs
from perf.figures import Figures, Row, ratios, row
from perf.programs import Lines, samples

#: by symbols: books to dispatch, and ns a message with one message a burst
TARGETS = {500: (2.5, 28.0), 8000: (3.0, 53.0)}


def per_message(lines: Lines, which: str, compiler: str) -> list[float]:
    """ns a message, a value a round."""
    messages = programs.only(lines, "stream")["stream"]["messages"]
    return [ns / messages for ns in samples(lines, which, "cpu_ns", compiler=compiler)]


def best(lines: Lines, which: str) -> tuple[str, list[float]]:
    """The compiler whose build of a pass is the faster one, and its rounds."""
    compilers = {line["compiler"] for line in lines if line.get("pass") == which}
    found = {c: per_message(lines, which, c) for c in compilers}
    name = min(found, key=lambda c: sorted(found[c])[len(found[c]) // 2])
    return name, found[name]


def latency_rows(lines: Lines, group: str, which: str, **targets: float) -> list[Row]:
    """Percentiles over the messages of a pass; low and high are those of its rounds."""
    label = "message alone" if which.endswith("alone") else "message"
    rows = []
    for key, name in (("p50", "p50"), ("p99", "p99"), ("p99_9", "p99.9"), ("max", "max")):
        rows.append(row(group, f"{label}, {name}", "ns", samples(lines, which, key),
                        target=targets.get(key)))  # fmt: skip
    return rows


def book_rows(lines: Lines, group: str, own: str, target: tuple[float, float]) -> list[Row]:
    compiler, dispatch = best(lines, "dispatch")
    walker, walk = best(lines, "walk")
    books = per_message(lines, "books", own)
    one = per_message(lines, "books_one", own)
    return [
        row(group, "walk of lengths", "ns", walk, note=walker),
        row(group, "walk, dispatch, key fields", "ns", dispatch, note=f"{compiler}, the fastest"),
        row(group, "books, 64 frames a burst", "ns", books, note=own),
        row(group, "books / dispatch", "x", ratios(books, dispatch), target=target[0], note=own),
        row(group, "books, one message a burst", "ns", one, target=target[1], note=own),
    ]


def facts(lines: Lines) -> dict[str, Any]:
    """What the stream was and what the engine took for it."""
    check = next(line for line in lines if line.get("check") == "books")
    return {
        **programs.only(lines, "stream")["stream"],
        "hugepages": check["hugepages"],
        "region_bytes": check["region_bytes"],
        "messages_per_frame": 40,
        "frames_per_burst": 64,
        "lines": [line for line in lines if "pass" in line],
    }


@pytest.mark.parametrize("symbols", [500, 8000])
def test_books(symbols: int, messages: int, rounds: int, figures: Figures) -> None:
    lines = programs.run("bench_book", symbols, messages, 0, rounds, min(rounds, 3))
    programs.assert_right(lines, passes=4)
    own = next(line["compiler"] for line in lines if line.get("pass") == "books")
    group = f"{symbols:,} symbols, {messages / 1e6:g} million messages"
    figures.add(*book_rows(lines, group, own, TARGETS[symbols]))
    figures.add(*latency_rows(lines, group, "latency", p50=20.0, p99=300.0))
    figures.add(*latency_rows(lines, group, "latency_alone"))
    figures.facts[f"books_{symbols}"] = facts(lines)
    assert len(samples(lines, "books", "cpu_ns")) == rounds


@pytest.mark.parametrize("symbols", [500, 8000])
def test_books_built_by_clang(symbols: int, messages: int, rounds: int, figures: Figures) -> None:
    """The same program and library by the other compiler: how much is the compiler's?"""
    lines = programs.run("bench_book", symbols, messages, 0, min(rounds, 3), 0, compiler="clang")
    programs.assert_right(lines, passes=2)
    group = f"{symbols:,} symbols, all built by clang"
    figures.add(*book_rows(lines, group, "clang", TARGETS[symbols])[1:])
    figures.facts[f"books_{symbols}_clang"] = facts(lines)
