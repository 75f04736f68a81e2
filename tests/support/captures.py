"""Finds the real captures: PINNACLE_CAPTURES, else ../shared/data beside the repository."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


CAPTURES = Path(os.environ.get("PINNACLE_CAPTURES") or ROOT.parent / "shared" / "data")
WHY_NONE = f"no real captures: {CAPTURES} does not exist (set PINNACLE_CAPTURES)"


def folder() -> Path:
    """The captures' folder; skips the calling test where there is none."""
    if not CAPTURES.is_dir():
        pytest.skip(WHY_NONE)
    return CAPTURES


def capture(name: str) -> Path:
    """One capture by its path below the folder; skips where it is missing."""
    path = folder() / name
    if not path.exists():
        pytest.skip(f"real capture {name} is not there")
    return path
