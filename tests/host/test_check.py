"""The host check on prepared machines: one thing wrong at a time, and the words for it."""

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from pinnacle.errors import ConfigError, NoSuchFileError
from pinnacle.host.check import check_host, needs_of_config
from pinnacle.host.knowledge import knowledge
from pinnacle.host.points import Finding, Needs, PortNeed, Report
from pinnacle.host.view import Clock, LiveFacts, format_cpus, parse_cpus
from pinnacle.netlink.ethtool import Channels, Coalesce, Driver, Feature, Rings, TimeStamping
from pinnacle.netlink.nic import Nic

from tests.host import trees
from tests.host.trees import CPU, HUGE, LIVE, NET, NIC, PCI

XDP_PORT = PortNeed("eth1", "af_xdp")
NEEDS = Needs([XDP_PORT], [2, 3])


def live(nic: Nic | None = NIC, **changes: Any) -> LiveFacts:
    return replace(LIVE, nic=lambda name: nic if name == "eth1" else None, **changes)


def check(root: Path, needs: Needs = NEEDS, facts: LiveFacts = LIVE) -> Report:
    return check_host(needs, trees.view(root, facts))


def at(report: Report, point: str) -> Finding:
    found = [finding for finding in report.findings if finding.point == point]
    assert len(found) == 1, f"{point}: {found}"
    return found[0]


def test_a_good_machine_is_good(tmp_path: Path) -> None:
    report = check(trees.tree(tmp_path))
    assert [(f.point, f.found) for f in report.findings if f.status != "ok"] == []
    assert report.worst == "ok"
    assert len(report.findings) == len(knowledge().host.points), "each point, once"


def test_an_empty_machine_is_unknown_not_a_crash(tmp_path: Path) -> None:
    report = check_host(Needs(), trees.view(tmp_path, LiveFacts()))
    assert report.worst == "bad"
    assert at(report, "nic.found").status == "unknown"


@dataclass(frozen=True)
class Case:
    """One thing wrong: files changed, facts changed, needs; the point and what is said of it."""

    point: str
    status: str
    found: str
    files: dict[str, str | None] = field(default_factory=dict)
    facts: LiveFacts = LIVE
    needs: Needs = NEEDS
    mend: str = ""


def nic(**changes: Any) -> LiveFacts:
    return live(replace(NIC, **changes))


LRO = {**NIC.features, "rx-lro": Feature(True, True, False)}
NO_RULES = {**NIC.features, "rx-ntuple-filter": Feature(False, False, False)}
ENA: dict[str, str | None] = {f"{PCI}/vendor": "0x1d0f\n", f"{PCI}/device": "0xec20\n"}

CASES = [
    Case("cpu.isolation", "warn", "core 2-3 is to poll and is not isolated",
         {f"{CPU}/isolated": "\n"}, mend="--cores 2-3 --persist"),
    Case("cpu.isolation", "warn", "tick and RCU still run on 2-3",
         {f"{CPU}/nohz_full": "\n", "proc/cmdline": "ro isolcpus=2-3\n"}),
    Case("cpu.isolation", "bad", "core 9, which is to poll, does not exist",
         needs=Needs([XDP_PORT], [2, 9])),
    Case("cpu.governor", "warn", "governor performance, powersave",
         {f"{CPU}/cpu3/cpufreq/scaling_governor": "powersave\n"}, mend="--governor"),
    Case("cpu.idle", "warn", "C6, 133 us",
         {f"{CPU}/cpu3/cpuidle/state3/name": "C6\n",
          f"{CPU}/cpu3/cpuidle/state3/latency": "133\n"}),
    Case("cpu.smt", "warn", "share with 6-7",
         {f"{CPU}/smt/active": "1\n", f"{CPU}/cpu2/topology/thread_siblings_list": "2,6\n",
          f"{CPU}/cpu3/topology/thread_siblings_list": "3,7\n"}, mend="keep 6-7 out of use"),
    Case("cpu.tsc", "bad", "lacks nonstop_tsc", {"proc/cpuinfo": "flags : fpu constant_tsc\n"}),
    Case("cpu.tsc", "warn", "clock source hpet",
         {"sys/devices/system/clocksource/clocksource0/current_clocksource": "hpet\n"}),
    Case("memory.hugepages", "bad", "0 of 2 MiB", {f"{HUGE}/nr_hugepages": "0\n"},
         mend="--hugepages 512"),
    Case("memory.hugepages", "warn", "100 of 2 MiB", {f"{HUGE}/nr_hugepages": "100\n"}),
    Case("memory.hugetlbfs", "bad", "not mounted", {"proc/mounts": "proc /proc proc rw 0 0\n"}),
    Case("memory.hugetlbfs", "warn", "not writable for you",
         facts=live(writable=lambda path: False)),
    Case("memory.thp", "warn", "always",
         {"sys/kernel/mm/transparent_hugepage/enabled": "[always] madvise never\n"}),
    Case("memory.swappiness", "warn", "1 swap areas, swappiness 60",
         {"proc/swaps": "Filename Type\n/dev/sda2 partition\n", "proc/sys/vm/swappiness": "60\n"}),
    Case("memory.numa_balancing", "warn", "on", {"proc/sys/kernel/numa_balancing": "1\n"}),
    Case("limits.memlock", "bad", "8,192 KiB", facts=live(memlock=8 << 20), mend="--limits"),
    Case("limits.nofile", "warn", "256", facts=live(nofile=256)),
    Case("iommu.groups", "warn", "none", {"sys/kernel/iommu_groups/0/type": None}),
    Case("iommu.groups", "bad", "none", {"sys/kernel/iommu_groups/0/type": None},
         needs=Needs([PortNeed("0000:00:03.0", "dpdk")], [2])),
    Case("kernel.version", "bad", "5.4.0", {"proc/sys/kernel/osrelease": "5.4.0-1\n"}),
    Case("kernel.af_xdp", "bad", "not in the kernel",
         {"boot/config-6.1.0-28-amd64": "# CONFIG_XDP_SOCKETS is not set\n"}),
    Case("kernel.bpf", "warn", "interpreted", {"proc/sys/net/core/bpf_jit_enable": "0\n"}),
    Case("software.dpdk", "warn", "not found", facts=live(libraries={})),
    Case("software.libbpf", "bad", "libbpf not found", facts=live(libraries={})),
    Case("time.sync", "bad", "not synchronised", facts=live(clock=Clock(False, 16_000_000, 0))),
    Case("time.sync", "warn", "450 us off, estimated 200 us",
         facts=live(clock=Clock(True, 450, 200))),
    Case("time.ptp", "warn", "nobody follows one",
         {"proc/301/comm": "chronyd\n", "proc/302/comm": None}, mend="ptp4l -i eth1"),
    Case("net.rp_filter", "warn", "strict (all 0, eth1 1)",
         {"proc/sys/net/ipv4/conf/eth1/rp_filter": "1\n"},
         mend="net.ipv4.conf.eth1.rp_filter=0"),
    Case("net.igmp", "warn", "20 a socket", {"proc/sys/net/ipv4/igmp_max_memberships": "20\n"}),
    Case("nic.found", "bad", "eth7: not there", needs=Needs([PortNeed("eth7", "af_xdp")])),
    Case("nic.driver", "bad", "no zero-copy on this kernel",
         {"proc/sys/kernel/osrelease": "6.1.0-1\n", **ENA}, nic(driver=Driver("ena", "", "", "")),
         Needs([replace(XDP_PORT, zerocopy=True)], [2])),
    Case("nic.driver", "bad", "DPDK needs vfio-pci", needs=Needs([PortNeed("eth1", "dpdk")], [2]),
         mend="bind_nic.sh 0000:00:03.0"),
    Case("nic.driver", "warn", "generic mode only", {f"{PCI}/device": "0x10d3\n"}),
    Case("nic.link", "warn", "down", {f"{NET}/carrier": "0\n", f"{NET}/operstate": "down\n"}),
    Case("nic.mtu", "bad", "9000, at most 1774", {f"{NET}/mtu": "9000\n"}, mend="mtu 1500"),
    Case("nic.mtu", "bad", "3500, at most 3046", {f"{NET}/mtu": "3500\n"},
         needs=Needs([replace(XDP_PORT, buffer_bytes=4096)], [2])),
    Case("nic.channels", "bad", "8 of 8", ENA, nic(channels=Channels(0, 0, 0, 8, 0, 0, 0, 8)),
         mend="combined 4"),
    Case("nic.channels", "bad", "1 of 8; 2 are to be polled",
         needs=Needs([replace(XDP_PORT, queues=2)], [2]), mend="combined 2"),
    Case("nic.rings", "warn", "receive 256 of 8160",
         facts=nic(rings=Rings(8160, 0, 0, 8160, 256, 0, 0, 256)), mend="rx 8160"),
    Case("nic.coalescing", "warn", "adaptive, 50 us",
         facts=nic(coalesce=replace(Coalesce.empty(), rx_usecs=50, adaptive_rx=1))),
    Case("nic.busy_poll", "warn", "put off 0 times", {f"{NET}/napi_defer_hard_irqs": "0\n"}),
    Case("nic.offloads", "warn", "rx-lro on", facts=nic(features=LRO), mend="-K eth1 lro off"),
    Case("nic.numa", "warn", "node 1; cores 2-3 are not", {f"{PCI}/numa_node": "1\n"},
         mend="node 1: 4-7"),
    Case("nic.irq", "warn", "40 can hit a polling core",
         {"proc/irq/40/effective_affinity_list": "2\n"}, mend="--cores 2-3 --irq"),
    Case("nic.steering", "warn", "rules by group and port are off", facts=nic(features=NO_RULES),
         mend="ethtool -K eth1 ntuple on"),
    Case("nic.time", "ok", "receive times are the TSC's",
         facts=nic(time=TimeStamping(0, -1, 0, 0))),
    Case("nic.xdp", "warn", "number 44 is attached, native",
         facts=nic(link=replace(NIC.link, xdp="native", xdp_program=44)), mend="eth1 xdp off"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.point}-{c.status}")
def test_one_thing_wrong(tmp_path: Path, case: Case) -> None:
    report = check(trees.tree(tmp_path, case.files), case.needs, case.facts)
    finding = at(report, case.point)
    assert case.found in finding.found
    assert finding.status == case.status
    assert case.mend in finding.mend
    if case.status in ("warn", "bad"):
        assert finding.why and finding.mend
    for each in report.findings:
        assert not re.search(r"[{}]", f"{each.found}{each.why}{each.mend}"), each


def test_every_point_can_go_wrong() -> None:
    tried = {case.point for case in CASES if case.status in ("warn", "bad")}
    assert set(knowledge().host.points) - tried == {"iommu.vfio", "nic.time"}


def test_vfio(tmp_path: Path) -> None:
    root = trees.tree(tmp_path, {"sys/bus/pci/drivers/vfio-pci/new_id": None})
    assert at(check(root), "iommu.vfio").mend == "sudo modprobe vfio-pci"


def test_a_nic_that_dpdk_has(tmp_path: Path) -> None:
    root = trees.tree(tmp_path)
    (root / PCI / "driver").unlink()
    trees.link(root, f"{PCI}/driver", "sys/bus/pci/drivers/vfio-pci")
    (root / "sys/class/net/eth1").unlink()
    for entry in sorted((root / NET).iterdir()):
        entry.unlink()
    (root / NET).rmdir()
    port = PortNeed("0000:00:03.0", "dpdk")
    report = check(root, Needs([port], [2]))
    assert at(report, "nic.driver").status == "ok"
    assert at(report, "nic.driver").found == "vfio-pci, for DPDK"
    assert not [f for f in report.findings if f.point == "nic.mtu"], "no interface, no MTU"
    report = check(root, Needs([replace(port, kind="af_xdp")], [2]))
    assert at(report, "nic.driver").status == "bad"
    assert "--unbind 0000:00:03.0" in at(report, "nic.driver").mend


def test_a_config_says_what_is_needed(tmp_path: Path) -> None:
    path = tmp_path / "live.yaml"
    path.write_text(
        "ports:\n"
        "  - {name: a, kind: af_xdp, device: eth1, queues: 2, mode: zerocopy, buffer_bytes: 4096}\n"
        "  - {name: b, kind: dpdk, device: '0000:00:04.0'}\n"
        "  - {name: c, kind: dpdk, device: 'net_af_xdp0,iface=eth2'}\n"
        "  - {name: d, kind: dpdk, device: 'net_null0'}\n"
        "  - {name: e, kind: pcap, device: day.pcap}\n"
        "shards: [{cpu: 3}, {cpu: -1}, {cpu: 2}]\n"
    )
    needs = needs_of_config(path)
    assert needs.cpus == [2, 3]
    assert needs.ports == [
        PortNeed("eth1", "af_xdp", 2, 4096, True),
        PortNeed("0000:00:04.0", "dpdk"),
        PortNeed("eth2", "af_xdp"),
    ]


@pytest.mark.parametrize(
    "text", ["ports: 3\n", "ports: [a]\n", "ports: [{queues: many}]\n", "[", "- 1\n"]
)
def test_a_wrong_config(tmp_path: Path, text: str) -> None:
    path = tmp_path / "live.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"live\.yaml"):
        needs_of_config(path)
    with pytest.raises(NoSuchFileError):
        needs_of_config(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("text", "cpus"),
    [("0-2,5", [0, 1, 2, 5]), ("", []), ("7", [7]), ("x", []), ("3,1,2", [1, 2, 3])],
)
def test_lists_of_cores(text: str, cpus: list[int]) -> None:
    assert parse_cpus(text) == cpus
    assert parse_cpus(format_cpus(cpus)) == cpus
