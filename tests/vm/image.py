"""What the guest boots from: Debian's kernel, unpacked but not installed, and a small initramfs.

Both are kept in ``build/vm``. The initramfs mounts the host's files read-only with a layer of
memory on top: the guest has every program of the host and changes none of its files.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "vm"
BOOT_MODULES = ("virtio_pci", "9pnet_virtio", "9p", "overlay", "virtio_net", "e1000e")

INIT = """#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /host /rw /new
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for module in $(cat /modules/order); do insmod /modules/$module; done
share=trans=virtio,version=9p2000.L,msize=524288
mount -t 9p -o $share,cache=loose,ro host /host || echo "no host files"
mount -t tmpfs tmpfs /rw
mkdir -p /rw/upper /rw/work
mount -t overlay -o lowerdir=/host,upperdir=/rw/upper,workdir=/rw/work overlay /new
for folder in proc sys dev; do mount --move /$folder /new/$folder; done
mkdir -p /new/dev/shm /new/dev/pts /new/mnt/out /new/usr/lib/modules /new/usr/local/sbin
mount -t tmpfs tmpfs /new/dev/shm
mount -t tmpfs tmpfs /new/run
mount -t 9p -o $share out /new/mnt/out
. /new/mnt/out/guest.env
rm -rf /new/usr/lib/modules/*
ln -s "$KERNEL_MODULES" /new/usr/lib/modules/$(uname -r)
cp /bin/busybox /new/usr/local/sbin/
for tool in modprobe lsmod rmmod; do
    [ -e /new/usr/sbin/$tool ] || ln -s busybox /new/usr/local/sbin/$tool
done
ip link set lo up
chroot /new /bin/bash /mnt/out/run
sync
echo o >/new/proc/sysrq-trigger
sleep 60
"""


class UnavailableError(Exception):
    """The guest cannot be run here; the text says why."""


def _run(*command: str | Path, cwd: Path | None = None, env: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, env=env)
    if done.returncode != 0:
        raise UnavailableError(f"{' '.join(map(str, command))}: {done.stderr.strip()[-300:]}")


def missing() -> str:
    """Which program the guest needs and this machine has not; empty when all are there."""
    tools = ("qemu-system-x86_64", "busybox", "cpio", "dpkg-deb", "apt-get", "setpriv", "tar")
    gone = [tool for tool in tools if not shutil.which(tool)]
    return f"{', '.join(gone)} not installed (scripts/setup.sh test installs them)" if gone else ""


def _package() -> str:
    """Name of the newest kernel package that the package lists have."""
    done = subprocess.run(
        ["apt-cache", "depends", "linux-image-amd64"], capture_output=True, text=True, check=False
    )
    found = re.search(r"Depends: (linux-image-\S+-amd64)\s", done.stdout)
    if not found:
        raise UnavailableError("apt knows no linux-image-amd64: apt-get update")
    return found[1]


def kernel() -> Path:
    """The folder with boot/vmlinuz-* and lib/modules; downloaded and unpacked the first time."""
    folder = FOLDER / "kernel"
    if (folder / "complete").exists():
        return folder
    package = _package()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    # apt-get fetches as a user of its own where it may write; here root's own folder will do.
    _run("apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", package, cwd=folder)
    (deb,) = folder.glob("*.deb")
    _run("bash", "-c", f"dpkg-deb --fsys-tarfile {deb.name} | tar x ./boot ./lib/modules",
         cwd=folder)  # fmt: skip
    deb.unlink()
    (version,) = (p.name for p in (folder / "lib/modules").iterdir())
    _run("busybox", "depmod", "-b", str(folder), version)
    (folder / "complete").touch()
    return folder


def _in_order(modules: Path, wanted: tuple[str, ...]) -> list[Path]:
    """The modules and all that they need, in the order to load them; built-in ones left out."""
    files = {p.stem.replace("-", "_"): p for p in modules.rglob("*.ko")}
    out: list[Path] = []

    def add(name: str) -> None:
        path = files.get(name.replace("-", "_"))
        if path is None or path in out:
            return
        found = re.search(rb"\0depends=([^\0]*)\0", path.read_bytes())
        for need in found[1].decode().split(",") if found else []:
            add(need)
        out.append(path)

    for name in wanted:
        add(name)
    return out


def initramfs(kernel_folder: Path) -> Path:
    """The archive with busybox, the init script and the modules that mount the host's files."""
    out, tree = FOLDER / "initramfs.cpio", FOLDER / f"initramfs.{os.getpid()}"
    (modules,) = (kernel_folder / "lib/modules").iterdir()
    shutil.rmtree(tree, ignore_errors=True)
    (tree / "bin").mkdir(parents=True)
    (tree / "modules").mkdir()
    shutil.copy(str(shutil.which("busybox")), tree / "bin/busybox")
    order = _in_order(modules, BOOT_MODULES)
    for path in order:
        shutil.copy(path, tree / "modules" / path.name)
    (tree / "modules/order").write_text("\n".join(p.name for p in order) + "\n")
    (tree / "init").write_text(INIT)
    (tree / "init").chmod(0o755)
    _run("bash", "-c", f"find . | cpio -o -H newc --quiet >{out}.{os.getpid()}", cwd=tree)
    Path(f"{out}.{os.getpid()}").rename(out)
    shutil.rmtree(tree)
    return out


def build() -> Path:
    """The project built for a plain processor, which the emulated one is; its install folder."""
    folder, root = FOLDER / "checks", FOLDER / "root"
    env = {**os.environ, "PATH": f"{ROOT / '.venv/bin'}:{os.environ['PATH']}"}
    if not (folder / "build.ninja").exists():
        options = ["-Dchecks=true", "-Dbench=false", "-Dmarch=x86-64-v2",
                   "-Dpython.platlibdir=/site", "-Dpython.purelibdir=/site"]  # fmt: skip
        _run("meson", "setup", folder, *options, cwd=ROOT, env=env)
    _run("meson", "install", "-C", folder, "--destdir", root, "--quiet", cwd=ROOT, env=env)
    return root / "site"
