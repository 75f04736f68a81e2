"""``pinnacle-ctl capture``: the group of commands on capture files."""

import click

from pinnacle.cli.main import LazyGroup


@click.group(
    cls=LazyGroup,
    table={
        "info": ("pinnacle.cli.capture_info", "info", "What is inside a capture."),
        "make": ("pinnacle.cli.capture_make", "make", "Write a deterministic sample capture."),
    },
    epilog="\b\nExample:\n  pinnacle-ctl capture info day.pcap.gz",
)
def capture() -> None:
    """Look into captures, or make one."""
