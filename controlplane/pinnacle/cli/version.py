"""``pinnacle-ctl version``: the build, what is compiled in and what was left out."""

import platform

import click

from pinnacle.cli.options import echo_json, engine, json_option


def build_facts() -> dict[str, str]:
    """``name: text`` lines of ``pn_build_info`` with the Python side's own."""
    from importlib import metadata

    abi = engine()
    try:
        version = metadata.version("pinnacle-mm")
    except metadata.PackageNotFoundError:
        version = "not installed (run from the source tree)"
    facts = {"package": version, "python": platform.python_version()}
    text = abi.ffi.string(abi.lib.pn_build_info()).decode()
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        facts[name.strip()] = rest.strip()
    facts["abi"] = f"{abi.lib.PN_ABI_VERSION} ({abi.lib.pn_abi_hash():016x})"
    return facts


@click.command(epilog="\b\nExamples:\n  pinnacle-ctl version\n  pinnacle-ctl version --json")
@json_option
def version(as_json: bool) -> None:
    """Print version, compiler, what is compiled in and what was left out."""
    facts = build_facts()
    if as_json:
        echo_json(facts)
        return
    width = max(map(len, facts))
    for name, text in facts.items():
        click.echo(f"{name:<{width}}  {text}")
