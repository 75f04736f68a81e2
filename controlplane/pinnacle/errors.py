"""Every error that Pinnacle raises on purpose, and the exit code of each.

One root, ``PinnacleError``: catch it and nothing else. A message is one line that names the
thing at fault and says what to do next. This module imports nothing heavy and never prints.

>>> from pinnacle.errors import NoSuchFileError, from_c
>>> from_c(-2, "day.pcap: No such file or directory", "input").exit_code
3
"""

import errno
from typing import ClassVar


class PinnacleError(Exception):
    """Root of all errors raised on purpose; ``exit_code`` is what the command line returns."""

    exit_code: ClassVar[int] = 1
    meaning: ClassVar[str] = "internal error; please report it with the command and the message"


class UsageError(PinnacleError):
    exit_code = 2
    meaning = "wrong option or argument; see --help of the command"


class NoSuchFileError(PinnacleError):
    exit_code = 3
    meaning = "an input file does not exist"


class NoPermissionError(PinnacleError):
    exit_code = 4
    meaning = "a file may not be read or written by this user"


class NotACaptureError(PinnacleError):
    exit_code = 5
    meaning = "an input is empty, no capture, or damaged from its first byte on"


class UnknownFeedError(PinnacleError):
    exit_code = 6
    meaning = "no known feed was recognised in the input; see capture info and --feed"


class ConfigError(PinnacleError):
    exit_code = 7
    meaning = "the configuration is not valid; the message names file, line and key"


class NoMemoryError(PinnacleError):
    exit_code = 8
    meaning = "the memory or hugepages that the configuration asks for cannot be had"


class UnknownInstrumentError(PinnacleError):
    exit_code = 9
    meaning = "an instrument that was asked for is not in the input"


class StoppedError(PinnacleError):
    exit_code = 10
    meaning = (
        "a --stop-on condition was met (the report covers all up to there), "
        "or host check found something amiss"
    )


class HostCheckError(PinnacleError):
    """Shares the code of ``StoppedError``: the command did its work and has something to tell."""

    exit_code = StoppedError.exit_code
    meaning = StoppedError.meaning


class RegionError(PinnacleError):
    exit_code = 11
    meaning = "a state segment cannot be created or attached: path, disk or another build"


class OutputError(PinnacleError):
    exit_code = 12
    meaning = "the output cannot be written"


class BuildError(PinnacleError):
    exit_code = 13
    meaning = "the compiled engine is missing or does not fit this Python; build again"


class AlreadyRunningError(PinnacleError):
    exit_code = 14
    meaning = "the instance is running already; stop it first, or name another one"


class NotRunningError(PinnacleError):
    exit_code = 15
    meaning = "the instance is not running, or does not answer"


class WaitTimeoutError(PinnacleError):
    exit_code = 16
    meaning = "what was waited for did not come in time"


class StartRefusedError(PinnacleError):
    exit_code = 17
    meaning = "the data plane refused to start, or failed too often; the message is its own"


class UnknownNameError(PinnacleError):
    exit_code = 18
    meaning = "no channel, port, book or shard of that name"


class DifferentError(PinnacleError):
    exit_code = 19
    meaning = "the configurations that were compared differ"


class UnknownOrderError(PinnacleError):
    """An order reference is not in the book (Python only, no command raises it)."""


INTERRUPTED = 130
BROKEN_PIPE = 141

_CLASSES: tuple[type[PinnacleError], ...] = (
    PinnacleError, UsageError, NoSuchFileError, NoPermissionError, NotACaptureError,
    UnknownFeedError, ConfigError, NoMemoryError, UnknownInstrumentError, StoppedError,
    RegionError, OutputError, BuildError, AlreadyRunningError, NotRunningError, WaitTimeoutError,
    StartRefusedError, UnknownNameError, DifferentError,
)  # fmt: skip

#: exit code -> class, to raise again what another process refused with
EXIT_CLASSES: dict[int, type[PinnacleError]] = {c.exit_code: c for c in _CLASSES}

#: exit code -> (name, meaning); the one table that the help and the documentation show.
EXIT_CODES: dict[int, tuple[str, str]] = {
    0: ("ok", "the command did what was asked"),
    **{c.exit_code: (c.__name__, c.meaning) for c in _CLASSES},
    INTERRUPTED: ("interrupted", "Ctrl-C; the report covers all up to there"),
    BROKEN_PIPE: ("broken pipe", "the reader of the output went away; nothing is printed"),
}

_ANYWHERE: dict[int, type[PinnacleError]] = {
    errno.ENOENT: NoSuchFileError,
    errno.EACCES: NoPermissionError,
    errno.EPERM: NoPermissionError,
    errno.ENOMEM: NoMemoryError,
}
#: what was being done -> (what an errno means there, what all others mean)
_BY_STEP: dict[str, tuple[dict[int, type[PinnacleError]], type[PinnacleError]]] = {
    "input": ({errno.ENOSPC: UsageError, errno.EBUSY: UsageError}, NotACaptureError),
    "engine": (
        {
            errno.ENOTSUP: NoMemoryError,
            **dict.fromkeys(
                (errno.EEXIST, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENOSPC,
                 errno.EROFS, errno.ELOOP, errno.ENAMETOOLONG),
                RegionError,
            ),
        },
        ConfigError,
    ),
    "channel": ({}, ConfigError),
    "region": ({errno.ENOENT: RegionError, errno.ENOMEM: RegionError}, RegionError),
    "run": ({}, PinnacleError),
    "command": (
        {
            errno.EALREADY: UsageError,
            errno.ENODATA: UsageError,
            errno.EINVAL: UsageError,
            **dict.fromkeys(
                (errno.EEXIST, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENOSPC,
                 errno.EROFS, errno.ELOOP, errno.ENAMETOOLONG),
                OutputError,
            ),
        },
        PinnacleError,
    ),
    "control": (
        {
            errno.EALREADY: AlreadyRunningError,
            errno.EBUSY: AlreadyRunningError,
        },
        RegionError,
    ),
}  # fmt: skip


def from_c(code: int, message: str, step: str) -> PinnacleError:
    """The error for a negative errno and message of a C function.

    ``step`` says what was being done: ``input`` (opening a file), ``engine``, ``channel``,
    ``region`` (attaching), ``run``, ``command`` (of a data plane) or ``control`` (its segment). It
    decides what an errno such as EINVAL means.
    """
    here, others = _BY_STEP[step]
    kind = here.get(-code) or _ANYWHERE.get(-code, others)
    text = message.strip() or errno.errorcode.get(-code, f"error {code}")
    hint = "" if ";" in text else _HINTS.get((step, kind), "")  # C says it after a semicolon
    return kind(f"{text}{'; ' + hint if hint else ''}")


_HINTS: dict[tuple[str, type[PinnacleError]], str] = {
    ("input", NoSuchFileError): "check the path",
    ("input", NoPermissionError): "check the permissions of the file and its folders",
    ("input", NotACaptureError): "expected pcap, pcapng or a raw ITCH 5.0 file, plain, .gz or .zst",
    ("engine", NoMemoryError): "lower engine.max_* in the configuration or use --hugepages never",
    ("engine", RegionError): "choose another --region path",
    ("region", RegionError): "is the writer running, from the same build?",
}


def exit_code_table() -> str:
    """The exit codes as text, one a line, for help pages."""
    return "\n".join(f"{code:>4}  {text}" for code, (_, text) in sorted(EXIT_CODES.items()))
