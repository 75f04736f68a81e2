"""``vagrant up`` for real, on a box made here, without KVM: two NICs behind an IOMMU, hugepages.

The set-up is called by hand here, without Vagrant's restart: an address that comes from the guest's
agent is not found again by the same vagrant process after one (vagrant-libvirt 0.11.2).

Takes a quarter of an hour and starts libvirt's daemons, so it is asked for: PINNACLE_LONG=1 and
root. It needs vagrant, vagrant-libvirt, libvirt-daemon-system, mmdebstrap, qemu-utils and
dnsmasq-base.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.effort import LONG

ROOT = Path(__file__).resolve().parents[2]
BOX = ROOT / "build/box"  # where qemu's user may read it, which it may not below /tmp
TOOLS = ("vagrant", "libvirtd", "virtlogd", "virsh", "mmdebstrap", "qemu-img", "mke2fs", "dnsmasq")


def run(*words: str | Path, env: dict[str, str] | None = None, seconds: int = 600) -> str:
    done = subprocess.run(
        [*map(str, words)], capture_output=True, text=True, check=False, timeout=seconds, cwd=ROOT,
        env={**os.environ, **(env or {})},
    )  # fmt: skip
    assert done.returncode == 0, f"{words}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture
def daemons(tmp_path: Path) -> Iterator[None]:
    """libvirt's, started here unless they run, and ended by their ids."""
    if not LONG:
        pytest.skip("a virtual machine without KVM takes a quarter of an hour: PINNACLE_LONG=1")
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if os.getuid() != 0 or missing:
        pytest.skip(f"needs root and {', '.join(missing) or 'nothing else'}")
    started: list[subprocess.Popen[bytes]] = []
    if subprocess.run(["virsh", "list"], capture_output=True, check=False).returncode != 0:
        with (tmp_path / "libvirt.log").open("wb") as log:
            for name in ("virtlogd", "libvirtd"):
                started.append(subprocess.Popen([name], stdout=log, stderr=log))
        for _ in range(60):
            done = subprocess.run(["virsh", "list"], capture_output=True, check=False)
            if done.returncode == 0:
                break
            time.sleep(0.5)
    yield
    for process in reversed(started):
        process.terminate()
        process.wait(timeout=60)


def test_up(daemons: None, tmp_path: Path) -> None:
    if not (BOX / "pinnacle.box").is_file():
        run(ROOT / "tests/host/make_box.sh", BOX)
    env = {
        "VAGRANT_HOME": str(tmp_path / "home"), "VAGRANT_DOTFILE_PATH": str(tmp_path / "dot"),
        "VAGRANT_CHECKPOINT_DISABLE": "1", "VAGRANT_DEFAULT_PROVIDER": "libvirt",
        "PINNACLE_BOX": "pinnacle-local", "PINNACLE_VM_TYPE": "qemu", "PINNACLE_CPUS": "2",
        "PINNACLE_MEMORY": "3072",
    }  # fmt: skip
    run("vagrant", "box", "add", "--name", "pinnacle-local", BOX / "pinnacle.box", env=env)
    try:
        run("vagrant", "up", "--no-provision", seconds=1500, env=env)
        nics = run(
            "vagrant", "ssh", "-c",
            "for n in eth1 eth2; do cat /sys/class/net/$n/device/device; "
            "basename $(readlink /sys/class/net/$n/device/iommu_group); done", env=env,
        ).split()  # fmt: skip
        assert nics[0] == nics[2] == "0x10d3", "two 82574L"
        assert nics[1] != nics[3], "each in a group of its own"
        run("vagrant", "ssh", "-c", "cd pinnacle && sudo ./scripts/setup_host.sh --hugepages 512 "
            "--sysctls --limits --iommu --persist --user vagrant --yes", env=env)  # fmt: skip
        assert (
            run("vagrant", "ssh", "-c", "cat /proc/sys/vm/nr_hugepages", env=env).strip() == "512"
        )
    finally:
        run("vagrant", "destroy", "--force", env=env)
        base = "pinnacle-local_vagrant_box_image"
        for volume in run("virsh", "vol-list", "default").split():
            if volume.startswith(base):
                subprocess.run(["virsh", "vol-delete", volume, "default"], check=False)
