"""What the files below ``hw/`` say, checked against a schema when they are read.

Installed, they are data of this package (``pinnacle/hw``); run from the source tree, they are the
folder at its top. They are read when asked for, once a process, and never written.
"""

from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pinnacle.errors import ConfigError

_PCI_ID = r"^[0-9a-f]{4}:[0-9a-f]{4}$"
_VERSION = r"^\d+\.\d+$"
ModelT = TypeVar("ModelT", bound="Strict")


class Strict(BaseModel):
    """A section whose keys are all known."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Queues(Strict):
    driver_max: int | None = Field(description="most queues of the kernel driver; null: varies")
    dpdk_max: int | None = Field(description="most receive queues of the DPDK driver")
    rss: bool


class Steering(Strict):
    ntuple: Literal["none", "ether", "udp4"] = Field(description="what rules can match")
    rte_flow: bool


class Xdp(Strict):
    native_since: str | None = Field(pattern=_VERSION, description="kernel; null: generic only")
    zerocopy_since: str | None = Field(pattern=_VERSION, description="kernel; null: copy only")
    zerocopy_driver: str | None = Field(default=None, description="version outside the kernel")
    frags_since: str | None = Field(default=None, pattern=_VERSION)
    max_mtu: int | None = Field(ge=1280, le=9000)
    channels: Literal["any", "half"] = "any"


class Times(Strict):
    kernel_rx: Literal["none", "ptp", "all"] = Field(description="frames that can be stamped")
    dpdk_rx: bool


class Limit(Strict):
    text: str
    mend: str


class NicProfile(Strict):
    """One file of hw/nics."""

    name: str = Field(pattern=r"^[a-z0-9_]+$")
    title: str
    driver: str
    pmd: str = Field(pattern=r"^net_")
    bind: Literal["vfio-pci", "kernel", "none"]
    ids: dict[str, str | int]
    queues: Queues
    steering: Steering
    xdp: Xdp
    time: Times
    limits: list[Limit]
    sources: list[str] = Field(min_length=1)

    def zerocopy(self, kernel: tuple[int, int], version: str = "") -> bool:
        """Whether zero-copy can be had on a kernel, or with a driver of a version."""
        since = self.xdp.zerocopy_since
        if since is not None and kernel >= version_pair(since):
            return True
        outside = self.xdp.zerocopy_driver
        # A driver from the kernel tree calls itself as the kernel, or 1.x; its own has an own line.
        return bool(
            outside and version.endswith("g") and version_pair(version) >= version_pair(outside)
        )


class Point(Strict):
    """One thing to look at: words for what was found out."""

    title: str
    why: str
    mend: str
    sources: list[str]


class KernelFacts(Strict):
    minimum: str = Field(pattern=_VERSION)
    busy_poll: str = Field(pattern=_VERSION)


class HugepageFacts(Strict):
    count: int = Field(ge=1)
    size_kb: int


class LimitFacts(Strict):
    memlock_mib: int = Field(ge=1)
    nofile: int = Field(ge=64)


class UmemFacts(Strict):
    headroom: int
    frame_extra: int
    buffers: list[int]

    def max_mtu(self, buffer_bytes: int) -> int:
        """The largest MTU whose frames fit one AF_XDP buffer."""
        return buffer_bytes - self.headroom - self.frame_extra


class RingFacts(Strict):
    rx: int


class HostFacts(Strict):
    """hw/host.yaml."""

    kernel: KernelFacts
    hugepages: HugepageFacts
    limits: LimitFacts
    umem: UmemFacts
    rings: RingFacts
    igmp_max_memberships: int
    offloads_off: list[str]
    points: dict[str, Point]


class ClockLimits(Strict):
    rts25_us: int
    rts25_granularity_us: int
    cat_ms: int
    target_us: int


class ClockServices(Strict):
    ntp: list[str]
    ptp: list[str]


class PtpFacts(Strict):
    """hw/ptp.yaml."""

    limits: ClockLimits
    services: ClockServices
    coarse: list[str]
    commands: dict[str, str]
    ptp4l: dict[str, int | str]
    phc2sys: dict[str, int]
    sources: list[str] = Field(min_length=1)


class Knowledge(Strict):
    """All files together."""

    nics: dict[str, NicProfile]
    host: HostFacts
    ptp: PtpFacts

    def by_pci_id(self, vendor: str, device: str) -> NicProfile | None:
        """The profile of a PCI id, both halves as four hex digits."""
        wanted = f"{vendor}:{device}"
        return next((nic for nic in self.nics.values() if wanted in nic.ids), None)

    def by_driver(self, driver: str) -> NicProfile | None:
        """The profile of a kernel driver."""
        return next((nic for nic in self.nics.values() if nic.driver == driver), None)


def version_pair(text: str) -> tuple[int, int]:
    """``6.1.0-13-amd64`` -> (6, 1); what is no number counts as 0."""
    numbers: list[int] = []
    for part in text.split(".")[:2]:
        digits = ""
        for c in part:
            if not c.isdigit():
                break
            digits += c
        numbers.append(int(digits or 0))
    major, minor, *_ = [*numbers, 0, 0]
    return major, minor


def knowledge_folder() -> Path:
    """Where the files are: in the package, or at the top of the source tree."""
    package = Path(__file__).resolve().parents[1]
    return next((p for p in (package / "hw", package.parents[1] / "hw") if p.is_dir()), package)


def read_file(path: Path, model: type[ModelT]) -> ModelT:
    """One file; ``ConfigError`` naming it and the key that is wrong."""
    try:
        return model.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: {error}; install the project again") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"]))
        raise ConfigError(f"{path}: {key}: {first['msg']}") from error


def read_knowledge(folder: Path) -> Knowledge:
    """Every file below a folder laid out as hw/."""
    nics: dict[str, NicProfile] = {}
    seen: dict[Any, str] = {}
    for path in sorted((folder / "nics").glob("*.yaml")):
        nic = read_file(path, NicProfile)
        if nic.name != path.stem:
            raise ConfigError(f"{path}: name: must be {path.stem}, as the file is called")
        for number in nic.ids:
            if number in seen:
                raise ConfigError(f"{path}: ids: {number} is in {seen[number]} already")
            seen[number] = path.name
        nics[nic.name] = nic
    return Knowledge(
        nics=nics,
        host=read_file(folder / "host.yaml", HostFacts),
        ptp=read_file(folder / "ptp.yaml", PtpFacts),
    )


@cache
def knowledge() -> Knowledge:
    """The project's own files."""
    return read_knowledge(knowledge_folder())
