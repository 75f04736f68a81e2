"""The objects of ``status``, ``get`` and ``describe`` as text for people."""

from __future__ import annotations

from typing import Any

from pinnacle.text import Style, count, printable, size_text, table
from pinnacle.times import format_span

_STATE_STYLE = {
    "running": "green", "valid": "green", "in-order": "green", "stale": "red", "dead": "red",
    "lost": "red", "unsupervised": "yellow", "backing-off": "yellow", "starting": "yellow",
    "waiting": "yellow",
}  # fmt: skip


def styled(state: str, style: Style) -> str:
    """A state in its colour."""
    return style(state, _STATE_STYLE.get(state, ""))


def render_status(facts: dict[str, Any], style: Style) -> str:
    """``status``: a dozen lines."""
    boss, plane = facts["supervisor"], facts["data_plane"]
    lines = [f"{style(facts['instance'], 'bold')}: {styled(facts['state'], style)}"]
    if boss:
        lines.append(f"supervisor  pid {boss['pid']}, up {_span_s(boss['uptime_s'])}")
        if boss["attached"]:
            lines.append(f"            attached {boss['attached']}")
    else:
        lines.append("supervisor  none; start attaches to the data plane, stop ends it")
    lines += _plane_lines(plane)
    memory = facts["memory"]
    why = "hugepages" if memory["hugepages"] else f"no hugepages: {memory['why_not']}"
    lines.append(f"memory      {size_text(memory['bytes'])}, {why}")
    if books := facts["books"]:
        shown = ", ".join(f"{count(n)} {styled(k, style)}" for k, n in books.items() if n)
        lines.append(f"books       {shown or 'none'}")
    for shard in facts["shards"]:
        control = "" if shard["control_ok"] else ", control plane lost"
        lines.append(
            f"shard {shard['shard']}     cpu {shard['cpu'] if shard['cpu'] >= 0 else 'any'}, "
            f"data planes so far {shard['starts']}, control plane missed "
            f"{shard['control_lost']} times{control}; {_latency(shard['latency'])}"
        )
    for port in facts["ports"]:
        mode = f", {port['mode']}" if port["mode"] else ""
        lines.append(
            f"port {printable(port['name']):<6} {port['kind']} {printable(port['device'])}{mode}: "
            f"{_link(port)}{count(port['rx_frames'])} frames, {count(port['dropped'])} dropped"
        )
    for feed in facts["feeds"]:
        lines.append(
            f"feed {printable(feed['name']):<6} {feed['feed']}: {styled(feed['state'], style)}, "
            f"{count(feed['messages'])} messages, {feed['gaps']} gaps, {count(feed['lost'])} lost"
        )
    if facts["metrics"]:
        lines.append(f"metrics     http://{facts['metrics']}/metrics")
    if facts["note"]:
        lines.append(f"note        {facts['note']}")
    return "\n".join(lines)


def _link(port: dict[str, Any]) -> str:
    """The link of a device; a file has none."""
    if port["kind"] == "pcap":
        return ""
    return "link up, " if port["link_up"] else "link down, "


def _plane_lines(plane: dict[str, Any]) -> list[str]:
    alive = f"pid {plane['pid']}" if plane["pid"] else "none"
    if plane["uptime_s"] is not None:
        alive += f", watched for {_span_s(plane['uptime_s'])}"
    if plane["restarts"]:
        alive += f", restarted {plane['restarts']} times"
    if plane["next_start_s"]:
        alive += f", next start in {plane['next_start_s']:.1f} s"
    lines = [f"data plane  {alive}"]
    if last := plane["last_exit"]:
        down = f", up again after {plane['last_down_ms']} ms" if plane["last_down_ms"] else ""
        lines.append(f"            last one {last['pid']}: {last['why']} at {last['time']}{down}")
    return lines


def _span_s(seconds: float) -> str:
    return format_span(int(seconds * 1e9))


def _latency(facts: dict[str, int]) -> str:
    if not facts["count"]:
        return "no latency yet"
    return (
        f"frame to book p50 {facts['p50_ns']} ns, p99 {facts['p99_ns']} ns, "
        f"max {format_span(facts['max_ns'])}"
    )


def render_feeds(rows: list[dict[str, Any]], style: Style) -> str:
    """``get feeds``."""
    if not rows:
        return "no feeds yet"
    body = [
        [printable(r["name"]), r["feed"], r["state"], count(r["last_seq"]), count(r["messages"]),
         count(r["gaps"]), count(r["lost"]), count(r["recovered"]), count(r["duplicates"]),
         count(r["reorders"])]
        for r in rows
    ]  # fmt: skip
    head = ["channel", "feed", "state", "last seq", "messages", "gaps", "lost", "recovered",
            "duplicates", "reorders"]  # fmt: skip
    lines = table(body, head, left=3, indent=0)
    for row in rows:
        for letter, line in zip("ABCD", row["lines"], strict=False):
            lines.append(
                f"  {printable(row['name'])} line {letter} {line['group'] or 'any'}:{line['port']} "
                f"on {printable(line['port_name'])}: {count(line['datagrams'])} datagrams, "
                f"{count(line['messages'])} messages first here"
            )
    return "\n".join(lines)


def render_books(facts: dict[str, Any], style: Style) -> str:
    """``get books``."""
    shown = ", ".join(f"{count(n)} {styled(k, style)}" for k, n in facts["counts"].items())
    lines = [f"books: {shown}"]
    if facts["books"]:
        head = ["instrument", "state", "trading", "size", "bid", "ask", "size", "trades", "volume"]
        lines += table([_book_row(b) for b in facts["books"]], head, left=3, indent=0)
    return "\n".join(lines)


def _book_row(book: dict[str, Any]) -> list[str]:
    none: dict[str, Any] = {"price": "-", "size": 0}
    bid, ask = book["bid"] or none, book["ask"] or none
    state = book["state"] + (f" ({', '.join(book['stale_why'])})" if book["stale_why"] else "")
    return [
        printable(book["instrument"]), state, book["trading"], count(bid["size"]), bid["price"],
        ask["price"], count(ask["size"]), count(book["trades"]), count(book["volume"]),
    ]  # fmt: skip


def render_queues(rows: list[dict[str, Any]], style: Style) -> str:
    """``get queues``."""
    if not rows:
        return "no ports yet"
    body = [
        [printable(r["name"]), r["kind"], printable(r["device"]), r["mode"] or "-",
         _link(r).removeprefix("link ").removesuffix(", ") or "-", count(r["rx_frames"]),
         size_text(r["rx_bytes"]), count(r["passed"]), count(sum(r["drops"].values())), _busy(r)]
        for r in rows
    ]  # fmt: skip
    head = ["port", "kind", "device", "mode", "link", "frames", "bytes", "passed", "dropped",
            "busy polls"]  # fmt: skip
    lines = table(body, head, left=5, indent=0)
    for row in rows:
        for reason, number in row["drops"].items():
            lines.append(f"  {printable(row['name'])} dropped {reason} {count(number)}")
    return "\n".join(lines)


def _busy(row: dict[str, Any]) -> str:
    if not row["polls"]:
        return "-"
    return f"{100 * (row['polls'] - row['empty_polls']) / row['polls']:.1f} %"


def render_counters(facts: dict[str, Any], style: Style) -> str:
    """``get counters``."""
    from pinnacle.tables import REASON_HELP

    rows = [[name, count(n)] for name, n in facts.items() if isinstance(n, int)]
    lines = table(rows, indent=0)
    lines.append(style("drops and notes", "bold"))
    drops = [f"  {r}  {count(n)}  {REASON_HELP.get(r, '')}" for r, n in facts["drops"].items()]
    return "\n".join(lines + (drops or ["  none"]))


def render_describe(facts: dict[str, Any], style: Style) -> str:
    """``describe``: every key, nested ones set in."""
    return "\n".join(_tree(facts, 0))


def _tree(value: Any, depth: int) -> list[str]:
    pad, lines = "  " * depth, []
    for key, item in value.items():
        name = printable(str(key))
        if isinstance(item, dict) and item:
            lines += [f"{pad}{name}:", *_tree(item, depth + 1)]
        elif isinstance(item, list) and item and isinstance(item[0], dict):
            lines.append(f"{pad}{name}:")
            for one in item:
                first, *rest = _tree(one, depth + 2)
                lines += [f"{pad}  - {first.strip()}", *rest]
        else:
            shown = ", ".join(map(str, item)) if isinstance(item, list) else item
            lines.append(f"{pad}{name}: {printable(_plain(shown))}")
    return lines


def _plain(item: Any) -> str:
    if isinstance(item, bool):
        return "yes" if item else "no"
    if item is None or item in ("", {}, []):
        return "-"
    return count(item) if isinstance(item, int) else str(item)
