"""Compares two complete configurations key by key."""

from typing import Any

ABSENT = "(absent)"


def differences(first: Any, second: Any, path: str = "") -> list[dict[str, Any]]:
    """Every key whose values differ, as ``{"key", "first", "second"}``.

    Entries of a list that have a name are told apart by it, so that one put in between is one
    difference.
    """
    if isinstance(first, dict) and isinstance(second, dict):
        keys = [*first, *(k for k in second if k not in first)]
        pairs = [(f"{path}.{k}" if path else str(k), first.get(k, ABSENT), second.get(k, ABSENT))
                 for k in keys]  # fmt: skip
    elif isinstance(first, list) and isinstance(second, list):
        one, other = _named(first), _named(second)
        keys = [*one, *(k for k in other if k not in one)]
        pairs = [(f"{path}[{k}]", one.get(k, ABSENT), other.get(k, ABSENT)) for k in keys]
    elif first == second:
        return []
    else:
        return [{"key": path, "first": first, "second": second}]
    return [row for key, a, b in pairs for row in differences(a, b, key)]


def _named(rows: list[Any]) -> dict[Any, Any]:
    """Entries by name, or by number where they have none."""
    return {
        row["name"] if isinstance(row, dict) and "name" in row else i: row
        for i, row in enumerate(rows)
    }
