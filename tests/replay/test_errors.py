"""The one table of errors and exit codes."""

import errno

import pytest
from pinnacle import errors
from pinnacle.errors import EXIT_CODES, PinnacleError, exit_code_table, from_c


def _all(cls: type[PinnacleError]) -> set[type[PinnacleError]]:
    return {cls}.union(*map(_all, cls.__subclasses__()))


def test_every_error_has_a_documented_code() -> None:
    for cls in _all(PinnacleError):
        assert cls.exit_code in EXIT_CODES
        assert str(cls.exit_code) in exit_code_table()


def test_codes_of_commands_differ() -> None:
    codes = [c.exit_code for c in errors._CLASSES]
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize(
    ("code", "step", "cls"),
    [
        (-errno.ENOENT, "input", errors.NoSuchFileError),
        (-errno.EACCES, "input", errors.NoPermissionError),
        (-errno.EINVAL, "input", errors.NotACaptureError),
        (-errno.ENODATA, "input", errors.NotACaptureError),
        (-errno.EINVAL, "engine", errors.ConfigError),
        (-errno.ENOMEM, "engine", errors.NoMemoryError),
        (-errno.ENOTSUP, "engine", errors.NoMemoryError),
        (-errno.EEXIST, "engine", errors.RegionError),
        (-errno.ENOSPC, "input", errors.UsageError),
        (-errno.EINVAL, "channel", errors.ConfigError),
        (-errno.ENOENT, "region", errors.RegionError),
        (-errno.EACCES, "region", errors.NoPermissionError),
        (-errno.EIO, "run", PinnacleError),
    ],
)
def test_errors_of_c(code: int, step: str, cls: type[PinnacleError]) -> None:
    error = from_c(code, "day.pcap: why", step)
    assert type(error) is cls
    assert str(error).startswith("day.pcap: why")


def test_errors_of_c_without_message() -> None:
    assert "EIO" in str(from_c(-errno.EIO, "", "run"))
