"""The Vagrantfile: accepted by Vagrant, and what it runs in the machine exists.

Booting it needs a provider and a box: see ``test_vagrant_up`` for the long version.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "Vagrantfile").read_text()


def vagrant(tmp_path: Path, *words: str, **env: str) -> "subprocess.CompletedProcess[str]":
    tool = shutil.which("vagrant")
    if tool is None:
        pytest.skip("vagrant is not installed (scripts/setup.sh test installs it)")
    return subprocess.run(
        [tool, *words], cwd=ROOT, capture_output=True, text=True, check=False, timeout=300,
        env={**os.environ, "VAGRANT_HOME": str(tmp_path / "home"),
             "VAGRANT_DOTFILE_PATH": str(tmp_path / "dot"), "VAGRANT_CHECKPOINT_DISABLE": "1",
             **env},
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["kvm", "qemu"])
def test_valid_for_libvirt(tmp_path: Path, kind: str) -> None:
    done = vagrant(tmp_path, "validate", VAGRANT_DEFAULT_PROVIDER="libvirt", PINNACLE_VM_TYPE=kind)
    if "vagrant-libvirt" in done.stderr or "could not be found" in done.stderr:
        pytest.skip("vagrant-libvirt is not installed (scripts/setup.sh test installs it)")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "validated successfully" in done.stdout


def test_valid_without_its_provider(tmp_path: Path) -> None:
    """VirtualBox cannot be installed from Debian; the rest of the file is checked all the same."""
    done = vagrant(tmp_path, "validate", "--ignore-provider", VAGRANT_DEFAULT_PROVIDER="virtualbox")
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_it_runs_exists() -> None:
    """Scripts exist and know the options that they are given; provisioners come in order."""
    for name, rest in re.findall(r"\./(scripts/\w+\.sh)((?:[^\n]|\\\n)*)", TEXT):
        script = ROOT / name
        assert script.is_file(), name
        words = re.findall(r"--[\w-]+", rest)
        shown = subprocess.run([script, "--help"], capture_output=True, text=True, check=True)
        assert [word for word in words if word not in shown.stdout] == []
    order = re.findall(r'config\.vm\.provision "(\w+)"', TEXT)
    assert order == ["packages", "host", "check", "test"]
    assert len(re.findall(r"192\.168\.177\.\d+", TEXT)) == 2, "two NICs of the feed"
