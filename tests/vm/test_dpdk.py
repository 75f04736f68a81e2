"""DPDK on PCI cards behind an IOMMU, in the guest: bind, receive, books as from the file, unbind.

One boot for all tests; each looks at what one step of ``dpdk_path.sh`` left.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.vm import guest, image

SCRIPT = Path(__file__).with_name("dpdk_path.sh")
PATIENCE_S = 540
CARD, VIRTIO = "0000:00:03.0", "0000:00:05.0"
STEERS = ("--steer", "233.54.12.111:26477", "--steer", "233.49.196.111:26477")


@dataclass(frozen=True)
class Steps:
    """What the guest's steps printed and how they ended."""

    folder: Path

    def text(self, name: str) -> str:
        return (self.folder / name).read_text()

    def done(self, name: str) -> str:
        """Output of a step that succeeded."""
        assert self.text(f"{name}.code").strip() == "0", self.text(f"{name}.err")
        return self.text(f"{name}.out")

    def refused(self, name: str, code: int) -> str:
        """The one line of a step that was refused, with this code."""
        assert self.text(f"{name}.code").strip() == str(code)
        (line,) = self.text(f"{name}.err").splitlines()
        return line

    def replay(self, name: str) -> dict[str, Any]:
        """What port_replay says of its run."""
        ready, result = self.done(name).splitlines()
        assert ready == "ready"
        out: dict[str, Any] = json.loads(result)
        return out


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> Steps:
    folder = tmp_path_factory.mktemp("guest")
    capture = folder / "capture.pcap"
    ctl = Path(sys.executable).with_name("pinnacle-ctl")
    subprocess.run(
        [ctl, "capture", "make", "--messages", "20000", "--symbols", "50", "--lines", "2",
         "--loss-a", "0.01", capture], check=True, capture_output=True,
    )  # fmt: skip
    out = folder / "out"
    out.mkdir()
    try:
        result = guest.run(SCRIPT, str(capture), *STEERS, out=out, timeout_s=PATIENCE_S)
    except image.UnavailableError as error:
        pytest.skip(f"no guest here: {error}")
    assert result.code == 0, f"{result.output}\n{result.console[-3000:]}"
    return Steps(out)


def test_host_check(steps: Steps) -> None:
    """It sees the IOMMU and the cards, and less to mend once hugepages and vfio are there."""
    amiss = {}
    for name in ("check_before", "check_after"):
        assert steps.text(f"{name}.code").strip() in ("0", "10")
        report = json.loads(steps.text(f"{name}.out"))
        amiss[name] = {
            (p["point"], p["device"]) for p in report["points"] if p["status"] in ("warn", "bad")
        }
        assert ("iommu.groups", None) not in amiss[name]
    before, after = amiss["check_before"], amiss["check_after"]
    assert {point for point, _ in before - after} >= {"iommu.vfio"}, before - after
    assert len(after) < len(before)


def test_cards_are_behind_an_iommu(steps: Steps) -> None:
    lines = [line.split() for line in steps.done("status").splitlines()]
    cards = {words[0]: words for words in lines}
    assert cards[CARD][1:4] == ["8086:10d3", "driver", "vfio-pci"]
    assert cards[VIRTIO][1:4] == ["1af4:1041", "driver", "vfio-pci"]
    assert cards["0000:00:04.0"][3] == "e1000e"
    assert all(words[4] == "group" and words[5].isdigit() for words in lines)


def test_dry_run_says_what_would_be_written(steps: Steps) -> None:
    assert steps.done("dry_run").splitlines() == [
        "bind_nic: would run: modprobe vfio-pci",
        f"bind_nic: would write driver=e1000e interfaces=eth1 to /run/pinnacle/bind/{CARD}",
        f"bind_nic: would run: echo vfio-pci > /sys/bus/pci/devices/{CARD}/driver_override",
        f"bind_nic: would run: echo {CARD} > /sys/bus/pci/drivers/e1000e/unbind",
        f"bind_nic: would run: echo {CARD} > /sys/bus/pci/drivers_probe",
    ]


def test_bind_says_what_it_changed(steps: Steps) -> None:
    first, second = steps.done("bind").splitlines()
    assert first.startswith(f"bind_nic: {CARD}: e1000e (eth1) -> vfio-pci, IOMMU group ")
    assert second.startswith(f"bind_nic: {VIRTIO}: virtio-pci (eth0) -> vfio-pci, IOMMU group ")
    assert steps.done("bind_again") == f"bind_nic: {CARD} is bound to vfio-pci already\n"


def test_refused_starts(steps: Steps) -> None:
    assert "not enough hugepages (0 free)" in steps.refused("no_hugepages", 1)
    line = steps.refused("not_bound", 1)
    assert f"{CARD} belongs to e1000e" in line
    assert f"run sudo scripts/bind_nic.sh {CARD}" in line
    assert f"{CARD} is in use by another process" in steps.refused("in_use", 1)
    assert f"{CARD} is in use by process" in steps.refused("busy", 4)


@pytest.mark.parametrize(
    ("name", "driver", "filters"), [("e1000", "net_e1000_em", 2), ("virtio", "net_virtio", 0)]
)
def test_books_are_those_of_the_file(steps: Steps, name: str, driver: str, filters: int) -> None:
    live, file = steps.replay(name), json.loads(steps.done("file"))
    port = live["port"]
    assert port["driver"] == driver
    assert port["link_up"] == 1
    assert port["hugepages"] == 1
    assert port["drops"] == {}
    assert port["rx_frames"] == live["frames"] == file["frames"] == int(steps.done("send"))
    assert port["xstats"]["steer_multicast_filters"] == filters
    assert live["messages"] == file["messages"] == 20000
    assert live["lost"] == 0
    assert live["digest"] == file["digest"]


def test_a_whole_instance(steps: Steps) -> None:
    """``pinnacle-ctl start`` on the card, the same capture, the same books, ``stop``."""
    file = json.loads(steps.done("file"))
    steps.done("start")
    books, status = json.loads(steps.done("books")), json.loads(steps.done("live_status"))
    (port,) = status["ports"]
    assert port["driver"] == "net_e1000_em"
    assert port["dropped"] == 0
    assert port["rx_frames"] == int(steps.done("send_live"))
    assert status["books"] == {"empty": 0, "valid": 50, "stale": 0}
    assert books == {"digest": file["digest"], "messages": 20000}
    steps.done("stop")
    assert steps.text("left.out") == ""


def test_the_kernel_has_its_cards_back(steps: Steps) -> None:
    lines = steps.done("unbind").splitlines()
    assert [line.split("(")[0] for line in lines] == [
        f"bind_nic: {CARD}: vfio-pci -> e1000e ",
        f"bind_nic: {VIRTIO}: vfio-pci -> virtio-pci ",
    ]
    again = steps.done("unbind_again")
    assert again == f"bind_nic: {CARD} is not bound to vfio-pci; it has e1000e\n"
    assert "3 packets received, 0% packet loss" in steps.done("ping")
