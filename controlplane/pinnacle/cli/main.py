"""``pinnacle-ctl``: the command group and the one place where errors become exit codes.

Imports nothing but click at start, so that ``--help`` is quick: a command's module is imported
when the command is run or its own help is asked for. Results go to standard output, errors to
standard error as one line.
"""

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from pinnacle.errors import BROKEN_PIPE, INTERRUPTED, PinnacleError, exit_code_table


class LazyGroup(click.Group):
    """A group whose commands are named in a table and imported when needed."""

    def __init__(self, *args: Any, table: dict[str, tuple[str, str, str]], **kw: Any) -> None:
        super().__init__(*args, **kw)
        self.table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.table:
            return None
        module, attribute, _ = self.table[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, row[2]) for name, row in self.table.items()])


EPILOG = """\b
Examples:
  pinnacle-ctl capture make --seed 1 sample.pcap
  pinnacle-ctl capture info sample.pcap
  pinnacle-ctl replay sample.pcap
  pinnacle-ctl replay --json --depth 5 sample.pcap
  pinnacle-ctl start --config configs/pcap.yaml --detach --wait
  pinnacle-ctl status
  pinnacle-ctl top
  pinnacle-ctl stop

Exit codes: pinnacle-ctl help exit-codes
"""


@click.group(
    cls=LazyGroup,
    table={
        "replay": ("pinnacle.cli.replay", "replay", "Turn captures into books and report on them."),
        "capture": ("pinnacle.cli.capture", "capture", "Look into captures, make or record them."),
        "start": ("pinnacle.cli.start", "start", "Start a live instance and keep it running."),
        "stop": ("pinnacle.cli.start", "stop", "Stop an instance; nothing of it is left."),
        "restart": ("pinnacle.cli.start", "restart", "Start the data plane anew, in order."),
        "status": ("pinnacle.cli.status", "status", "How an instance is."),
        "wait": ("pinnacle.cli.status", "wait", "Wait until an instance is in a certain state."),
        "logs": ("pinnacle.cli.logs", "logs", "Logs of supervisor and data plane."),
        "top": ("pinnacle.cli.top", "top", "Watch feeds, ports, books, rates and latency."),
        "get": ("pinnacle.cli.get", "get", "List feeds, books, queues or counters."),
        "describe": ("pinnacle.cli.get", "describe", "All of one channel, port, book or shard."),
        "lab": ("pinnacle.cli.lab", "lab", "A feed and an appliance on one machine."),
        "config": ("pinnacle.cli.config", "config", "Check, show and compare configurations."),
        "host": ("pinnacle.cli.host", "host", "Check this machine, show its interfaces."),
        "version": ("pinnacle.cli.version", "version", "What this build is and contains."),
        "help": ("pinnacle.cli.main", "help_command", "Help on a topic: exit-codes."),
    },
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
def cli() -> None:
    """PinnacleMM: from exchange packets to right books."""


@click.command("help", epilog="\b\nExample:\n  pinnacle-ctl help exit-codes")
@click.argument("topic", type=click.Choice(["exit-codes"]))
def help_command(topic: str) -> None:
    """Print help on a TOPIC: exit-codes, the table of exit codes."""
    click.echo(exit_code_table())


def fail(message: str) -> None:
    """One line on standard error."""
    text = " ".join(message.split())
    colour = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    word = "\x1b[31merror:\x1b[0m" if colour else "error:"
    print(f"pinnacle-ctl: {word} {text}", file=sys.stderr)


def _quiet_stdout() -> None:
    """Lets the interpreter's last flush go nowhere instead of complaining."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def run(args: Sequence[str] | None = None) -> int:
    """Runs one command line and returns its exit code."""
    try:
        # Not cli.main: click would turn a broken pipe into exit code 1 by itself.
        given = list(sys.argv[1:] if args is None else args)
        with cli.make_context("pinnacle-ctl", given) as context:
            result = cli.invoke(context)
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as done:  # --help and the like
        sys.stdout.flush()
        return done.exit_code
    except PinnacleError as error:
        fail(str(error))
        return error.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else "", err=True)
        return 2
    except click.ClickException as error:
        where = getattr(error, "ctx", None)
        hint = f" (see {where.command_path} --help)" if where else ""
        fail(f"{error.format_message()}{hint}")
        return 2
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        _quiet_stdout()
        return BROKEN_PIPE
    except MemoryError:
        fail("out of memory; lower engine.max_* in the configuration")
        return 8
    except Exception as error:
        if os.environ.get("PINNACLE_TRACEBACK"):
            raise
        fail(f"internal: {type(error).__name__}: {error}; set PINNACLE_TRACEBACK=1 for details")
        return 1


def main() -> None:
    """Entry point of the console script."""
    sys.exit(run())


if __name__ == "__main__":
    main()
