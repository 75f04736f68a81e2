"""Asks an instance: its supervisor over the control socket, or, for what can be read without one,
the state segments themselves. Both ways give the same objects."""

import contextlib
import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pinnacle.errors import (
    EXIT_CLASSES,
    NoPermissionError,
    NotRunningError,
    PinnacleError,
)
from pinnacle.supervisor import paths

REPLY_BYTES = 1 << 30


def request(run_dir: Path, verb: str, args: dict[str, Any], timeout_s: float = 30.0) -> Any:
    """One request over the control socket, or over control-ro where only that is allowed.

    Raises what the server refused with; ``NotRunningError`` where nobody answers.
    """
    line = json.dumps({"verb": verb, "args": args}).encode() + b"\n"
    with _connect(run_dir, timeout_s) as sock:
        try:
            with contextlib.suppress(BrokenPipeError):  # refused before it was asked
                sock.sendall(line)
            reply = _read(sock)
        except TimeoutError as error:
            raise NotRunningError(
                f"{run_dir.name} did not answer within {timeout_s:g} s; see pinnacle-ctl logs"
            ) from error
        except OSError as error:
            raise NotRunningError(f"{run_dir.name} hung up: {error.strerror}") from error
    if not reply["ok"]:
        raise EXIT_CLASSES.get(reply["exit_code"], PinnacleError)(reply["error"])
    return reply["result"]


def _connect(run_dir: Path, timeout_s: float) -> socket.socket:
    denied: OSError | None = None
    for name in (paths.SOCKET, paths.SOCKET_RO):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        sock.settimeout(timeout_s)
        try:
            sock.connect(str(run_dir / name))
            return sock
        except PermissionError as error:
            sock.close()
            denied = error
        except OSError:
            sock.close()
    if denied:
        raise NoPermissionError(f"{run_dir.name} may not be controlled by this user; use sudo")
    raise NotRunningError(
        f"the supervisor of {run_dir.name} does not answer ({run_dir / paths.SOCKET})"
    )


def _read(sock: socket.socket) -> dict[str, Any]:
    parts, size = [], 0
    while part := sock.recv(1 << 20):
        parts.append(part)
        size += len(part)
        if part.endswith(b"\n") or size > REPLY_BYTES:
            break
    text = b"".join(parts)
    if not text.endswith(b"\n"):
        raise ConnectionResetError(0, "no whole answer came")
    reply: dict[str, Any] = json.loads(text)
    return reply


class Reader:
    """Read-only verbs, through the supervisor while there is one and without it otherwise."""

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir
        self._alone: Any = None

    def __call__(self, verb: str, **args: Any) -> Any:
        """The object that the verb prints with ``--json``."""
        if os.access(self.run_dir, os.X_OK):
            with contextlib.suppress(NotRunningError):
                return request(self.run_dir, verb, args)
        return self._by_itself(verb, args)

    def _by_itself(self, verb: str, args: dict[str, Any]) -> Any:
        from pinnacle.supervisor import readings, status

        record = paths.read_record(self.run_dir)
        if self._alone is None or self._alone.record != record:
            self._alone = readings.Instance(record)
        if verb == "status":
            return status.without_supervisor(self._alone)
        if verb == "config":
            return record["config"]
        call: Callable[..., Any] = getattr(readings, verb)
        return call(self._alone, **args)
