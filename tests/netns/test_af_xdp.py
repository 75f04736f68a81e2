"""Captures on a real interface through the af_xdp port: same books, nothing lost, nobody hurt."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pinnacle.replay import Replay

from tests.netns.live import (
    LiveEngine,
    Sender,
    datagram,
    feed,
    flows_of,
    frames_of,
    need_af_xdp,
)
from tests.netns.net import Namespace, Wire, wire
from tests.support.captures import capture
from tests.support.ctl import ctl
from tests.support.effort import effort

GROUP, PORT = "239.1.2.3", 26477


@pytest.fixture
def pair() -> Iterator[Wire]:
    need_af_xdp()
    with wire() as made:
        yield made


def replayed(path: Path) -> str:
    with Replay([path]) as replay:
        replay.run()
        return replay.digest


def live(made: Wire, path: Path, **port: Any) -> tuple[str, LiveEngine]:
    frames = frames_of(path)
    flows = flows_of(frames)
    engine = LiveEngine(made.near, flows, **port)
    with Sender(made.far) as sender:
        feed(engine, sender, frames)
    assert engine.frames == len(frames)
    status = engine.status()
    assert status.rx_frames == len(frames)
    assert sum(status.drops) == 0
    assert engine.xstats()["steered"] == len(frames)
    return engine.digest(), engine


@pytest.mark.parametrize("name", ["iex/TOPS16.pcapng.gz", "iex/DEEP10.pcap.gz"])
def test_real_capture(pair: Wire, name: str) -> None:
    path = capture(name)
    digest, engine = live(pair, path)
    engine.close()
    assert digest == replayed(path)


@pytest.mark.parametrize("busy_poll_us", [0, 50])
def test_generated_lines(pair: Wire, tmp_path: Path, busy_poll_us: int) -> None:
    """Two lines with loss, doubles and reordering, arbitrated live."""
    path = tmp_path / "lines.pcap"
    options = "--seed 5 --messages 60000 --symbols 50 --lines 2 --loss-a 0.02 --loss-b 0.02"
    made = ctl("capture", "make", *options.split(), "--dup", "0.01", "--reorder", "0.01", path)
    assert made.returncode == 0, made.stderr
    digest, engine = live(pair, path, busy_poll_us=busy_poll_us)
    assert engine.drops().get("seq_duplicate", 0) > 0
    engine.close()
    assert digest == replayed(path)


def test_other_traffic(pair: Wire) -> None:
    """While one flow is steered, ping, TCP and other UDP reach the kernel as before."""
    near, far = pair.near, pair.far
    stop, sent = threading.Event(), [0]
    with LiveEngine(near, [(GROUP, PORT)]) as engine, Sender(far) as sender:
        assert engine.status().passed == 0

        def flood() -> None:
            while not stop.wait(0.0002) or sent[0] < 100:
                sender.send(datagram(GROUP, PORT))
                sent[0] += 1

        thread = threading.Thread(target=flood)
        thread.start()
        try:
            assert echo(near, far, socket.SOCK_STREAM) == b"over TCP" * 5000
            assert echo(near, far, socket.SOCK_DGRAM) == b"over UDP"
            answered = ping(far, near.address, 10)
        finally:
            stop.set()
            thread.join()
        assert answered == 10
        engine.until(sent[0])
        status = engine.status()
        xstats = engine.xstats()
        assert status.rx_frames == xstats["steered"] == sent[0]
        assert sum(status.drops) == 0
        assert status.passed == sum(n for k, n in xstats.items() if k.startswith("passed_"))
        assert xstats["passed_not_udp"] > 20
        assert xstats["passed_udp"] == 1
        assert xstats["passed_not_ip4"] > 0  # ARP
    # And the interface is as it was.
    assert "prog/xdp" not in near.run("ip", "link", "show", near.device).stdout
    assert ping(far, near.address, 3) == 3


def echo(near: Namespace, far: Namespace, kind: int) -> bytes:
    """Sends text from the far end to a server at the near one; what came back."""
    with near.inside():
        server = socket.socket(socket.AF_INET, kind)
        server.bind((near.address, 4000))
    with far.inside():
        client = socket.socket(socket.AF_INET, kind)
    with server, client:
        server.settimeout(10)
        client.settimeout(10)
        if kind == socket.SOCK_DGRAM:
            client.connect((near.address, 4000))
            client.send(b"over UDP")
            data, sender = server.recvfrom(100)
            server.sendto(data, sender)
            return client.recv(100)
        server.listen()
        client.connect((near.address, 4000))
        peer, _ = server.accept()
        with peer:
            text = b"over TCP" * 5000
            client.sendall(text)
            got = b""
            while len(got) < len(text):
                got += peer.recv(65536)
            peer.sendall(got)
            back = b""
            while len(back) < len(text):
                back += client.recv(65536)
            return back


def ping(where: Namespace, address: str, count: int) -> int:
    """Echo requests answered; by a raw socket, so that nothing needs to be installed."""
    answered = 0
    with where.inside():
        icmp = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    with icmp:
        icmp.settimeout(2)
        for sequence in range(count):
            head = bytes([8, 0, 0, 0, 0x50, 0x4E, 0, sequence])
            total = sum(int.from_bytes(head[i : i + 2]) for i in range(0, 8, 2))
            check = 0xFFFF ^ (total + (total >> 16)) & 0xFFFF
            icmp.sendto(head[:2] + check.to_bytes(2) + head[4:], (address, 0))
            while True:
                packet = icmp.recv(2048)
                if packet[20] == 0 and packet[24:28] == head[4:]:
                    answered += 1
                    break
    return answered


def test_malformed(pair: Wire) -> None:
    """Bad datagrams of a wanted flow: steered or passed, and then each one counted once."""
    good = datagram(GROUP, PORT)
    bad = {
        "net_udp_bad": good[:38] + b"\xff\xff" + good[40:],
        "flow_unknown": good,
        "passed_malformed": good[:60],
        "passed_fragment": good[:20] + b"\x20\x00" + good[22:],
        "passed_not_ip4": good[:12] + b"\x81\x00\0\1" * 3 + good[12:],
    }
    with LiveEngine(pair.near, [(GROUP, PORT)]) as engine, Sender(pair.far) as sender:
        for frame in bad.values():
            for _ in range(10):
                sender.send(frame)
        engine.until(20)
        xstats = engine.xstats()
        assert engine.drops() == {"net_udp_bad": 10, "flow_unknown": 10}
        assert xstats["steered"] == engine.frames == 20
        assert [xstats[k] for k in bad if k.startswith("passed")] == [10, 10, 10]


def test_killed(pair: Wire) -> None:
    """kill -9 under load: nothing stays on the interface, and the next one starts at once."""
    root = Path(__file__).resolve().parents[2]
    code = (
        "from tests.netns.live import LiveEngine\n"
        "from tests.netns.net import Namespace\n"
        f"near = Namespace({pair.near.name!r}, {pair.near.device!r}, '')\n"
        f"engine = LiveEngine(near, [({GROUP!r}, {PORT})])\n"
        "print('ready', flush=True)\n"
        "while True: engine.poll()\n"
    )
    with Sender(pair.far) as sender:
        for round_ in range(effort(5, 100)):
            process = subprocess.Popen(
                [sys.executable, "-c", code], cwd=root, stdout=subprocess.PIPE, text=True
            )
            assert process.stdout is not None
            with process.stdout:
                assert process.stdout.readline() == "ready\n"
                for _ in range(100 + 37 * round_):
                    sender.send(datagram(GROUP, PORT))
                assert "prog/xdp" in pair.near.run("ip", "link", "show", "pn0").stdout
                process.kill()
                process.wait()
            assert "prog/xdp" not in pair.near.run("ip", "link", "show", "pn0").stdout
        with LiveEngine(pair.near, [(GROUP, PORT)]) as engine:
            feed(engine, sender, [datagram(GROUP, PORT)] * 100)
            assert engine.frames == 100
            assert engine.xstats()["xdp_leftovers_removed"] == 0


def test_group_is_joined(pair: Wire) -> None:
    """The kernel holds the membership for as long as the port is open."""

    def member() -> bool:
        return GROUP in pair.near.run("ip", "maddress", "show", "dev", pair.near.device).stdout

    assert not member()
    with LiveEngine(pair.near, [(GROUP, PORT)]):
        assert member()
    assert not member()


def test_many_groups(pair: Wire) -> None:
    """More groups than one socket may join."""
    flows = [(f"239.9.{i}.1", 1000 + i) for i in range(128)]
    with LiveEngine(pair.near, flows) as engine, Sender(pair.far) as sender:
        frames = [datagram(g, p) for g, p in flows]
        feed(engine, sender, frames)
        assert engine.frames == 128
        groups = pair.near.run("ip", "maddress", "show", "dev", pair.near.device).stdout
        assert groups.count("inet  239.9.") == 128


def test_any_port_and_any_group(pair: Wire) -> None:
    """A flow with 0 takes every port, every group, or all of UDP."""
    cases: list[tuple[tuple[str, int], list[tuple[str, int]], int]] = [
        ((GROUP, 0), [(GROUP, 1), (GROUP, 2), ("239.0.0.1", 1)], 2),
        (("0.0.0.0", PORT), [(GROUP, PORT), ("239.0.0.1", PORT), (GROUP, 1)], 2),
        (("0.0.0.0", 0), [(GROUP, PORT), ("239.0.0.1", 9), (GROUP, 1)], 3),
    ]
    for flow, sent, wanted in cases:
        with LiveEngine(pair.near, [flow]) as engine, Sender(pair.far) as sender:
            for group, port in sent:
                sender.send(datagram(group, port))
            engine.until(wanted, patience=1)
            assert engine.frames == wanted
            assert engine.status().passed >= len(sent) - wanted


def test_queue_without_socket(pair: Wire) -> None:
    """A wanted frame on a queue that nobody polls goes to the kernel and is counted as lost."""
    with wire(queues=4) as made, LiveEngine(made.near, [(GROUP, PORT)], queue=3) as engine:
        with Sender(made.far) as sender:
            for sport in range(1, 65):
                sender.send(datagram(GROUP, PORT, source_port=sport))
        engine.until(1 << 60, patience=0.3)
        status = engine.status()
        label = "passed_no_socket"
        assert status.rx_frames + engine.xstats()[label] == 64
        assert engine.xstats()[label] > 0
        assert status.rx_frames + sum(status.drops) == 64
