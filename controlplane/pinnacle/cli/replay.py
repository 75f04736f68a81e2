"""``pinnacle-ctl replay``: captures in, books and a report out.

Options are declared here; the work is in ``pinnacle.drive`` (running), ``pinnacle.report``
(result) and ``pinnacle.export`` (Parquet), imported when the command runs.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from pinnacle.cli.options import colour_wanted, engine, json_option
from pinnacle.cli.send import check_options, send, send_options, split_to
from pinnacle.errors import (
    INTERRUPTED,
    NotACaptureError,
    PinnacleError,
    StoppedError,
    UnknownFeedError,
    UnknownInstrumentError,
    UsageError,
)

if TYPE_CHECKING:
    from pinnacle.config.schema import ReplayConfig
    from pinnacle.drive import Limits, Outcome, Progress
    from pinnacle.export import ParquetSink
    from pinnacle.replay import Replay
    from pinnacle.report import ReplayReport

EPILOG = """\b
Examples:
  pinnacle-ctl replay day.pcap.gz
  pinnacle-ctl replay --json --depth 10 --instrument AAPL day.pcap > day.json
  pinnacle-ctl replay line-a.pcap line-b.pcap          two lines of one channel
  zstdcat day.pcap.zst | pinnacle-ctl replay -
  pinnacle-ctl replay --from 13:30 --to 13:35 --export out day.pcap
  pinnacle-ctl replay --speed 10x --region /dev/shm/pinnacle.state day.pcap
  pinnacle-ctl replay --to veth0 --speed 2x day.pcap     onto the wire, not into books
  pinnacle-ctl replay --to veth0 --rate 100000 --loop 0 day.pcap

\b
Times are HH:MM:SS[.ns] of the capture's first day (UTC; raw ITCH: since midnight) or ISO.
Books are always built from the first frame, so that they are right; --from starts
the export and the window totals of the report, --to ends the replay.
"""


@click.command(epilog=EPILOG)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--config",
    "config_file",
    metavar="YAML",
    help="Configuration (configs/replay.yaml), or that of the instance that recorded.",
)
@click.option(
    "--feed",
    type=click.Choice(["itch50", "deep10", "tops16"]),
    help="Feed of flows that are not declared; default: recognised by content.",
)
@click.option(
    "--speed", metavar="PACE", help="max (default), recorded (to IFACE: default), or 10x."
)
@click.option("--from", "start", metavar="TIME", help="Start of the export and the window totals.")
@click.option(
    "--to",
    "stop",
    metavar="TIME|IFACE",
    help="Stop before the first message after this; or send the frames out of this interface.",
)
@click.option(
    "--instrument",
    "instruments",
    multiple=True,
    metavar="NAME",
    help="Only this instrument in report and export; repeatable.",
)
@click.option("--depth", type=click.IntRange(0, 100_000), metavar="N", help="List N levels a side.")
@click.option(
    "--books",
    type=click.IntRange(0, 1_000_000),
    metavar="N",
    help="Instruments in the text report, the most active first; default 20.",
)
@click.option("--max-messages", type=click.IntRange(1), metavar="N", help="Stop after N messages.")
@click.option(
    "--stop-on",
    multiple=True,
    type=click.Choice(["gap", "malformed", "inconsistent", "restart", "end"]),
    help="Stop within 256 messages after this happens (exit code 10); repeatable.",
)
@click.option(
    "--export", "export_dir", metavar="DIR", help="Write bbo.parquet and trades.parquet into DIR."
)
@click.option(
    "--region", metavar="PATH", help="State segment as a file, so that other processes can attach."
)
@click.option(
    "--hugepages",
    type=click.Choice(["auto", "never", "require"]),
    help="Memory of the region; default auto.",
)
@send_options
@click.option("--quiet", is_flag=True, help="No progress bar and no report; the exit code tells.")
@json_option
def replay(files: tuple[str, ...], as_json: bool, quiet: bool, **options: Any) -> int:
    """Replay captures into books and report what was in them.

    FILE is a pcap, pcapng or raw ITCH 5.0 file, plain, .gz or .zst, or - for standard input.
    Several files are merged by time; lines of one channel may be in different files.
    """
    split_to(options)
    check_options(options)
    if options["device"]:
        return send(files, options, as_json, quiet)
    from pinnacle.drive import Outcome, drive
    from pinnacle.report import build_report

    engine()
    config = _configure(options)
    limits = _limits(config, options)
    only = frozenset(config.report.instruments)
    outcome = Outcome()
    from pinnacle.replay import Replay

    with Replay(list(files), config=config) as run:
        sink: ParquetSink | None = None
        if options["export_dir"]:
            from pinnacle.export import ParquetSink

            sink = ParquetSink(options["export_dir"], run.view, only)
        progress, end_progress = _progress(files, quiet or as_json)
        interrupted = False
        try:
            drive(run, limits, outcome, [sink] if sink else [], progress)
        except KeyboardInterrupt:
            interrupted = True
        finally:
            end_progress()
        exported = sink.close() if sink else None
        report = build_report(run, outcome, files=list(files), depth=config.report.depth,
                              only=only, region=config.region)  # fmt: skip
        report.export = exported
        if not quiet:
            _print(report, as_json, config.report.books)
        if interrupted:
            return INTERRUPTED
        if failure := _verdict(run, report, outcome, only):
            raise failure
    return 0


def _configure(options: dict[str, Any]) -> ReplayConfig:
    """The configuration file with the options of the command line on top."""
    from pinnacle.config.loader import load_any
    from pinnacle.config.schema import ReplayConfig

    config = ReplayConfig()
    if options["config_file"]:
        found = load_any(options["config_file"])
        # A live instance's file: its recordings are replayed under its own limits and channels.
        config = found if isinstance(found, ReplayConfig) else found.for_replay()
    given = {k: options[k] for k in ("feed", "speed", "region") if options[k] is not None}
    report = {k: options[k] for k in ("depth", "books") if options[k] is not None}
    if options["instruments"]:
        report["instruments"] = tuple(options["instruments"])
    given["report"] = config.report.model_copy(update=report)
    if options["hugepages"]:
        given["engine"] = config.engine.model_copy(update={"hugepages": options["hugepages"]})
    return config.model_copy(update=given)


def _limits(config: ReplayConfig, options: dict[str, Any]) -> Limits:
    from pinnacle.config.schema import parse_speed
    from pinnacle.drive import Limits
    from pinnacle.times import TimePoint

    try:
        speed = parse_speed(config.speed)
    except ValueError as error:
        raise UsageError(f"--speed {config.speed}: {error}") from error
    return Limits(
        speed=speed,
        start=TimePoint(options["start"]) if options["start"] else None,
        stop=TimePoint(options["stop"]) if options["stop"] else None,
        max_messages=options["max_messages"] or 0,
        stop_on=frozenset(options["stop_on"]),
    )


def _progress(files: tuple[str, ...], off: bool) -> tuple[Progress | None, Any]:
    """A progress bar on standard error if that is a terminal, and what ends it."""
    if off or not sys.stderr.isatty():
        return None, lambda: None
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(TextColumn("{task.description}"), BarColumn(),
                   TextColumn("{task.percentage:>3.0f}%"), TextColumn("{task.fields[messages]}"),
                   TimeRemainingColumn(), console=Console(stderr=True), transient=True)  # fmt: skip
    task = bar.add_task("replay", total=None, messages="")
    bar.start()

    def show(run: Replay) -> None:
        done, total = run.progress
        bar.update(task, completed=done, total=total or None,
                   messages=f"{run.counters.messages:,} messages")  # fmt: skip

    return show, bar.stop


def _print(report: ReplayReport, as_json: bool, books: int) -> None:
    if as_json:
        leave = {name for name in ("window", "export") if getattr(report, name) is None}
        click.echo(report.model_dump_json(indent=2, exclude=leave))
        return
    from pinnacle.report_text import render_report
    from pinnacle.text import Style

    click.echo(render_report(report, books=books, style=Style(colour_wanted())))


def _verdict(
    run: Replay, report: ReplayReport, outcome: Outcome, only: frozenset[str]
) -> PinnacleError | None:
    """What the exit code has to say after the report."""
    names = ", ".join(report.files)
    if outcome.stopped.startswith("stop-on"):
        condition = outcome.stopped.removeprefix("stop-on:")
        return StoppedError(f"stopped on {condition} after {report.messages:,} messages")
    if not report.frames:
        return NotACaptureError(f"{names}: no frames; it is empty or damaged from the start")
    if not report.messages and not report.channels and outcome.stopped == "end":
        return UnknownFeedError(
            f"{names}: no known feed in {report.datagrams:,} datagrams; look with "
            "pinnacle-ctl capture info, or name it with --feed"
        )
    missing = sorted(only - {i.name for i in run.instruments})
    if missing:
        return UnknownInstrumentError(
            f"{names}: no instrument {', '.join(missing)}; leave out --instrument to list all"
        )
    return None
