"""An engine on a live port, and a sender at the other end of the wire."""

import ipaddress
import socket
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest
from pinnacle.abi import ffi, lib

from tests.netns.net import Namespace
from tests.oracle import pcap

ERR_BYTES = 512
Flow = tuple[str, int]


class PortRefusedError(Exception):
    """The port did not open; the text is the one line that the user sees."""


def has_af_xdp() -> bool:
    """Whether this build has the port."""
    return "af_xdp (" in ffi.string(lib.pn_build_info()).decode()


def need_af_xdp() -> None:
    """Skips the test in a build without it."""
    if not has_af_xdp():
        pytest.skip("this build has no af_xdp port (libbpf or clang not found)")


def port_config(device: str, flows: Sequence[Flow], **more: Any) -> Any:
    """A ``struct pn_port_config``; the group 0.0.0.0 and port 0 mean any."""
    cfg = ffi.new("struct pn_port_config *")
    cfg.name = b"feed"
    cfg.device = device.encode()
    cfg.kind = lib.PN_PORT_AF_XDP
    defaults = {"queues": 1, "rx_ring": 4096, "tx_ring": 256, "buffers": 8192,
                "buffer_bytes": 2048}  # fmt: skip
    for name, value in {**defaults, **more}.items():
        setattr(cfg, name, value)
    cfg.steers = len(flows)
    for i, (group, port) in enumerate(flows):
        address = ipaddress.IPv4Address(group)
        cfg.steer[i].group_be = int.from_bytes(address.packed, "little")
        cfg.steer[i].port = port
        cfg.steer[i].multicast = address.is_multicast
    return cfg


class LiveEngine:
    """An engine whose only input is an af_xdp port of a namespace. Time is 1 us a poll."""

    def __init__(
        self, where: Namespace, flows: Sequence[Flow], *, device: str = "", **port: Any
    ) -> None:
        self._err = ffi.new("char[]", ERR_BYTES)
        cfg = ffi.new("struct pn_config *")
        lib.pn_config_default(cfg)
        cfg.max_orders, cfg.max_pages, cfg.max_trades = 1 << 18, 1 << 17, 1 << 18
        cfg.hugepages = 0
        self._engine = lib.pn_engine_open(cfg, ffi.NULL, self._err, ERR_BYTES)
        assert self._engine != ffi.NULL, self._text()
        self._now = 10**18
        with where.inside():
            rc = lib.pn_engine_add_port(
                self._engine,
                port_config(device or where.device, flows, **port),
                self._err,
                ERR_BYTES,
            )
        if rc:
            text = self._text()
            self.close()
            raise PortRefusedError(text)

    def _text(self) -> str:
        return str(ffi.string(self._err).decode())

    def close(self) -> None:
        lib.pn_engine_close(self._engine)
        self._engine = ffi.NULL

    def __enter__(self) -> "LiveEngine":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self.close()

    def poll(self) -> None:
        """Takes what is there through to the books."""
        self._now += 1000
        lib.pn_engine_set_now(self._engine, self._now)
        run = ffi.new("struct pn_run *")
        assert lib.pn_engine_run(self._engine, run) == 0
        assert run.end == lib.PN_RUN_MORE

    @property
    def frames(self) -> int:
        counters = ffi.new("struct pn_counters *")
        lib.pn_view_counters(lib.pn_engine_view(self._engine), counters)
        return int(counters.frames)

    def drops(self) -> dict[str, int]:
        """Everything that was dropped or noted, by reason."""
        counters = ffi.new("struct pn_counters *")
        lib.pn_view_counters(lib.pn_engine_view(self._engine), counters)
        return {
            ffi.string(lib.pn_reason_label(i)).decode(): int(counters.drops[i])
            for i in range(len(counters.drops)) if counters.drops[i]
        }  # fmt: skip

    def digest(self) -> str:
        out = ffi.new("uint64_t[2]")
        lib.pn_engine_digest(self._engine, out)
        return f"{out[0]:016x}{out[1]:016x}"

    def status(self) -> Any:
        """The port's ``struct pn_port_status``."""
        out = ffi.new("struct pn_port_status *")
        assert lib.pn_engine_port_status(self._engine, 0, out) == 0
        return out

    def xstats(self) -> dict[str, int]:
        """Its statistics by name."""
        s = self.status()
        return {
            ffi.string(s.xstat[i].name).decode(): int(s.xstat[i].value) for i in range(s.xstats)
        }

    def until(self, frames: int, patience: float = 5) -> None:
        """Polls until so many frames have come, or none for a while."""
        last, seen = time.monotonic(), self.frames
        while seen < frames and time.monotonic() - last < patience:
            self.poll()
            if self.frames != seen:
                last, seen = time.monotonic(), self.frames


class Sender:
    """A packet socket on the far interface: frames as they are."""

    def __init__(self, where: Namespace) -> None:
        with where.inside():
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self._socket.bind((where.device, 0))

    def __enter__(self) -> "Sender":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self._socket.close()

    def send(self, frame: bytes) -> None:
        self._socket.send(frame)


def datagram(group: str, port: int, *, source_port: int = 40000, size: int = 60) -> bytes:
    """A frame with a UDP datagram that no feed knows."""
    frame = pcap.frame_of(b"?" * size, group, port)
    return frame[:34] + source_port.to_bytes(2, "big") + frame[36:]


def flows_of(frames: Iterable[bytes]) -> list[Flow]:
    """The UDP destinations in a capture."""
    found: dict[Flow, None] = {}
    for frame in frames:
        udp = pcap.udp_of(frame)
        if udp is not None:
            found[(udp.dst, udp.dport)] = None
    return list(found)


def frames_of(path: Path) -> list[bytes]:
    """The frames of a capture file, headers and all."""
    return [record.data for record in pcap.records(path)]


def feed(engine: LiveEngine, sender: Sender, frames: Sequence[bytes], step: int = 256) -> None:
    """Sends all frames, the engine taking them in turns so that no ring overflows."""
    begin = engine.frames
    for at in range(0, len(frames), step):
        for frame in frames[at : at + step]:
            sender.send(frame)
        engine.until(begin + min(at + step, len(frames)))
