"""Names of a lab: its folder, its namespaces, its interfaces and addresses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pinnacle.lab.space import End

ROOT = Path("/run/pinnacle-lab")
SERVER_PORT = 26_478


@dataclass(frozen=True)
class Places:
    """All that a lab of some name owns; found again by the name alone."""

    name: str

    @property
    def folder(self) -> Path:
        """Captures, configuration, logs and state."""
        return ROOT / self.name

    @property
    def run_dir(self) -> Path:
        """The appliance's run folder."""
        return self.folder / "appliance"

    @property
    def state(self) -> Path:
        """What was made, as JSON."""
        return self.folder / "lab.json"

    @property
    def report(self) -> Path:
        """What the feeder has done, as JSON."""
        return self.folder / "feeder.json"

    @property
    def feed(self) -> str:
        """Namespace of the sender."""
        return f"pnlab-{self.name}-feed"

    @property
    def app(self) -> str:
        """Namespace of the appliance."""
        return f"pnlab-{self.name}-app"

    @property
    def feed_end(self) -> End:
        """The sender's end of the wire."""
        return End("feed0", "10.98.0.1/24", "02:50:4e:00:00:01")

    @property
    def app_end(self) -> End:
        """The appliance's end of the wire."""
        return End("app0", "10.98.0.2/24", "02:50:4e:00:00:02")


def names() -> list[str]:
    """Labs of which there is a trace."""
    found = {path.name for path in ROOT.iterdir()} if ROOT.is_dir() else set()
    spaces = Path("/run/netns")
    for path in spaces.iterdir() if spaces.is_dir() else ():
        if path.name.startswith("pnlab-"):
            found.add(path.name.removeprefix("pnlab-").rpartition("-")[0])
    return sorted(found)
