"""A supervised instance on AF_XDP: frames from the other end of a veth pair, crashes in between."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.netns.live import need_af_xdp
from tests.netns.net import Namespace, Wire
from tests.netns.net import wire as make_wire
from tests.support import wire
from tests.support.live import Live, make, until


@pytest.fixture
def net() -> Iterator[Wire]:
    need_af_xdp()
    with make_wire() as found:
        yield found


@pytest.fixture
def live(net: Wire) -> Iterator[Live]:
    ports = [{"name": "a", "kind": "af_xdp", "device": net.near.device, "buffers": 2048}]
    line = {"group": wire.GROUP_A, "port": wire.PORT, "port_name": "a"}
    channels = [{"name": "totalview", "feed": "itch50", "lines": [line]}]
    yield from make(ports=ports, channels=channels)


def send(far: Namespace, frames: list[tuple[int, bytes]]) -> None:
    with far.inside():
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    with sock:
        sock.bind((far.device, 0))
        for _, frame in frames:
            sock.send(frame)


def frames_from(messages: list[bytes], first: int, to: int) -> list[tuple[int, bytes]]:
    """Messages number first to to, one a datagram."""
    return [(0, wire.udp(wire.mold(i, [messages[i - 1]]))) for i in range(first, to + 1)]


def programs(near: Namespace) -> list[Any]:
    text = near.run("ip", "-j", "-d", "link", "show", near.device).stdout
    return [link["xdp"] for link in json.loads(text) if "xdp" in link]


def talks_tcp(net: Wire) -> bool:
    """Whether the kernel's own sockets still hear each other over the wire."""
    with net.near.inside():
        listener = socket.create_server((net.near.address, 0))
    with listener, net.far.inside():
        with socket.create_connection(listener.getsockname()[:2], timeout=5) as client:
            client.sendall(b"hello")
        served, _ = listener.accept()
        with served:
            return served.recv(10) == b"hello"


def test_life_on_a_wire(net: Wire, live: Live) -> None:
    messages = wire.day()
    with net.near.inside():
        assert live.start().returncode == 0
    assert programs(net.near)
    send(net.far, frames_from(messages, 1, 9))
    until(lambda: live.status_or_none()["feeds"] and live.books_valid())
    (queue,) = json.loads(live.ctl("get", "queues", "--json").stdout)
    assert (queue["kind"], queue["mode"], queue["link_up"]) == ("af_xdp", "copy", True)
    until(lambda: json.loads(live.ctl("get", "queues", "--json").stdout)[0]["rx_frames"] == 9)

    # The data plane is killed and comes back to its books; what follows is applied to them.
    before = live.plane()
    killed = time.monotonic_ns()
    os.kill(before, signal.SIGKILL)
    until(lambda: live.restarted(1))
    until(lambda: live.status_or_none()["state"] == "running")
    facts = live.status()["data_plane"]
    assert facts["last_exit"]["noticed_ns"] - killed < 100_000_000
    send(net.far, frames_from(messages, 10, 19))
    until(lambda: live.status_or_none()["feeds"][0]["messages"] == 19)
    until(live.books_valid)
    book = json.loads(live.ctl("get", "books", "AAPL", "--depth", "5", "--json").stdout)["books"][0]
    bids = [(row["price"], row["size"], row["orders"]) for row in book["levels"]["bids"]]
    assert bids == wire.DAY_BIDS and book["state"] == "valid"

    # Other traffic is the kernel's, as before.
    assert talks_tcp(net)
    assert live.ctl("stop").returncode == 0
    live.nothing_left()
    assert programs(net.near) == []


def test_supervisor_killed_while_frames_come(net: Wire, live: Live) -> None:
    messages = wire.day()
    with net.near.inside():
        assert live.start().returncode == 0
    plane = live.plane()
    send(net.far, frames_from(messages, 1, 6))
    os.kill(live.boss(), signal.SIGKILL)
    send(net.far, frames_from(messages, 7, 12))
    until(lambda: live.status_or_none().get("state") == "unsupervised")
    with net.near.inside():
        assert live.start().returncode == 0
    send(net.far, frames_from(messages, 13, 19))
    until(lambda: live.status_or_none()["feeds"][0]["messages"] == 19)
    facts = live.status()
    assert facts["data_plane"]["pid"] == plane and facts["feeds"][0]["gaps"] == 0
    assert "undisturbed" in facts["supervisor"]["attached"]


def test_killed_at_random_moments(net: Wire, live: Live) -> None:
    """Either process, again and again, while heartbeats come: always back, and nothing is left."""
    import random

    rng = random.Random(3)
    with net.near.inside():
        assert live.start().returncode == 0
    send(net.far, frames_from(wire.day(), 1, 19))
    until(live.books_valid)
    heartbeat = [(0, wire.udp(wire.mold(20, [])))]
    for _ in range(6):
        time.sleep(rng.random() * 0.1)
        send(net.far, heartbeat)
        if rng.random() < 0.5:
            restarts = live.status()["data_plane"]["restarts"]
            os.kill(live.plane(), signal.SIGKILL)
            until(lambda n=restarts: live.restarted(n + 1))  # type: ignore[misc]
        else:
            os.kill(live.boss(), signal.SIGKILL)
            until(lambda: live.status_or_none().get("state") == "unsupervised")
            with net.near.inside():
                assert live.start().returncode == 0
        send(net.far, heartbeat)
        until(live.books_valid)
        assert live.status()["feeds"][0]["messages"] == 19
    assert live.ctl("stop").returncode == 0
    live.nothing_left()
    assert programs(net.near) == []


def test_interface_that_is_taken(net: Wire, live: Live) -> None:
    """A second instance on the same queue is refused in one line; the first goes on."""
    with net.near.inside():
        assert live.start().returncode == 0
        for other in make(ports=live.config["ports"], channels=live.config["channels"]):
            done: subprocess.CompletedProcess[str] = other.start()
            assert done.returncode != 0 and done.stderr.count("\n") == 1, done.stderr
            assert net.near.device in done.stderr
            other.nothing_left()
    send(net.far, frames_from(wire.day(), 1, 19))
    until(live.books_valid)
