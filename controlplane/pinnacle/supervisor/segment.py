"""The control segment: the only thing that the control plane writes for the data plane."""

import errno
import time
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pinnacle.abi import ffi, lib
from pinnacle.errors import NotRunningError, from_c

_ERR_LEN = 512

#: commands by name
COMMANDS = MappingProxyType(
    {
        "stop": lib.PN_CMD_STOP,
        "capture-start": lib.PN_CMD_CAPTURE_START,
        "capture-stop": lib.PN_CMD_CAPTURE_STOP,
    }
)


class ControlSegment:
    """Makes or attaches the segment at ``path``; one writer at a time.

    Raises ``AlreadyRunningError`` where another writer lives or a data plane runs with another
    configuration, ``RegionError`` for a segment of another build.
    """

    def __init__(self, path: Path, config: Any) -> None:
        err = ffi.new("char[]", _ERR_LEN)
        self.path = path
        self._writer = lib.pn_control_open(str(path).encode(), config, err, _ERR_LEN)
        if self._writer == ffi.NULL:
            code = -ffi.errno or -errno.EINVAL
            message = ffi.string(err).decode(errors="replace")
            raise from_c(code, message or f"{path}: cannot be opened", "control")

    def beat(self) -> None:
        """Tells the data plane that the control plane is alive."""
        if self._writer is not None:
            lib.pn_control_beat(self._writer, time.monotonic_ns())

    def command(self, name: str, text: str = "", shard: int | None = None) -> int:
        """Gives a command to one shard or all; returns its number."""
        if self._writer is None:
            raise NotRunningError("the control segment is closed")
        where = lib.PN_SHARDS_MAX if shard is None else shard
        number: int = lib.pn_control_command(self._writer, COMMANDS[name], where, text.encode())
        if number < 0:
            raise from_c(number, f"command {name}: {errno.errorcode.get(-number)}", "control")
        return number

    def close(self, remove: bool) -> None:
        """Lets go; ``remove`` also removes the file, for an instance that has ended."""
        if self._writer is not None:
            lib.pn_control_close(self._writer, int(remove))
            self._writer = None
