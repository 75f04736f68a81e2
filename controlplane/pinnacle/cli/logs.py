"""``pinnacle-ctl logs``: what supervisor and data plane wrote, in one order of time."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from pinnacle.cli.options import colour_wanted, engine, instance_options
from pinnacle.errors import NoPermissionError, NotRunningError

EPILOG = """\b
Examples:
  pinnacle-ctl logs
  pinnacle-ctl logs -f
  pinnacle-ctl logs --lines 0 --json | jq 'select(.level == "error")'
"""


@click.command(epilog=EPILOG)
@instance_options
@click.option("--follow", "-f", is_flag=True, help="Go on as lines come; Ctrl-C ends it.")
@click.option("--lines", "-n", type=click.IntRange(0), default=100, show_default=True,
              metavar="N", help="Only the last N lines; 0 for all.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="JSON lines, as they were written.")
def logs(
    instance: str | None, run_dir: str | None, follow: bool, lines: int, as_json: bool
) -> None:
    """Print the logs of supervisor (ctl) and data plane (dp), in one order of time."""
    engine()
    from pinnacle.supervisor import paths
    from pinnacle.supervisor.logs import read_log, readable

    folder = paths.find_run_dir(instance, run_dir)
    files = _files(folder)
    tails = [_Tail(path, source) for source, path in files]
    try:
        records = [r for source, path in files for r in read_log(path, source)]
    except PermissionError as error:
        raise NoPermissionError(f"{error.filename}: may not be read; use sudo") from error
    records.sort(key=lambda record: str(record["time"]))
    colour = colour_wanted()

    def show(record: dict[str, Any]) -> None:
        click.echo(json.dumps(record, ensure_ascii=False) if as_json else readable(record, colour))

    for record in records[-lines:] if lines else records:
        show(record)
    while follow:
        fresh = sorted((r for tail in tails for r in tail.read()), key=lambda r: str(r["time"]))
        for record in fresh:
            show(record)
        if not folder.exists():
            return
        time.sleep(0.1)


def _files(folder: Path) -> list[tuple[str, Path]]:
    from pinnacle.supervisor import paths

    try:
        record = paths.read_record(folder)
        found = [("ctl", Path(record["ctl_log"])), ("dp", Path(record["dp_log"]))]
    except NotRunningError:  # one that gave up leaves its logs
        found = [("ctl", folder / paths.CTL_LOG), ("dp", folder / paths.DP_LOG)]
        if not any(path.exists() for _, path in found):
            raise
    return found


class _Tail:
    """Lines that are added to a file from now on, also after it was cut to be begun anew."""

    def __init__(self, path: Path, source: str) -> None:
        self._path, self._source, self._rest = path, source, ""
        self._at = path.stat().st_size if path.exists() else 0

    def read(self) -> Iterator[dict[str, Any]]:
        from pinnacle.supervisor.logs import now_text, parse_line

        try:
            with self._path.open("rb") as file:
                if self._path.stat().st_size < self._at:
                    self._at, self._rest = 0, ""
                file.seek(self._at)
                part = file.read(1 << 20)
        except FileNotFoundError:
            return
        self._at += len(part)
        *whole, self._rest = (self._rest + part.decode(errors="replace")).split("\n")
        for line in whole:
            if line.strip():
                record = parse_line(line, self._source)
                record["time"] = record.get("time") or now_text()
                yield record
