"""The control socket of a running instance: rights, roles, and clients that mean no good."""

import json
import os
import random
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from pinnacle.supervisor import protocol

from tests.support.live import Live

NOBODY = 65534
only_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")


def talk(path: Path, data: bytes, seconds: float = 5.0) -> bytes:
    """Sends bytes, closes the sending half, returns all that comes back."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(seconds)
        sock.connect(str(path))
        got = b""
        try:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            while part := sock.recv(65_536):
                got += part
        except (BrokenPipeError, ConnectionResetError):
            pass
        return got


def ask(path: Path, verb: str, **args: Any) -> dict[str, Any]:
    line = json.dumps({"verb": verb, "args": args}).encode() + b"\n"
    reply: dict[str, Any] = json.loads(talk(path, line))
    return reply


TALK_AS = """
import json, os, socket, sys
path, line = sys.argv[1], sys.argv[2]
os.setgroups([]); os.setgid(int(sys.argv[3])); os.setuid(65534)
sock = socket.socket(socket.AF_UNIX)
try:
    sock.connect(path)
    sock.sendall(line.encode() + b"\\n")
    print(sock.makefile().readline(), end="")
except OSError as error:
    print(json.dumps({"errno": error.errno}))
"""


def ask_as_nobody(path: Path, verb: str, gid: int = NOBODY) -> dict[str, Any]:
    """Asked by another user, in the group ``gid``."""
    done = subprocess.run(
        ["/usr/bin/python3", "-c", TALK_AS, str(path), json.dumps({"verb": verb}), str(gid)],
        capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    reply: dict[str, Any] = json.loads(done.stdout)
    return reply


def test_mode(live: Live) -> None:
    live.up()
    mode = (live.run_dir / "control").stat().st_mode
    assert stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o600
    assert not (live.run_dir / "control-ro").exists()


def test_garbage(live: Live) -> None:
    """Whatever comes, the answer is one refusal or silence, and the instance goes on."""
    live.up()
    path, plane = live.run_dir / "control", live.plane()
    rng = random.Random(1)
    good = b'{"verb": "ping", "args": {}}\n'
    bad = [
        b"", b"\n", b"\0" * 100, b"{" * 10_000 + b"\n", b"x" * (protocol.REQUEST_BYTES + 10),
        b"x" * 1_000_000, good[:-1], b"\xff\xfe\n", b'{"verb": "ping"', b"GET / HTTP/1.1\r\n\r\n",
        *(rng.randbytes(rng.randrange(1, 3000)) + b"\n" for _ in range(100)),
        *(bytes(b ^ (1 << rng.randrange(8)) if rng.random() < 0.1 else b for b in good)
          for _ in range(100)),
    ]  # fmt: skip
    for data in bad:
        reply = talk(path, data)
        for line in reply.splitlines():
            answer = json.loads(line)
            assert answer["ok"] or (answer["exit_code"] == 2 and "\n" not in answer["error"])
    assert ask(path, "ping")["ok"]
    assert live.plane() == plane and live.books_valid()


def test_many_and_idle_connections(live: Live) -> None:
    live.up()
    path = live.run_dir / "control"
    idle = [socket.socket(socket.AF_UNIX) for _ in range(protocol.CONNECTIONS)]
    try:
        for sock in idle:
            sock.connect(str(path))
        time.sleep(0.2)
        with socket.socket(socket.AF_UNIX) as late:
            late.settimeout(5)
            late.connect(str(path))
            assert b"too many connections" in late.recv(1000)
    finally:
        for sock in idle:
            sock.close()
    time.sleep(0.2)
    assert ask(path, "ping")["ok"]


def test_stop_with_connections_open(live: Live) -> None:
    live.up()
    with socket.socket(socket.AF_UNIX) as idle:
        idle.connect(str(live.run_dir / "control"))
        assert live.ctl("stop").returncode == 0
        live.nothing_left()


@only_root
def test_another_user_is_refused(live: Live) -> None:
    live.up()
    path = live.run_dir / "control"
    assert ask_as_nobody(path, "ping") == {"errno": 13}
    path.chmod(0o666)  # a mistake of the operator: the peer's identity still counts
    reply = ask_as_nobody(path, "ping")
    assert not reply["ok"] and reply["exit_code"] == 4 and str(NOBODY) in reply["error"]


@only_root
def test_read_only_role(live: Live) -> None:
    live.config["control"] = {"read_only_group": "nogroup"}
    live.write()
    before = os.umask(0o077)  # as under systemd; the group gets at its socket all the same
    try:
        live.up()
    finally:
        os.umask(before)
    path = live.run_dir / "control-ro"
    info = path.stat()
    assert (stat.S_IMODE(info.st_mode), info.st_gid) == (0o660, NOBODY)
    assert ask_as_nobody(path, "status")["result"]["state"] == "running"
    assert ask_as_nobody(path, "books")["result"]["counts"]["valid"] == 2
    for verb in ("stop", "restart"):
        reply = ask_as_nobody(path, verb)
        assert not reply["ok"] and reply["exit_code"] == 4, reply
    assert ask_as_nobody(path, "status", gid=1) == {"errno": 13}
    assert live.books_valid()


def test_requests_do_not_stop_the_heartbeat(live: Live) -> None:
    """Hundreds of requests at once, and the data plane never misses the control plane."""
    live.config["heartbeat"] = {"lost_ms": 300}
    live.write()
    live.up()
    code = (
        "import sys; from pathlib import Path; from pinnacle.supervisor.client import request\n"
        "for _ in range(100): request(Path(sys.argv[1]), 'sample', {'limit': 1000})"
    )
    clients = [subprocess.Popen([sys.executable, "-c", code, str(live.run_dir)]) for _ in range(4)]
    assert [client.wait(60) for client in clients] == [0, 0, 0, 0]
    assert live.status()["shards"][0]["control_lost"] == 0
