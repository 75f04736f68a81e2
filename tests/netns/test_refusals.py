"""Every port that cannot be opened says so in one line, with what to do; and nothing is left."""

import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pinnacle.abi import lib

from tests.netns.live import LiveEngine, PortRefusedError, Sender, datagram, feed, need_af_xdp
from tests.netns.net import Wire, wire

FLOWS = [("239.1.2.3", 26477)]
ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("PINNACLE_BUILD") or ROOT / "build/checks")
XDP_TOOL = BUILD / "tests/bpf/xdp_tool"


@pytest.fixture
def pair() -> Iterator[Wire]:
    need_af_xdp()
    with wire() as made:
        yield made


def refusal(made: Wire, **port: Any) -> str:
    """The line with which the port is refused."""
    with pytest.raises(PortRefusedError) as caught:
        LiveEngine(made.near, FLOWS, **port)
    text = str(caught.value)
    assert text and "\n" not in text and len(text) < 200
    assert_works(made)
    return text


def assert_works(made: Wire) -> None:
    """After a refusal nothing is in the way of a right start."""
    if "UP" not in made.near.run("ip", "link", "show", made.near.device).stdout:
        return
    with LiveEngine(made.near, FLOWS, buffer_bytes=4096) as engine, Sender(made.far) as sender:
        feed(engine, sender, [datagram(*FLOWS[0])] * 10)
        assert engine.frames == 10


def test_unknown_interface(pair: Wire) -> None:
    assert refusal(pair, device="nope7") == (
        'no network interface "nope7"; ip link shows what there is'
    )


def test_interface_down(pair: Wire) -> None:
    pair.near.ip("link", "set", "pn0", "down")
    assert refusal(pair) == "pn0 is down; ip link set pn0 up"


def test_mtu_too_large(pair: Wire) -> None:
    pair.near.ip("link", "set", "pn0", "mtu", "3000")
    assert refusal(pair) == (
        "pn0: an MTU of 3000 is too large for buffers of 2048 bytes, which hold 1770; "
        "set buffer_bytes: 4096 or lower the MTU"
    )
    assert "lower the MTU" in refusal(pair, mtu=9000, buffer_bytes=4096)


def test_mtu_is_set_and_set_back(pair: Wire) -> None:
    def mtu() -> str:
        return (Path(pair.near.run("cat", "/sys/class/net/pn0/mtu").stdout.strip())).name

    with LiveEngine(pair.near, FLOWS, mtu=1400) as engine:
        assert mtu() == "1400" == str(engine.status().mtu)
    assert mtu() == "1500"


def test_no_such_queue(pair: Wire) -> None:
    assert refusal(pair, queue=3) == (
        "pn0 has no queue 3, only 0 to 0; ethtool -L pn0 combined 4 makes more where the device can"
    )


def test_zero_copy_required(pair: Wire) -> None:
    assert refusal(pair, mode=lib.PN_XDP_ZEROCOPY) == (
        "pn0: zero-copy required, but its driver does not offer it; set mode to auto or copy"
    )


def test_mode_obtained_is_reported(pair: Wire) -> None:
    for asked in (lib.PN_XDP_AUTO, lib.PN_XDP_COPY):
        with LiveEngine(pair.near, FLOWS, mode=asked) as engine:
            assert engine.status().mode == lib.PN_XDP_COPY


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [("rx_ring", 1000, "rx_ring must be a power of two up to 131072, not 1000"),
     ("buffers", 0, "buffers must be a power of two up to 131072, not 0"),
     ("buffer_bytes", 1024, "buffer_bytes must be 2048 or 4096, not 1024"),
     ("queue", 64, "queues must be 0 to 63, not 64 to 64"),
     ("mode", 9, "unknown mode 9")],
)  # fmt: skip
def test_wrong_numbers(pair: Wire, name: str, value: int, text: str) -> None:
    assert refusal(pair, **{name: value}) == f"port feed: {text}"


def test_no_flows(pair: Wire) -> None:
    with pytest.raises(PortRefusedError, match="give 1 to 128 flows to take, not 0"):
        LiveEngine(pair.near, [])


@contextmanager
def bare_socket(made: Wire) -> Iterator[None]:
    """An AF_XDP socket of some other program on queue 0, without any XDP program."""
    af_xdp, sol_xdp, rx_ring, umem, fill, done = 44, 283, 2, 4, 5, 6
    import ctypes
    import mmap

    area = mmap.mmap(-1, 1 << 20)
    libc = ctypes.CDLL(None, use_errno=True)
    with made.near.inside():
        sock = socket.socket(af_xdp, socket.SOCK_RAW)
        index = socket.if_nametoindex(made.near.device)
    address = ctypes.addressof(ctypes.c_char.from_buffer(area))
    sock.setsockopt(sol_xdp, umem, struct.pack("QQIII4x", address, 1 << 20, 2048, 0, 0))
    for option in (fill, done, rx_ring):
        sock.setsockopt(sol_xdp, option, struct.pack("I", 64))
    name = struct.pack("HHIII", af_xdp, 0, index, 0, 0)
    assert libc.bind(sock.fileno(), name, len(name)) == 0, ctypes.get_errno()
    with sock:
        yield


def test_queue_taken(pair: Wire) -> None:
    with bare_socket(pair), pytest.raises(PortRefusedError) as caught:
        LiveEngine(pair.near, FLOWS)
    assert str(caught.value) == (
        "pn0: queue 0 has a socket of another program already; stop that program or choose "
        "another queue"
    )
    assert_works(pair)


def test_hugepages_required(pair: Wire) -> None:
    if int(Path("/proc/sys/vm/nr_hugepages").read_text()):
        pytest.skip("this machine has hugepages reserved, so they are not refused")
    assert refusal(pair, need_hugepages=1) == (
        "pn0: no 9 hugepages of 2 MiB for the buffers; raise vm.nr_hugepages or do not require them"
    )


def test_hugepages_are_used_and_reported(pair: Wire) -> None:
    knob = Path("/proc/sys/vm/nr_hugepages")
    before = int(knob.read_text())
    knob.write_text(str(before + 16))
    try:
        if int(knob.read_text()) < before + 16:
            pytest.skip("no 16 hugepages to be had")
        with LiveEngine(pair.near, FLOWS, need_hugepages=1) as engine:
            assert engine.status().hugepages == 1
    finally:
        knob.write_text(str(before))


def as_nobody(made: Wire, keep: str) -> "subprocess.CompletedProcess[str]":
    """Opens the port in a process of another user that has some capabilities only."""
    code = (
        "from tests.netns.live import *\n"
        "from tests.netns.net import Namespace\n"
        "import contextlib\n"
        "class Here(Namespace):\n"
        "    def inside(self): return contextlib.nullcontext()\n"
        f"try: LiveEngine(Here('', 'pn0', ''), {FLOWS!r})\n"
        "except PortRefusedError as refused: print(refused)\n"
    )
    root = Path(__file__).resolve().parents[2]
    return made.near.run(
        "setpriv", "--reuid=65534", "--clear-groups", f"--inh-caps=-all{keep}",
        f"--ambient-caps=-all{keep}", "env", f"PYTHONPATH={root}", "PYTHONDONTWRITEBYTECODE=1",
        sys.executable, "-c", code, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("keep", "text"),
    [("", "pn0: cannot load the steering program: not permitted; it takes CAP_BPF, CAP_NET_ADMIN"
          " and CAP_NET_RAW, so run as root"),
     (",+bpf,+net_admin", "pn0: an AF_XDP socket needs CAP_NET_RAW; run as root"),
     (",+bpf,+net_admin,+net_raw", "pn0: 18 MiB of buffers are beyond the limit of locked memory;"
      " give the program CAP_IPC_LOCK or raise ulimit -l"),
     (",+bpf,+net_admin,+net_raw,+ipc_lock", "")],
)  # fmt: skip
def test_permission(pair: Wire, keep: str, text: str) -> None:
    done = as_nobody(pair, keep)
    if "Permission denied" in done.stderr:
        pytest.skip(f"another user may not read the interpreter: {done.stderr.strip()[-200:]}")
    assert done.returncode == 0, done.stderr
    if "locked memory" in text and done.stdout == "":
        pytest.skip("this machine does not limit locked memory")
    assert done.stdout.strip() == text


# -- programs that are there already


def tool(made: Wire, *arguments: str) -> str:
    if not XDP_TOOL.exists():
        pytest.skip(f"{XDP_TOOL} is not built (scripts/dev.sh build)")
    return made.near.run(XDP_TOOL, *arguments).stdout.strip()


def xdp(made: Wire) -> bool:
    return "prog/xdp" in made.near.run("ip", "link", "show", "pn0").stdout


@pytest.mark.parametrize("mode", ["native", "generic"])
def test_left_over_program(pair: Wire, mode: str) -> None:
    """One of ours that an earlier version left attached by netlink goes away by itself."""
    tool(pair, "leave", "pn0", "pn_steer", mode)
    assert xdp(pair)
    with LiveEngine(pair.near, FLOWS) as engine:
        assert engine.xstats()["xdp_leftovers_removed"] == 1
        assert engine.xstats()["xdp_native"] == 1
    assert not xdp(pair)


@pytest.mark.parametrize(
    ("mode", "command"),
    [("native", "ip link set dev pn0 xdp off"), ("generic", "ip link set dev pn0 xdpgeneric off")],
)
def test_foreign_program(pair: Wire, mode: str, command: str) -> None:
    """A program of somebody else stays; the command that is given takes it off."""
    program = tool(pair, "leave", "pn0", "somebody", mode)
    with pytest.raises(PortRefusedError) as caught:
        LiveEngine(pair.near, FLOWS)
    assert str(caught.value) == (
        f"pn0 has another XDP program (id {program}, somebody); detach it: {command}"
    )
    assert xdp(pair)
    pair.near.run(*command.split())
    assert_works(pair)


def test_dispatcher(pair: Wire) -> None:
    program = tool(pair, "leave", "pn0", "xdp_dispatcher", "native")
    with pytest.raises(PortRefusedError) as caught:
        LiveEngine(pair.near, FLOWS)
    assert str(caught.value) == (
        f"pn0 has libxdp's dispatcher (program id {program}); detach it: xdp-loader unload pn0 "
        "--all"
    )


@pytest.mark.parametrize("name", ["pn_steer", "somebody"])
def test_pinned_program(pair: Wire, tmp_path: Path, name: str) -> None:
    """Held by a file of the bpf file system: ours is taken off, for others the command is said."""
    mount = subprocess.run(["mount", "-t", "bpf", "none", tmp_path], check=False)
    if mount.returncode:
        pytest.skip("the bpf file system cannot be mounted here")
    try:
        with pair.near.inside():
            done = subprocess.run(
                [XDP_TOOL, "pin", "pn0", name, "native", tmp_path / "link"],
                capture_output=True, text=True, check=True,
            )  # fmt: skip
        assert xdp(pair)
        if name == "pn_steer":
            with LiveEngine(pair.near, FLOWS) as engine:
                assert engine.xstats()["xdp_leftovers_removed"] == 1
        else:
            with pytest.raises(PortRefusedError) as caught:
                LiveEngine(pair.near, FLOWS)
            assert str(caught.value).startswith(
                f"pn0 has another XDP program (id {done.stdout.strip()}, somebody); detach it: "
                "bpftool link detach id "
            )
            (tmp_path / "link").unlink()
        assert_works(pair)
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def hold(made: Wire, name: str) -> "subprocess.Popen[str]":
    if not XDP_TOOL.exists():
        pytest.skip(f"{XDP_TOOL} is not built (scripts/dev.sh build)")
    with made.near.inside():
        return subprocess.Popen(
            [XDP_TOOL, "hold", "pn0", name, "native"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip


@pytest.mark.parametrize("name", ["somebody", "pn_steer"])
def test_program_held_by_a_process(pair: Wire, name: str) -> None:
    """By a link: its holder is named, and when it is killed, the interface is free."""
    holder = hold(pair, name)
    try:
        assert holder.stdout is not None
        program = holder.stdout.readline().strip()
        with pytest.raises(PortRefusedError) as caught:
            LiveEngine(pair.near, FLOWS)
        assert str(caught.value) == {
            "pn_steer": f"pn0 is in use by another data plane (pid {holder.pid}); stop it, or use "
                        "another interface",
            "somebody": f"pn0 has another XDP program (id {program}, somebody) that process "
                        f"{holder.pid} holds; stop that process",
        }[name]  # fmt: skip
    finally:
        holder.kill()
        holder.communicate()
    assert_works(pair)


def test_second_start(pair: Wire) -> None:
    """Two ports of one process on one queue of one interface."""
    with (
        LiveEngine(pair.near, FLOWS),
        pytest.raises(PortRefusedError, match="queue 0 has a socket"),
    ):
        LiveEngine(pair.near, FLOWS)
    assert_works(pair)


def flows_split(engines: Sequence[LiveEngine]) -> list[int]:
    return [engine.frames for engine in engines]


def test_two_ports_on_one_device() -> None:
    """Each takes its own flows from its own queue; together they account for every frame."""
    need_af_xdp()
    with wire(queues=2) as made:
        flows = [("239.1.2.3", 1), ("239.1.2.3", 2)]
        with (
            LiveEngine(made.near, flows, queue=0) as first,
            LiveEngine(made.near, flows, queue=1) as second,
            Sender(made.far) as sender,
        ):
            for source in range(1, 101):
                for group, port in flows:
                    sender.send(datagram(group, port, source_port=source))
            for engine in (first, second):
                engine.until(1 << 60, patience=0.2)
            split = flows_split([first, second])
            assert sum(split) == 200
            assert min(split) > 0
            for engine in (first, second):
                assert sum(engine.status().drops) == 0
                assert engine.xstats()["steered"] == engine.frames
        assert not xdp(made)
