"""``pinnacle-ctl host check`` on this machine, as root and as nobody, and what it measures."""

import json
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from pinnacle.errors import EXIT_CODES, HostCheckError, StoppedError
from pinnacle.host.knowledge import knowledge

from tests.host import trees
from tests.support.ctl import COMMAND, ctl
from tests.support.namespace import in_namespace


def test_json_of_this_machine() -> None:
    done = ctl("host", "check", "--json")
    report = json.loads(done.stdout)
    counts = report["counts"]
    assert sum(counts.values()) == len(report["points"])
    amiss = counts["warn"] + counts["bad"]
    assert done.returncode == (10 if amiss else 0)
    assert done.stderr == ""
    for point in report["points"]:
        assert point["point"] in knowledge().host.points
        assert not re.search(r"[{}]", f"{point['found']}{point['why']}{point['mend']}")
        assert (point["mend"] is None) == (point["status"] == "ok")


def test_it_says_what_the_files_say() -> None:
    points = {p["point"]: p for p in json.loads(ctl("host", "check", "--json").stdout)["points"]}
    pages = Path("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages")
    if pages.exists():
        assert re.match(r"\d+ of 2 MiB", points["memory.hugepages"]["found"])
    assert points["kernel.version"]["found"] == os.uname().release
    assert points["cpu.isolation"]["found"].startswith(f"{os.cpu_count()} cores")


def test_as_nobody() -> None:
    if os.getuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("needs root and setpriv to become nobody")
    become = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    done = subprocess.run(
        [*become, *COMMAND, "host", "check", "--json"], capture_output=True, text=True, check=False
    )
    if "Permission denied" in done.stderr or "No module" in done.stderr:
        pytest.skip("nobody may not read this checkout")
    report = json.loads(done.stdout)
    assert done.returncode in (0, 10), done.stderr
    mine = {p["point"] for p in json.loads(ctl("host", "check", "--json").stdout)["points"]}
    assert {p["point"] for p in report["points"]} == mine
    sure = {"cpu.isolation", "memory.hugepages", "limits.memlock", "kernel.version", "time.sync"}
    assert [p for p in report["points"] if p["point"] in sure and p["status"] == "unknown"] == []


def test_text_and_exit_codes(tmp_path: Path) -> None:
    good = trees.tree(tmp_path / "good")
    done = ctl("host", "check", "--root", good, "--device", "eth1")
    assert "\x1b" not in done.stdout
    assert done.stdout.startswith("cpu\n  ok      cores for polling: 8 cores")
    # A tree answers no questions to the kernel: those are unknown, which is not amiss.
    rest = {line.split(":")[0][10:] for line in done.stdout.splitlines()
            if line.startswith(("  warn", "  bad"))}  # fmt: skip
    assert rest == {"DPDK", "libbpf and libxdp"}
    assert done.returncode == 10
    amiss = ctl("host", "check", "--root", good, "--device", "eth1", "--amiss")
    assert not re.search(r"^  ok", amiss.stdout, re.M)
    assert amiss.returncode == done.returncode


def test_colour_only_on_a_terminal(tmp_path: Path) -> None:
    root = trees.tree(tmp_path)
    main, worker = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, "host", "check", "--root", root], stdout=worker, stderr=worker,
        env={k: v for k, v in os.environ.items() if k != "NO_COLOR"},
    ) as process:  # fmt: skip
        os.close(worker)
        text = b""
        try:
            while piece := os.read(main, 65536):
                text += piece
        except OSError:  # the other end is closed
            pass
        process.wait()
    os.close(main)
    assert b"\x1b[32mok" in text


def test_unknown_interface_and_config(tmp_path: Path) -> None:
    done = ctl("host", "check", "--json", "--device", "nope0")
    assert done.returncode == 10
    found = [p for p in json.loads(done.stdout)["points"] if p["point"] == "nic.found"]
    assert [p["found"] for p in found] == ["nope0: not there"]
    done = ctl("host", "check", "--config", tmp_path / "none.yaml")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.endswith("no such file; check the path\n")


def test_the_exit_code_is_shared() -> None:
    assert HostCheckError.exit_code == StoppedError.exit_code == 10
    assert "--stop-on" in EXIT_CODES[10][1] and "host check" in EXIT_CODES[10][1]


BPF_PROG_LOAD, BPF_PROG_TYPE_XDP, SYS_BPF = 5, 6, 321


def load_xdp_pass() -> int:
    """A program that passes everything: r0 = 2; exit."""
    import ctypes

    code = ctypes.create_string_buffer(bytes.fromhex("b7000000020000009500000000000000"))
    licence = ctypes.create_string_buffer(b"GPL")
    attributes = struct.pack(
        "=IIQQIIQI", BPF_PROG_TYPE_XDP, 2, ctypes.addressof(code), ctypes.addressof(licence),
        0, 0, 0, 0,
    ).ljust(128, b"\0")  # fmt: skip
    buffer = ctypes.create_string_buffer(attributes)
    number = ctypes.CDLL(None, use_errno=True).syscall(
        SYS_BPF, BPF_PROG_LOAD, ctypes.byref(buffer), 128
    )
    if number < 0:
        pytest.skip("this kernel or user may not load BPF programs")
    return int(number)


@in_namespace
def test_largest_mtu_of_veth_is_measured() -> None:
    """What hw/nics/veth.yaml says is the last MTU with which native XDP is taken."""
    from pinnacle.netlink import links
    from pyroute2 import IPRoute
    from pyroute2.netlink.exceptions import NetlinkError

    subprocess.run(["ip", "link", "add", "a0", "type", "veth", "peer", "name", "b0"], check=True)
    program, native = load_xdp_pass(), 1 << 2

    def attach(mtu: int) -> bool:
        links.set_mtu("a0", mtu)
        links.set_mtu("b0", mtu)
        index = links.read_link("a0").index
        flags = ("IFLA_XDP_FLAGS", native)
        with IPRoute() as route:
            try:
                route.link("set", index=index,
                           IFLA_XDP={"attrs": [("IFLA_XDP_FD", program), flags]})  # fmt: skip
            except NetlinkError:
                return False
            assert links.read_link("a0").xdp == "native"
            route.link("set", index=index, IFLA_XDP={"attrs": [("IFLA_XDP_FD", -1), flags]})
        return True

    most = knowledge().nics["veth"].xdp.max_mtu
    assert most is not None
    assert attach(1500), "native XDP on veth"
    assert (attach(most), attach(most + 1)) == (True, False)
    generic = ("IFLA_XDP_FLAGS", 1 << 1)
    with IPRoute() as route:
        index = links.read_link("a0").index
        xdp = {"attrs": [("IFLA_XDP_FD", program), generic]}
        route.link("set", index=index, IFLA_XDP=xdp)
    assert links.read_link("a0").xdp == "generic"


def test_module_runs_from_the_source_tree() -> None:
    """Without an installed package the files at the top of the tree are taken."""
    code = (
        "import sys; sys.path.insert(0, 'controlplane');"
        "from pinnacle.host.knowledge import knowledge_folder as f; print(f())"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert Path(done.stdout.strip()) == root / "hw"
