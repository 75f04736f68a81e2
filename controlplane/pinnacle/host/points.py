"""What the host check collects: needs, findings, and how bad they are."""

from dataclasses import dataclass, field
from typing import Any, Literal

from pinnacle.host.knowledge import Knowledge
from pinnacle.host.view import HostView

Status = Literal["ok", "warn", "bad", "unknown"]
#: worse last
ORDER: tuple[Status, ...] = ("ok", "unknown", "warn", "bad")
AMISS: frozenset[Status] = frozenset({"warn", "bad"})


@dataclass(frozen=True)
class PortNeed:
    """A device that a port is to use."""

    device: str
    kind: str = ""  # "af_xdp", "dpdk", or not known
    queues: int = 1
    buffer_bytes: int = 2048
    zerocopy: bool = False


@dataclass(frozen=True)
class Needs:
    """What the machine is to be used for; empty lists mean "not said"."""

    ports: list[PortNeed] = field(default_factory=list)
    cpus: list[int] = field(default_factory=list)

    @property
    def kinds(self) -> set[str]:
        return {port.kind for port in self.ports if port.kind}


@dataclass(frozen=True)
class Finding:
    """One point as it was found."""

    point: str
    status: Status
    title: str
    found: str
    why: str
    mend: str  # empty where nothing is to be done
    device: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            "point": self.point,
            "device": self.device or None,
            "status": self.status,
            "title": self.title,
            "found": self.found,
            "why": self.why,
            "mend": self.mend or None,
        }


class _Braces(dict[str, Any]):
    """Leaves a brace that nobody fills as it is; the tests look for those."""

    def __missing__(self, key: str) -> str:
        return "{" + key + "}"


class Report:
    """Findings of one check, in order, with the machine and what is known beside it."""

    def __init__(self, view: HostView, knowledge: Knowledge, needs: Needs) -> None:
        self.view = view
        self.known = knowledge
        self.needs = needs
        self.findings: list[Finding] = []

    def add(self, point: str, status: Status, found: str, **fill: Any) -> None:
        """Notes a finding; ``fill`` goes into the words that hw/host.yaml has for the point."""
        words = self.known.host.points[point]
        braces = _Braces(fill)
        self.findings.append(
            Finding(
                point=point,
                status=status,
                title=words.title,
                found=found,
                why=words.why.format_map(braces),
                mend=words.mend.format_map(braces) if status != "ok" else "",
                device=str(fill.get("device", "")) if point.startswith(("nic.", "net.rp")) else "",
            )
        )

    @property
    def worst(self) -> Status:
        return max((f.status for f in self.findings), key=ORDER.index, default="unknown")

    def count(self, status: Status) -> int:
        return sum(f.status == status for f in self.findings)

    def as_json(self) -> dict[str, Any]:
        return {
            "status": self.worst,
            "counts": {status: self.count(status) for status in ORDER},
            "points": [finding.as_json() for finding in self.findings],
        }


def polling_cpus(report: Report) -> list[int]:
    """Cores that poll: as configured, else those that are isolated."""
    from pinnacle.host.view import parse_cpus

    return report.needs.cpus or parse_cpus(report.view.text("sys/devices/system/cpu/isolated"))
