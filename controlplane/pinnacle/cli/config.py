"""``pinnacle-ctl config``: check, show, compare and describe configuration files of both kinds."""

from typing import Any

import click

from pinnacle.cli.options import echo_json, instance_options, json_option

EPILOG = """\b
Examples:
  pinnacle-ctl config check configs/replay.yaml
  pinnacle-ctl config check configs/af_xdp.yaml
"""


@click.group(epilog=EPILOG)
def config() -> None:
    """Check, show and compare configuration files, of replays and of live instances."""


def _kind(loaded: Any) -> str:
    return "live" if hasattr(loaded, "ports") else "replay"


@config.command(epilog=EPILOG)
@click.argument("file", type=click.Path())
@json_option
def check(file: str, as_json: bool) -> None:
    """Check FILE against the schema; exit code 7 and one line if it is not valid."""
    from pinnacle.config.loader import load_any

    loaded = load_any(file)
    kind = _kind(loaded)
    facts: dict[str, Any] = {
        "file": file, "valid": True, "kind": kind, "channels": len(loaded.channels),
    }  # fmt: skip
    if kind == "live":
        facts["ports"] = len(getattr(loaded, "ports", ()))
    if as_json:
        echo_json(facts)
        return
    ports = f", {facts['ports']} ports" if kind == "live" else ""
    click.echo(f"{file}: valid {kind} configuration, {len(loaded.channels)} channels{ports}")


@config.command(
    epilog="\b\nExamples:\n  pinnacle-ctl config show\n  pinnacle-ctl config show my.yaml"
)
@click.argument("file", type=click.Path(), required=False)
@json_option
def show(file: str | None, as_json: bool) -> None:
    """Print the complete configuration that FILE results in; without FILE, a replay's defaults."""
    from pinnacle.config.loader import load_any
    from pinnacle.config.schema import ReplayConfig

    data = (load_any(file) if file else ReplayConfig()).model_dump(mode="json")
    if as_json:
        echo_json(data)
        return
    import yaml

    click.echo(yaml.safe_dump(data, sort_keys=False, allow_unicode=True), nl=False)


@config.command(
    epilog="\b\nExamples:\n  pinnacle-ctl config diff old.yaml new.yaml\n"
    "  pinnacle-ctl config diff live.yaml        against the running instance"
)
@click.argument("file", type=click.Path())
@click.argument("other", type=click.Path(), required=False)
@instance_options
@json_option
def diff(
    file: str, other: str | None, instance: str | None, run_dir: str | None, as_json: bool
) -> None:
    """Say in which keys FILE and OTHER differ; without OTHER, FILE and the running instance.

    Exit code 0 if they mean the same, 19 if not. Keys that are left out count as their defaults.
    """
    from pinnacle.config.diff import differences
    from pinnacle.config.loader import load_any
    from pinnacle.errors import DifferentError, UsageError

    first = load_any(file)
    if other:
        second = load_any(other)
        if type(first) is not type(second):
            raise UsageError(f"{file} is a {_kind(first)} configuration, {other} is not")
        data, name = second.model_dump(mode="json"), other
    else:
        from pinnacle.supervisor import paths
        from pinnacle.supervisor.client import Reader

        folder = paths.find_run_dir(instance, run_dir)
        data, name = Reader(folder)("config"), f"running instance {folder.name}"
        if _kind(first) != "live":
            raise UsageError(f"{file} is a replay configuration; give a live one")
    found = differences(first.model_dump(mode="json"), data)
    if as_json:
        echo_json({"first": file, "second": name, "differences": found})
    else:
        for row in found:
            click.echo(f"{row['key']}: {row['first']!r} -> {row['second']!r}")
    if found:
        raise DifferentError(f"{file} and {name} differ in {len(found)} keys")
    if not as_json:
        click.echo(f"{file} and {name} mean the same")


@config.command(
    epilog="\b\nExamples:\n  pinnacle-ctl config schema > replay-config.schema.json\n"
    "  pinnacle-ctl config schema --kind live > live-config.schema.json"
)
@click.option("--kind", type=click.Choice(["replay", "live"]), default="replay", show_default=True,
              help="Which kind of file.")  # fmt: skip
def schema(kind: str) -> None:
    """Print the JSON schema of configuration files: types, defaults, bounds, units, help."""
    from pinnacle.config.loader import KINDS

    echo_json(KINDS[kind].model_json_schema())
