"""``pinnacle-ctl capture make``: writes a deterministic capture, and the truth beside it."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from pinnacle.errors import PinnacleError, UsageError

if TYPE_CHECKING:
    from pinnacle.capture.generate import Progress, Truth

EPILOG = """\b
Examples:
  pinnacle-ctl capture make --seed 1 sample.pcap
  pinnacle-ctl capture make --symbols 8000 --messages 40000000 day.itch
  pinnacle-ctl capture make --lines 2 --loss-a 0.05 --loss-all 0.001 two.pcapng.zst
  pinnacle-ctl capture make --lines 2 a.pcap b.pcap
"""


def _parse_mix(text: str | None) -> dict[str, float]:
    mix: dict[str, float] = {}
    for part in (text or "").split(","):
        kind, _, percent = part.strip().partition("=")
        if not part.strip():
            continue
        try:
            mix[kind] = float(percent)
        except ValueError:
            raise UsageError(f"--mix: {part.strip()!r} is not like A=45") from None
    return mix


@contextmanager
def _progress_bar(messages: int) -> Iterator[Progress | None]:
    """A bar on standard error, if that is a terminal and the work takes over a second."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    bar = Bar(console=Console(stderr=True), transient=True)
    task = bar.add_task("generating", total=messages)
    begin, shown = time.monotonic(), False

    def update(done: int, total: int) -> None:
        nonlocal shown
        if not shown and time.monotonic() - begin > 1:
            bar.start()
            shown = True
        bar.update(task, completed=done)

    try:
        yield update
    finally:
        bar.stop()


def _summary(truth: Truth, seconds: float) -> dict[str, Any]:
    from pinnacle.capture.generate import truth_path

    return {
        "files": truth.files,
        "truth": truth_path(truth.files[0]).name,
        "seed": truth.config["seed"],
        "symbols": truth.config["symbols"],
        "messages": truth.messages,
        "by_type": truth.by_type,
        "frames": truth.frames,
        "bytes": truth.file_bytes,
        "lines": [
            {
                "group": line.group,
                "datagrams": line.datagrams,
                "lost_datagrams": line.lost_datagrams,
                "lost_messages": line.lost_messages,
                "duplicated": line.duplicated,
                "reordered": line.reordered,
            }
            for line in truth.lines
        ],
        "lost_all_messages": truth.lost_all_messages,
        "lost_all_ranges": len(truth.lost_all),
        "trades": truth.trades,
        "volume": truth.volume,
        "live_orders": truth.live_orders,
        "seconds": round(seconds, 3),
    }


def _print(facts: dict[str, Any]) -> None:
    shares = sorted(facts["by_type"].items(), key=lambda item: -item[1])
    types = " ".join(f"{kind} {100 * n / facts['messages']:.1f}%" for kind, n in shares[:8])
    click.echo(f"{', '.join(facts['files'])}  (truth in {facts['truth']})")
    click.echo(
        f"  {facts['messages']:,} messages of {len(shares)} types, {facts['symbols']:,} symbols, "
        f"seed {facts['seed']}: {types} ..."
    )
    if facts["frames"]:
        click.echo(f"  {facts['frames']:,} frames, {facts['bytes']:,} bytes before compression")
    for name, line in zip("AB", facts["lines"], strict=False):
        click.echo(
            f"  line {name} {line['group']}: {line['datagrams']:,} datagrams, "
            f"{line['lost_datagrams']:,} lost ({line['lost_messages']:,} messages), "
            f"{line['duplicated']:,} doubled, {line['reordered']:,} reordered"
        )
    if facts["lost_all_messages"]:
        click.echo(
            f"  lost for good: {facts['lost_all_messages']:,} messages "
            f"in {facts['lost_all_ranges']:,} ranges"
        )
    click.echo(
        f"  {facts['trades']:,} trades, volume {facts['volume']:,}, "
        f"{facts['live_orders']:,} orders rest at the end; {facts['seconds']} s"
    )


@click.command(epilog=EPILOG)
@click.argument("file")
@click.argument("file_b", required=False)
@click.option("--seed", default=1, show_default=True, help="Same seed, same bytes.")
@click.option("--symbols", default=500, show_default=True, help="Instruments, up to 65535.")
@click.option("--messages", default=1_000_000, show_default=True, help="ITCH messages in all.")
@click.option(
    "--live-orders", "max_live_orders", default=0, help="Resting orders to build up to and hold."
)
@click.option("--rate", default=0.0, help="Mean messages a second in market hours; shortens them.")
@click.option("--mix", help="Percent by type over the default, such as A=45,D=40.")
@click.option("--lines", default=1, show_default=True, help="1, or 2 for lines A and B.")
@click.option("--own-boundaries", is_flag=True, help="Line B groups messages differently.")
@click.option("--skew-us", default=3.0, show_default=True, help="Line B is so much later.")
@click.option("--loss-a", default=0.0, help="Fraction of datagrams lost on line A.")
@click.option("--loss-b", default=0.0, help="Fraction of datagrams lost on line B.")
@click.option("--loss-all", default=0.0, help="Rate of losses that hit every line.")
@click.option("--dup", default=0.0, help="Fraction of datagrams sent twice.")
@click.option("--reorder", default=0.0, help="Fraction of datagrams that come late.")
@click.option(
    "--reorder-datagrams", default=8, show_default=True, help="Late by up to so many datagrams ..."
)
@click.option(
    "--reorder-us", default=1000.0, show_default=True, help="... and by no more microseconds."
)
@click.option(
    "--mean-messages", default=4, show_default=True, help="Of a datagram, where there are bursts."
)
@click.option("--payload-max", default=1400, show_default=True, help="Bytes of a datagram.")
@click.option("--session", default="SIM0000001", show_default=True, help="MoldUDP64 session.")
@click.option("--group-a", default="233.54.12.111:26477", show_default=True)
@click.option("--group-b", default="233.49.196.111:26477", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of text.")
def make(
    file: str, file_b: str | None, mix: str | None, group_a: str, group_b: str, as_json: bool,
    **settings: Any,
) -> None:  # fmt: skip
    """Write a day of made-up Nasdaq ITCH 5.0 market data to FILE, deterministic by its seed.

    FILE ends in .pcap (nanoseconds), .pcapng or .itch (raw messages), with .gz or .zst behind to be
    compressed. FILE_B takes line B; otherwise both lines are in FILE. FILE.truth.json says what was
    made, what was lost, and how the books stand at the end.
    """
    try:
        from pinnacle.capture.generate import Config, generate
    except ImportError as error:
        raise PinnacleError(f"the compiled engine cannot be loaded ({error}); build it") from error

    if file_b is not None and settings["lines"] == 1:
        settings["lines"] = 2
    config = Config(mix=_parse_mix(mix), groups=(group_a, group_b), **settings)
    begin = time.monotonic()
    with _progress_bar(config.messages) as progress:
        truth = generate(file, config, path_b=file_b, progress=progress)
    facts = _summary(truth, time.monotonic() - begin)
    if as_json:
        click.echo(json.dumps(facts, indent=2))
    else:
        _print(facts)
