"""Host check, first half: processor, memory, limits, IOMMU, kernel, software, clock, sysctls."""

from pinnacle.host.knowledge import version_pair
from pinnacle.host.points import Report, Status, polling_cpus
from pinnacle.host.view import format_cpus, parse_cpus

CPU = "sys/devices/system/cpu"
#: flag of /proc/cpuinfo -> what it says
TSC_FLAGS = {"constant_tsc": "one rate", "nonstop_tsc": "never stops"}
#: a deeper sleep state than this wakes too late, us
IDLE_LATENCY_US = 10


def check_cpu(report: Report) -> None:
    _isolation(report)
    _governor(report)
    _idle(report)
    _smt(report)
    _tsc(report)


def _isolation(report: Report) -> None:
    view, online, wanted = report.view, report.view.online_cpus(), report.needs.cpus
    isolated = polling_isolated(report)
    quiet = set(parse_cpus(view.text(f"{CPU}/nohz_full")))
    quiet |= set(parse_cpus(view.cmdline().get("rcu_nocbs", "")))
    if not online:
        report.add("cpu.isolation", "unknown", "cores cannot be seen", cores="LIST")
        return
    advice = format_cpus(wanted or isolated or online[1:] or online)
    absent = sorted(set(wanted) - set(online))
    if absent:
        found = f"{len(online)} cores; core {format_cpus(absent)}, which is to poll, does not exist"
        report.add("cpu.isolation", "bad", found, cores=format_cpus(online[1:] or online))
        return
    found = f"{len(online)} cores, isolated {format_cpus(isolated) or 'none'}"
    missing = sorted(set(wanted) - set(isolated))
    ticking = sorted(set(isolated) - quiet)
    if missing:
        found += f"; core {format_cpus(missing)} is to poll and is not isolated"
    elif ticking:
        found += f"; timer tick and RCU still run on {format_cpus(ticking)}"
    good = bool(isolated) and not missing and not ticking
    report.add("cpu.isolation", "ok" if good else "warn", found, cores=advice)


def _governor(report: Report) -> None:
    view = report.view
    cpus = polling_cpus(report) or view.online_cpus()
    kinds = {view.text(f"{CPU}/cpu{n}/cpufreq/scaling_governor") for n in cpus} - {""}
    if not kinds:
        report.add("cpu.governor", "ok", "none here: the hypervisor or firmware sets the clock")
        return
    status: Status = "ok" if kinds == {"performance"} else "warn"
    report.add("cpu.governor", status, f"governor {', '.join(sorted(kinds))}")


def _idle(report: Report) -> None:
    view = report.view
    cpus = polling_cpus(report) or view.online_cpus()
    worst, name = 0, ""
    for cpu in cpus:
        for state in view.names(f"{CPU}/cpu{cpu}/cpuidle"):
            base = f"{CPU}/cpu{cpu}/cpuidle/{state}"
            latency = view.number(f"{base}/latency") or 0
            if latency > worst and view.text(f"{base}/disable") != "1":
                worst, name = latency, view.text(f"{base}/name")
    if not name:
        report.add("cpu.idle", "ok", "no sleep state that takes time to leave", latency=worst)
        return
    status: Status = "warn" if worst > IDLE_LATENCY_US else "ok"
    report.add("cpu.idle", status, f"deepest allowed: {name}, {worst} us to wake", latency=worst)


def _smt(report: Report) -> None:
    view, cpus = report.view, polling_cpus(report)
    control = view.text(f"{CPU}/smt/control") or "notsupported"
    siblings: set[int] = set()
    for cpu in cpus:
        group = parse_cpus(view.text(f"{CPU}/cpu{cpu}/topology/thread_siblings_list"))
        siblings.update(set(group) - {cpu})
    if view.text(f"{CPU}/smt/active") != "1":
        report.add("cpu.smt", "ok", f"off ({control})")
        return
    if not cpus:
        report.add("cpu.smt", "warn", "on; no polling core is named", siblings="its sibling")
        return
    busy = sorted(siblings & set(view.online_cpus()) - set(polling_isolated(report)))
    if busy or siblings & set(cpus):
        shared = format_cpus(busy or sorted(siblings))
        report.add("cpu.smt", "warn", f"on; cores that poll share with {shared}", siblings=shared)
    else:
        report.add("cpu.smt", "ok", "on; siblings of the polling cores are isolated too")


def polling_isolated(report: Report) -> list[int]:
    return parse_cpus(report.view.text(f"{CPU}/isolated"))


def _tsc(report: Report) -> None:
    view = report.view
    source = view.text("sys/devices/system/clocksource/clocksource0/current_clocksource")
    flags: set[str] = set()
    for line in view.text("proc/cpuinfo").splitlines():
        if line.startswith("flags"):
            flags.update(line.partition(":")[2].split())
            break
    if not flags:
        report.add("cpu.tsc", "unknown", "the processor's flags cannot be read")
        return
    lacks = sorted(set(TSC_FLAGS) - flags)
    found = f"clock source {source or 'unknown'}, " + (
        f"lacks {', '.join(lacks)}" if lacks else "constant and nonstop"
    )
    if lacks:
        status: Status = "bad"
    else:
        status = "ok" if source in ("tsc", "kvm-clock") else "warn"
    report.add("cpu.tsc", status, found)


def check_memory(report: Report) -> None:
    view, facts = report.view, report.known.host
    wanted = facts.hugepages.count
    base = f"sys/kernel/mm/hugepages/hugepages-{facts.hugepages.size_kb}kB"
    total = view.number(f"{base}/nr_hugepages")
    free = view.number(f"{base}/free_hugepages") or 0
    large = view.number("sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages") or 0
    if total is None:
        report.add("memory.hugepages", "bad", "the kernel has none of 2 MiB", count=wanted)
    else:
        pages = total + 512 * large
        found = f"{total} of 2 MiB, {free} free" + (f"; {large} of 1 GiB" if large else "")
        status: Status = "ok" if pages >= wanted else "bad" if pages == 0 else "warn"
        need = "" if status == "ok" else f"; {wanted} are advised"
        report.add("memory.hugepages", status, found + need, count=wanted)
    _hugetlbfs(report, wanted)
    thp = view.chosen("sys/kernel/mm/transparent_hugepage/enabled")
    if not thp:
        report.add("memory.thp", "ok", "not in this kernel")
    else:
        report.add("memory.thp", "warn" if thp == "always" else "ok", thp)
    _swap(report)
    balancing = view.text("proc/sys/kernel/numa_balancing")
    report.add(
        "memory.numa_balancing",
        "warn" if balancing not in ("", "0") else "ok",
        "on" if balancing not in ("", "0") else "off",
    )


def _hugetlbfs(report: Report, wanted: int) -> None:
    mounts = report.view.mounts("hugetlbfs")
    if not mounts:
        report.add("memory.hugetlbfs", "bad", "not mounted", count=wanted)
        return
    place = mounts[0][0]
    writable = report.view.live.writable(report.view.path(place))
    shown = ", ".join(f"{where} ({options})" for where, options in mounts)
    if writable is None:
        report.add("memory.hugetlbfs", "ok", f"mounted at {shown}")
    elif writable:
        report.add("memory.hugetlbfs", "ok", f"mounted at {shown}, writable")
    else:
        report.add("memory.hugetlbfs", "warn", f"{shown} is not writable for you", count=wanted)


def _swap(report: Report) -> None:
    view = report.view
    areas = max(len(view.text("proc/swaps").splitlines()) - 1, 0)
    eager = view.number("proc/sys/vm/swappiness")
    if areas == 0:
        report.add("memory.swappiness", "ok", "no swap")
        return
    found = f"{areas} swap areas, swappiness {eager if eager is not None else 'unknown'}"
    report.add("memory.swappiness", "ok" if eager is not None and eager <= 10 else "warn", found)


def check_limits(report: Report) -> None:
    live, facts = report.view.live, report.known.host.limits
    if live.memlock is None:
        report.add("limits.memlock", "unknown", "cannot be seen from here")
    else:
        enough = live.memlock < 0 or live.memlock >= facts.memlock_mib << 20
        size = "no limit" if live.memlock < 0 else f"{live.memlock >> 10:,} KiB"
        need = "" if enough else f"; {facts.memlock_mib} MiB are advised"
        report.add("limits.memlock", "ok" if enough else "bad", size + need)
    if live.nofile is None:
        report.add("limits.nofile", "unknown", "cannot be seen from here")
    else:
        enough = live.nofile < 0 or live.nofile >= facts.nofile
        report.add("limits.nofile", "ok" if enough else "warn", f"{live.nofile:,}")


def check_iommu(report: Report) -> None:
    view = report.view
    wanted = "dpdk" in report.needs.kinds
    groups = len(view.names("sys/kernel/iommu_groups"))
    unsafe = view.text("sys/module/vfio/parameters/enable_unsafe_noiommu_mode") in ("Y", "1")
    missing: Status = "bad" if wanted else "warn"
    if groups:
        report.add("iommu.groups", "ok", f"{groups} groups")
    elif unsafe:
        report.add("iommu.groups", "warn", "none; vfio runs without it, any DMA is possible")
    else:
        report.add("iommu.groups", missing, "none: off in the BIOS or on the kernel command line")
    if view.exists("sys/bus/pci/drivers/vfio-pci"):
        devices = [n for n in view.names("sys/bus/pci/drivers/vfio-pci") if ":" in n]
        bound = f"loaded, has {', '.join(devices)}" if devices else "loaded, has no device"
        report.add("iommu.vfio", "ok", bound)
    else:
        report.add("iommu.vfio", missing, "not loaded")


def check_kernel(report: Report) -> None:
    view, facts = report.view, report.known.host.kernel
    release = view.text("proc/sys/kernel/osrelease")
    if not release:
        report.add("kernel.version", "unknown", "cannot be seen")
    else:
        good = version_pair(release) >= version_pair(facts.minimum)
        report.add("kernel.version", "ok" if good else "bad", release)
    config = _kernel_config(report, release)
    sockets = view.exists("proc/net/xdp") or "CONFIG_XDP_SOCKETS=y" in config
    protocol = any(
        line.split()[:1] == ["XDP"] for line in view.text("proc/net/protocols").splitlines()
    )
    if sockets or protocol:
        report.add("kernel.af_xdp", "ok", "there")
    else:
        status: Status = "bad" if config else "unknown"
        report.add("kernel.af_xdp", status, "not in the kernel" if config else "cannot be seen")
    jit = view.text("proc/sys/net/core/bpf_jit_enable")
    types = view.exists("sys/kernel/btf/vmlinux")
    # The file needs root on some kernels; a kernel that always compiles has no choice to show.
    interpreted = jit == "0"
    found = (
        f"{'interpreted' if interpreted else 'compiled'}, types {'there' if types else 'missing'}"
    )
    report.add("kernel.bpf", "warn" if interpreted or not types else "ok", found)


def _kernel_config(report: Report, release: str) -> str:
    text = report.view.text(f"boot/config-{release}")
    if not text and report.view.exists("proc/config.gz"):
        import gzip

        try:
            text = gzip.decompress(report.view.path("proc/config.gz").read_bytes()).decode()
        except (OSError, EOFError, ValueError):
            text = ""
    return text


def check_software(report: Report) -> None:
    libraries, kinds = report.view.live.libraries, report.needs.kinds
    dpdk = libraries.get("libdpdk")
    missing: Status = "bad" if "dpdk" in kinds else "warn"
    report.add("software.dpdk", "ok" if dpdk else missing, f"libdpdk {dpdk or 'not found'}")
    both = {name: libraries.get(name) for name in ("libbpf", "libxdp")}
    missing = "bad" if "af_xdp" in kinds else "warn"
    found = ", ".join(f"{name} {version or 'not found'}" for name, version in both.items())
    report.add("software.libbpf", "ok" if all(both.values()) else missing, found)


def check_clock(report: Report) -> None:
    facts, view = report.known.ptp, report.view
    running = view.processes()
    keepers = [n for n in facts.services.ntp + facts.services.ptp if n in running]
    clock, limit = view.live.clock, facts.limits.rts25_us
    who = ", ".join(keepers) or "nobody keeps the clock"
    fill = {"limit_us": limit, "sync_mend": facts.commands["sync_mend"]}
    if clock is None:
        report.add("time.sync", "warn" if not keepers else "unknown", who, **fill)
    elif not clock.synchronised:
        report.add("time.sync", "bad", f"not synchronised; {who}", **fill)
    else:
        found = f"{who}; at most {clock.max_error_us:,} us off, estimated {clock.est_error_us:,} us"
        coarse = keepers and set(keepers) <= set(facts.coarse)
        good = clock.max_error_us <= limit or (clock.est_error_us <= limit and not coarse)
        report.add("time.sync", "ok" if good and keepers else "warn", found, **fill)
    clocks = view.names("sys/class/ptp")
    devices = [port.device for port in report.needs.ports] or ["IFACE"]
    if any(name in running for name in facts.services.ptp):
        report.add("time.ptp", "ok", f"running, clocks {', '.join(clocks) or 'none'}", ptp_mend="")
    elif clocks:
        mend = facts.commands["ptp_mend"].format(device=devices[0])
        shown = ", ".join(f"{c} ({view.text(f'sys/class/ptp/{c}/clock_name')})" for c in clocks)
        report.add("time.ptp", "warn", f"clocks {shown}, nobody follows one", ptp_mend=mend)
    else:
        mend = facts.commands["ptp_none"]
        report.add("time.ptp", "unknown", "no hardware clock", ptp_mend=mend)


def check_sysctls(report: Report) -> None:
    view = report.view
    base = "proc/sys/net/ipv4/conf"
    every = view.number(f"{base}/all/rp_filter") or 0
    for port in report.needs.ports:
        own = view.number(f"{base}/{port.device}/rp_filter")
        if own is not None:
            # The kernel takes the larger of the two: 0 off, 1 strict, 2 loose.
            word = ("off", "strict", "loose")[min(max(every, own), 2)]
            status: Status = "warn" if word == "strict" else "ok"
            found = f"{word} (all {every}, {port.device} {own})"
            report.add("net.rp_filter", status, found, device=port.device)
    wanted = report.known.host.igmp_max_memberships
    most = view.number("proc/sys/net/ipv4/igmp_max_memberships")
    status = "unknown" if most is None else "ok" if most >= wanted else "warn"
    shown = most if most is not None else "an unknown number of"
    report.add("net.igmp", status, f"{shown} a socket", most=shown, wanted=wanted)
