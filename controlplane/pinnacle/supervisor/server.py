"""The control socket: who may connect, and limits on what a connection can cost.

``control`` (mode 0600) is for the supervisor's own user and root, whose identity the kernel tells
(SO_PEERCRED). ``control-ro``, where a group is configured, lets that group ask and nothing more.
A connection that sends garbage is answered once and closed; nothing it sends is logged.
"""

import asyncio
import contextlib
import grp
import os
import socket
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from pinnacle.errors import ConfigError, NoPermissionError, PinnacleError, UsageError
from pinnacle.supervisor import paths, protocol

Answer = Callable[[str, protocol.Args], Awaitable[Any]]


class Server:
    """Both sockets of one run folder; ``answer`` does the verbs."""

    def __init__(self, run_dir: Path, group: str | None, answer: Answer) -> None:
        self._run_dir, self._answer = run_dir, answer
        self._gid = _group_number(group)
        self._servers: list[asyncio.Server] = []
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Binds and listens."""
        await self._listen(paths.SOCKET, 0o600, read_only=False)
        if self._gid is not None:
            await self._listen(paths.SOCKET_RO, 0o660, read_only=True)

    async def _listen(self, name: str, mode: int, read_only: bool) -> None:
        path = self._run_dir / name
        path.unlink(missing_ok=True)  # of a supervisor that was killed: we hold the folder's lock
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            before = os.umask(0o177)
            try:
                sock.bind(str(path))
            finally:
                os.umask(before)
            if read_only and self._gid is not None:
                os.chown(path, -1, self._gid)
            path.chmod(mode)
        except OSError as error:
            sock.close()
            why = error.strerror or error
            raise ConfigError(f"{path}: {why}; give a shorter --run-dir") from error

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._serve(reader, writer, read_only)

        self._servers.append(
            await asyncio.start_unix_server(serve, sock=sock, limit=protocol.REQUEST_BYTES)
        )

    async def close(self) -> None:
        """Stops listening, drops every connection, removes the sockets."""
        for server in self._servers:
            server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        for name in (paths.SOCKET, paths.SOCKET_RO):
            (self._run_dir / name).unlink(missing_ok=True)

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, read_only: bool
    ) -> None:
        task = asyncio.current_task()
        assert task
        full = len(self._connections) >= protocol.CONNECTIONS
        self._connections.add(task)
        try:
            if full:
                await _write(writer, protocol.refusal(UsageError("too many connections")))
            elif refused := _refuse(writer, read_only):
                await asyncio.wait_for(reader.readline(), protocol.WRITE_S)  # let it ask first
                await _write(writer, protocol.refusal(refused))
            else:
                while await self._one(reader, writer, read_only):
                    pass
        except (OSError, ValueError, TimeoutError, asyncio.CancelledError):
            pass
        finally:
            self._connections.discard(task)
            writer.close()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _one(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, read_only: bool
    ) -> bool:
        """One request; false when the connection is to be closed."""
        try:
            line = await asyncio.wait_for(reader.readline(), protocol.IDLE_S)
        except ValueError:  # longer than the limit: what follows cannot be told apart
            error = UsageError(f"a request has at most {protocol.REQUEST_BYTES} bytes")
            await _write(writer, protocol.refusal(error))
            return False
        if not line.endswith(b"\n"):
            return False
        try:
            verb, args, changes = protocol.parse_request(line)
        except UsageError as error:
            await _write(writer, protocol.refusal(error))
            return False
        try:
            if changes and read_only:
                raise NoPermissionError(f"{verb} is not allowed on {paths.SOCKET_RO}; ask its user")
            reply = {"ok": True, "result": await self._answer(verb, args)}
        except PinnacleError as error:
            reply = protocol.refusal(error)
        await _write(writer, reply)
        return True


async def _write(writer: asyncio.StreamWriter, reply: dict[str, Any]) -> None:
    writer.write(protocol.encode(reply))
    await asyncio.wait_for(writer.drain(), protocol.WRITE_S)


def _refuse(writer: asyncio.StreamWriter, read_only: bool) -> PinnacleError | None:
    """Why the peer may not use this socket; on control-ro the file's group has decided already."""
    sock = writer.get_extra_info("socket")
    raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, _ = struct.unpack("3i", raw)
    if read_only or uid in (0, os.geteuid()):
        return None
    return NoPermissionError(f"user {uid} may not control this instance; use its user or sudo")


def _group_number(group: str | None) -> int | None:
    if group is None:
        return None
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        raise ConfigError(
            f"control.read_only_group: no group {group} on this machine; make it or leave it out"
        ) from None
