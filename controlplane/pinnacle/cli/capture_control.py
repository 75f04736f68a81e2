"""``pinnacle-ctl capture start``, ``stop`` and ``status``: recordings of a running instance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pinnacle.cli.options import echo_json, engine, instance_options, json_option
from pinnacle.errors import UsageError

START_EPILOG = """\b
Examples:
  pinnacle-ctl capture start /var/tmp/today.pcapng
  pinnacle-ctl capture start --max-bytes 1000000000 today.pcapng

\b
Records every frame that the ports give to the engine, and what re-request servers answered, with
ns times. The recording never holds up the path: what it is too slow for is counted and left out.
Replay it with the same engine limits and channels to get the same digest.
"""


def _ask(instance: str | None, run_dir: str | None, name: str, text: str, shard: int | None) -> Any:
    engine()
    from pinnacle.supervisor import client, paths

    folder = paths.find_run_dir(instance, run_dir)
    args = {"name": name, "text": text, "shard": shard, "timeout_s": 10.0}
    return client.request(folder, "command", args)


@click.command(epilog=START_EPILOG)
@click.argument("file", metavar="FILE")
@instance_options
@click.option("--shard", type=click.IntRange(0, 7), metavar="N", help="Only this shard.")
@click.option("--max-bytes", type=click.IntRange(4096), metavar="N",
              help="Begin another file (FILE.1, .2, before the suffix) at this size.")  # fmt: skip
@json_option
def start(
    file: str, instance: str | None, run_dir: str | None, shard: int | None,
    max_bytes: int | None, as_json: bool,
) -> None:  # fmt: skip
    """Begin to record what an instance receives to FILE, a pcapng file."""
    path = str(Path(file).absolute())
    if not path.endswith(".pcapng"):
        raise UsageError(f"{file}: a recording is a pcapng file, so its name must end in .pcapng")
    text = path if max_bytes is None else f"{path}\n{max_bytes}"
    result = _ask(instance, run_dir, "capture-start", text, shard)
    if as_json:
        echo_json(result)
    else:
        click.echo(f"recording to {path}; end it with pinnacle-ctl capture stop")


@click.command(
    epilog="\b\nExamples:\n  pinnacle-ctl capture stop\n  pinnacle-ctl capture stop --instance main"
)
@instance_options
@click.option("--shard", type=click.IntRange(0, 7), metavar="N", help="Only this shard.")
@json_option
def stop(instance: str | None, run_dir: str | None, shard: int | None, as_json: bool) -> None:
    """End a recording; the file is whole when this returns."""
    result = _ask(instance, run_dir, "capture-stop", "", shard)
    if as_json:
        echo_json(result)
        return
    for row in _rows(instance, run_dir):
        click.echo(_line(row))


@click.command(
    epilog="\b\nExamples:\n  pinnacle-ctl capture status\n  pinnacle-ctl capture status --json"
)
@instance_options
@json_option
def status(instance: str | None, run_dir: str | None, as_json: bool) -> None:
    """Whether frames are being recorded, and how many were."""
    rows = _rows(instance, run_dir)
    if as_json:
        echo_json(rows)
        return
    for row in rows:
        click.echo(_line(row))


def _rows(instance: str | None, run_dir: str | None) -> list[dict[str, Any]]:
    engine()
    from pinnacle.supervisor import paths, readings

    record = paths.read_record(paths.find_run_dir(instance, run_dir))
    return [
        {"shard": row["shard"], "recording": row["capturing"], "frames": row["captured"],
         "left_out": row["capture_drops"]}
        for row in readings.shards(readings.Instance(record))
    ]  # fmt: skip


def _line(row: dict[str, Any]) -> str:
    doing = "recording" if row["recording"] else "not recording"
    return (
        f"shard {row['shard']}: {doing}, {row['frames']:,} frames recorded, "
        f"{row['left_out']:,} left out"
    )
