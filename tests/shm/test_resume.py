"""A writer that is killed at any moment and started again: right books, or marked ones.

The writer is a process of its own and dies by SIGKILL. It reads the capture from its beginning each
time, so all that it had before are duplicates; what it must not do is to apply one of them twice,
leave one out, or show a book that is valid and different.
"""

import os
import random
import subprocess
import time
from pathlib import Path

import pytest
from pinnacle.abi import ffi, lib

from tests.support.captures import ROOT
from tests.support.ctl import ctl
from tests.support.effort import effort

BUILD = Path(os.environ.get("PINNACLE_BUILD") or ROOT / "build" / "checks")
PROGRAM = BUILD / "tests" / "shm" / "resume_run"
STALE = "2"

Books = dict[str, list[str]]


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not PROGRAM.is_file():
        pytest.skip(f"{PROGRAM.name} is not built: scripts/dev.sh build")
    path = tmp_path_factory.mktemp("resume") / "day.pcap"
    made = ctl("capture", "make", "--seed", "7", "--symbols", "40", "--messages", "400000", path)
    assert made.returncode == 0, made.stderr
    return path


def finish(run: "subprocess.Popen[str]") -> tuple[list[str], Books]:
    """What a run that was not killed said: its first line's words, and its books by name."""
    out, _ = run.communicate(timeout=120)
    assert run.returncode == 0, out
    first, *rest = out.splitlines()
    return first.split(), {words[0]: words[1:] for words in map(str.split, rest)}


def start(capture: Path, region: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen([PROGRAM, capture, region], stdout=subprocess.PIPE, text=True)


def killed_after(capture: Path, region: Path, seconds: float) -> None:
    with start(capture, region) as run:
        time.sleep(seconds)
        run.kill()


@pytest.fixture(scope="module")
def truth(capture: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Books, float]:
    """The books of a run that nobody disturbs, and how long it takes."""
    since = time.monotonic()
    first, books = finish(start(capture, tmp_path_factory.mktemp("truth") / "state"))
    assert first[:4] == ["started", "0", "torn", "0"]
    assert len(books) == 40
    return books, time.monotonic() - since


def test_killed_at_random_moments(
    capture: Path, truth: tuple[Books, float], tmp_path: Path
) -> None:
    books, seconds = truth
    chance = random.Random(3)
    gone_on = 0
    for round_number in range(effort(8, 200)):
        region = tmp_path / f"state{round_number}"
        for _ in range(3):
            killed_after(capture, region, chance.uniform(0.02, seconds))
        first, found = finish(start(capture, region))
        gone_on += first[1] == "1" and int(first[5]) > 1
        stale = {name for name, book in found.items() if book[0] == STALE}
        different = {name for name in books if found.get(name) != books[name]} - stale
        assert not different, f"round {round_number}: valid and different: {different}"
        assert len(stale) <= 4, f"round {round_number}: {len(stale)} books stale"
        region.unlink()
    assert gone_on, "no run was killed between its first message and its last"


def test_each_torn_book_is_marked(
    capture: Path, truth: tuple[Books, float], tmp_path: Path
) -> None:
    """A segment as a writer leaves it that dies inside an update, which chance seldom finds."""
    region = tmp_path / "state"
    finish(start(capture, region))
    name = tear(region)
    first, found = finish(start(capture, region))
    assert first[:4] == ["started", "1", "torn", "1"]
    assert found[name][0] == STALE
    del found[name]
    assert found == {other: book for other, book in truth[0].items() if other != name}


def tear(region: Path) -> str:
    """Makes one book's sequence number odd and garbles the tables that all books share."""
    data = bytearray(region.read_bytes())
    header = ffi.cast("struct pn_region_header *", ffi.from_buffer(data))
    book = header.section[lib.PN_SEC_BOOKS]
    instrument = header.section[lib.PN_SEC_INSTRUMENTS]
    base = ffi.cast("char *", header)
    for i in range(header.instruments):
        record = ffi.cast(
            "struct pn_instrument *", base + instrument.offset + i * instrument.stride
        )
        name = str(ffi.string(record.name).decode())
        if not name:
            continue
        torn = ffi.cast("struct pn_book *", base + book.offset + i * book.stride)
        torn.seq += 1
        torn.occupied[0] = 0x5555
        torn.best_number[1] += 3
        pool = ffi.cast("struct pn_pool *", base + header.section[lib.PN_SEC_POOL].offset)
        pool.order_free = 12345
        pool.empty_pages = 999
        young = header.section[lib.PN_SEC_YOUNG]
        entries = ffi.cast("uint32_t *", base + young.offset)
        for k in range(0, young.count, 1024):
            entries[k] = 0
        region.write_bytes(data)
        return name
    raise AssertionError("no named instrument")


def test_other_limits_are_refused(capture: Path, tmp_path: Path) -> None:
    region = tmp_path / "state"
    region.write_bytes(b"\1" * 8192)
    run = subprocess.run([PROGRAM, capture, region], capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert "not a PinnacleMM region" in run.stderr


def test_a_segment_never_finished_is_made_anew(
    capture: Path, truth: tuple[Books, float], tmp_path: Path
) -> None:
    """Its writer died before there was anything in it, at either of two moments."""
    for left in (b"", b"\0" * 8192):
        region = tmp_path / "state"
        region.write_bytes(left)
        first, found = finish(start(capture, region))
        assert first[:2] == ["started", "0"]
        assert found == truth[0]
        region.unlink()
