"""The DPDK port beside ``dpdk-testpmd`` in receive-only mode, on the same device in turns.

net_null and net_pcap hand out frames as fast as they are taken, so that each rate is the receiver's
alone. On net_af_xdp a sender on the other end of a veth pair gives what it can, round after round
of a capture, each with a session of its own, and the whole engine stands behind the port.
"""

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from perf import programs
from perf.figures import Figures, ratios, row
from tests.netns.net import Namespace, wire

EAL = ("--no-huge", "-m 1024", "--no-pci")
HUGE_EAL = ("-m 512", "--no-pci")
SECONDS = 3
NR_HUGEPAGES = Path("/proc/sys/vm/nr_hugepages")
PAGES = 400


@pytest.fixture
def hugepages() -> Iterator[None]:
    """Some for the devices that cannot do without; the old number is put back."""
    before = int(NR_HUGEPAGES.read_text())
    try:
        NR_HUGEPAGES.write_text(str(before + PAGES))
    except OSError:
        pytest.skip("may not reserve hugepages")
    yield
    NR_HUGEPAGES.write_text(str(before))


def rate_of_testpmd(
    device: str, memory: tuple[str, ...] = ("--no-huge", "-m", "1024"),
    where: Namespace | None = None,
) -> float:  # fmt: skip
    """Frames a second that testpmd receives and throws away."""
    prefix = f"testpmd{os.getpid()}"
    command = [*(("ip", "netns", "exec", where.name) if where else ()),
               "dpdk-testpmd", "-l", "0-1", *memory, "--no-pci", "--file-prefix", prefix,
               f"--vdev={device}", "--", "-i",
               "--forward-mode=rxonly", "--burst=64", "--rxd=1024", "--total-num-mbufs=32768",
               "--no-flush-rx"]  # fmt: skip
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True) as process:  # fmt: skip
        assert process.stdin
        time.sleep(2)
        process.stdin.write("start\n")
        process.stdin.flush()
        time.sleep(1)
        process.stdin.write("clear port stats all\n")
        process.stdin.flush()
        began = time.monotonic()
        time.sleep(SECONDS)
        process.stdin.write("show port stats all\n")
        process.stdin.flush()
        took = time.monotonic() - began
        text, _ = process.communicate("stop\nquit\n", timeout=30)
    shutil.rmtree(f"/var/run/dpdk/{prefix}", ignore_errors=True)
    found = re.search(r"RX-packets: (\d+)", text)
    assert found, text[-2000:]
    return int(found[1]) / took


def rate_of_the_port(device: str) -> float:
    (line,) = programs.run("bench_dpdk", "port", device, SECONDS, *EAL)
    return float(line["frames"]) / float(line["ns"]) * 1e9


@pytest.mark.parametrize("name", ["net_null", "net_pcap"])
def test_against_testpmd(name: str, rounds: int, figures: Figures, tmp_path: Path) -> None:
    if not shutil.which("dpdk-testpmd"):
        pytest.skip("dpdk-testpmd is not installed (scripts/setup.sh test installs dpdk-dev)")
    device = "net_null0,size=128"
    if name == "net_pcap":
        path = tmp_path / "day.pcap"
        ctl = programs._tool("pinnacle-ctl") or "pinnacle-ctl"
        subprocess.run([ctl, "capture", "make", "--messages", "8000", "--symbols", "500", path],
                       check=True, capture_output=True)  # fmt: skip
        device = f"net_pcap0,rx_pcap={path},infinite_rx=1"
    peer, port = [], []
    for _ in range(rounds):
        peer.append(rate_of_testpmd(device) / 1e6)
        port.append(rate_of_the_port(device) / 1e6)
    group = f"DPDK on {name}"
    figures.add(
        row(group, "testpmd, receive only", "Mpps", peer),
        row(group, "the port, frames handed out", "Mpps", port),
        row(group, "port / testpmd", "x", ratios(port, peer), target=0.9, at_least=True),
    )


def rate_of_the_books(device: str, where: Namespace) -> tuple[float, float]:
    """Frames and messages a second of the whole engine."""
    done = where.run(programs.program("bench_dpdk"), "books", device, str(SECONDS), *HUGE_EAL)
    line = json.loads(done.stdout)
    seconds = float(line["ns"]) / 1e9
    return float(line["frames"]) / seconds, float(line["messages"]) / seconds


def test_booked_beside_testpmd(
    rounds: int, figures: Figures, tmp_path: Path, hugepages: None
) -> None:
    if not shutil.which("dpdk-testpmd"):
        pytest.skip("dpdk-testpmd is not installed (scripts/setup.sh test installs dpdk-dev)")
    path = tmp_path / "day.pcap"
    ctl = programs._tool("pinnacle-ctl") or "pinnacle-ctl"
    subprocess.run([ctl, "capture", "make", "--messages", "200000", "--symbols", "500", path],
                   check=True, capture_output=True)  # fmt: skip
    peer, books, messages = [], [], []
    with wire() as ends:
        device = f"net_af_xdp0,iface={ends.near.device}"
        sender = ends.far.popen(ctl, "replay", "--to", ends.far.device, "--rate", "5000000",
                                "--loop", "0", path)  # fmt: skip
        try:
            for _ in range(rounds):
                peer.append(rate_of_testpmd(device, ("-m", "512", "--in-memory"), ends.near) / 1e6)
                frames, booked = rate_of_the_books(device, ends.near)
                books.append(frames / 1e6)
                messages.append(booked / 1e6)
        finally:
            sender.terminate()
            sender.communicate(timeout=30)
    group = "DPDK on net_af_xdp, veth, a capture sent without pause"
    figures.add(
        row(group, "testpmd, receive only", "Mpps", peer),
        row(group, "received, parsed and booked", "Mpps", books),
        row(group, "messages booked", "M/s", messages),
        row(group, "booked / testpmd", "x", ratios(books, peer), target=0.9, at_least=True),
    )
