"""From a capture file in the page cache to published books, beside the books alone."""

from pathlib import Path

import pytest

from perf import programs
from perf.figures import Figures, ratios, row
from perf.programs import samples

#: pass, what it is, whether the target holds for it
PACKINGS = (
    ("capture", "default packing", 0.7),
    ("capture_full", "fullest packing", 0.7),
    ("capture_single", "one message a datagram", None),
)
MOST = 10_000_000  # messages; keeps the files below 3 GB


@pytest.mark.parametrize("symbols", [500, 8000])
def test_capture(
    symbols: int, messages: int, rounds: int, figures: Figures, tmp_path: Path
) -> None:
    messages = min(messages, MOST)
    lines = programs.run("bench_capture", symbols, messages, 0, rounds, tmp_path)
    programs.assert_right(lines, passes=1 + len(PACKINGS))
    group = f"capture file, {symbols:,} symbols, {messages / 1e6:g} million messages"
    books = [ns / messages for ns in samples(lines, "books", "cpu_ns")]
    figures.add(row(group, "books alone, from memory", "ns", books))
    written = {line["capture"]: line for line in lines if "capture" in line}
    for name, title, target in PACKINGS:
        times = [ns / messages for ns in samples(lines, name, "cpu_ns")]
        datagrams = written[name]["datagrams"] - written[name]["heartbeats"]
        note = f"{messages / datagrams:.2f} messages a datagram"
        figures.add(
            row(group, title, "ns", times, note=note),
            row(group, f"{title}: of the books' speed", "x", ratios(books, times),
                target=target, at_least=True, note=note),
        )  # fmt: skip
    reading = [ns / messages for ns in samples(lines, "read", "cpu_ns")]
    figures.add(row(group, "read() of the default file", "ns", reading))
    figures.facts[f"capture_{symbols}"] = {"written": written}
    assert not list(tmp_path.iterdir())
