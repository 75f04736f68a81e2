"""One supervisor a run folder: a lock on the folder itself, which dies with its holder."""

import fcntl
import os
from pathlib import Path

from pinnacle.errors import AlreadyRunningError, NoPermissionError, RegionError


class FolderLock:
    """Holds the run folder. Nothing is left behind: there is no lock file, and a folder that was
    removed by its last holder while we waited is made again."""

    def __init__(self, folder: Path, mode: int = 0o755) -> None:
        self.folder = folder
        while True:
            self._fd = self._open(mode)
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(self._fd)
                raise AlreadyRunningError(
                    f"{folder.name} is running already ({folder}); stop it with pinnacle-ctl stop "
                    f"--run-dir {folder}, or start under another instance name"
                ) from None
            if self._current():
                return
            os.close(self._fd)

    def _open(self, mode: int) -> int:
        try:
            missing = [p for p in (self.folder, *self.folder.parents) if not p.exists()]
            for path in reversed(missing):  # the mode counts, whatever the umask is
                path.mkdir(exist_ok=True)
                path.chmod(mode)
            return os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except PermissionError as error:
            raise NoPermissionError(
                f"{self.folder}: may not be made or used; use sudo or --run-dir"
            ) from error
        except OSError as error:
            raise RegionError(f"{self.folder}: {error.strerror}; give another --run-dir") from error

    def _current(self) -> bool:
        try:
            there, held = self.folder.stat(), os.fstat(self._fd)
        except FileNotFoundError:
            return False
        return (there.st_dev, there.st_ino) == (held.st_dev, held.st_ino)

    def release(self) -> None:
        """Lets go."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def held(folder: Path) -> bool:
    """Whether some supervisor holds the folder now."""
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False
