"""scripts/setup_host.sh on prepared trees, and for real where that is harmless."""

import os
import pty
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts/setup_host.sh"

TREE = {
    "sys/devices/system/cpu/online": "0-7\n",
    **{f"sys/devices/system/cpu/cpu{n}/cpufreq/scaling_governor": "powersave\n" for n in range(8)},
    "sys/kernel/mm/transparent_hugepage/enabled": "always\n",
    "sys/class/net/eth1/napi_defer_hard_irqs": "0\n",
    "sys/class/net/eth1/gro_flush_timeout": "0\n",
    "proc/sys/vm/nr_hugepages": "0\n",
    "proc/sys/vm/swappiness": "60\n",
    "proc/sys/vm/stat_interval": "1\n",
    "proc/sys/kernel/numa_balancing": "1\n",
    "proc/sys/net/ipv4/igmp_max_memberships": "20\n",
    "proc/sys/net/ipv4/conf/all/rp_filter": "1\n",
    "proc/sys/net/ipv4/conf/eth1/rp_filter": "2\n",
    "proc/sys/net/core/rmem_max": "212992\n",
    "proc/mounts": "hugetlbfs /dev/hugepages hugetlbfs rw 0 0\n",
    "proc/cpuinfo": "vendor_id : GenuineIntel\n",
    "proc/irq/default_smp_affinity": "ff\n",
    "proc/irq/1/smp_affinity_list": "0-7\n",
    "proc/irq/2/smp_affinity_list": "2\n",
    "proc/irq/3/smp_affinity_list": "0-1\n",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    for name, text in TREE.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def files(root: Path) -> dict[str, str]:
    found = [path for path in root.rglob("*") if path.is_file()]
    return {str(path.relative_to(root)): path.read_text() for path in found}


def script(*words: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [SCRIPT, *map(str, words)], capture_output=True, text=True, stdin=subprocess.DEVNULL,
        check=False, timeout=120,
    )  # fmt: skip


def done(*words: str | Path) -> str:
    result = script(*words)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


EVERYTHING = [
    *["--hugepages", "64", "--cores", "2-3", "--irq", "--governor", "--limits", "--sysctls"],
    *["--device", "eth1", "--iommu", "--persist", "--user", "trader"],
]


def test_dry_run_changes_nothing_and_shows_all(tree: Path) -> None:
    before = files(tree)
    shown = done("--root", tree, *EVERYTHING, "--dry-run")
    assert files(tree) == before
    for line in [
        "/proc/sys/vm/nr_hugepages: 0 -> 64",
        "/sys/kernel/mm/transparent_hugepage/enabled: always -> madvise",
        "/proc/irq/1/smp_affinity_list: 0-7 -> 0-1,4-7",
        "/proc/irq/2/smp_affinity_list: 2 -> 0-1,4-7",
        "/proc/irq/default_smp_affinity: ff -> f3",
        "/proc/sys/net/ipv4/conf/all/rp_filter: 1 -> 0",
        "isolcpus=managed_irq,domain,2-3 nohz_full=2-3 rcu_nocbs=2-3",
    ]:
        assert line in shown
    assert "irq/3" not in shown, "it is off the polling cores already"
    assert "eth1/rp_filter" not in shown, "2 is not strict"


def test_without_a_terminal_it_wants_yes(tree: Path) -> None:
    before = files(tree)
    result = script("--root", tree)
    assert result.returncode == 2
    assert "to be changed" in result.stdout
    assert "say --yes" in result.stderr
    assert files(tree) == before


def test_apply_again_and_undo(tree: Path) -> None:
    before = files(tree)
    done("--root", tree, *EVERYTHING, "--yes")
    after = files(tree)
    assert after["proc/sys/vm/nr_hugepages"] == "64\n"
    assert after["sys/devices/system/cpu/cpu7/cpufreq/scaling_governor"] == "performance\n"
    assert after["sys/class/net/eth1/gro_flush_timeout"] == "200000\n"
    assert after["etc/security/limits.d/90-pinnacle.conf"].endswith(
        "trader - memlock unlimited\ntrader - nofile 65536\n"
    )
    grub = after["etc/default/grub.d/90-pinnacle.cfg"]
    assert 'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX isolcpus=' in grub
    assert "intel_iommu=on iommu=pt" in grub and "irqaffinity=0-1,4-7" in grub
    assert "vm.nr_hugepages = 64\n" in after["etc/sysctl.d/90-pinnacle.conf"]
    assert "scaling_governor - - - - performance" in after["etc/tmpfiles.d/90-pinnacle.conf"]

    assert "nothing to change" in done("--root", tree, *EVERYTHING, "--yes")
    assert files(tree) == after

    shown = done("--root", tree, "--undo", "--dry-run")
    assert "/proc/sys/vm/nr_hugepages: 64 -> 0" in shown
    assert files(tree) == after
    done("--root", tree, "--undo", "--yes")
    assert files(tree) == before
    assert "nothing to undo" in done("--root", tree, "--undo", "--yes")


def test_two_runs_are_undone_to_the_first_state(tree: Path) -> None:
    before = files(tree)
    done("--root", tree, "--hugepages", "64", "--yes")
    done("--root", tree, "--hugepages", "128", "--sysctls", "--yes")
    assert files(tree)["proc/sys/vm/nr_hugepages"] == "128\n"
    done("--root", tree, "--undo", "--yes")
    assert files(tree) == before


def test_what_is_better_already_is_left_alone(tree: Path) -> None:
    (tree / "proc/sys/vm/nr_hugepages").write_text("4096\n")
    (tree / "proc/sys/net/core/rmem_max").write_text("99999999\n")
    (tree / "proc/sys/vm/swappiness").write_text("0\n")
    shown = done("--root", tree, "--hugepages", "512", "--sysctls", "--dry-run")
    for name in ("nr_hugepages", "rmem_max", "swappiness"):
        assert name not in shown


def test_a_file_that_was_there_comes_back(tree: Path) -> None:
    path = tree / "etc/security/limits.d/90-pinnacle.conf"
    path.parent.mkdir(parents=True)
    path.write_text("mine\n\n")
    assert "now other" in done("--root", tree, "--limits", "--yes")
    assert "memlock" in path.read_text()
    done("--root", tree, "--undo", "--yes")
    assert path.read_text() == "mine\n\n"


def test_undo_leaves_alone_what_others_changed(tree: Path) -> None:
    done("--root", tree, "--sysctls", "--limits", "--yes")
    (tree / "proc/sys/vm/swappiness").write_text("7\n")
    limits = tree / "etc/security/limits.d/90-pinnacle.conf"
    limits.write_text(limits.read_text() + "more\n")
    result = script("--root", tree, "--undo", "--yes")
    assert result.returncode == 0
    assert "swappiness is 7, not 1 as it was left: not touched" in result.stderr
    assert "was changed by someone else: not touched" in result.stderr
    assert (tree / "proc/sys/vm/swappiness").read_text() == "7\n"
    assert limits.read_text().endswith("more\n")
    assert (tree / "proc/sys/vm/stat_interval").read_text() == "1\n", "the rest is undone"


def test_masks_of_many_cores(tree: Path) -> None:
    (tree / "sys/devices/system/cpu/online").write_text("0-39\n")
    (tree / "proc/irq/default_smp_affinity").write_text("ff,ffffffff\n")
    done("--root", tree, "--irq", "--cores", "2-3,39", "--yes")
    assert (tree / "proc/irq/default_smp_affinity").read_text() == "7f,fffffff3\n"


def test_iommu_whatever_the_processor_is(tree: Path) -> None:
    """An AMD host can emulate an Intel IOMMU, as QEMU's q35 does."""
    (tree / "proc/cpuinfo").write_text("vendor_id : AuthenticAMD\n")
    assert "intel_iommu=on iommu=pt" in done("--root", tree, "--iommu", "--persist", "--dry-run")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--wings"], "--wings: unknown option"),
        (["--hugepages"], "--hugepages wants a number"),
        (["--hugepages", "many"], "--hugepages wants a number"),
        (["--cores", "two"], "--cores wants a list"),
        (["--cores", "2,9"], "core 9 does not exist here (0-7)"),
        (["--irq"], "--irq needs --cores"),
        (["--irq", "--cores", "0-7"], "leaves no core for interrupts"),
        (["--user", "a b"], "--user wants"),
    ],
)
def test_wrong_use(tree: Path, words: list[str], complaint: str) -> None:
    before = files(tree)
    result = script("--root", tree, *words, "--yes")
    assert result.returncode == 2
    assert complaint in result.stderr
    assert files(tree) == before


def test_unknown_interface(tree: Path) -> None:
    result = script("--root", tree, "--device", "eth9", "--yes")
    assert result.returncode == 1
    assert "eth9: no such interface" in result.stderr


@pytest.mark.parametrize(("answer", "code"), [(b"n\n", 1), (b"y\n", 0)])
def test_on_a_terminal_it_asks(tree: Path, answer: bytes, code: int) -> None:
    before = files(tree)
    main, worker = pty.openpty()
    with subprocess.Popen(
        [SCRIPT, "--root", tree, "--sysctls"], stdin=worker, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        os.close(worker)
        os.write(main, answer)
        assert process.wait(timeout=60) == code
    os.close(main)
    assert (files(tree) == before) == (code == 1)


def test_hugepages_for_real(tmp_path: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("needs root to reserve hugepages")
    number = Path("/proc/sys/vm/nr_hugepages")
    if not number.exists():
        pytest.skip("this kernel has no hugepages")
    # Others may reserve pages at the same time: only the difference is ours to look at.
    before = int(number.read_text())
    state = tmp_path / "state"
    result = script("--hugepages", str(before + 4), "--state", state, "--yes")
    try:
        assert result.returncode == 0, result.stderr
        assert f"nr_hugepages: {before} -> {before + 4}" in result.stdout
        assert (
            (state / "changes")
            .read_text()
            .startswith(f"value\t/proc/sys/vm/nr_hugepages\t{before}\t{before + 4}\n")
        )
        assert "hugetlbfs" in Path("/proc/mounts").read_text()
        again = script("--hugepages", str(before + 4), "--state", state, "--dry-run")
        assert "mount" not in again.stdout
    finally:
        undone = script("--undo", "--state", state, "--yes")
    assert undone.returncode == 0
    assert int(number.read_text()) == before or "not touched" in undone.stderr
    assert not state.exists()


def test_without_root_it_shows_and_refuses(tmp_path: Path) -> None:
    if os.getuid() != 0:
        result = script("--hugepages", "9999999", "--state", tmp_path, "--yes")
        assert (result.returncode, "needs root" in result.stderr) == (1, True)
        return
    result = subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", SCRIPT, "--limits",
         "--user", "nobody", "--state", tmp_path / "s", "--yes"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if result.returncode == 126:
        pytest.skip("nobody may not read this checkout")
    assert result.returncode == 1
    assert "needs root: run it with sudo" in result.stderr
