"""``pinnacle-ctl replay --to IFACE``: captures onto a real interface."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pinnacle.cli.options import echo_json, engine
from pinnacle.errors import INTERRUPTED, UsageError

if TYPE_CHECKING:
    from pinnacle.lab.sender import Sender, Stats

F = TypeVar("F", bound=Callable[..., Any])
_STEP_S = 0.25  # between looks at Ctrl-C and the progress line

#: options of replay that only make sense without --to, and those that only make sense with it
_ENGINE_ONLY = ("feed", "start", "stop", "instruments", "depth", "books", "max_messages", "stop_on",
                "export_dir", "region", "hugepages", "config_file")  # fmt: skip
_SEND_ONLY = ("rate", "loops", "force", "group", "port", "source", "mac_to", "mac_from", "lose",
              "double", "late", "fault_seed", "only_input")  # fmt: skip

_SHARE = click.FloatRange(0, 1)
_OPTIONS = [
    click.option("--rate", type=click.FloatRange(min=0, min_open=True, max=1e9), metavar="N",
                 help="To IFACE: N frames a second instead of a pace."),
    click.option("--loop", "loops", type=click.IntRange(0), metavar="N",
                 help="To IFACE: N rounds, each with a session of its own; 0 without end."),
    click.option("--force", is_flag=True,
                 help="To IFACE: even an interface that carries the default route."),
    click.option("--group", metavar="ADDRESS", help="To IFACE: rewrite the UDP destination."),
    click.option("--port", type=click.IntRange(1, 65_535), help="To IFACE: rewrite its port."),
    click.option("--source", metavar="ADDRESS", help="To IFACE: rewrite the IPv4 source."),
    click.option("--mac-to", metavar="MAC", help="To IFACE: rewrite the hardware destination."),
    click.option("--mac-from", metavar="MAC", help="To IFACE: rewrite the hardware source."),
    click.option("--only-input", type=click.IntRange(0, 15), metavar="N",
                 help="To IFACE: of a recording, only what this input received."),
    click.option("--lose", type=_SHARE, metavar="F", help="To IFACE: fraction of frames not sent."),
    click.option("--double", type=_SHARE, metavar="F", help="To IFACE: fraction sent twice."),
    click.option("--late", type=_SHARE, metavar="F",
                 help="To IFACE: fraction sent behind up to 8 later ones."),
    click.option("--fault-seed", type=click.IntRange(0), metavar="N",
                 help="To IFACE: seed of these faults; default 1."),
]  # fmt: skip


def send_options(command: F) -> F:
    """The options of ``replay`` that are about sending."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def split_to(options: dict[str, Any]) -> None:
    """``--to`` is a time or an interface: times begin with a digit and have a ``:`` or ``-``."""
    value = options["stop"]
    is_time = value is None or (value[:1].isdigit() and (":" in value or "-" in value))
    options["device"] = None if is_time else value
    options["stop"] = value if is_time else None


def check_options(options: dict[str, Any]) -> None:
    """Refuses options that do not go with what is asked for."""
    device = options["device"]
    names = _ENGINE_ONLY if device else _SEND_ONLY
    odd = [name for name in names if options[name] not in (None, False, ())]
    if odd:
        name = {"start": "from", "stop": "to", "loops": "loop", "instruments": "instrument",
                "export_dir": "export", "config_file": "config"}.get(odd[0], odd[0])  # fmt: skip
        given = f"--{name.replace('_', '-')}"
        raise UsageError(f"{given} has no meaning {'with' if device else 'without'} --to IFACE")


def send(files: tuple[str, ...], options: dict[str, Any], as_json: bool, quiet: bool) -> int:
    """Sends the files and reports; the exit code."""
    engine()
    from pinnacle.config.schema import parse_speed
    from pinnacle.lab.sender import Pace, Sender, check_device

    try:
        speed = parse_speed(options["speed"] or "recorded")
    except ValueError as error:
        raise UsageError(f"--speed {options['speed']}: {error}") from error
    if options["rate"] and options["speed"]:
        raise UsageError("--rate and --speed exclude each other")
    check_device(options["device"], options["force"])
    given = {name: options[name] for name in ("group", "source", "mac_to", "mac_from", "lose",
                                              "double", "late") if options[name]}  # fmt: skip
    pace = Pace(
        device=options["device"], speed=speed, rate=options["rate"] or 0.0,
        loops=1 if options["loops"] is None else options["loops"], port=options["port"] or 0,
        seed=1 if options["fault_seed"] is None else options["fault_seed"],
        input=options["only_input"], **given,
    )  # fmt: skip
    interrupted = False
    with Sender(files, pace) as sender:
        try:
            _run(sender, show=sys.stderr.isatty() and not quiet and not as_json)
        except KeyboardInterrupt:
            interrupted = True
        stats = sender.stats
    if as_json:
        echo_json(dataclasses.asdict(stats))
    elif not quiet:
        click.echo(summary(stats, options["device"]))
    return INTERRUPTED if interrupted else 0


def _run(sender: Sender, show: bool) -> None:
    while sender.run(_STEP_S):
        if show:
            s = sender.stats
            share = "" if s.done is None else f"{s.done:4.0%}  "
            text = f"\r{share}round {s.rounds + 1}  {s.frames:,} frames  {s.rate:,.0f} a second "
            print(text, end="", file=sys.stderr, flush=True)
    if show:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def summary(s: Stats, device: str) -> str:
    """What was sent, as text."""
    late = ", ".join(f"{name} {ns / 1000:,.1f}" for name, ns in s.late_ns.items())
    lines = [
        f"{device}: {s.frames:,} frames, {s.bytes:,} bytes in {s.seconds:,.3f} s, "
        f"{s.rate:,.0f} frames a second, {s.rounds:,} rounds",
        f"lateness us: {late}",
    ]
    notes = [
        f"{count:,} {text}"
        for count, text in (
            (s.skipped, "left out (not Ethernet, cut, too long or of another input)"),
            (s.lost, "lost on purpose"),
            (s.doubled, "sent twice"),
            (s.delayed, "sent late on purpose"),
            (s.queue_full, "times the device's queue was full"),
        )
        if count
    ]
    return "\n".join([*lines, *notes])
