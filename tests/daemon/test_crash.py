"""Killed and started again: books are kept, the rest is fetched, nothing wrong is ever valid."""

import os
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pinnacle.capture.generate import Config, generate
from pinnacle.region import View
from pinnacle.replay import Replay

from tests.daemon.plane import Plane, until

Make = Callable[..., Plane]
LONG = os.environ.get("PINNACLE_LONG") == "1"

#: name -> what the book is: tops, levels, trades
Books = dict[str, tuple[object, ...]]


def books_of(view: View) -> tuple[Books, set[str]]:
    """All named books and which of them are stale."""
    found: Books = {}
    stale = set()
    for i, instrument in enumerate(view.instruments):
        if not instrument.name:
            continue
        book = view.book(i)
        levels = [[tuple(level) for level in book.levels(side)] for side in ("bid", "ask")]
        top = book.top()
        best = (top.bid_px, top.bid_size, top.bid_orders, top.ask_px, top.ask_size, top.ask_orders)
        found[instrument.name] = (best, *map(tuple, levels), book.traded())
        if book.state == "stale":
            stale.add(instrument.name)
    return found, stale


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Books, int]:
    """A capture, its books and how many messages it has."""
    path = tmp_path_factory.mktemp("crash") / "day.pcap"
    generate(path, Config(seed=5, symbols=100, messages=600_000))
    with Replay([path]) as replay:
        replay.run()
        books, _ = books_of(replay.view)
        return path, books, replay.view.counters.messages


def compare(p: Plane, want: Books, where: str) -> set[str]:
    """Books must be those of the replay or stale; returns the stale ones."""
    with View.attach(p.state) as view:
        books, stale = books_of(view)
    wrong = {name for name in want if books.get(name) != want[name]} - stale
    assert not wrong, f"{where}: not stale and different: {sorted(wrong)[:3]}"
    return stale


def test_kill_at_random_moments(plane: Make, day: tuple[Path, Books, int]) -> None:
    """kill -9 under load again and again; the same capture from its beginning brings the gap."""
    path, want, messages = day
    p = plane([path], shard_idle_sleep_us=0)
    chance, went_on = random.Random(11), 0
    kills = 100 if LONG else 20
    for number in range(kills):
        if not number % 4:
            p.state.unlink(missing_ok=True)  # from the beginning once more
        p.start()
        time.sleep(chance.uniform(0.0, 0.15))
        p.kill()
        went_on += 0 < p.channel().applied_seq < messages
        if number % 4 != 3:
            continue
        p.start()
        until(lambda: p.channel().applied_seq == messages)
        stale = compare(p, want, f"after {number + 1} kills")
        assert len(stale) <= 4, stale
        assert p.daemon().repaired >= len(stale)
        p.kill()
    assert went_on, "no kill came between the first and the last message"


def test_restart_takes_over(plane: Make, day: tuple[Path, Books, int]) -> None:
    """Killed when all is done: the books are there again, at once and the same."""
    path, want, messages = day
    p = plane([path]).start()
    until(lambda: p.channel().applied_seq == messages)
    p.kill()
    digest = p.digest()
    p.start()
    daemon = p.daemon()
    assert (daemon.starts, daemon.repaired) == (2, 0)
    assert daemon.reattach_ns < 500_000_000
    assert compare(p, want, "at once") == set()
    assert p.digest() == digest
    assert p.stop()[0] == 0
    assert not p.state.exists()


def test_control_plane_may_die(plane: Make) -> None:
    """Its segment stays; the data plane goes on and a later control plane finds it."""
    from pinnacle.abi import ffi, lib

    p = plane().start()
    lib.pn_control_close(p.writer, 0)
    p.writer = None
    until(lambda: p.daemon().control_lost == 1)
    err = ffi.new("char[]", 256)
    p.writer = lib.pn_control_open(str(p.control).encode(), p.cfg, err, 256)
    assert p.writer != ffi.NULL, ffi.string(err)
    until(lambda: p.daemon().control_ok == 1)
    assert p.daemon().starts == 1
