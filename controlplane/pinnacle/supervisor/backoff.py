"""When to start a failed data plane again: at once, then with doubling pauses, then not at all."""

import random
from collections import deque

from pinnacle.config.live import RestartConfig


class Backoff:
    """Counts failures in a sliding window. Times are seconds of any one clock."""

    def __init__(self, config: RestartConfig, rng: random.Random | None = None) -> None:
        self._config = config
        self._rng = rng or random.Random()
        self._failures: deque[float] = deque()

    def failed(self, now: float) -> float | None:
        """Notes a failure; the pause before the next start in seconds, ``None`` to give up."""
        while self._failures and now - self._failures[0] > self._config.window_s:
            self._failures.popleft()
        self._failures.append(now)
        count = len(self._failures)
        if count >= self._config.limit:
            return None
        if count == 1:
            return 0.0
        pause = min(self._config.delay_ms * 2.0 ** min(count - 2, 40), self._config.max_ms) / 1000
        return pause * (1 - self._config.jitter * self._rng.random())

    @property
    def recent(self) -> int:
        """Failures noted in the window that ended with the last one."""
        return len(self._failures)
