"""Runs ``pinnacle-ctl`` as users do: a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

COMMAND = [sys.executable, "-m", "pinnacle.cli.main"]


def ctl(
    *args: str | Path, stdin: bytes | None = None, env: dict[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """The finished process with its output as text."""
    result = subprocess.run(
        [*COMMAND, *map(str, args)], input=stdin, capture_output=True, timeout=120,
        env={**os.environ, **(env or {})}, check=False,
    )  # fmt: skip
    return subprocess.CompletedProcess(
        result.args, result.returncode, result.stdout.decode(), result.stderr.decode()
    )
