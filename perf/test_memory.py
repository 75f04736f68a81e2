"""Memory of an engine with many symbols and orders, beside what its configuration reserves."""

from pathlib import Path

from perf import programs
from perf.figures import Figures, Row

SYMBOLS, LIVE = 8_000, 2_000_000
MESSAGES = 10_000_000  # enough to build so many orders up
MIB = 1 << 20
SLACK = 4 * MIB  # the program itself, its libraries and stack


def test_memory_stays_within_what_is_reserved(figures: Figures, tmp_path: Path) -> None:
    lines = programs.run("bench_memory", SYMBOLS, MESSAGES, LIVE, tmp_path)
    start, opened, end = [line for line in lines if "when" in line]
    reserved = programs.only(lines, "region_bytes")
    held = programs.only(lines, "live_orders")
    assert held["messages"] == MESSAGES
    assert held["dropped"] == 0
    assert held["peak_orders"] >= 0.99 * LIVE
    region, heap = reserved["region_bytes"], opened["heap"] - start["heap"]
    used = end["rss_peak"] + end["huge"] - start["rss_peak"]
    group = f"memory, {SYMBOLS:,} symbols, {held['live_orders']:,} live orders"
    note = f"of {reserved['max_orders']:,} orders, {reserved['max_pages']:,} pages"
    for name, value, target, why in (
        ("reserved: region", region, None, note),
        ("reserved: heap", heap, None, "run list, reorder window, file window"),
        ("used at most", used, region + heap, "resident and hugetlbfs pages over an idle process"),
        ("heap taken after the start", end["heap"] - opened["heap"], 0, ""),
    ):
        mib = value / MIB
        limit = None if target is None else target / MIB
        figures.add(Row(group, name, "MiB", mib, mib, mib, 1, limit, note=why))
    figures.facts["memory"] = {"lines": lines}
    assert end["heap"] == opened["heap"]
    assert used <= region + heap + SLACK
