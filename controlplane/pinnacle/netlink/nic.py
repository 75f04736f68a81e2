"""Everything about one interface in one record, for ``host nic`` and the host check."""

from dataclasses import asdict, dataclass
from typing import Any

from pinnacle.netlink.ethtool import (
    Channels,
    Coalesce,
    Driver,
    Ethtool,
    Feature,
    Rings,
    TimeStamping,
)
from pinnacle.netlink.links import Link, read_link, read_rings
from pinnacle.netlink.ntuple import Rules, read_rules, receive_rings


@dataclass(frozen=True)
class Nic:
    """One interface; what its driver does not offer is None."""

    link: Link
    driver: Driver | None
    channels: Channels | None
    rings: Rings | None
    coalesce: Coalesce | None
    features: dict[str, Feature]
    time: TimeStamping | None
    receive_rings: int | None
    rules: Rules | None

    def as_json(self) -> dict[str, Any]:
        """The record for ``--json``."""
        data = asdict(self)
        if self.time is not None:
            data["time"]["every_frame"] = self.time.every_frame
        return data


def read_nic(name: str) -> Nic:
    """Reads it all; ``NoSuchFileError`` if there is no such interface. Needs no rights."""
    link = read_link(name)
    with Ethtool() as tool:
        return Nic(
            link=link,
            driver=tool.driver(name),
            channels=tool.channels(name),
            rings=read_rings(name),
            coalesce=tool.coalesce(name),
            features=tool.features(name),
            time=tool.time_stamping(name),
            receive_rings=receive_rings(tool, name),
            rules=read_rules(tool, name),
        )
