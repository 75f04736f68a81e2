"""Logs as JSON lines: the supervisor's own, and turning over files that have become large.

A line is ``{"time": ISO 8601 UTC, "level": ..., "source": ..., "event": ..., more}``. The data
plane writes its own file and must never wait for Python, so its log is turned over by copying and
cutting, which a writer that appends does not notice.
"""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from pinnacle.config.live import LogConfig

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def turn_over(path: Path, config: LogConfig) -> bool:
    """Puts ``path`` aside as ``path.1`` if it has grown too large; true if it did."""
    try:
        if path.stat().st_size < config.max_bytes:
            return False
        for number in range(config.keep - 1, 0, -1):
            older = path.with_name(f"{path.name}.{number}")
            if older.exists():
                older.replace(path.with_name(f"{path.name}.{number + 1}"))
        if config.keep:
            shutil.copyfile(path, path.with_name(f"{path.name}.1"))
        os.truncate(path, 0)
    except FileNotFoundError:
        return False
    return True


def now_text() -> str:
    """The present as ISO 8601 with microseconds, UTC."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


class Log:
    """The supervisor's own log: a file, and beside it standard error in the foreground."""

    def __init__(self, path: Path, config: LogConfig, echo: TextIO | None) -> None:
        self._path, self._config, self._echo = path, config, echo
        self._pretty = bool(echo and echo.isatty())
        self._least = LEVELS[config.level]
        self._file = path.open("a", encoding="utf-8")
        path.chmod(0o640)

    def __call__(self, level: str, event: str, **more: Any) -> None:
        """Writes one line, if its level is high enough."""
        if LEVELS[level] < self._least:
            return
        record = {"time": now_text(), "level": level, "source": "ctl", "event": event, **more}
        line = json.dumps(record, ensure_ascii=False, default=str)
        try:
            self._file.write(line + "\n")
            self._file.flush()
        except OSError as error:  # a full disk must not stop the supervisor
            print(f"pinnacle-ctl: {self._path}: {error.strerror}", file=sys.stderr)
        if self._echo:
            shown = readable(record, colour=True) if self._pretty else line
            print(shown, file=self._echo, flush=True)
        turn_over(self._path, self._config)

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


def parse_line(line: str, source: str) -> dict[str, Any]:
    """One log line as a record; text that is not JSON becomes its ``event``."""
    try:
        record = json.loads(line)
        if isinstance(record, dict):
            return {"source": source, **record}
    except ValueError:
        pass
    return {"time": "", "level": "info", "source": source, "event": line.rstrip("\n")}


def read_log(path: Path, source: str) -> Iterator[dict[str, Any]]:
    """Every line of a log, those put aside first."""
    aside = sorted(
        (p for p in path.parent.glob(f"{path.name}.*") if p.suffix[1:].isdigit()),
        key=lambda p: -int(p.suffix[1:]),
    )
    last = ""
    for file in [*aside, path]:
        try:
            text = file.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            continue
        for line in text.splitlines():
            if line.strip():
                record = parse_line(line, source)
                record["time"] = last = record.get("time") or last
                yield record


_COLOURS = {"debug": "2", "warning": "33", "error": "31"}


def readable(record: dict[str, Any], colour: bool) -> str:
    """A log record for people: one line, nothing that a terminal would obey."""
    from pinnacle.text import printable

    rest = {k: v for k, v in record.items() if k not in ("time", "level", "source", "event")}
    shown = " ".join(f"{k}={v}" for k, v in rest.items())
    level = str(record.get("level", "info"))
    text = printable(
        f"{str(record.get('time', ''))[:26]:<26} {level:<7} {record.get('source', ''):<3} "
        f"{record.get('event', record.get('message', ''))}{'  ' + shown if shown else ''}"
    )
    code = _COLOURS.get(level, "") if colour else ""
    return f"\x1b[{code}m{text}\x1b[0m" if code else text
