"""The C benchmark programs: built from the sources as they are, run, their lines read."""

import json
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
Lines = list[dict[str, Any]]


def _tool(name: str) -> str | None:
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.exists() else shutil.which(name)


def _run(*command: str, env: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
             **(env or {})},
    )  # fmt: skip
    assert done.returncode == 0, (
        f"{' '.join(command)}\n{done.stdout[-4000:]}\n{done.stderr[-2000:]}"
    )


@cache
def build_dir(compiler: str = "") -> Path:
    """The build folder, brought up to date; without tools, programs that are there are used.

    PINNACLE_BUILD names a folder that is used as it is. ``compiler`` builds with another one.
    """
    given = os.environ.get("PINNACLE_BUILD")
    if given:
        if compiler:
            pytest.skip("PINNACLE_BUILD names one build; unset it to build with another compiler")
        return Path(given)
    folder = ROOT / "build" / (f"bench-{compiler}" if compiler else "bench")
    meson, ninja = _tool("meson"), _tool("ninja")
    if not meson or not ninja or not shutil.which("gcc"):
        return folder
    if not (folder / "build.ninja").exists():
        env = {"CC": compiler} if compiler else {}
        _run(meson, "setup", str(folder), "-Dbench=true", "-Db_lto=true", env=env)
    _run(ninja, "-C", str(folder), "perf/bench_book" if compiler else "all")
    return folder


def program(name: str, compiler: str = "") -> Path:
    """Path of a program; skips the test where it is neither built nor can be."""
    if compiler and not shutil.which(compiler):
        pytest.skip(f"{compiler} is not installed")
    path = build_dir(compiler) / "perf" / name
    if not path.exists():
        pytest.skip(f"{path} is not built: scripts/dev.sh bench builds it")
    return path


def run(name: str, *arguments: object, compiler: str = "") -> Lines:
    """Runs a program to its end and returns the JSON objects it has printed."""
    command = [str(program(name, compiler)), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return [json.loads(line) for line in done.stdout.splitlines()]


def samples(lines: Lines, which: str, key: str, **match: object) -> list[float]:
    """``key`` of all lines whose ``pass`` is ``which``, a value a round."""
    return [
        line[key]
        for line in lines
        if line.get("pass") == which and all(line[k] == v for k, v in match.items())
    ]


def only(lines: Lines, key: str) -> Any:
    """The one line that has a key."""
    (found,) = [line for line in lines if key in line]
    return found


def assert_right(lines: Lines, passes: int) -> None:
    """The books of every pass are the generator's: figures of wrong books are worth nothing."""
    stream = only(lines, "stream")["stream"]
    checks = [line for line in lines if "check" in line]
    assert len({c["check"] for c in checks}) == passes
    for c in checks:
        assert c["messages"] == stream["messages"], c
        assert c["dropped"] == 0, c
        assert c["live_orders"] == stream["live_orders"], c
        assert c["peak_orders"] == stream["peak_orders"], c
        assert c["wrong_books"] == 0, c
