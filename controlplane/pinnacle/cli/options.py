"""Options and helpers that several commands share; light to import."""

import json
import os
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def json_option(command: F) -> F:
    """``--json``: one JSON object on standard output instead of text."""
    option = click.option(
        "--json", "as_json", is_flag=True, help="One JSON object instead of text."
    )
    return option(command)


def instance_options(command: F) -> F:
    """``--instance`` and ``--run-dir``: which instance is meant."""
    name = click.option(
        "--instance", "-i", metavar="NAME", help="Which instance; not needed if only one runs."
    )
    folder = click.option(
        "--run-dir", metavar="DIR", help="Its run folder, where that is not the usual one."
    )
    return name(folder(command))


def colour_wanted() -> bool:
    """Whether standard output is a terminal that may be coloured."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def echo_json(value: Any) -> None:
    """Prints an object as indented JSON, numbers exact, text unescaped."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def engine() -> Any:
    """The compiled boundary, or ``BuildError`` saying how to get it."""
    from pinnacle.errors import BuildError

    try:
        from pinnacle import abi
    except ImportError as error:
        raise BuildError(
            f"the compiled engine cannot be loaded ({error}); build it again"
        ) from error
    return abi
