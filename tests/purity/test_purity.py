"""While frames flow nothing allocates, locks, logs, reads a clock or calls the system.

Three looks at the same claim: calls counted at run time, a filter that kills at a system call, and
the symbols that the objects of the path refer to at all.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("PINNACLE_BUILD", ROOT / "build/checks"))
PROGRAM = BUILD / "tests/purity/purity"
OBJECTS = BUILD / "dataplane/libpinnacle.a.p"

# The stages of the path. What they may use from outside the library: plain copies, the failing
# assert, and what the compiler adds.
# A live port's own half of it is there too, with the kicks that it cannot do without.
PATH = ("net", "feed", "book", "pipeline.c", "io/xsk.c", "io/af_xdp.c")
ALLOWED = {"memcpy", "memmove", "memset", "memcmp", "__assert_fail", "__stack_chk_fail"}
ADDED = re.compile(r"_GLOBAL_OFFSET_TABLE_|__(asan|ubsan|lsan)_\w+|__memcpy_chk|__memset_chk")
# Set-up and queries that live beside the path, and what they may use besides.
COLD = {
    "pipeline.c": {"calloc", "free"},
    "feed/channels.c": {"mmap", "mmap64", "munmap", "snprintf"},
    "book/queries.c": {"qsort"},
    "io/af_xdp.c": {"free"},
    "io/xsk.c": {"recvfrom", "sendto", "__errno_location"},
}


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A capture of over 100,000 messages on two lines, with loss, duplicates and reordering."""
    path = tmp_path_factory.mktemp("purity") / "lines.pcap"
    ctl = Path(sys.executable).parent / "pinnacle-ctl"
    options = "--seed 7 --messages 150000 --lines 2 --loss-a 0.02 --loss-b 0.02 --loss-all 0.001"
    options += " --dup 0.01 --reorder 0.02"
    made = subprocess.run(
        [str(ctl), "capture", "make", *options.split(), str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    return path


def run(verb: str, capture: Path) -> str:
    if not PROGRAM.exists():
        pytest.skip(f"{PROGRAM} is not built (scripts/dev.sh build; x86-64 only)")
    done = subprocess.run(
        [str(PROGRAM), verb, str(capture)], capture_output=True, text=True, check=False
    )
    if done.returncode == 77:
        pytest.skip(done.stdout.strip())
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def events(text: str) -> int:
    found = re.search(r"(\d+) events", text)
    assert found, text
    return int(found[1])


def test_no_call(capture: Path) -> None:
    assert events(run("calls", capture)) > 100_000


def test_no_system_call(capture: Path) -> None:
    assert events(run("system", capture)) > 100_000


def symbols(*options: str) -> set[str]:
    done = subprocess.run(["nm", *options], capture_output=True, text=True, check=True)
    return set(re.findall(r"^(?:[0-9a-f]+)? *[A-Za-z] (\w+)$", done.stdout, re.MULTILINE))


def path_sources() -> list[Path]:
    found: list[Path] = []
    for name in PATH:
        place = ROOT / "dataplane" / name
        found += sorted(place.glob("*.c")) if place.is_dir() else [place]
    return [path.relative_to(ROOT / "dataplane") for path in found]


@pytest.mark.parametrize("source", path_sources(), ids=str)
def test_objects_know_no_system(source: Path) -> None:
    """The objects of the path refer to nothing that could allocate, lock, log or call."""
    if not OBJECTS.is_dir():
        pytest.skip(f"{OBJECTS} is not built (scripts/dev.sh build)")
    compiled = OBJECTS / f"{str(source).replace('/', '_')}.o"
    if not compiled.exists() and str(source).startswith("io/"):
        pytest.skip("this build has no af_xdp port")
    own = symbols("--defined-only", *map(str, OBJECTS.glob("*.o")))
    foreign = symbols("-u", str(compiled)) - own - ALLOWED - COLD.get(str(source), set())
    assert {name for name in foreign if not ADDED.fullmatch(name)} == set()
