"""Prepared /proc and /sys trees: a server set up as it should be, and ways to spoil it."""

from dataclasses import replace
from pathlib import Path

from pinnacle.host.view import Clock, HostView, LiveFacts
from pinnacle.netlink.ethtool import (
    FILTER_ALL,
    SO_RAW_HARDWARE,
    SO_RX_HARDWARE,
    Channels,
    Coalesce,
    Driver,
    Feature,
    Rings,
    TimeStamping,
)
from pinnacle.netlink.links import Link
from pinnacle.netlink.nic import Nic
from pinnacle.netlink.ntuple import Rules

CPU = "sys/devices/system/cpu"
HUGE = "sys/kernel/mm/hugepages/hugepages-2048kB"
PCI = "sys/devices/pci0000:00/0000:00:03.0"
NET = f"{PCI}/net/eth1"

#: eight cores on two nodes, 2-3 isolated, an E810 on node 0 with its interrupts on core 0
GOOD: dict[str, str] = {
    f"{CPU}/online": "0-7\n",
    f"{CPU}/isolated": "2-3\n",
    f"{CPU}/nohz_full": "2-3\n",
    f"{CPU}/smt/active": "0\n",
    f"{CPU}/smt/control": "off\n",
    **{f"{CPU}/cpu{n}/cpufreq/scaling_governor": "performance\n" for n in range(8)},
    **{f"{CPU}/cpu{n}/cpuidle/state1/name": "C1\n" for n in range(8)},
    **{f"{CPU}/cpu{n}/cpuidle/state1/latency": "2\n" for n in range(8)},
    "sys/devices/system/node/node0/cpulist": "0-3\n",
    "sys/devices/system/node/node1/cpulist": "4-7\n",
    "sys/devices/system/clocksource/clocksource0/current_clocksource": "tsc\n",
    "proc/cpuinfo": "processor : 0\nflags : fpu constant_tsc nonstop_tsc\n",
    "proc/cmdline": "ro isolcpus=2-3 nohz_full=2-3 rcu_nocbs=2-3 intel_iommu=on iommu=pt\n",
    "proc/mounts": "hugetlbfs /dev/hugepages hugetlbfs rw,mode=0755 0 0\n",
    f"{HUGE}/nr_hugepages": "1024\n",
    f"{HUGE}/free_hugepages": "1000\n",
    "sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never\n",
    "proc/swaps": "Filename Type Size Used Priority\n",
    "proc/sys/vm/swappiness": "1\n",
    "proc/sys/kernel/numa_balancing": "0\n",
    "proc/sys/kernel/osrelease": "6.1.0-28-amd64\n",
    "proc/sys/net/core/bpf_jit_enable": "1\n",
    "proc/sys/net/ipv4/igmp_max_memberships": "128\n",
    "proc/sys/net/ipv4/conf/all/rp_filter": "0\n",
    "proc/sys/net/ipv4/conf/eth1/rp_filter": "0\n",
    "sys/kernel/btf/vmlinux": "",
    "boot/config-6.1.0-28-amd64": "CONFIG_XDP_SOCKETS=y\n",
    "sys/kernel/iommu_groups/0/type": "DMA\n",
    "sys/bus/pci/drivers/vfio-pci/new_id": "",
    "sys/class/ptp/ptp0/clock_name": "ice-0000-00-03.0\n",
    "proc/301/comm": "ptp4l\n",
    "proc/302/comm": "phc2sys\n",
    f"{PCI}/vendor": "0x8086\n",
    f"{PCI}/device": "0x1593\n",
    f"{PCI}/numa_node": "0\n",
    f"{PCI}/msi_irqs/40": "msix\n",
    "proc/irq/40/effective_affinity_list": "0\n",
    f"{NET}/mtu": "1500\n",
    f"{NET}/operstate": "up\n",
    f"{NET}/carrier": "1\n",
    f"{NET}/speed": "25000\n",
    f"{NET}/napi_defer_hard_irqs": "2\n",
    f"{NET}/gro_flush_timeout": "200000\n",
}

LINK = Link(
    index=2, name="eth1", kind="", mac="00:11:22:33:44:55", mtu=1500, min_mtu=68, max_mtu=9702,
    up=True, carrier=True, promiscuous=False, rx_queues=8, tx_queues=8, xdp="none", xdp_program=0,
)  # fmt: skip
NIC = Nic(
    link=LINK,
    driver=Driver("ice", "6.1.0-28-amd64", "4.40", "0000:00:03.0"),
    channels=Channels(0, 0, 0, 8, 0, 0, 0, 1),
    rings=Rings(8160, 0, 0, 8160, 2048, 0, 0, 256),
    coalesce=replace(Coalesce.empty(), rx_usecs=0),
    features={
        "rx-lro": Feature(False, False, False),
        "rx-gro-hw": Feature(False, False, True),
        "rx-ntuple-filter": Feature(True, True, False),
    },
    time=TimeStamping(SO_RX_HARDWARE | SO_RAW_HARDWARE, 0, 3, 1 | FILTER_ALL),
    receive_rings=8,
    rules=Rules([], 0, 512, True),
)
LIVE = LiveFacts(
    nic=lambda name: NIC if name == "eth1" else None,
    clock=Clock(True, 12, 3),
    memlock=-1,
    nofile=65536,
    writable=lambda path: True,
    libraries={"libdpdk": "22.11.7", "libbpf": "1.1.2", "libxdp": "1.3.1"},
)


def put(root: Path, name: str, text: str | None) -> None:
    """Writes a file of a tree; None takes it away."""
    path = root / name
    if text is None:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def link(root: Path, name: str, target: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(root / target)


def tree(root: Path, changes: dict[str, str | None] | None = None) -> Path:
    """The good server below root, with files changed or (None) missing."""
    for name, text in {**GOOD, **(changes or {})}.items():
        put(root, name, text)
    link(root, "sys/class/net/eth1", NET)
    link(root, f"{NET}/device", PCI)
    link(root, "sys/bus/pci/devices/0000:00:03.0", PCI)
    put(root, "sys/bus/pci/drivers/ice/new_id", "")
    link(root, f"{PCI}/driver", "sys/bus/pci/drivers/ice")
    return root


def view(root: Path, live: LiveFacts = LIVE) -> HostView:
    return HostView(root, live)
