"""The C tests with more than one thread once more under ThreadSanitizer.

Built here from the few sources they need: a whole build for one sanitizer would take minutes.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
#: what reading a file back takes
FILES = ["base/error.c", "io/file.c", "io/pcap.c", "io/pcapng.c", "io/raw_itch.c", "io/source.c",
         "io/codec.c"]  # fmt: skip
#: test -> sources of dataplane/ that it needs
PROGRAMS = {
    "io_ring": ["io/ring.c", "io/tap.c", "base/error.c"],
    "recorder": [
        "io/ring.c",
        "io/tap.c",
        "io/pcapng_write.c",
        "live/log.c",
        "live/recorder.c",
        *FILES,
    ],
}


@pytest.mark.parametrize("name", list(PROGRAMS))
def test_no_data_race(name: str, tmp_path: Path) -> None:
    compiler = shutil.which("clang") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no compiler: scripts/setup.sh test installs one")
    sources = [REPO / "dataplane" / s for s in PROGRAMS[name]]
    sources.append(REPO / "tests" / "unit" / f"test_{name}.c")
    program = tmp_path / name
    subprocess.run(
        [compiler, "-fsanitize=thread", "-O1", "-g", "-std=gnu17", "-D_GNU_SOURCE",
         "-I", REPO / "dataplane", "-I", REPO / "tests" / "unit",
         "-Wl,--unresolved-symbols=ignore-all", *sources, "-o", program,
         "-lz", "-lzstd"],
        check=True, timeout=300,
    )  # fmt: skip
    # Another sanitizer that is loaded into everything does not go with this one.
    env = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}
    run = subprocess.run([program], capture_output=True, text=True, timeout=300, check=False,
                         env=env)  # fmt: skip
    if "unexpected memory mapping" in run.stderr:
        pytest.skip("ThreadSanitizer does not run on this kernel's memory layout")
    assert run.returncode == 0, f"{run.stdout}{run.stderr}"
    assert "WARNING: ThreadSanitizer" not in run.stderr
