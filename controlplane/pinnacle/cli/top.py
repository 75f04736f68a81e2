"""``pinnacle-ctl top``: feeds, ports, books, rates, latency and drops, once or live."""

from __future__ import annotations

import contextlib
import select
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from pinnacle.cli.options import engine, instance_options
from pinnacle.errors import NotRunningError

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

EPILOG = """\b
Examples:
  pinnacle-ctl top
  pinnacle-ctl top --interval 0.2 --books 40
  pinnacle-ctl top --once

\b
Keys: q ends it. Without a terminal, one frame is printed.
"""


@click.command(epilog=EPILOG)
@instance_options
@click.option("--interval", type=click.FloatRange(0.05, 60), default=0.5, show_default=True,
              metavar="S", help="Time between frames.")  # fmt: skip
@click.option("--books", type=click.IntRange(0, 1000), metavar="N",
              help="Books to show, the most active first; default: as many as fit.")  # fmt: skip
@click.option("--once", is_flag=True, help="Print one frame and end.")
def top(
    instance: str | None, run_dir: str | None, interval: float, books: int | None, once: bool
) -> None:
    """Watch feeds, ports, books, rates, latency and drops."""
    engine()
    from rich.console import Console

    from pinnacle.supervisor import paths
    from pinnacle.supervisor.client import Reader

    read = Reader(paths.find_run_dir(instance, run_dir))
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=200)
    screen = Screen(read, 10 if books is None else books)
    if once or not console.is_terminal:
        screen.take()
        time.sleep(min(interval, 0.25))
        screen.take()
        console.print(screen.frame())
        return
    from rich.live import Live

    with _keys() as pressed, Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            if books is None:
                screen.books = max(console.height - screen.other_lines(), 3)
            screen.take()
            live.update(screen.frame(), refresh=True)
            if pressed(interval):
                return


class Screen:
    """Two samples, and what is drawn from their difference."""

    def __init__(self, read: Any, books: int) -> None:
        self._read, self.books = read, books
        self._now: dict[str, Any] = {}
        self._before: dict[str, Any] = {}
        self._at = self._at_before = 0.0
        self._status: dict[str, Any] = {}

    def take(self) -> None:
        """One more sample; an instance that is away for a moment leaves the last one standing."""
        with contextlib.suppress(NotRunningError):
            self._status = self._read("status")
            fresh = self._read("sample", limit=self.books)
            self._before, self._at_before = self._now, self._at
            self._now, self._at = fresh, time.monotonic()
            return
        self._status = {**self._status, "state": "not answering"}

    def other_lines(self) -> int:
        """Lines of a frame that are not books."""
        now = self._now or {"queues": [], "feeds": [], "shards": [], "counters": {"drops": {}}}
        return 20 + sum(len(now[k]) for k in ("queues", "feeds", "shards"))

    def rate(self, now: int, *path: Any) -> str:
        """Change a second since the sample before of the number at ``path``."""
        value: Any = self._before
        for key in path:
            if isinstance(value, list):
                value = next((row for row in value if key in (row.get("name"), row.get("shard"))),
                             None)  # fmt: skip
            elif isinstance(value, dict):
                value = value.get(key)
        if not isinstance(value, int) or self._at <= self._at_before:
            return "-"
        return f"{max(now - value, 0) / (self._at - self._at_before):,.0f}"

    def frame(self) -> Group:
        """Everything, as something that rich can print."""
        from rich.console import Group
        from rich.text import Text

        if not self._now:
            return Group(Text("waiting for the data plane ..."))
        parts = [self._head(), self._ports(), self._feeds(), self._shards(), self._books()]
        drops = self._now["counters"]["drops"]
        for queue in self._now["queues"]:
            for reason, n in queue["drops"].items():
                drops = {**drops, f"{queue['name']}/{reason}": n}
        if drops:
            worst = sorted(drops.items(), key=lambda item: -item[1])[:6]
            parts.append(Text("drops and notes: " + ", ".join(f"{r} {n:,}" for r, n in worst)))
        return Group(*parts)

    def _head(self) -> Any:
        from rich.text import Text

        status, now = self._status, self._now["counters"]
        state = status.get("state", "?")
        colour = "green" if state == "running" else "yellow"
        plane = status.get("data_plane") or {}
        head = Text.assemble(
            (str(status.get("instance", "")), "bold"), " ", (state, colour),
            f"  data plane {plane.get('pid') or '-'}, {plane.get('restarts') or 0} restarts   ",
            f"{self.rate(now['messages'], 'counters', 'messages')} messages/s, "
            f"{self.rate(now['frames'], 'counters', 'frames')} frames/s, "
            f"{now['live_orders']:,} orders",
        )  # fmt: skip
        return head

    def _ports(self) -> Table:
        rows = [
            [q["name"], q["kind"], q["device"], q["mode"] or "-", _link(q),
             f"{q['rx_frames']:,}", self.rate(q["rx_frames"], "queues", q["name"], "rx_frames"),
             f"{q['passed']:,}", f"{sum(q['drops'].values()):,}"]
            for q in self._now["queues"]
        ]  # fmt: skip
        return _table("port kind device mode link frames frames/s passed dropped", rows, 5)

    def _feeds(self) -> Table:
        rows = [
            [f["name"], f["feed"], _state(f["state"]), f"{f['last_seq']:,}", f"{f['messages']:,}",
             self.rate(f["messages"], "feeds", f["name"], "messages"), f"{f['gaps']:,}",
             f"{f['lost']:,}", f"{f['duplicates']:,}"]
            for f in self._now["feeds"]
        ]  # fmt: skip
        return _table("feed protocol state seq messages messages/s gaps lost duplicates", rows, 3)

    def _shards(self) -> Table:
        rows = []
        for s in self._now["shards"]:
            lat = s["latency"]
            rows.append(
                [f"shard {s['shard']}", "any" if s["cpu"] < 0 else str(s["cpu"]),
                 self.rate(s["loops"], "shards", s["shard"], "loops"),
                 *(f"{lat[k]:,}" for k in ("p50_ns", "p99_ns", "p999_ns", "max_ns")),
                 "yes" if s["capturing"] else "no"]
            )  # fmt: skip
        return _table("latency cpu loops/s p50_ns p99_ns p99.9_ns max_ns capturing", rows, 1)

    def _books(self) -> Table:
        counts = self._now["counts"]
        rows = []
        for b in self._now["books"]:
            bid, ask = b["bid"], b["ask"]
            rows.append(
                [b["instrument"], _state(b["state"]), f"{bid['size']:,}" if bid else "-",
                 bid["price"] if bid else "-", ask["price"] if ask else "-",
                 f"{ask['size']:,}" if ask else "-", f"{b['changes']:,}", f"{b['volume']:,}"]
            )  # fmt: skip
        table = _table("book state size bid ask size changes volume", rows, 2)
        table.caption = ", ".join(f"{n:,} {state}" for state, n in counts.items())
        table.caption_justify = "left"
        return table


def _link(queue: dict[str, Any]) -> str:
    if queue["kind"] == "pcap":
        return "-"
    return "up" if queue["link_up"] else "down"


def _state(state: str) -> str:
    colour = {"valid": "green", "in-order": "green", "stale": "red", "lost": "red"}.get(state)
    return f"[{colour}]{state}[/]" if colour else state


def _table(head: str, rows: list[list[str]], left: int) -> Table:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    from pinnacle.text import printable

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=False)
    for i, name in enumerate(head.split(" ")):
        table.add_column(name, justify="left" if i < left else "right", no_wrap=True)
    for row in rows:
        table.add_row(*(c if c.startswith("[") and c.endswith("[/]") else escape(printable(c))
                        for c in row))  # fmt: skip
    return table


@contextlib.contextmanager
def _keys() -> Iterator[Any]:
    """A function that waits so many seconds and says whether ``q`` was pressed meanwhile."""
    import termios
    import tty

    if not sys.stdin.isatty():
        yield time.sleep
        return
    fd = sys.stdin.fileno()
    before = termios.tcgetattr(fd)
    tty.setcbreak(fd)

    def pressed(seconds: float) -> bool:
        end = time.monotonic() + seconds
        while select.select([fd], [], [], max(end - time.monotonic(), 0))[0]:
            if sys.stdin.read(1) in ("q", "Q", ""):
                return True
        return False

    try:
        yield pressed
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)
