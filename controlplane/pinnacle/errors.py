"""Errors that Pinnacle raises on purpose, each with its exit code."""

from typing import ClassVar


class PinnacleError(Exception):
    """Root of all errors raised on purpose; ``exit_code`` is what the command line returns."""

    exit_code: ClassVar[int] = 1


class UsageError(PinnacleError):
    exit_code = 2


class NoMemoryError(PinnacleError):
    exit_code = 8


class OutputError(PinnacleError):
    exit_code = 12
