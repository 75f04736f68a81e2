"""A guest on an emulated machine with an IOMMU and PCI network cards, for one script at a time.

    python -m tests.vm.guest SCRIPT [ARGUMENT...]

boots it, runs the script inside with bash, as root, over the host's files (read-only, with a layer
of memory on top), prints what it prints and ends with its exit code. The cards, all on one wire:

    0000:00:03.0 and 0000:00:04.0   e1000e, Intel 82574L
    0000:00:05.0                    virtio-net, modern, behind the IOMMU too

It is plain emulation: no /dev/kvm, no image, nothing left behind. Files that the script writes to
``$OUT`` come out to the folder given.
"""

import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.vm import image

MEMORY_MB = 2048
TIMEOUT_S = 420
WIRED = ("e1000e,addr=03.0", "e1000e,addr=04.0",
         "virtio-net-pci,addr=05.0,disable-legacy=on,iommu_platform=on")  # fmt: skip


@dataclass(frozen=True)
class Result:
    """How a script ended: its exit code (-1: the guest did not get that far) and all output."""

    code: int
    output: str
    console: str
    seconds: float


def _command(kernel: Path, initramfs: Path, out: Path) -> list[str]:
    (vmlinuz,) = (kernel / "boot").glob("vmlinuz-*")
    command = [
        # The kernel ends QEMU should this process be killed.
        "setpriv", "--pdeathsig", "KILL",
        "qemu-system-x86_64", "-nodefaults", "-display", "none", "-no-reboot",
        "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", str(MEMORY_MB),
        "-M", "q35,kernel-irqchip=split", "-device", "intel-iommu,intremap=on,caching-mode=on",
        "-kernel", str(vmlinuz), "-initrd", str(initramfs),
        "-append", "console=ttyS0 quiet loglevel=4 panic=-1 intel_iommu=on net.ifnames=0",
        "-serial", f"file:{out / 'console'}",
        "-virtfs", "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap",
        "-virtfs", f"local,path={out},mount_tag=out,security_model=none,multidevs=remap",
    ]  # fmt: skip
    for number, card in enumerate(WIRED):
        mac = f"52:54:00:00:00:0{number + 3}"
        command += ["-netdev", f"hubport,id=n{number},hubid=1"]
        command += ["-device", f"{card},netdev=n{number},mac={mac}"]
    return command


def _prepare(out: Path, script: Path, arguments: list[str], site: Path, kernel: Path) -> None:
    (modules,) = (kernel / "lib/modules").iterdir()
    (out / "guest.env").write_text(f"KERNEL_MODULES={shlex.quote(str(modules))}\n")
    words = shlex.join([str(script), *arguments])
    (out / "run").write_text(
        "export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
        "export HOME=/root LANG=C.UTF-8 OUT=/mnt/out\n"
        f"export ROOT={shlex.quote(str(image.ROOT))} PYTHONPATH={shlex.quote(str(site))}\n"
        f"export PINNACLE_BUILD={shlex.quote(str(image.FOLDER / 'checks'))}\n"
        'export PATH="$ROOT/.venv/bin:$PATH"\n'
        'cd "$ROOT"\n'
        f"bash {words} >/mnt/out/output 2>&1\n"
        "echo $? >/mnt/out/code\n"
    )


def run(
    script: Path, *arguments: str, out: Path | None = None, timeout_s: float = TIMEOUT_S,
    show: bool = False,
) -> Result:  # fmt: skip
    """Boots, runs, and is sure that QEMU has ended. ``out`` keeps what the script leaves in $OUT.

    Raises :class:`image.UnavailableError` where that cannot be done, with the reason.
    """
    why = image.missing()
    if why:
        raise image.UnavailableError(why)
    kernel, site = image.kernel(), image.build()
    initramfs = image.initramfs(kernel)
    folder = out or Path(tempfile.mkdtemp(prefix="guest", dir=image.FOLDER))
    began = time.monotonic()
    try:
        _prepare(folder, script.resolve(), list(arguments), site, kernel)
        process = subprocess.Popen(
            _command(kernel, initramfs, folder), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip
        try:
            said = _wait(process, folder / "output", timeout_s, show)
        finally:
            if process.poll() is None:
                os.kill(process.pid, signal.SIGKILL)
            process.wait()
        code = _text(folder / "code").strip()
        return Result(
            int(code) if code else -1,
            _text(folder / "output"),
            said + _text(folder / "console"),
            time.monotonic() - began,
        )
    finally:
        if out is None:
            shutil.rmtree(folder, ignore_errors=True)


def _text(path: Path) -> str:
    return path.read_text(errors="replace") if path.exists() else ""


def _wait(process: "subprocess.Popen[str]", output: Path, timeout_s: float, show: bool) -> str:
    """Until QEMU ends or time is up; what QEMU itself said."""
    until, shown = time.monotonic() + timeout_s, 0
    while True:
        try:
            said, _ = process.communicate(timeout=0.5)
        except subprocess.TimeoutExpired:
            if time.monotonic() > until:
                return f"guest: not done after {timeout_s:g} s\n"
        else:
            until = 0
        if show:
            text = _text(output)
            print(text[shown:], end="", flush=True)
            shown = len(text)
        if until == 0:
            return said


def main() -> int:
    if len(sys.argv) < 2 or sys.argv[1] in {"-h", "--help"}:
        print(__doc__)
        return 2
    try:
        result = run(Path(sys.argv[1]), *sys.argv[2:], show=True)
    except image.UnavailableError as error:
        print(f"guest: {error}", file=sys.stderr)
        return 1
    if result.code < 0:
        print(result.console[-3000:], file=sys.stderr)
    print(f"guest: exit code {result.code} after {result.seconds:.0f} s", file=sys.stderr)
    return result.code if result.code >= 0 else 1


if __name__ == "__main__":
    sys.exit(main())
