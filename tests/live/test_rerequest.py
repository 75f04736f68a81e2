"""The re-request server: what it answers, what it does not, and its faults from a seed."""

from __future__ import annotations

import socket
import struct
import threading
from pathlib import Path
from typing import Any

import pytest
from pinnacle.capture.generate import Config, generate
from pinnacle.errors import NotACaptureError, UsageError
from pinnacle.lab.rerequest import Answers, RerequestServer

DAY: dict[str, Any] = {"seed": 5, "symbols": 20, "messages": 5000, "heartbeats_max": 1}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("rerequest")
    generate(str(made / "day.itch"), Config(**DAY))
    generate(str(made / "lossy.pcap"), Config(**DAY, lines=2, loss_a=0.2, dup=0.1, reorder=0.1))
    return made


def request(seq: int, count: int, session: bytes = b"SIM0000001") -> bytes:
    return session + struct.pack(">QH", seq, count)


def messages(answer: bytes) -> list[bytes]:
    """The messages of an answer, which must end exactly where it does."""
    out, at = [], 20
    while at < len(answer):
        size = struct.unpack(">H", answer[at : at + 2])[0]
        out.append(answer[at + 2 : at + 2 + size])
        at += 2 + size
    assert at == len(answer) and len(out) == struct.unpack(">H", answer[18:20])[0]
    return out


def day(path: Path) -> list[bytes]:
    raw, out, at = path.read_bytes(), [], 0
    while at + 2 <= len(raw):
        size = struct.unpack(">H", raw[at : at + 2])[0]
        out.append(raw[at + 2 : at + 2 + size])
        at += 2 + size
    return out


@pytest.mark.parametrize("source", ["day.itch", "lossy.pcap"])
def test_serves_every_message(folder: Path, source: str) -> None:
    """In order, as many as fit; two lossy lines of a capture make one whole day."""
    truth, seq = day(folder / "day.itch"), 1
    with RerequestServer(folder / source) as server:
        assert server.served.messages == len(truth) == server.served.last_seq
        while seq <= len(truth):
            answer = server.answer(request(seq, 100))
            assert answer[:18] == request(seq, 100)[:18] and len(answer) <= 1400
            got = messages(answer)
            assert 0 < len(got) <= 100
            assert got == truth[seq - 1 : seq - 1 + len(got)]
            seq += len(got)


def test_does_not_answer(folder: Path) -> None:
    with RerequestServer(folder / "day.itch") as server:
        for bad in (b"", request(1, 1)[:-1], request(1, 1) + b"x"):
            assert server.answer(bad) == b""
        assert server.served.bad_requests == 3
        for unknown in (request(0, 1), request(5001, 1), request(2**64 - 1, 9), request(1, 0),
                        request(1, 1, b"SIM0000002"), request(1, 1, b"OTHER00001")):  # fmt: skip
            assert server.answer(unknown) == b""
        assert server.served.unknown == 6
        assert len(messages(server.answer(request(5000, 50)))) == 1


def test_other_rounds(folder: Path) -> None:
    with RerequestServer(folder / "day.itch", Answers(any_loop=True)) as server:
        answer = server.answer(request(7, 1, b"SIM0000042"))
        assert answer[:10] == b"SIM0000042"
        assert server.answer(request(7, 1, b"SIX0000001")) == b""


def test_refuses_to_start(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    with pytest.raises(NotACaptureError):
        RerequestServer(tmp_path / "empty")
    with pytest.raises(UsageError, match="not an IPv4 address"):
        RerequestServer(folder / "day.itch", Answers(address="nowhere"))
    with pytest.raises(UsageError, match="fraction"):
        RerequestServer(folder / "day.itch", Answers(lose=2.0))


def over_udp(folder: Path, answers: Answers, count: int) -> tuple[list[bytes], Any]:
    """Answers that come over a socket to so many requests."""
    stop = threading.Event()
    got = []
    with RerequestServer(folder / "day.itch", answers) as server:

        def serve() -> None:
            while not stop.is_set():
                server.serve(0.01)

        thread = threading.Thread(target=serve)
        thread.start()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(0.5)
            for seq in range(1, count + 1):
                sock.sendto(request(seq, 1), ("127.0.0.1", server.port))
            try:
                while True:
                    got.append(sock.recv(65_536))
            except TimeoutError:
                pass
        stop.set()
        thread.join()
        return got, server.served


def test_faults_come_from_the_seed(folder: Path) -> None:
    clean, served = over_udp(folder, Answers(), 200)
    assert [struct.unpack(">Q", a[10:18])[0] for a in clean] == list(range(1, 201))
    assert served.answers == served.answered_messages == 200 and served.faults == 0
    faults = Answers(seed=4, lose=0.1, refuse=0.1, damage=0.1, double=0.1, late=0.1)
    first, once = over_udp(folder, faults, 200)
    second, twice = over_udp(folder, faults, 200)
    assert first == second and once == twice
    assert once.faults > 50 and first != clean
