"""Finds the real captures: PINNACLE_CAPTURES, else ../shared/data beside the repository."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def folder() -> Path:
    """The captures' folder; skips the calling test where there is none."""
    path = Path(os.environ.get("PINNACLE_CAPTURES", ROOT.parent / "shared" / "data"))
    if not path.is_dir():
        pytest.skip(f"no real captures: {path} does not exist (set PINNACLE_CAPTURES)")
    return path


def capture(name: str) -> Path:
    """One capture by its path below the folder; skips where it is missing."""
    path = folder() / name
    if not path.exists():
        pytest.skip(f"real capture {name} is not there")
    return path
