"""Fixtures of the daemon's tests: data planes that are gone when a test ends."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pinnacle.errors import BuildError

from tests.daemon.plane import Plane, config, executable
from tests.support import wire


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[Callable[..., Plane]]:
    """Makes data planes; without captures they read the small day of ``wire``."""
    made: list[Plane] = []
    try:
        executable()
    except BuildError as error:
        pytest.skip(str(error))

    def make(captures: list[Path] | None = None, **changes: Any) -> Plane:
        if captures is None:
            captures = [wire.write_pcap(tmp_path / "day.pcap", wire.day_frames(end=False))]
        made.append(Plane(tmp_path, config(tmp_path, captures, **changes)))
        return made[-1]

    yield make
    for one in made:
        one.close()
