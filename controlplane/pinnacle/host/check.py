"""The host check as one call: needs in, findings out."""

from pathlib import Path
from typing import Any

import yaml

from pinnacle.errors import ConfigError, NoPermissionError, NoSuchFileError
from pinnacle.host import machine, nics
from pinnacle.host.knowledge import Knowledge, knowledge
from pinnacle.host.points import Needs, PortNeed, Report
from pinnacle.host.view import HostView

SECTIONS = (
    machine.check_cpu,
    machine.check_memory,
    machine.check_limits,
    machine.check_iommu,
    machine.check_kernel,
    machine.check_software,
    machine.check_clock,
    machine.check_sysctls,
    nics.check_nics,
)


def check_host(
    needs: Needs | None = None, view: HostView | None = None, known: Knowledge | None = None
) -> Report:
    """Looks at everything; changes nothing and needs no rights.

    Without ``needs`` it looks at every interface with hardware behind it, and takes the isolated
    cores for the ones that poll.
    """
    report = Report(view or HostView(), known or knowledge(), needs or Needs())
    for section in SECTIONS:
        section(report)
    return report


def needs_of_config(path: Path) -> Needs:
    """What a live configuration asks of the machine: ports, and the cores of its shards.

    Only the keys that say this are looked at; whether the file is valid as a whole is for
    ``config check`` to say.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise NoSuchFileError(f"{path}: no such file; check the path") from error
    except PermissionError as error:
        raise NoPermissionError(f"{path}: may not be read by you") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        text = " ".join(str(error).split())
        raise ConfigError(f"{path}: {text}") from error
    if not isinstance(data, dict) or not isinstance(data.get("ports", []), list):
        raise ConfigError(f"{path}: ports: expected a list; see configs/README.md")
    ports = [_port(path, item) for item in data.get("ports", [])]
    cpus = []
    for shard in data.get("shards", []) or []:
        cpu = shard.get("cpu") if isinstance(shard, dict) else None
        if isinstance(cpu, int) and cpu >= 0:
            cpus.append(cpu)
    live = [port for port in ports if port.kind not in ("pcap", "memory")]
    return Needs(ports=[port for port in live if port.device], cpus=sorted(set(cpus)))


def _port(path: Path, item: Any) -> PortNeed:
    if not isinstance(item, dict):
        raise ConfigError(f"{path}: ports: each needs keys and values")
    device, kind = _device(str(item.get("device") or ""), str(item.get("kind") or ""))
    return PortNeed(
        device=device,
        kind=kind,
        queues=_whole(path, item, "queues", 1),
        buffer_bytes=_whole(path, item, "buffer_bytes", 2048),
        zerocopy=item.get("mode") == "zerocopy",
    )


def _whole(path: Path, item: dict[str, Any], key: str, default: int) -> int:
    value = item.get(key, default)
    if not isinstance(value, int) or value < 1:
        raise ConfigError(f"{path}: ports.{key}: {value!r} must be a whole number from 1 on")
    return value


def _device(text: str, kind: str) -> tuple[str, str]:
    """The interface or PCI address behind a device, and how it is used.

    A DPDK device string may name a virtual device over an interface: ``net_af_xdp0,iface=eth1`` is
    eth1 as AF_XDP has it, ``net_pcap0,iface=eth1`` is eth1 with nothing special asked of it.
    """
    head, *options = text.split(",")
    if not head.startswith("net_"):
        return head, kind
    interface = next((o.partition("=")[2] for o in options if o.startswith("iface=")), "")
    return interface, "af_xdp" if head.startswith("net_af_xdp") else ""
