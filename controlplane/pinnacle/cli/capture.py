"""``pinnacle-ctl capture``: the group of commands on captures and recordings."""

import click

from pinnacle.cli.main import LazyGroup


@click.group(
    cls=LazyGroup,
    table={
        "info": ("pinnacle.cli.capture_info", "info", "What is inside a capture."),
        "start": (
            "pinnacle.cli.capture_control",
            "start",
            "Record what an instance receives.",
        ),
        "stop": ("pinnacle.cli.capture_control", "stop", "End a recording."),
        "status": ("pinnacle.cli.capture_control", "status", "Whether frames are being recorded."),
        "make": ("pinnacle.cli.capture_make", "make", "Write a deterministic sample capture."),
    },
    epilog="\b\nExample:\n  pinnacle-ctl capture info day.pcap.gz",
)
def capture() -> None:
    """Look into captures, make one, or record what an instance receives."""
