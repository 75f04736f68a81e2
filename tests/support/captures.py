"""Where the real captures are, and the mark that skips tests without them."""

import os
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]
CAPTURES = Path(os.environ.get("PINNACLE_CAPTURES") or _ROOT.parent / "shared" / "data")


def capture(name: str) -> Path:
    """Path of a real capture; skips the test when it is not there."""
    path = CAPTURES / name
    if not path.exists():
        pytest.skip(f"no real capture {path}; set PINNACLE_CAPTURES to the folder of captures")
    return path
