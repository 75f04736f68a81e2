"""``pinnacle-ctl get`` and ``describe``: what an instance's state segments hold."""

from __future__ import annotations

from typing import Any

import click

from pinnacle.cli.options import colour_wanted, echo_json, engine, instance_options, json_option

GET_EPILOG = """\b
Examples:
  pinnacle-ctl get feeds
  pinnacle-ctl get books --state stale
  pinnacle-ctl get counters --json
"""


@click.group(epilog=GET_EPILOG)
def get() -> None:
    """List feeds, books, queues or counters of a running instance."""


def _print(
    instance: str | None, run_dir: str | None, as_json: bool, verb: str, **args: Any
) -> None:
    engine()
    from pinnacle.cli import live_text
    from pinnacle.supervisor import paths
    from pinnacle.supervisor.client import Reader
    from pinnacle.text import Style

    facts = Reader(paths.find_run_dir(instance, run_dir))(verb, **args)
    if as_json:
        echo_json(facts)
    else:
        render = getattr(live_text, f"render_{verb}")
        click.echo(render(facts, Style(colour_wanted())))


@get.command(epilog="\b\nExamples:\n  pinnacle-ctl get feeds\n  pinnacle-ctl get feeds --json")
@instance_options
@json_option
def feeds(instance: str | None, run_dir: str | None, as_json: bool) -> None:
    """Each channel with its lines: sequence, gaps, duplicates."""
    _print(instance, run_dir, as_json, "feeds")


@get.command(
    epilog="\b\nExamples:\n  pinnacle-ctl get books\n"
    "  pinnacle-ctl get books --state stale\n  pinnacle-ctl get books AAPL --depth 5 --json"
)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@instance_options
@click.option("--state", type=click.Choice(["empty", "valid", "stale"]), help="Only in this state.")
@click.option("--limit", type=click.IntRange(0, 1_048_576), default=20, show_default=True,
              metavar="N", help="The N most active; 0 for all.")  # fmt: skip
@click.option("--depth", type=click.IntRange(0, 1000), default=0, metavar="N",
              help="List N levels a side (--json).")  # fmt: skip
@json_option
def books(
    names: tuple[str, ...], instance: str | None, run_dir: str | None, state: str | None,
    limit: int, depth: int, as_json: bool,
) -> None:  # fmt: skip
    """Best bid and offer, state and trades of books, the most active first."""
    _print(
        instance, run_dir, as_json, "books", names=list(names), state=state,
        limit=0 if names else limit, depth=depth,
    )  # fmt: skip


@get.command(epilog="\b\nExamples:\n  pinnacle-ctl get queues\n  pinnacle-ctl get queues --json")
@instance_options
@json_option
def queues(instance: str | None, run_dir: str | None, as_json: bool) -> None:
    """Each port with its device: mode, link, frames received, passed on and dropped."""
    _print(instance, run_dir, as_json, "queues")


@get.command(
    epilog="\b\nExamples:\n  pinnacle-ctl get counters\n  pinnacle-ctl get counters --json"
)
@instance_options
@json_option
def counters(instance: str | None, run_dir: str | None, as_json: bool) -> None:
    """Totals of the engine, and drops by reason."""
    _print(instance, run_dir, as_json, "counters")


DESCRIBE_EPILOG = """\b
Examples:
  pinnacle-ctl describe channel totalview
  pinnacle-ctl describe port a
  pinnacle-ctl describe book AAPL --json
  pinnacle-ctl describe shard 0
"""


@click.command(epilog=DESCRIBE_EPILOG)
@click.argument("kind", type=click.Choice(["channel", "port", "book", "shard"]))
@click.argument("name")
@instance_options
@json_option
def describe(
    kind: str, name: str, instance: str | None, run_dir: str | None, as_json: bool
) -> None:
    """Everything known of one channel, port, book or shard."""
    _print(instance, run_dir, as_json, "describe", kind=kind, name=name)
