"""``pinnacle-ctl status`` and ``wait``: how an instance is, and waiting until it is so."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from pinnacle.cli.options import colour_wanted, echo_json, engine, instance_options, json_option
from pinnacle.errors import NotRunningError, WaitTimeoutError

STATUS_EPILOG = """\b
Examples:
  pinnacle-ctl status
  pinnacle-ctl status --json | jq .state

\b
Exit code 15 when nothing runs, 0 otherwise. Works without a supervisor, too: the state is then
unsupervised (the data plane runs on) or dead.
"""


@click.command(epilog=STATUS_EPILOG)
@instance_options
@json_option
def status(instance: str | None, run_dir: str | None, as_json: bool) -> None:
    """Say how an instance is: supervisor, data plane, ports, feeds, books."""
    engine()
    from pinnacle.cli.live_text import render_status
    from pinnacle.supervisor import paths
    from pinnacle.supervisor.client import Reader
    from pinnacle.text import Style

    folder = paths.find_run_dir(instance, run_dir)
    facts = Reader(folder)("status")
    if as_json:
        echo_json(facts)
    else:
        click.echo(render_status(facts, Style(colour_wanted())))
    if facts["state"] == "dead":
        raise NotRunningError(
            f"{facts['instance']} is dead; start it again, or remove its files with "
            "pinnacle-ctl stop"
        )


WAIT_EPILOG = """\b
Examples:
  pinnacle-ctl wait --for books=valid
  pinnacle-ctl wait --for stopped --timeout 10

\b
books=valid  the data plane runs, at least one book is valid and none is stale
running      the data plane runs and beats
stopped      neither supervisor nor data plane of the instance is left
"""

CONDITIONS = ("books=valid", "running", "stopped")


@click.command(epilog=WAIT_EPILOG)
@instance_options
@click.option("--for", "condition", type=click.Choice(CONDITIONS), required=True,
              help="What to wait for.")  # fmt: skip
@click.option("--timeout", type=click.FloatRange(0, 86_400), default=60.0, show_default=True,
              metavar="S", help="Give up after this, with exit code 16.")  # fmt: skip
def wait(instance: str | None, run_dir: str | None, condition: str, timeout: float) -> None:
    """Wait until an instance is in a certain state."""
    engine()
    from pinnacle.supervisor import paths

    try:
        folder = paths.find_run_dir(instance, run_dir)
    except NotRunningError:
        if condition == "stopped":
            return
        if not (instance or run_dir):
            raise
        folder = Path(run_dir).absolute() if run_dir else paths.roots()[0] / str(instance)
    wait_for(folder, condition, timeout)


def wait_for(folder: Path, condition: str, timeout: float) -> None:
    """Looks until it is so; raises ``WaitTimeoutError`` with what was seen last."""
    from pinnacle.supervisor.client import Reader

    end, pause, read = time.monotonic() + timeout, 0.005, Reader(folder)
    while True:
        try:
            facts = read("status")
        except NotRunningError:
            facts = None
        if _holds(condition, facts):
            return
        if time.monotonic() >= end:
            raise WaitTimeoutError(
                f"{folder.name}: not {condition} after {timeout:g} s; it is {_seen(facts)}"
            )
        time.sleep(min(pause, max(end - time.monotonic(), 0)))
        pause = min(pause * 1.5, 0.1)


def _holds(condition: str, facts: dict[str, Any] | None) -> bool:
    if facts is None or facts["state"] == "dead":
        return condition == "stopped"
    running = facts["state"] in ("running", "unsupervised")
    if condition == "running":
        return running
    if condition == "stopped":
        return False
    books = facts["books"]
    return bool(running and books and books["valid"] and not books["stale"])


def _seen(facts: dict[str, Any] | None) -> str:
    if facts is None:
        return "not running"
    books = facts["books"] or {}
    return f"{facts['state']}, books: " + (
        ", ".join(f"{n} {k}" for k, n in books.items()) or "none"
    )
