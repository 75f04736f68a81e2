"""``pinnacle-ctl capture info``: what is inside a capture, without building books."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from pinnacle.cli.options import colour_wanted, echo_json, engine, json_option
from pinnacle.errors import NotACaptureError

if TYPE_CHECKING:
    from pinnacle.scan import Scan

EPILOG = """\b
Examples:
  pinnacle-ctl capture info day.pcap.gz
  pinnacle-ctl capture info --json day.pcapng | jq '.flows[].guess'
"""


@click.command(epilog=EPILOG)
@click.argument("file")
@json_option
def info(file: str, as_json: bool) -> None:
    """Say what is inside FILE: flows, guessed feeds, time span, rate peaks, drops."""
    engine()
    from pinnacle.scan import Scan

    with Scan(file) as scan:
        _read(scan)
        facts = scan.facts()
    if not facts["frames"]:
        raise NotACaptureError(f"{file}: no frames; the capture is empty or damaged from the start")
    if as_json:
        echo_json(facts)
    else:
        click.echo(render(facts))


def _read(scan: Scan) -> None:
    show = sys.stderr.isatty()
    while scan.read(1 << 18):
        if show:
            done, total = scan.progress
            part = f"{100 * done // total} %" if total else f"{done >> 20} MiB"
            print(f"\rreading {part} ", end="", file=sys.stderr)
    if show:
        print("\r\x1b[K", end="", file=sys.stderr)


def render(facts: dict[str, Any]) -> str:
    """The facts as text."""
    from pinnacle.tables import REASON_HELP
    from pinnacle.text import Style, count, printable, size_text
    from pinnacle.times import format_span

    style = Style(colour_wanted())
    span = format_span(facts["last_ns"] - facts["first_ns"])
    lines = [
        style(printable(facts["file"]), "bold"),
        f"time       {facts['first_time']} to {facts['last_time']} ({span})",
        f"frames     {count(facts['frames'])} ({size_text(facts['bytes'])}), "
        f"datagrams {count(facts['datagrams'])}",
        f"peak       {_peak(facts)}",
    ]
    if facts["backwards"]:
        lines.append(f"order      {count(facts['backwards'])} frames go back in time")
    lines += ["", style(f"flows: {count(len(facts['flows']))}", "bold")]
    for flow in facts["flows"]:
        place = f"{flow['source']} -> {flow['destination']}" if flow["source"] else "whole file"
        guess = flow["guess"]
        lines.append(f"  {style(place, 'bold')}  {guess['feed'] or 'unknown'}")
        lines.append(
            f"    {count(flow['datagrams'])} datagrams, {size_text(flow['bytes'])}, "
            f"{count(flow['messages'])} messages"
        )
        lines.append(f"    {flow['first_time']} to {flow['last_time']}")
        lines.append(f"    peak {_peak(flow)}")
        lines.append(f"    {guess['why']}")
    if facts["unlisted"]:
        lines.append(f"  ... and {count(facts['unlisted'])} datagrams of flows beyond the limit")
    lines += ["", style("drops and notes", "bold")]
    drops = [f"  {r}  {count(n)}  {REASON_HELP[r]}" for r, n in facts["drops"].items()]
    return "\n".join(lines + (drops or ["  none"]))


def _peak(facts: dict[str, Any]) -> str:
    second, milli = facts["peak_second"], facts["peak_millisecond"]
    return (
        f"{second['frames']:,} frames in the second from {second['time']}, "
        f"{milli['frames']:,} in the millisecond from {milli['time']}"
    )
