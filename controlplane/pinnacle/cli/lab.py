"""``pinnacle-ctl lab``: a feed and an appliance on one machine, in two network namespaces."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import click

from pinnacle.cli.options import echo_json, engine, json_option

_NAME = click.option("--name", default="lab", show_default=True, metavar="NAME",
                     help="Which lab; several may be up.")  # fmt: skip
_SHARE = click.FloatRange(0, 1)

LAB_EPILOG = """\b
Example:
  sudo pinnacle-ctl lab up
  sudo pinnacle-ctl lab status
  sudo pinnacle-ctl lab down
"""


@click.group(epilog=LAB_EPILOG)
def lab() -> None:
    """A feed and an appliance on one machine, joined by a virtual wire."""


UP_EPILOG = """\b
Examples:
  sudo pinnacle-ctl lab up
  sudo pinnacle-ctl lab up --rate 50000 --lose 0.01
  sudo pinnacle-ctl lab up --capture day.pcap.gz --speed 10

\b
Makes two network namespaces and a veth pair. In one a sender loops a capture, every round a session
of its own, and serves re-requests; in the other runs an appliance with an AF_XDP port.
"""


def _name(text: str) -> str:
    from pinnacle.errors import UsageError

    if not (0 < len(text) <= 12 and text.isascii() and text.isalnum()):
        raise UsageError(f"{text!r}: a lab's name is up to 12 letters and digits")
    return text


@lab.command(epilog=UP_EPILOG)
@_NAME
@click.option("--capture", metavar="FILE", help="What to send; default: a generated day.")
@click.option("--rate", type=click.FloatRange(min=1, max=1e7), default=2000.0, show_default=True,
              metavar="N", help="Frames a second.")  # fmt: skip
@click.option("--speed", type=click.FloatRange(min=1e-6, max=1e6), metavar="X",
              help="Factor of recorded time instead of a rate.")  # fmt: skip
@click.option("--loop", "loops", type=click.IntRange(0), default=0, metavar="N",
              help="Rounds; 0 without end.")  # fmt: skip
@click.option("--lose", type=_SHARE, default=0.0, metavar="F", help="Fraction of frames lost.")
@click.option("--double", type=_SHARE, default=0.0, metavar="F", help="Fraction sent twice.")
@click.option("--late", type=_SHARE, default=0.0, metavar="F", help="Fraction sent late.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, metavar="N",
              help="Seed of the generated day and of the faults.")  # fmt: skip
@click.option("--record", metavar="FILE",
              help="Record all that the appliance receives to this pcapng file.")  # fmt: skip
@click.option("--no-rerequest", is_flag=True, help="Nobody to ask for what is lost.")
@json_option
def up(name: str, no_rerequest: bool, as_json: bool, **options: Any) -> None:
    """Make a lab, and show its books moving."""
    engine()
    from pinnacle.lab import run

    wish = run.Wish(name=_name(name), rerequest=not no_rerequest, **options)
    state = run.up(wish, (lambda text: None) if as_json else click.echo)
    if as_json:
        echo_json(state)
        return
    _show_moving(name)
    click.echo(f"look further: pinnacle-ctl top --run-dir {state['run_dir']}; "
               "end it: pinnacle-ctl lab down")  # fmt: skip


def _show_moving(name: str, looks: int = 3, pause_s: float = 1.0) -> None:
    from pinnacle.lab import run

    for _ in range(looks):
        time.sleep(pause_s)
        click.echo("\n".join(_text(run.status(name, books=3))))


def _text(facts: dict[str, Any]) -> list[str]:
    """A lab as lines of text."""
    sent = facts["feeder"]["sent"]
    lines = [
        f"sent         {sent['frames']:,} frames, {sent['rate']:,.0f} a second, "
        f"round {sent['rounds'] + 1}, {sent['lost']:,} lost on purpose"
        + ("" if facts["feeder"]["running"] else "; the feeder has ended")
    ]
    if served := facts["feeder"].get("rerequests"):
        lines.append(f"re-requests  {served['requests']:,}, answered {served['answers']:,}")
    if not facts["appliance"]:
        return [*lines, "appliance    not running"]
    for feed in facts["feeds"]:
        lines.append(
            f"{feed['name']:<12} {feed['session']} at {feed['last_seq']:,}, {feed['gaps']:,} gaps, "
            f"{feed['lost']:,} lost, {feed['recovered']:,} closed"
        )
    for book in facts["books"]:
        sides = [
            "-" if book[side] is None else f"{book[side]['size']:,} at {book[side]['price']}"
            for side in ("bid", "ask")
        ]
        lines.append(
            f"  {book['instrument']:<10} {book['state']:<6} bid {sides[0]:<22} ask {sides[1]}"
        )
    return lines


@lab.command(epilog="\b\nExamples:\n  pinnacle-ctl lab status\n  pinnacle-ctl lab status --json")
@_NAME
@json_option
def status(name: str, as_json: bool) -> None:
    """What was sent, and what the appliance made of it."""
    engine()
    from pinnacle.lab import run

    facts = run.status(_name(name))
    if as_json:
        echo_json(facts)
    else:
        click.echo("\n".join(_text(facts)))


@lab.command(
    epilog="\b\nExamples:\n  sudo pinnacle-ctl lab down\n  sudo pinnacle-ctl lab down --all"
)
@_NAME
@click.option("--all", "everything", is_flag=True, help="Every lab of which there is a trace.")
@json_option
def down(name: str, everything: bool, as_json: bool) -> None:
    """Remove a lab: processes, namespaces, files; also one that was killed half made."""
    from pinnacle.lab import places, run

    wanted = places.names() if everything else [_name(name)]
    gone = {one: run.down(one) for one in wanted}
    if as_json:
        echo_json(gone)
        return
    for one, was in gone.items():
        some = was["folder"] or was["namespaces"]
        click.echo(f"lab {one}: {'removed' if some else 'there was none'}")


REREQUEST_EPILOG = """\b
Examples:
  pinnacle-ctl lab rerequest --address 127.0.0.1 --port 26478 day.itch
  pinnacle-ctl lab rerequest --lose 0.1 --seconds 60 day.pcap
"""


@lab.command(epilog=REREQUEST_EPILOG)
@click.argument("file", metavar="FILE")
@click.option("--address", default="127.0.0.1", show_default=True, help="IPv4 address to bind.")
@click.option("--port", type=click.IntRange(0, 65_535), default=26_478, show_default=True,
              help="UDP port; 0 takes any.")  # fmt: skip
@click.option("--session", default="SIM0000001", show_default=True,
              help="Session of a raw ITCH file.")  # fmt: skip
@click.option("--any-loop", is_flag=True, help="Also sessions with other digits at their end.")
@click.option("--lose", type=_SHARE, default=0.0, metavar="F", help="Fraction of answers lost.")
@click.option("--refuse", type=_SHARE, default=0.0, metavar="F", help="Fraction refused.")
@click.option("--damage", type=_SHARE, default=0.0, metavar="F", help="Fraction damaged.")
@click.option("--seed", type=click.IntRange(0), default=1, help="Seed of these faults.")
@click.option("--seconds", type=click.FloatRange(0), default=0.0, help="How long; 0 until Ctrl-C.")
@json_option
def rerequest(file: str, seconds: float, as_json: bool, **options: Any) -> None:
    """Serve the messages of a capture to MoldUDP64 re-requests."""
    engine()
    from pinnacle.lab.rerequest import Answers, RerequestServer

    with RerequestServer(file, Answers(**options)) as server:
        if not as_json:
            click.echo(f"{server.served.messages:,} messages at {options['address']}:{server.port}")
        end = time.monotonic() + seconds if seconds else float("inf")
        try:
            while (left := end - time.monotonic()) > 0:
                server.serve(min(left, 0.2))
        except KeyboardInterrupt:
            pass
        served = dataclasses.asdict(server.served)
    if as_json:
        echo_json(served)
    else:
        click.echo(f"{served['requests']:,} requests, {served['answers']:,} answers with "
                   f"{served['answered_messages']:,} messages")  # fmt: skip
