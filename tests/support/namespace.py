"""Runs a test in a network namespace of its own, which ends with it and leaves nothing behind."""

import ctypes
import functools
import os
import traceback
from collections.abc import Callable
from typing import Any

import pytest

CLONE_NEWNS, CLONE_NEWNET = 0x0002_0000, 0x4000_0000
MS_REC, MS_PRIVATE = 0x4000, 1 << 18
_libc = ctypes.CDLL(None, use_errno=True)


def _enter() -> None:
    """Leaves for a namespace that has a loopback interface and a /sys of its own."""
    if _libc.unshare(CLONE_NEWNET | CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    _libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None)
    if _libc.mount(b"sysfs", b"/sys", b"sysfs", 0, None) != 0:
        raise OSError(ctypes.get_errno(), "mount /sys")


def can_enter() -> bool:
    """Whether this user may make network namespaces here."""
    child = os.fork()
    if child == 0:
        try:
            _enter()
            os._exit(0)
        except OSError:
            os._exit(1)
    return os.waitpid(child, 0)[1] == 0


def in_namespace(test: Callable[..., None]) -> Callable[..., None]:
    """Decorator: the test runs in a child process in the namespace; its failure is ours."""

    @functools.wraps(test)
    def wrapper(*args: Any, **kw: Any) -> None:
        if not can_enter():
            pytest.skip("no network namespace can be made here; run as root")
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            try:
                _enter()
                test(*args, **kw)
                os._exit(0)
            except BaseException:
                os.write(writer, traceback.format_exc().encode()[-60_000:])
                os._exit(1)
        os.close(writer)
        with os.fdopen(reader) as pipe:
            text = pipe.read()
        assert os.waitpid(child, 0)[1] == 0, text or "the child process died"

    return wrapper
