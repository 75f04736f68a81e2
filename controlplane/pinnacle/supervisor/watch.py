"""Tells from the state segments whether a data plane has come up, beats, or hangs.

A heartbeat counts when it changes; its clock does not matter. Silence is added up from looks that
were at most a tenth of a second apart, so a machine that slept does not look like a hang.
"""

from pinnacle.supervisor.readings import Instance

_LOOK_S = 0.1


class Heartbeats:
    """The heartbeats of one run of a data plane."""

    def __init__(self, instance: Instance, pid: int) -> None:
        self._instance, self._pid = instance, pid
        count = len(instance.shards)
        # What stands there now is an earlier run's, or this one's last beat so far.
        headers = [shard.header() for shard in instance.shards]
        self._last = [header.heartbeat_ns if header else 0 for header in headers]
        self._beaten = [False] * count
        self._silent_s = [0.0] * count
        self._looked: float | None = None

    def look(self, now: float) -> None:
        """Looks at all shards once; ``now`` in seconds."""
        passed = 0.0 if self._looked is None else min(now - self._looked, _LOOK_S)
        self._looked = now
        for i, shard in enumerate(self._instance.shards):
            header = shard.header()
            beat = header.heartbeat_ns if header and header.pid == self._pid else self._last[i]
            if beat != self._last[i]:
                self._last[i], self._beaten[i], self._silent_s[i] = beat, True, 0.0
            else:
                self._silent_s[i] += passed

    @property
    def up(self) -> bool:
        """Whether every shard has beaten under this process number."""
        return all(self._beaten)

    @property
    def silent_s(self) -> float:
        """The longest silence of any shard, in seconds."""
        return max(self._silent_s)

    @property
    def silent_shard(self) -> int:
        """Number of that shard."""
        return self._silent_s.index(self.silent_s)
