"""Consistent snapshots from Python, with and without a writer at full speed in another process.

Timed in batches by the thread's own time, so that what other processes take does not count. The
writer (bench_writer.c) ties every size to its price, so a mixture of two states is seen.
"""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest
from pinnacle.abi import ffi, lib
from pinnacle.errors import RegionError
from pinnacle.region import View

from perf import programs
from perf.figures import Figures, Row, row

BATCH, BATCHES = 2_000, 200
SNAPSHOTS = 1_000_000
DEPTH = 10


def size_of(px: int) -> int:
    """The size that belongs to a price; bench_writer.c has the same rule."""
    return px * 7 % 100_003 + 1


def ns_a_call(call: Callable[[], Any]) -> list[float]:
    """Thread time of a call in ns, a value a batch; the loop around it is in it.

    A batch is left out when a reading gave up: its writer was taken off the processor in the
    middle of an update, which a machine with too few free cores does.
    """
    out: list[float] = []
    end = time.monotonic() + 60
    while len(out) < BATCHES and time.monotonic() < end:
        start = time.thread_time_ns()
        with suppress(RegionError):
            for _ in repeat(None, BATCH):
                call()
            out.append((time.thread_time_ns() - start) / BATCH)
            continue
        os.sched_yield()
    return out


def patient(call: Callable[[], Any], gave_up: list[int]) -> Any:
    """One reading, again and again until there is one; counts the times it gave up."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with suppress(RegionError):
            return call()
        gave_up[0] += 1
        os.sched_yield()
    raise RegionError("the writer never let go")


def timed(group: str, name: str, call: Callable[[], Any], target: float | None = None) -> Row:
    return row(group, name, "ns", ns_a_call(call), target=target, note=f"batches of {BATCH:,}")


class Writer:
    """A data plane in another process: its books stand still until it is told to run."""

    def __init__(self, process: "subprocess.Popen[str]", view: View) -> None:
        self.process = process
        self.view = view
        self.index = view.find("SYM")

    def go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        time.sleep(0.2)

    def messages(self) -> int:
        out = ffi.new("struct pn_counters *")
        self.view.counters_into(out)
        return int(out.messages)


@contextmanager
def writer(symbols: int, folder: Path) -> Iterator[Writer]:
    shm = Path("/dev/shm")
    path = (shm if shm.is_dir() else folder) / f"pinnacle-bench-{time.time_ns()}"
    process = subprocess.Popen(
        [str(programs.program("bench_writer")), str(path), str(symbols)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            view = View.attach(path)
        except RegionError as error:
            pytest.skip(f"the installed package is of another build: {error}")
        with view:
            yield Writer(process, view)
        assert process.poll() is None, "the writer died"
    finally:
        process.terminate()
        process.communicate(timeout=30)
        path.unlink(missing_ok=True)


def test_call_costs(figures: Figures, tmp_path: Path) -> None:
    """What a call into C costs by itself, and readings of books that stand still."""
    group = "Python snapshots, no writer"
    figures.add(timed(group, "empty cffi call", lib.pn_abi_hash))
    with writer(1, tmp_path) as w:
        top = w.view.top_reader(w.index)
        levels = w.view.levels_reader(w.index, "bid", DEPTH)
        assert top().bid_size == size_of(top().bid_px)
        assert len(levels()) == DEPTH
        figures.add(
            timed(group, "best bid and offer", top, 150.0),
            timed(group, "ten levels as an array", levels, 500.0),
        )


@pytest.mark.parametrize("symbols", [500, 1])
def test_reading_while_it_is_written(symbols: int, figures: Figures, tmp_path: Path) -> None:
    """500: one busy book of many. 1: the writer does nothing but change the book that is read."""
    with writer(symbols, tmp_path) as w:
        top = w.view.top_reader(w.index)
        levels = w.view.levels_reader(w.index, "bid", DEPTH)
        w.go()
        first, start = w.messages(), time.perf_counter()
        group = f"Python snapshots, writer over {symbols} " + (
            "symbols" if symbols > 1 else "symbol"
        )
        figures.add(
            timed(group, "best bid and offer", top, 150.0),
            timed(group, "ten levels as an array", levels, 500.0),
        )  # fmt: skip
        rate = (w.messages() - first) / (time.perf_counter() - start) / 1e6
        figures.add(Row(group, "messages of the writer", "M/s", rate, rate, rate, 1))
        assert rate > 0.1, "the writer hardly moved"


@pytest.mark.parametrize("symbols", [500, 1])
def test_a_million_snapshots_and_none_torn(symbols: int, figures: Figures, tmp_path: Path) -> None:
    with writer(symbols, tmp_path) as w:
        read, levels = w.view.top_reader(w.index), w.view.levels_reader(w.index, "ask", DEPTH)
        w.go()
        first, torn, torn_levels, moved, last, gave_up = w.messages(), 0, 0, 0, None, [0]
        for _ in repeat(None, SNAPSHOTS):
            t = patient(read, gave_up)
            bid, ask = t.bid_px, t.ask_px
            torn += (t.bid_size, t.ask_size) != (size_of(bid), size_of(ask))
            moved += bid != last
            last = bid
        for _ in repeat(None, SNAPSHOTS // 10):
            found = patient(levels, gave_up)
            px = found["px"]
            torn_levels += not (
                len(found) == DEPTH
                and (px[1:] > px[:-1]).all()
                and (found["size"] == px * 7 % 100_003 + 1).all()
            )
        written = w.messages() - first
    group = f"torn snapshots, writer over {symbols} " + ("symbols" if symbols > 1 else "symbol")
    note = f"book seen to move {moved:,} times, gave up {gave_up[0]} times"
    figures.add(
        Row(group, f"of {SNAPSHOTS:,} tops", "", torn, torn, torn, 1, 0.0, note=note),
        Row(group, f"of {SNAPSHOTS // 10:,} ten levels", "", torn_levels, torn_levels,
            torn_levels, 1, 0.0),
    )  # fmt: skip
    assert written > 1_000_000, "the writer hardly moved"
    assert moved > 100, "nothing was shown"
    assert torn == torn_levels == 0
