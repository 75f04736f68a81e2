"""The DPDK port beside ``dpdk-testpmd`` in receive-only mode, on the same device in turns.

The devices hand out frames as fast as they are taken, so that each rate is the receiver's:
net_null makes empty frames, net_pcap repeats a capture from memory.
"""

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from perf import programs
from perf.figures import Figures, ratios, row

EAL = ("--no-huge", "-m 1024", "--no-pci")
SECONDS = 3


def rate_of_testpmd(device: str) -> float:
    """Frames a second that testpmd receives and throws away."""
    prefix = f"testpmd{os.getpid()}"
    command = ["dpdk-testpmd", "-l", "0-1", "--no-huge", "-m", "1024", "--no-pci",
               "--file-prefix", prefix, f"--vdev={device}", "--", "-i",
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
    (line,) = programs.run("bench_dpdk", device, SECONDS, *EAL)
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
