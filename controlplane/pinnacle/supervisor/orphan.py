"""Ends an instance whose supervisor is gone: the data plane that ran on, and what lies around."""

import contextlib
import os
import select
import signal
from pathlib import Path

from pinnacle.config.live import LiveConfig
from pinnacle.errors import NoPermissionError, WaitTimeoutError
from pinnacle.supervisor import layout
from pinnacle.supervisor.lock import FolderLock


def stop(run_dir: Path, timeout_s: float) -> int | None:
    """Stops the data plane, if one runs, and removes the instance's files; returns its pid.

    Raises ``AlreadyRunningError`` if a supervisor came up meanwhile.
    """
    lock = FolderLock(run_dir)
    try:
        record = layout.earlier(run_dir)
        if record is None:  # the logs of one that gave up
            layout.empty_folder(run_dir, keep_logs=False)
            return None
        pid = layout.data_plane_of(record)
        if pid:
            _end(pid, timeout_s)
        config = LiveConfig.model_validate(record["config"])
        layout.clean_up(run_dir, layout.places_of(record, run_dir), config)
        return pid
    finally:
        lock.release()


def _end(pid: int, timeout_s: float) -> None:
    with contextlib.suppress(ProcessLookupError):
        fd = os.pidfd_open(pid)
        try:
            for number in (signal.SIGTERM, signal.SIGKILL):
                signal.pidfd_send_signal(fd, number)
                if select.select([fd], [], [], timeout_s / 2)[0]:
                    return
        except PermissionError as error:
            raise NoPermissionError(f"data plane {pid} is another user's; use sudo") from error
        finally:
            os.close(fd)
        raise WaitTimeoutError(f"data plane {pid} does not end; see dmesg")
