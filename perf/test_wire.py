"""Frames in memory to published books, one ITCH message a datagram and a burst."""

from perf import programs
from perf.figures import Figures, row
from perf.programs import samples

MOST = 4_000_000  # messages; a frame takes 128 bytes of memory


def test_wire(messages: int, rounds: int, figures: Figures) -> None:
    lines = programs.run("bench_wire", 500, min(messages, MOST), rounds)
    programs.assert_right(lines, passes=2)
    group = "frame in memory to published book, one message a datagram"
    for name, label in (("add", "an add"), ("all", "any message")):
        for key, title in (("p50", "p50"), ("p99", "p99"), ("p99_9", "p99.9"), ("max", "max")):
            target = 150.0 if (name, key) == ("add", "p50") else None
            figures.add(row(group, f"{label}, {title}", "ns", samples(lines, name, key),
                            target=target))  # fmt: skip
