"""The DPDK port on virtual devices of this machine: the digest of the file replay through each, and
one clear line for everything that cannot be.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(os.environ.get("PINNACLE_BUILD") or ROOT / "build/checks") / "tests/io"
NO_HUGE = ("--eal", "--no-huge", "--eal", "-m 256")
MESSAGES = 50_000
HUGEPAGES = Path("/proc/sys/vm/nr_hugepages")


@pytest.fixture(scope="module", autouse=True)
def dpdk() -> None:
    if subprocess.run(["pkg-config", "--exists", "libdpdk"], check=False).returncode != 0:
        pytest.skip("libdpdk is not installed (scripts/setup.sh test installs it)")
    if not (PROGRAMS / "port_replay").exists():
        pytest.skip(f"{PROGRAMS}/port_replay is not built (scripts/dev.sh build)")
    if os.environ.get("LD_PRELOAD"):
        pytest.skip("DPDK reserves address space where the sanitizer has its own")


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("dpdk") / "a.pcap"
    ctl = Path(sys.executable).with_name("pinnacle-ctl")
    subprocess.run([ctl, "capture", "make", "--messages", str(MESSAGES), "--symbols", "50", path],
                   check=True, capture_output=True)  # fmt: skip
    return path


@pytest.fixture(scope="module")
def replayed(capture: Path) -> dict[str, Any]:
    ctl = Path(sys.executable).with_name("pinnacle-ctl")
    done = subprocess.run([ctl, "replay", "--json", capture], check=True, capture_output=True)
    out: dict[str, Any] = json.loads(done.stdout)
    return out


@pytest.fixture
def root() -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")


@pytest.fixture
def wire(root: None) -> Iterator[tuple[str, str, str]]:
    """A network namespace with two interfaces joined; its name and theirs."""
    name, pid = f"dpdk{os.getpid()}", os.getpid()
    ends = f"da{pid}", f"db{pid}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False)
    if made.returncode != 0:
        pytest.skip("no network namespaces here")
    try:
        ip(name, "link", "add", ends[0], "type", "veth", "peer", "name", ends[1])
        for end in ends:
            ip(name, "link", "set", end, "up")
        yield name, *ends
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)


@pytest.fixture
def hugepages(root: None) -> Iterator[None]:
    before = int(HUGEPAGES.read_text())
    try:
        HUGEPAGES.write_text(f"{before + 64}\n")
        if int(HUGEPAGES.read_text()) < 64:
            pytest.skip("no 64 hugepages to be had")
        yield
    finally:
        HUGEPAGES.write_text(f"{before}\n")


def ip(namespace: str, *words: str) -> None:
    subprocess.run(["ip", "-n", namespace, *words], check=True, capture_output=True)


def command(*words: object, namespace: str = "") -> list[str]:
    inside = ["ip", "netns", "exec", namespace] if namespace else []
    return [*inside, str(PROGRAMS / "port_replay"), "--kind", "dpdk", *map(str, words)]


def run(*words: object) -> dict[str, Any]:
    done = subprocess.run(command(*words), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    ready, result = done.stdout.splitlines()
    assert ready == "ready"
    out: dict[str, Any] = json.loads(result)
    return out


def run_on_wire(
    namespace: str, sender: str, capture: Path, *words: object, rate: int = 20_000
) -> dict[str, Any]:
    """Opens the port, then sends the capture from an interface of the namespace."""
    port = subprocess.Popen(command(*words, namespace=namespace), stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)  # fmt: skip
    assert port.stdout
    try:
        first = port.stdout.readline()
        assert first == "ready\n", port.communicate(timeout=30)
        subprocess.run(["ip", "netns", "exec", namespace, PROGRAMS / "send_frames", capture,
                        sender, str(rate)], check=True, capture_output=True)  # fmt: skip
        text, errors = port.communicate(timeout=60)
        assert port.returncode == 0, errors
    finally:
        if port.poll() is None:
            port.kill()
            port.wait()
    out: dict[str, Any] = json.loads(text)
    return out


def check(live: dict[str, Any], file: dict[str, Any], driver: str) -> None:
    assert live["digest"] == file["digest"]
    assert live["messages"] == file["messages"] == MESSAGES
    assert live["lost"] == 0
    assert live["port"]["driver"] == driver
    assert live["port"]["drops"] == {}
    assert live["port"]["rx_frames"] == live["frames"] >= file["frames"]
    assert live["port"]["link_up"] == 1


def kept() -> set[str]:
    """What DPDK has left of runs; a run that was killed cannot tidy up."""
    return {path.name for path in Path("/var/run/dpdk").glob("pinnacle*")}


BEFORE = kept()


def nothing_left() -> None:
    assert kept() <= BEFORE


@pytest.mark.parametrize("burst", [1, 64, 256])
def test_pcap(capture: Path, replayed: dict[str, Any], burst: int) -> None:
    device = f"net_pcap0,rx_pcap={capture}"
    live = run(*NO_HUGE, "--device", device, "--idle", 200, "--burst", burst)
    check(live, replayed, "net_pcap")
    assert live["port"]["hw_time"] == 0
    assert abs(live["first_ns"] - time.time_ns()) < 120e9
    nothing_left()


def test_time_of_the_device(capture: Path, replayed: dict[str, Any]) -> None:
    """net_pcap gives the capture's time, in microseconds."""
    device = f"net_pcap0,rx_pcap={capture}"
    live = run(*NO_HUGE, "--device", device, "--idle", 200, "--hw-time", 1)
    check(live, replayed, "net_pcap")
    assert live["port"]["hw_time"] == 1
    assert live["first_ns"] == replayed["first_ns"] // 1000 * 1000
    assert live["last_ns"] == replayed["last_ns"] // 1000 * 1000


def test_ring_sends_and_receives(capture: Path, replayed: dict[str, Any]) -> None:
    live = run(*NO_HUGE, "--device", "net_ring0", "--send", capture, "--idle", 200)
    check(live, replayed, "net_ring")
    assert live["port"]["tx_frames"] == replayed["frames"]


def test_close_and_open_again(capture: Path, replayed: dict[str, Any]) -> None:
    live = run(*NO_HUGE, "--device", "net_ring0", "--send", capture, "--idle", 200, "--rounds", 20)
    check(live, replayed, "net_ring")


def test_frames_of_several_buffers_are_put_together(tmp_path: Path) -> None:
    """Longer than a buffer: the driver chains them. 9,000 bytes of UDP that no feed knows."""
    from scapy.layers.inet import IP, UDP
    from scapy.layers.l2 import Ether
    from scapy.utils import wrpcap

    frames = [Ether() / IP(dst="233.1.1.1") / UDP(dport=1) / bytes(8958) for _ in range(500)]
    wrpcap(str(tmp_path / "long.pcap"), frames)
    live = run(*NO_HUGE, "--device", f"net_pcap0,rx_pcap={tmp_path}/long.pcap", "--idle", 200)
    assert live["frames"] == 500
    assert live["port"]["rx_bytes"] == 500 * 9000
    assert live["drops"] == {"flow_unknown": 500}


def test_null_hands_out_frames() -> None:
    """Faster than any card, without pause, and all alike."""
    live = run(*NO_HUGE, "--device", "net_null0,size=64", "--raw", 1, "--frames", 1_000_000)
    assert live["frames"] == live["port"]["rx_frames"] >= 1_000_000
    assert live["port"]["rx_bytes"] == 64 * live["frames"]
    assert live["port"]["drops"] == {}


def test_af_xdp(
    wire: tuple[str, str, str], hugepages: None, capture: Path, replayed: dict[str, Any]
) -> None:
    namespace, sender, receiver = wire
    live = run_on_wire(namespace, sender, capture, "--eal", "-m 64", "--rx-ring", 2048,
                       "--device", f"net_af_xdp0,iface={receiver}", "--idle", 1500)  # fmt: skip
    check(live, replayed, "net_af_xdp")
    assert live["port"]["hugepages"] == 1


def test_tap(wire: tuple[str, str, str], capture: Path, replayed: dict[str, Any]) -> None:
    namespace = wire[0]
    tap = f"dt{os.getpid()}"
    live = run_on_wire(namespace, tap, capture, *NO_HUGE, "--device", f"net_tap0,iface={tap}",
                       "--idle", 1500, rate=10_000)  # fmt: skip
    check(live, replayed, "net_tap")


REFUSED = [
    (("--device", "net_bogus0"), "DPDK knows no device net_bogus0"),
    (("--device", "net_pcap0,rx_pcap=no-such-file"), "No such file"),
    (("--device", "ffff:00:00.0"), "no PCI device ffff:00:00.0"),
    (("--device", "lo"), "lo is an interface without PCI device"),
    (("--device", "net_ring0", "--queues", "20"), "has 16 receive queues, not 20"),
    (("--device", "net_null0", "--buffers", "512"), "512 buffers are too few"),
    (("--device", "net_null0", "--eal", "--bogus"), "refuses its arguments"),
    (("--device", "net_null0", "--eal", "--vdev=net_pcap1,rx_pcap=none"), "in eal"),
]


@pytest.mark.parametrize(("words", "text"), REFUSED, ids=[text for _, text in REFUSED])
def test_refused(words: tuple[str, ...], text: str) -> None:
    done = subprocess.run(command(*NO_HUGE, *words), capture_output=True, text=True, timeout=60,
                          check=False)  # fmt: skip
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert text in line
    nothing_left()


def test_mtu_beyond_the_device(wire: tuple[str, str, str]) -> None:
    namespace, _, receiver = wire
    words = command(*NO_HUGE, "--device", f"net_af_xdp0,iface={receiver}", "--mtu", 9000,
                    namespace=namespace)  # fmt: skip
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert re.search(r"allows an MTU of \d+ to \d+, not 9000$", done.stderr.strip()), done.stderr


def test_no_hugepages() -> None:
    words = ("--eal", "-m 1000000", "--device", "net_null0")
    done = subprocess.run(command(*words), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "not enough hugepages" in line
    assert "setup_host.sh" in line


def test_no_permission(root: None) -> None:
    words = command(*NO_HUGE, "--device", "net_tap0,iface=dtnobody")
    done = subprocess.run(["setpriv", "--reuid", "65534", "--clear-groups", *words],
                          capture_output=True, text=True, check=False)  # fmt: skip
    if "Permission denied" in done.stderr and "port_replay:" not in done.stderr:
        pytest.skip("the build folder is not readable by others")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "no permission" in line


def test_the_library_alone_has_no_dpdk() -> None:
    """The Python extension and programs without DPDK must not load its hundred libraries."""
    done = subprocess.run(["ldd", PROGRAMS / "dump_frames"], capture_output=True, text=True,
                          check=True)  # fmt: skip
    assert "librte" not in done.stdout
    import pinnacle.abi._pinnacle as extension

    done = subprocess.run(["ldd", str(extension.__file__)], capture_output=True, text=True,
                          check=True)  # fmt: skip
    assert "librte" not in done.stdout
