"""The region from other processes: whole snapshots while it is written, refusals, dead writers."""

import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.engine import EAGAIN, LINK_BLOCKS, Engine, EngineError, View
from tests.oracle import itch
from tests.support.captures import ROOT

SNAPSHOTS = 1_000_000

# The writer replaces one bid and one ask so that every published top keeps a relation:
# even steps move the bid, odd ones the ask, and sizes tell the price they belong to.
WRITER = """
import sys
from tests.engine import LINK_BLOCKS, Engine
from tests.oracle import itch
from tests.shm.test_region import stream
engine = Engine(path=sys.argv[1], port_bytes=1 << 24, port_frames=1 << 12)
opening, loop = stream()
engine.push(opening, link=LINK_BLOCKS)
engine.drain_quietly()
print("ready", flush=True)
while True:
    for chunk in loop:
        engine.push(chunk, link=LINK_BLOCKS)
    engine.drain_quietly()
"""


def size_of(px: int) -> int:
    """The size that belongs to a price in the test stream."""
    return px * 7 % 100_003 + 1


def stream() -> tuple[bytes, list[bytes]]:
    """Opening blocks, and a loop of blocks that ends where it began."""

    def replace(ref: int, new: int, px: int) -> bytes:
        return itch.build("U", locate=1, ref=ref, new_ref=new, shares=size_of(px), price=px)

    prices = {1: 1_000_000, 2: 1_000_100}
    opening = [itch.build("S", event="O"), itch.build("H", locate=1, stock="X", state="T")]
    for ref, side in ((1, "B"), (2, "S")):
        opening.append(itch.build("A", locate=1, ref=ref, side=side, stock="X",
                                  shares=size_of(prices[ref]), price=prices[ref]))  # fmt: skip
    steps = [(i % 50) * 100 for i in [*range(1, 50), *range(48, -1, -1)]]
    loop = []
    for step in steps:
        for ref, base in ((1, 900_000), (2, 1_100_000)):
            loop.append(replace(ref, 10 + ref, base + step))
            loop.append(replace(10 + ref, ref, base + step + 1))
    chunks = [itch.join_blocks(loop[i : i + 40]) for i in range(0, len(loop), 40)]
    return itch.join_blocks(opening), chunks


@pytest.fixture
def writer(tmp_path: Path) -> object:
    path = tmp_path / "state"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([*sys.path, str(ROOT)])}
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], env=env, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    yield process, path
    process.kill()
    process.wait()


def assert_whole(top: object) -> None:
    for side in ("bid", "ask"):
        px, size = getattr(top, side + "_px"), getattr(top, side + "_size")
        assert size in (0, size_of(px)), (side, px, size)
        assert getattr(top, side + "_orders") == (1 if size else 0)


def test_a_million_snapshots_and_none_torn(writer: tuple[subprocess.Popen[str], Path]) -> None:
    from pinnacle.abi import ffi, lib

    process, path = writer
    view = View(str(path))
    (number,) = [n for k, n in view.instruments().items() if k == 1]
    out = ffi.new("struct pn_top *")
    again = changes = 0
    last = -1
    taken, deadline = 0, time.monotonic() + 60  # a busy machine may hold the writer up
    while taken < SNAPSHOTS or (changes <= 100 and time.monotonic() < deadline):
        taken += 1
        code = lib.pn_view_top(view.view, number, out)
        if code == EAGAIN:
            again += 1
            continue
        assert code == 0
        bid_px, bid_size, ask_px, ask_size = out.bid_px, out.bid_size, out.ask_px, out.ask_size
        if bid_size != bid_px * 7 % 100_003 + 1 or ask_size != ask_px * 7 % 100_003 + 1:
            assert_whole(out)
        changes += out.changes != last
        last = out.changes
    assert process.poll() is None, "the writer died"
    assert changes > 100, "the writer hardly moved; nothing was shown"
    view.close_view()


def test_levels_are_whole_while_they_are_written(
    writer: tuple[subprocess.Popen[str], Path],
) -> None:
    from pinnacle.abi import ffi, lib

    process, path = writer
    view = View(str(path))
    (number,) = [n for k, n in view.instruments().items() if k == 1]
    out = ffi.new("struct pn_level[]", 16)
    seen = 0
    for i in range(100_000):
        count = lib.pn_view_levels(view.view, number, i & 1, out, 16)
        if count == EAGAIN:
            continue
        assert count == 1, f"{count} levels where exactly one rests between events"
        assert out[0].size == size_of(out[0].px)
        assert out[0].orders == 1
        seen += 1
    assert seen > 50_000
    assert process.poll() is None
    view.close_view()


def test_readers_of_a_killed_writer_do_not_hang(
    writer: tuple[subprocess.Popen[str], Path],
) -> None:
    from pinnacle.abi import ffi, lib

    process, path = writer
    view = View(str(path))
    (number,) = [n for k, n in view.instruments().items() if k == 1]
    time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    start = time.monotonic()
    top = ffi.new("struct pn_top *")
    levels = ffi.new("struct pn_level[]", 16)
    for _ in range(10):
        code = lib.pn_view_top(view.view, number, top)
        assert code in (0, EAGAIN)
        if code == 0:
            assert_whole(top)
        assert lib.pn_view_levels(view.view, number, 0, levels, 16) in (0, 1, 2, EAGAIN)
    assert time.monotonic() - start < 5
    view.close_view()
    View(str(path)).close_view()


def region(path: Path) -> bytes:
    """A small finished region as bytes."""
    with Engine(path=str(path)) as engine:
        engine.push(stream()[0], link=LINK_BLOCKS)
        engine.drain_quietly()
        return path.read_bytes()


@pytest.mark.parametrize(
    ("offset", "what"), [(0, "magic"), (8, "ABI hash"), (16, "ABI version")]
)  # fmt: skip
def test_attach_refuses_another_header(tmp_path: Path, offset: int, what: str) -> None:
    data = bytearray(region(tmp_path / "state"))
    View(str(write(tmp_path, bytes(data)))).close_view()
    data[offset] ^= 1
    with pytest.raises(EngineError) as refused:
        View(str(write(tmp_path, bytes(data))))
    assert str(refused.value), what


def write(folder: Path, data: bytes) -> Path:
    path = folder / "copy"
    path.write_bytes(data)
    return path


def test_attach_refuses_what_is_not_a_whole_region(tmp_path: Path) -> None:
    data = region(tmp_path / "state")
    for bad in (b"", data[:100], data[:4096], data[: len(data) // 2], data[:-4096],
                os.urandom(8192)):  # fmt: skip
        with pytest.raises(EngineError) as refused:
            View(str(write(tmp_path, bad)))
        assert len(str(refused.value)) > 10
    for path in (tmp_path / "missing", tmp_path):
        with pytest.raises(EngineError):
            View(str(path))


def test_attach_refuses_sections_outside_the_file(tmp_path: Path) -> None:
    """Offsets, counts and strides are read from the file, so they are not to be trusted."""
    from pinnacle.abi import ffi, lib

    data = region(tmp_path / "state")
    first = ffi.offsetof("struct pn_region_header", "section")
    one = ffi.sizeof("struct pn_section")
    for section in (lib.PN_SEC_COUNTERS, lib.PN_SEC_CHANNELS, lib.PN_SEC_INSTRUMENTS,
                    lib.PN_SEC_BOOKS, lib.PN_SEC_PAGES):  # fmt: skip
        for word in range(3):
            for value in (2**64 - 64, 2**40, len(data)):
                bad = bytearray(data)
                struct.pack_into("<Q", bad, first + section * one + 8 * word, value)
                with pytest.raises(EngineError):
                    View(str(write(tmp_path, bytes(bad))))


def test_a_view_reads_what_the_engine_wrote(tmp_path: Path) -> None:
    path = tmp_path / "state"
    with Engine(path=str(path)) as engine:
        engine.push(stream()[0], link=LINK_BLOCKS)
        engine.drain_quietly()
        view = View(str(path))
        numbers = engine.instruments()
        assert view.instruments() == numbers
        number = numbers[1]
        assert (
            view.levels(number, 0)
            == engine.levels(number, 0)
            == [(1_000_000, size_of(1_000_000), 1)]
        )
        assert view.state(number) == "VALID"
        assert view.counters().messages == engine.counters().messages == 4
        with pytest.raises(EngineError):
            view.top(10**6)
        view.close_view()
