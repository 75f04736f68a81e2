"""``pinnacle-ctl config``: check, show and describe configuration files."""

import click

from pinnacle.cli.options import echo_json, json_option


@click.group(epilog="\b\nExample:\n  pinnacle-ctl config check configs/replay.yaml")
def config() -> None:
    """Check and show configuration files."""


@config.command(epilog="\b\nExample:\n  pinnacle-ctl config check configs/replay.yaml")
@click.argument("file", type=click.Path())
@json_option
def check(file: str, as_json: bool) -> None:
    """Check FILE against the schema; exit code 7 and one line if it is not valid."""
    from pinnacle.config.loader import load_config

    loaded = load_config(file)
    if as_json:
        echo_json({"file": file, "valid": True, "channels": len(loaded.channels)})
    else:
        click.echo(f"{file}: valid, {len(loaded.channels)} channels declared")


@config.command(
    epilog="\b\nExamples:\n  pinnacle-ctl config show\n  pinnacle-ctl config show my.yaml"
)
@click.argument("file", type=click.Path(), required=False)
@json_option
def show(file: str | None, as_json: bool) -> None:
    """Print the complete configuration that FILE results in; without FILE, the defaults."""
    from pinnacle.config.loader import load_config
    from pinnacle.config.schema import ReplayConfig

    data = (load_config(file) if file else ReplayConfig()).model_dump(mode="json")
    if as_json:
        echo_json(data)
        return
    import yaml

    click.echo(yaml.safe_dump(data, sort_keys=False, allow_unicode=True), nl=False)


@config.command(epilog="\b\nExample:\n  pinnacle-ctl config schema > replay-config.schema.json")
def schema() -> None:
    """Print the JSON schema of configuration files: types, defaults, bounds, units, help."""
    from pinnacle.config.schema import ReplayConfig

    echo_json(ReplayConfig.model_json_schema())
