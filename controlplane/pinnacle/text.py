"""Plain text for people: aligned tables, grouped numbers, colour only when asked for."""

from collections.abc import Sequence

_CODES = {"bold": "1", "red": "31", "green": "32", "yellow": "33", "dim": "2"}


class Style:
    """Colours text, or leaves it alone."""

    def __init__(self, colour: bool) -> None:
        self._colour = colour

    def __call__(self, text: str, name: str) -> str:
        return f"\x1b[{_CODES[name]}m{text}\x1b[0m" if self._colour and name else text


def count(number: int) -> str:
    """``1234567`` -> ``1,234,567``."""
    return f"{number:,}"


def size_text(number: int) -> str:
    """Bytes with a binary unit."""
    value = float(number)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024 or unit == "GiB":
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    raise AssertionError("unreachable")


def table(
    rows: Sequence[Sequence[str]], head: Sequence[str] = (), left: int = 1, indent: int = 2
) -> list[str]:
    """Lines of a table: the first ``left`` columns and a last one of words lean left."""
    every = [head, *rows] if head else list(rows)
    widths = [max(len(row[i]) for row in every) for i in range(len(every[0]))] if every else []
    lines = []
    for row in every:
        cells = [
            cell.ljust(widths[i]) if i < left else cell.rjust(widths[i])
            for i, cell in enumerate(row)
        ]
        lines.append((" " * indent + "  ".join(cells)).rstrip())
    return lines


def printable(text: str) -> str:
    """Text from a capture without anything that a terminal would obey."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
