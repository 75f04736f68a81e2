"""The report of a replay as text for people; the same content as the JSON, shortened."""

from pinnacle import tables
from pinnacle.report import BookReport, ChannelReport, Quote, ReplayReport
from pinnacle.text import Style, count, printable, size_text, table
from pinnacle.times import format_ns, format_span

_STATE_COLOUR = {"valid": "green", "stale": "yellow", "empty": "dim"}


def render_report(report: ReplayReport, *, books: int, style: Style) -> str:
    """All sections; ``books`` instruments at most, the most active first."""
    lines = [
        *_summary(report, style),
        *_types(report, style),
        *_channels(report, style),
        *_drops(report, style),
        *_books(report, books, style),
        *_timing(report, style),
        "",
        f"digest     {report.digest}",
    ]
    return "\n".join(lines)


def _head(title: str, style: Style) -> list[str]:
    return ["", style(title, "bold")]


def _summary(report: ReplayReport, style: Style) -> list[str]:
    what = " and ".join(report.feeds) or "no known feed"
    names = ", ".join(map(printable, report.files))
    lines = [f"{style(names, 'bold')}: {what}"]
    if report.frames:
        span = format_span(max(report.last_ns - report.first_ns, 0))
        lines.append(f"time       {report.first_time} to {report.last_time} ({span})")
    lines.append(f"frames     {count(report.frames)} ({size_text(report.bytes)})")
    lines.append(f"datagrams  {count(report.datagrams)}")
    lines.append(f"messages   {count(report.messages)}")
    lines.append(f"trades     {count(report.trades)}, volume {count(report.volume)}")
    if report.window:
        lines.append(
            f"  from {format_ns(report.window.from_ns)}: trades {count(report.window.trades)}, "
            f"volume {count(report.window.volume)}"
        )
    if report.stopped != "end":
        lines.append(style(f"stopped    {report.stopped}", "yellow"))
    if report.export is not None:
        wrote = ", ".join(f"{name} {count(rows)} rows" for name, rows in report.export.items())
        lines.append(f"export     {wrote}")
    return lines


def _types(report: ReplayReport, style: Style) -> list[str]:
    lines: list[str] = []
    for feed in report.feeds:
        counts = report.by_type if len(report.feeds) == 1 else report.by_type.get(feed, {})
        if not isinstance(counts, dict) or not counts:
            continue
        lines += _head(f"messages by type, {feed}", style)
        number = tables.FEED_NUMBER[feed]
        plain = {key: n for key, n in counts.items() if isinstance(n, int)}
        rows = [
            (key, tables.type_name(number, _wire(key)), count(n))
            for key, n in sorted(plain.items(), key=lambda item: -item[1])
        ]
        lines += table(rows, left=2)
    return lines


def _wire(key: str) -> int:
    return int(key, 16) if len(key) == 4 else ord(key)


def _channels(report: ReplayReport, style: Style) -> list[str]:
    lines: list[str] = []
    for channel in report.channels:
        lines += _head(f"channel {printable(channel.name)}", style)
        lines += [f"  {line}" for line in _channel(channel, style)]
    return lines


def _channel(channel: ChannelReport, style: Style) -> list[str]:
    lines = [
        f"{channel.feed} over {channel.framing}, session {printable(channel.session) or '(none)'}, "
        f"sequence {count(channel.first_seq)} to {count(channel.last_seq)}",
        f"messages {count(channel.messages)} in {count(channel.datagrams)} datagrams, "
        f"{count(channel.heartbeats)} heartbeats",
    ]
    trouble = f"gaps {count(channel.gaps)}, messages lost {count(channel.lost)}"
    lines.append(
        (style(trouble, "red") if channel.gaps else trouble)
        + f", gaps closed {count(channel.recovered)}, duplicates {count(channel.duplicates)}, "
        f"reorders {count(channel.reorders)}"
    )
    notes = [f"{count(channel.restarts)} restarts"] if channel.restarts else []
    if channel.session_changes:
        notes.append(f"{count(channel.session_changes)} session changes")
    if channel.late_join:
        notes.append("joined late: books are stale")
    if channel.unsequenced:
        notes.append("no sequence numbers: loss cannot be seen, books are stale")
    if channel.waiting:
        notes.append("stopped while messages were missing: books are stale")
    if channel.ended:
        notes.append("end of session announced")
    lines += [style(note, "yellow") for note in notes]
    for i, line in enumerate(channel.lines):
        place = f"{line.group or 'input'}:{line.port}" if line.port else "file"
        lines.append(
            f"line {chr(ord('A') + i)} {place} input {line.input}: "
            f"{count(line.datagrams)} datagrams, {count(line.messages)} messages first here, "
            f"{count(line.duplicates)} duplicates"
        )
    return lines


def _drops(report: ReplayReport, style: Style) -> list[str]:
    lines = _head("drops and notes", style)
    if not report.drops:
        return [*lines, "  none"]
    rows = [(reason, count(n), tables.REASON_HELP[reason]) for reason, n in report.drops.items()]
    width = max(len(row[0]) for row in rows)
    digits = max(len(row[1]) for row in rows)
    return lines + [f"  {r:<{width}}  {n:>{digits}}  {text}" for r, n, text in rows]


def _books(report: ReplayReport, limit: int, style: Style) -> list[str]:
    active = sorted(report.books, key=lambda b: (-b.changes, -b.trades, b.instrument))
    shown = active[:limit]
    states = {s: sum(b.state == s for b in report.books) for s in _STATE_COLOUR}
    summary = ", ".join(f"{count(n)} {s}" for s, n in states.items() if n) or "none"
    lines = _head(f"books: {summary}", style)
    if not shown:
        return lines
    head = ("instrument", "state", "orders", "size", "bid", "ask", "size", "orders", "trades",
            "volume")  # fmt: skip
    rows = [
        (printable(b.instrument), b.state, *reversed(_quote(b.bid)), *_quote(b.ask),
         count(b.trades), count(b.volume))
        for b in shown
    ]  # fmt: skip
    body = table(rows, head, left=2)
    lines.append(style(body[0], "dim"))
    for book, line in zip(shown, body[1:], strict=True):
        why = f"  {', '.join(book.stale_why)}" if book.stale_why else ""
        word = style(book.state, _STATE_COLOUR[book.state])
        at = line.index(book.state, 2 + len(printable(book.instrument)))
        lines.append(line[:at] + word + line[at + len(book.state) :] + why)
        lines += _levels(book)
    if len(active) > len(shown):
        lines.append(f"  ... {count(len(active) - len(shown))} more; --books N shows N, --json all")
    return lines


def _quote(quote: Quote | None) -> tuple[str, str, str]:
    if quote is None:
        return "-", "", ""
    return quote.price, count(quote.size), count(quote.orders) if quote.orders else ""


def _levels(book: BookReport) -> list[str]:
    if book.levels is None:
        return []
    bids, asks = book.levels.bids, book.levels.asks
    rows = [
        (
            *reversed(_quote(bids[i] if i < len(bids) else None)),
            *_quote(asks[i] if i < len(asks) else None),
        )
        for i in range(max(len(bids), len(asks)))
    ]
    return table(rows, left=0, indent=8)


def _timing(report: ReplayReport, style: Style) -> list[str]:
    lines = _head("speed", style)
    rate = report.messages_per_second
    each = f", {1e9 / rate:.1f} ns a message" if rate else ""
    lines.append(f"  {report.seconds:.3f} s, {rate / 1e6:.2f} million messages a second{each}")
    if report.stages:
        rows = [
            (
                name,
                count(s.calls),
                f"{s.seconds:.3f} s",
                f"{s.ns_per_message:.1f} ns",
                f"{s.p50_ns / 1e3:.1f} us",
                f"{s.p99_ns / 1e3:.1f} us",
            )
            for name, s in report.stages.items()
        ]
        lines += table(rows, ("stage", "calls", "time", "a message", "p50 a call", "p99 a call"))
    memory = report.memory
    backing = {
        "hugepages": "hugepages",
        "file": "a plain file, no hugepages",
        "anonymous": "private memory, no hugepages",
    }[memory.backing]
    where = f" at {printable(memory.path)}" if memory.path else ""
    lines.append(
        f"  region {size_text(memory.bytes)} in {backing}{where}; "
        f"at most {count(memory.peak_orders)} orders, {count(memory.peak_pages)} price pages"
    )
    return lines
