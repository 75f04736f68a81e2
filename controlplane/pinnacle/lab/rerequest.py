"""A MoldUDP64 re-request server for labs and tests; the work is in dataplane/sim/rerequest.h.

>>> server = RerequestServer("day.itch", Answers(session="SIM0000001"))  # doctest: +SKIP
>>> server.serve(1.0)                                                    # doctest: +SKIP
"""

from __future__ import annotations

import ipaddress
import sys
from dataclasses import dataclass
from os import PathLike, fspath
from types import TracebackType
from typing import Any

from pinnacle.abi import ffi, lib
from pinnacle.errors import PinnacleError, UsageError, from_c

_ERR_LEN = 512
_PPM = 1_000_000
_FAULTS = ("lose", "refuse", "damage", "double", "late")


@dataclass(frozen=True)
class Answers:
    """Where to listen and how to answer. Faults are fractions of the answers."""

    address: str = "127.0.0.1"
    port: int = 0  #: 0 = any that is free
    session: str = "SIM0000001"  #: of a raw ITCH file
    any_loop: bool = False  #: also sessions that differ in their trailing digits only
    payload_max: int = 1400
    seed: int = 1
    lose: float = 0.0
    refuse: float = 0.0
    damage: float = 0.0
    double: float = 0.0
    late: float = 0.0


@dataclass(frozen=True)
class Served:
    """What a server did."""

    messages: int
    last_seq: int
    requests: int
    bad_requests: int
    unknown: int
    answers: int
    answered_messages: int
    faults: int


class RerequestServer:
    """Serves the messages of one capture; ``port`` is where."""

    def __init__(self, file: str | PathLike[str], answers: Answers | None = None) -> None:
        config = _config(answers or Answers())
        err = ffi.new("char[]", _ERR_LEN)
        raw = lib.pn_rerequest_open(config, fspath(file).encode(), err, _ERR_LEN)
        if raw == ffi.NULL:
            raise from_c(-ffi.errno, ffi.string(err).decode(errors="replace"), "input")
        self._handle: Any = ffi.gc(raw, lib.pn_rerequest_close)
        self.port = int(lib.pn_rerequest_port(raw))

    def serve(self, seconds: float) -> int:
        """Answers for so long; how many requests came."""
        code = int(lib.pn_rerequest_serve(self._handle, round(seconds * 1000)))
        if code < 0:
            raise PinnacleError(f"re-request server: error {-code} of its socket")
        return code

    def answer(self, request: bytes) -> bytes:
        """The answer to one request, without faults; empty for none."""
        out = ffi.new("uint8_t[65536]")
        size = lib.pn_rerequest_answer(self._handle, request, len(request), out)
        return bytes(ffi.buffer(out, size))

    @property
    def served(self) -> Served:
        """Totals so far."""
        s = ffi.new("struct pn_rerequest_stats *")
        lib.pn_rerequest_stats(self._handle, s)
        return Served(**{name: int(getattr(s, name)) for name in Served.__dataclass_fields__})

    def close(self) -> None:
        """Lets go of the socket."""
        if self._handle is not None:
            ffi.release(self._handle)
        self._handle = None

    def __enter__(self) -> RerequestServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self.close()


def _config(answers: Answers) -> Any:
    """``struct pn_rerequest_config`` of what is wanted."""
    c = ffi.new("struct pn_rerequest_config *")
    lib.pn_rerequest_config_default(c)
    try:
        address = ipaddress.IPv4Address(answers.address)
    except ValueError:
        raise UsageError(f"{answers.address}: not an IPv4 address such as 127.0.0.1") from None
    c.address_be = int.from_bytes(address.packed, sys.byteorder)
    c.port, c.seed, c.payload_max = answers.port, answers.seed, answers.payload_max
    c.any_loop = answers.any_loop
    for name in _FAULTS:
        share = getattr(answers, name)
        if not 0 <= share <= 1:
            raise UsageError(f"{name}: {share} is not a fraction from 0 to 1")
        setattr(c, f"{name}_ppm", round(share * _PPM))
    if not (1 <= len(answers.session) <= 10 and answers.session.isascii()):
        raise UsageError("session must be 1 to 10 ASCII characters")
    c.session = answers.session.encode()
    return c
