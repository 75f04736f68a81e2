"""A live instance for each test that asks for one."""

from collections.abc import Iterator

import pytest

from tests.support.live import Live, make


@pytest.fixture
def live() -> Iterator[Live]:
    yield from make(heartbeat={"hang_ms": 400, "stop_s": 3.0})
