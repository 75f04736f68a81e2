"""The machine, the commit and the command that figures belong to."""

import datetime
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


def _field(path: str, name: str) -> str:
    try:
        text = Path(path).read_text()
    except OSError:
        return ""
    found = re.search(rf"^{name}\s*:\s*(.*)$", text, re.MULTILINE)
    return found[1].strip() if found else ""


def _first_line(*command: str) -> str:
    if not shutil.which(command[0]):
        return ""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip().splitlines()[0] if done.stdout.strip() else ""


def commit() -> str:
    """Short commit, with ``+`` when the sources differ from it."""
    found = _first_line("git", "rev-parse", "--short=10", "HEAD") or "unknown"
    changed = _first_line("git", "status", "--porcelain", "--", "dataplane", "controlplane", "perf")
    return found + ("+" if changed else "")


def describe() -> dict[str, Any]:
    """Everything that a figure needs to be repeated."""
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "command": " ".join(["pytest", *sys.argv[1:]]),
        "machine": {
            "cpu": _field("/proc/cpuinfo", "model name"),
            "cores": os.cpu_count(),
            "load_before": os.getloadavg()[0],
            "memory": _field("/proc/meminfo", "MemTotal"),
            "hugepages": _field("/proc/meminfo", "HugePages_Total"),
            "hugepage_size": _field("/proc/meminfo", "Hugepagesize"),
            "hypervisor": "hypervisor" in _field("/proc/cpuinfo", "flags").split(),
            "kernel": platform.release(),
            "gcc": _first_line("gcc", "--version"),
            "clang": _first_line("clang", "--version"),
            "python": platform.python_version(),
        },
    }
