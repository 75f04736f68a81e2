"""``pinnacle-ctl start``, ``stop`` and ``restart``: the life of an instance."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pinnacle.cli.options import echo_json, engine, instance_options, json_option
from pinnacle.errors import (
    EXIT_CLASSES,
    NotRunningError,
    PinnacleError,
    UsageError,
    WaitTimeoutError,
)

if TYPE_CHECKING:
    from pinnacle.config.live import LiveConfig

DEFAULT_CONFIG = "/etc/pinnacle/main.yaml"

START_EPILOG = """\b
Examples:
  pinnacle-ctl start --config configs/pcap.yaml
  pinnacle-ctl start --config live.yaml --detach
  pinnacle-ctl start --config live.yaml --detach --wait --timeout 60

\b
In the foreground the log goes to standard error and Ctrl-C stops the instance in order.
With --detach the command returns when the data plane is up, or says why it is not.
"""


@click.command(epilog=START_EPILOG)
@click.option("--config", "config_file", metavar="YAML", default=DEFAULT_CONFIG, show_default=True,
              help="Configuration; see configs/af_xdp.yaml.")  # fmt: skip
@click.option("--run-dir", metavar="DIR", help="Run folder; default /run/pinnacle/INSTANCE.")
@click.option("--detach", is_flag=True, help="Run in the background; return when it is up.")
@click.option("--wait", "wait_books", is_flag=True,
              help="With --detach: return when the books are valid.")  # fmt: skip
@click.option("--timeout", type=click.FloatRange(0.1, 86_400), default=60.0, show_default=True,
              metavar="S", help="How long --detach and --wait wait.")  # fmt: skip
@click.option("--ready-fd", type=int, hidden=True)
def start(
    config_file: str, run_dir: str | None, detach: bool, wait_books: bool, timeout: float,
    ready_fd: int | None,
) -> None:  # fmt: skip
    """Start an instance: its data plane, and this supervisor, which keeps it running."""
    if wait_books and not detach:
        raise UsageError("--wait needs --detach; in the foreground use pinnacle-ctl wait")
    engine()
    from pinnacle.config.loader import load_live
    from pinnacle.supervisor import paths

    config = load_live(config_file)
    folder = paths.run_dir_for(config.instance, run_dir)
    path = Path(config_file).absolute()
    if not detach:
        _foreground(config, folder, path, ready_fd)
        return
    end = time.monotonic() + timeout
    pid = _detach(path, folder, timeout)
    click.echo(f"{config.instance}: running, supervisor {pid}, {folder}")
    if wait_books:
        from pinnacle.cli.status import wait_for

        wait_for(folder, "books=valid", max(end - time.monotonic(), 0.1))
        click.echo(f"{config.instance}: books are valid")


def _foreground(config: LiveConfig, folder: Path, path: Path, ready_fd: int | None) -> None:
    import asyncio

    from pinnacle.supervisor.service import serve

    def tell(message: dict[str, Any]) -> None:
        if ready_fd is not None:
            os.write(ready_fd, json.dumps(message).encode() + b"\n")

    echo = None if ready_fd is not None else sys.stderr
    try:
        asyncio.run(serve(config, folder, path, echo, lambda: tell({"ready": True})))
    except PinnacleError as error:
        tell({"error": str(error), "exit_code": error.exit_code})
        raise
    except Exception as error:
        tell({"error": f"internal: {type(error).__name__}: {error}", "exit_code": 1})
        raise


def _detach(path: Path, folder: Path, timeout: float) -> int:
    """Starts the supervisor in a session of its own; returns its pid when the data plane is up."""
    ours, theirs = os.pipe()
    os.set_inheritable(theirs, True)
    child = subprocess.Popen(
        [sys.executable, "-m", "pinnacle.cli.main", "start", "--config", str(path),
         "--run-dir", str(folder), "--ready-fd", str(theirs)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/",
        start_new_session=True, pass_fds=(theirs,),
    )  # fmt: skip
    os.close(theirs)
    line = _read_line(ours, timeout)
    os.close(ours)
    if line is None:
        child.send_signal(signal.SIGTERM)
        raise WaitTimeoutError(f"not up after {timeout:g} s, so it was stopped; raise --timeout")
    message: dict[str, Any] = json.loads(line) if line else {}
    if message.get("ready"):
        return child.pid
    code = message.get("exit_code", 1)
    said = message.get("error", "the supervisor ended without a word")
    raise EXIT_CLASSES.get(code, PinnacleError)(said)


def _read_line(fd: int, timeout: float) -> bytes | None:
    """The first line, empty if the writer went away, ``None`` if it took too long."""
    import select

    end, text = time.monotonic() + timeout, b""
    while not text.endswith(b"\n"):
        ready, _, _ = select.select([fd], [], [], max(end - time.monotonic(), 0))
        if not ready:
            return None
        part = os.read(fd, 4096)
        if not part:
            return b""
        text += part
    return text


STOP_EPILOG = """\b
Examples:
  pinnacle-ctl stop
  pinnacle-ctl stop --instance main
"""


@click.command(epilog=STOP_EPILOG)
@instance_options
@click.option("--timeout", type=click.FloatRange(0.1, 3600), default=30.0, show_default=True,
              metavar="S", help="How long to wait for the end.")  # fmt: skip
def stop(instance: str | None, run_dir: str | None, timeout: float) -> None:
    """Stop an instance in order: data plane first, then nothing of it is left.

    Also ends a data plane whose supervisor was killed, and removes what dead ones left.
    """
    engine()
    from pinnacle.supervisor import client, lock, orphan, paths

    folder = paths.find_run_dir(instance, run_dir)
    name = folder.name
    if not lock.held(folder):
        pid = orphan.stop(folder, timeout)
        which = f"data plane {pid} without supervisor" if pid else "remains of a dead instance"
        click.echo(f"{name}: {which}: ended and removed")
        return
    client.request(folder, "stop", {})
    end = time.monotonic() + timeout
    while lock.held(folder):
        if time.monotonic() > end:
            raise WaitTimeoutError(f"{name} has not ended after {timeout:g} s; see its log")
        time.sleep(0.01)
    click.echo(f"{name}: stopped")


RESTART_EPILOG = """\b
Examples:
  pinnacle-ctl restart
  pinnacle-ctl restart --instance main
"""


@click.command(epilog=RESTART_EPILOG)
@instance_options
@click.option("--timeout", type=click.FloatRange(0.1, 3600), default=60.0, show_default=True,
              metavar="S", help="How long to wait until it is up again.")  # fmt: skip
@json_option
def restart(instance: str | None, run_dir: str | None, timeout: float, as_json: bool) -> None:
    """Stop the data plane in order, read the configuration file anew, start it again.

    A configuration that is not valid is refused, and the data plane goes on as it was.
    """
    engine()
    from pinnacle.cli.status import wait_for
    from pinnacle.supervisor import client, paths

    folder = paths.find_run_dir(instance, run_dir)
    try:
        result = client.request(folder, "restart", {}, timeout)
    except NotRunningError as error:
        raise NotRunningError(f"{error}; start it with pinnacle-ctl start") from error
    wait_for(folder, "running", timeout)
    if as_json:
        echo_json(result)
        return
    said = "with a changed configuration" if result["changed"] else "with the same configuration"
    click.echo(f"{folder.name}: restarted {said}")
