"""Host check, second half: the interfaces, one by one."""

from dataclasses import dataclass

from pinnacle.host.knowledge import NicProfile, version_pair
from pinnacle.host.points import PortNeed, Report, Status, polling_cpus
from pinnacle.host.view import HostView, format_cpus, parse_cpus
from pinnacle.netlink.nic import Nic

NET = "sys/class/net"
PCI = "sys/bus/pci/devices"
#: features of netlink -> the words of ethtool -K
ETHTOOL_WORDS = {"rx-lro": "lro", "rx-gro-hw": "rx-gro-hw"}


@dataclass(frozen=True)
class Device:
    """An interface or PCI device with what is known of it."""

    need: PortNeed
    name: str  # interface; empty if it has none
    pci: str  # PCI address; empty if it is no PCI device
    driver: str
    profile: NicProfile | None
    nic: Nic | None


def hardware_interfaces(view: HostView) -> list[str]:
    """Interfaces with a device behind them."""
    return [name for name in view.names(NET) if view.exists(f"{NET}/{name}/device")]


def find_device(report: Report, need: PortNeed) -> Device | None:
    """An interface by name, or a PCI device by address; None if there is neither."""
    view, known = report.view, report.known
    name, pci = need.device, ""
    if view.exists(f"{PCI}/{need.device}") and ":" in need.device:
        pci = need.device
        name = next(iter(view.names(f"{PCI}/{pci}/net")), "")
    elif not view.exists(f"{NET}/{need.device}"):
        return None
    else:
        link = view.target(f"{NET}/{name}/device")
        # A virtio device hangs one level below its PCI device.
        pci = link if ":" in link else _parent_pci(view, name)
    nic = view.live.nic(name) if name else None
    driver = view.target(f"{PCI}/{pci}/driver") if pci else ""
    if nic is not None and nic.driver is not None and driver in ("", "virtio-pci"):
        driver = nic.driver.driver
    profile = None
    if pci:
        ids = [view.text(f"{PCI}/{pci}/{n}").removeprefix("0x") for n in ("vendor", "device")]
        profile = known.by_pci_id(ids[0], ids[1])
    return Device(need, name, pci, driver, profile or known.by_driver(driver), nic)


def _parent_pci(view: HostView, name: str) -> str:
    try:
        folder = view.path(f"{NET}/{name}/device").resolve()
    except OSError:
        return ""
    found = (p.name for p in (folder, *folder.parents) if p.name.count(":") == 2)
    return next(found, "")


def check_nics(report: Report) -> None:
    needs = report.needs.ports
    if not needs:
        needs = [PortNeed(name) for name in hardware_interfaces(report.view)]
        if not needs:
            report.add("nic.found", "unknown", "no interface with hardware behind it", device="")
    for need in needs:
        device = find_device(report, need)
        if device is None:
            report.add("nic.found", "bad", f"{need.device}: not there", device=need.device)
            continue
        check_device(report, device)


def check_device(report: Report, device: Device) -> None:
    name = device.name or device.pci
    where = f"{name}{f' at {device.pci}' if device.pci and device.pci != name else ''}"
    what = device.profile.title if device.profile else "a model that hw/nics does not know"
    report.add("nic.found", "ok", f"{where}: {what}", device=name)
    _driver(report, device)
    _numa(report, device)
    if not device.name:
        return  # a process drives it; what follows is the kernel driver's
    _link(report, device)
    _mtu(report, device)
    _channels(report, device)
    _rings(report, device)
    _coalescing(report, device)
    _busy_poll(report, device)
    _offloads(report, device)
    _irq(report, device)
    _steering(report, device)
    _time(report, device)
    _xdp(report, device)


def _driver(report: Report, device: Device) -> None:
    profile, kind, name = device.profile, device.need.kind, device.name or device.pci
    driver = device.driver or "no driver"
    version = device.nic.driver.version if device.nic and device.nic.driver else ""
    kernel = version_pair(report.view.text("proc/sys/kernel/osrelease"))
    fill = {"device": name, "driver": driver}
    bind = f"sudo ./scripts/bind_nic.sh {device.pci or name}"
    if profile is None:
        report.add("nic.driver", "unknown", driver, driver_mend="add a file to hw/nics", **fill)
    elif driver == "vfio-pci":
        status: Status = "bad" if kind == "af_xdp" or profile.bind != "vfio-pci" else "ok"
        unbind = f"sudo ./scripts/bind_nic.sh --unbind {device.pci}"
        report.add("nic.driver", status, "vfio-pci, for DPDK", driver_mend=unbind, **fill)
    elif kind == "dpdk" and profile.bind == "vfio-pci":
        report.add("nic.driver", "bad", f"{driver}; DPDK needs vfio-pci", driver_mend=bind, **fill)
    else:
        native, zero = profile.xdp.native_since, profile.zerocopy(kernel, version)
        if native is None or kernel < version_pair(native):
            found, status = f"{driver}, XDP in generic mode only", "warn"
            mend = f"use the DPDK port: {bind}"
        elif device.need.zerocopy and not zero:
            found, status = f"{driver}, no zero-copy on this kernel", "bad"
            mend = f"set mode: auto, or a kernel from {profile.xdp.zerocopy_since or 'nowhere yet'}"
        else:
            found, status = f"{driver}, native XDP, {'zero-copy' if zero else 'copy mode'}", "ok"
            mend = ""
        report.add("nic.driver", status, found, driver_mend=mend, **fill)


def _numa(report: Report, device: Device) -> None:
    view, name = report.view, device.name or device.pci
    node = view.number(f"{PCI}/{device.pci}/numa_node") if device.pci else None
    nodes = len([n for n in view.names("sys/devices/system/node") if n.startswith("node")])
    if node is None or node < 0 or nodes < 2:
        report.add("nic.numa", "ok", "one memory node" if nodes < 2 else "no node", device=name)
        return
    local = parse_cpus(view.text(f"sys/devices/system/node/node{node}/cpulist"))
    far = sorted(set(polling_cpus(report)) - set(local))
    fill = {"node": node, "cores": format_cpus(local), "device": name}
    if far and polling_cpus(report):
        report.add("nic.numa", "warn", f"node {node}; cores {format_cpus(far)} are not", **fill)
    else:
        report.add("nic.numa", "ok", f"node {node}", **fill)


def _link(report: Report, device: Device) -> None:
    view, name = report.view, device.name
    state = view.text(f"{NET}/{name}/operstate") or "unknown"
    speed = view.number(f"{NET}/{name}/speed")
    shown = f"{state}, {speed} Mbit/s" if speed and speed > 0 else state
    carrier = view.text(f"{NET}/{name}/carrier")
    report.add("nic.link", "ok" if carrier == "1" else "warn", shown, device=name)


def _mtu(report: Report, device: Device) -> None:
    mtu = report.view.number(f"{NET}/{device.name}/mtu")
    if mtu is None:
        report.add("nic.mtu", "unknown", "cannot be seen", device=device.name, mtu=1500, mtu_why="")
        return
    umem, need = report.known.host.umem, device.need
    limits = {umem.max_mtu(need.buffer_bytes): f"AF_XDP buffers of {need.buffer_bytes} bytes"}
    profile = device.profile
    if profile is not None and profile.xdp.max_mtu is not None:
        limits[profile.xdp.max_mtu] = f"XDP in the driver {profile.driver}"
    most = min(limits)
    why = f"{limits[most]} take an MTU of {most} at most; larger frames are refused or lost"
    fill = {"device": device.name, "mtu": min(most, 1500), "mtu_why": why}
    if mtu <= most or need.kind == "dpdk":
        report.add("nic.mtu", "ok", f"{mtu} (at most {most})", **fill)
    else:
        status: Status = "bad" if need.kind == "af_xdp" else "warn"
        report.add("nic.mtu", status, f"{mtu}, at most {most} for AF_XDP", **fill)


def _channels(report: Report, device: Device) -> None:
    nic, need, name = device.nic, device.need, device.name
    channels = nic.channels if nic else None
    plain = "a queue that nobody polls keeps the frames that RSS or a rule sends there"
    fill = {"device": name, "channels": need.queues, "channels_why": plain}
    if channels is None:
        report.add("nic.channels", "ok" if nic else "unknown", "the driver has no such setting",
                   **fill)  # fmt: skip
        return
    now = channels.combined or channels.rx
    most = channels.max_combined or channels.max_rx
    found = f"{now} of {most}"
    profile = device.profile
    if profile is not None and profile.xdp.channels == "half" and now > max(most // 2, 1):
        fill["channels"] = max(most // 2, 1)
        fill["channels_why"] = (
            f"{profile.driver} needs as many queues again for XDP; more than half are refused"
        )
        status: Status = "bad" if need.kind == "af_xdp" else "warn"
        report.add("nic.channels", status, found, **fill)
    elif now < need.queues:
        report.add("nic.channels", "bad", f"{found}; {need.queues} are to be polled", **fill)
    elif now > need.queues and profile is not None and profile.steering.ntuple != "udp4":
        found += f"; {need.queues} polled, and the NIC cannot steer"
        report.add("nic.channels", "warn", found, **fill)
    else:
        report.add("nic.channels", "ok", found, **fill)


def _rings(report: Report, device: Device) -> None:
    rings = device.nic.rings if device.nic else None
    fill = {"device": device.name, "rings": rings.rx_max if rings else 0}
    if rings is None or rings.rx_max == 0:
        found = "the driver has no such setting"
        report.add("nic.rings", "ok" if device.nic else "unknown", found, **fill)
        return
    wanted = min(report.known.host.rings.rx, rings.rx_max)
    good = rings.rx >= wanted
    found = f"receive {rings.rx} of {rings.rx_max}, send {rings.tx} of {rings.tx_max}"
    report.add("nic.rings", "ok" if good else "warn", found, **fill)


def _coalescing(report: Report, device: Device) -> None:
    now = device.nic.coalesce if device.nic else None
    if now is None:
        found = "the driver has no such setting"
        report.add("nic.coalescing", "ok" if device.nic else "unknown", found, device=device.name)
        return
    found = f"{'adaptive, ' if now.adaptive_rx else ''}{now.rx_usecs} us, {now.rx_frames} frames"
    waits = bool(now.adaptive_rx) or now.rx_usecs > 0
    report.add("nic.coalescing", "warn" if waits else "ok", found, device=device.name)


def _busy_poll(report: Report, device: Device) -> None:
    view, name = report.view, device.name
    if device.need.kind == "dpdk" or not device.pci:
        return
    defer = view.number(f"{NET}/{name}/napi_defer_hard_irqs")
    flush = view.number(f"{NET}/{name}/gro_flush_timeout")
    if defer is None or flush is None:
        found = f"not in this kernel; from {report.known.host.kernel.busy_poll} on"
        report.add("nic.busy_poll", "warn", found, device=name)
    else:
        good = defer > 0 and flush > 0
        found = f"interrupts put off {defer} times, {flush // 1000} us"
        report.add("nic.busy_poll", "ok" if good else "warn", found, device=name)


def _offloads(report: Report, device: Device) -> None:
    name = device.name
    if device.nic is None:
        report.add("nic.offloads", "unknown", "cannot be seen", device=name, offloads="lro off")
        return
    on = [f for f in report.known.host.offloads_off
          if f in device.nic.features and device.nic.features[f].on]  # fmt: skip
    words = " ".join(f"{ETHTOOL_WORDS.get(f, f)} off" for f in on)
    fixed = [f for f in on if device.nic.features[f].fixed]
    found = f"{', '.join(on)} on{' (fixed by the host)' if fixed else ''}" if on else "LRO off"
    report.add("nic.offloads", "warn" if on else "ok", found, device=name, offloads=words)


def _irq(report: Report, device: Device) -> None:
    view, cpus = report.view, set(polling_cpus(report))
    numbers = view.names(f"{PCI}/{device.pci}/msi_irqs") if device.pci else []
    if not numbers and device.pci:
        numbers = _irqs_by_name(view, device)
    if not numbers:
        report.add("nic.irq", "ok", "has none of its own", device=device.name, cores="")
        return
    where: dict[int, list[int]] = {
        int(n): parse_cpus(
            view.text(f"proc/irq/{n}/effective_affinity_list")
            or view.text(f"proc/irq/{n}/smp_affinity_list")
        )
        for n in numbers
        if n.isdigit()
    }
    on = sorted(n for n, at in where.items() if cpus & set(at))
    every = sorted({cpu for at in where.values() for cpu in at})
    found = f"{len(where)} on cores {format_cpus(every) or 'unknown'}"
    fill = {"device": device.name, "cores": format_cpus(sorted(cpus)) or "LIST"}
    if not cpus:
        report.add("nic.irq", "ok", f"{found}; no polling core is named", **fill)
    elif on:
        shown = ", ".join(map(str, on[:4])) + (" and more" if len(on) > 4 else "")
        report.add("nic.irq", "warn", f"{found}; {shown} can hit a polling core", **fill)
    else:
        report.add("nic.irq", "ok", found, **fill)


def _irqs_by_name(view: HostView, device: Device) -> list[str]:
    """Interrupts whose description names the interface (no MSI folder: old INTx)."""
    rows = (line.split() for line in view.text("proc/interrupts").splitlines())
    return [r[0].rstrip(":") for r in rows if r and r[0].rstrip(":").isdigit()
            and r[-1].startswith(device.name)]  # fmt: skip


def _steering(report: Report, device: Device) -> None:
    profile, nic, name = device.profile, device.nic, device.name
    single = nic is not None and (nic.receive_rings or 1) == 1
    can = profile.steering.ntuple if profile else "none"
    fill = {
        "device": name,
        "steering_mend": "bring the interface down to the queues that are polled",
    }
    if single:
        report.add("nic.steering", "ok", "one queue, everything arrives there", **fill)
    elif can == "udp4":
        ntuple = nic.features.get("rx-ntuple-filter") if nic else None
        fill["steering_mend"] = f"sudo ethtool -K {name} ntuple on"
        rules = nic.rules if nic else None
        there = f", {len(rules.rules) + rules.others} of {rules.capacity}" if rules else ""
        good = ntuple is None or ntuple.on
        found = f"rules by group and port{there}" if good else "rules by group and port are off"
        report.add("nic.steering", "ok" if good else "warn", found, **fill)
    else:
        found = "no rules by UDP port; RSS spreads flows over the queues"
        report.add("nic.steering", "warn" if profile else "unknown", found, **fill)


def _time(report: Report, device: Device) -> None:
    stamping = device.nic.time if device.nic else None
    kernel = device.profile.time.kernel_rx if device.profile else "none"
    if stamping.every_frame if stamping else kernel == "all":
        found = "the NIC can stamp every frame"
    else:
        found = f"{'PTP frames only' if kernel == 'ptp' else 'none'}; receive times are the TSC's"
    report.add("nic.time", "ok", found, device=device.name)


def _xdp(report: Report, device: Device) -> None:
    link = device.nic.link if device.nic else None
    if link is None:
        report.add("nic.xdp", "unknown", "cannot be seen", device=device.name)
    elif link.xdp == "none":
        report.add("nic.xdp", "ok", "none attached", device=device.name)
    else:
        found = f"number {link.xdp_program} is attached, {link.xdp}"
        report.add("nic.xdp", "warn", found, device=device.name)
