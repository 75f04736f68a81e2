"""Holds the engine's books against the oracle's: everything of one instrument, or of a channel."""

from tests.engine import Engine, View
from tests.oracle.books import ASK, BID, Book, Channel, Level


def _top(side: Level | None, px: int, size: int, orders: int) -> bool:
    if side is None:
        return size == 0 and orders == 0
    return side == (px, size, orders)


def same_book(engine: View, number: int, book: Book) -> list[str]:
    """Differences between one engine book and the oracle's, as text; states are not compared."""
    out = []
    for side, label in ((BID, "bid"), (ASK, "ask")):
        got, want = engine.levels(number, side), book.depth(side)
        if got != want:
            out.append(f"{label} levels {got} instead of {want}")
    top = engine.top(number)
    bid, ask = book.top()
    if not _top(bid, top.bid_px, top.bid_size, top.bid_orders):
        out.append(f"best bid {top.bid_px} {top.bid_size} {top.bid_orders} instead of {bid}")
    if not _top(ask, top.ask_px, top.ask_size, top.ask_orders):
        out.append(f"best ask {top.ask_px} {top.ask_size} {top.ask_orders} instead of {ask}")
    if bool(top.transition) != book.transition:
        out.append(f"transition {top.transition} instead of {book.transition}")
    return out


def same_orders(engine: Engine, number: int, book: Book) -> list[str]:
    """Differences in the orders' priority."""
    out = []
    for side in (BID, ASK):
        got = engine.orders(number, side)
        want = [(o.ref, o.size, o.px) for o in book.in_priority(side)]
        if got != want:
            out.append(f"orders of side {side}: {got} instead of {want}")
    return out


def check_exact(engine: Engine, truth: Channel, channel: int = 0) -> None:
    """Every book equals the oracle's, stale or not, and is in the state the oracle gives."""
    numbers = engine.instruments(channel)
    for key, book in truth.books.items():
        if key not in numbers:
            assert not book.touched, f"{key} is not known to the engine"
            continue
        number = numbers[key]
        state = engine.state(number)
        if book.why:
            assert state == "STALE", f"{key} is {state} but {book.why}"
        elif not book.maybe:
            good = ("VALID",) if book.touched else ("VALID", "EMPTY")
            assert state in good, f"{key} is {state}, why {engine.top(number).stale_why}"
        if not book.vague:
            found = same_book(engine, number, book)
            if book.by_order:
                found += same_orders(engine, number, book)
            assert not found, f"{key}: " + "; ".join(found)


def is_whole(engine: Engine, channel: int) -> bool:
    """Whether nothing of the channel is lost, missing or was sent before it was joined."""
    c = engine.channel(channel)
    return not (c.gap_epoch or c.epoch & 1 or c.late_join or c.unsequenced)


def check_honest(engine: Engine, truth: Channel, channel: int = 0) -> tuple[int, int]:
    """No book is VALID and different; returns how many are valid and how many stale."""
    numbers = engine.instruments(channel)
    valid = stale = 0
    for key, number in numbers.items():
        state = engine.state(number)
        if state == "STALE":
            stale += 1
            continue
        book = truth.books.get(key)
        if book is None:
            if state == "EMPTY":
                continue
            book = Book(truth.by_order)
        if state == "EMPTY" and not is_whole(engine, channel):
            # Nothing was heard of it; what was lost may have been about it.
            assert engine.levels(number, BID) == engine.levels(number, ASK) == []
            continue
        assert not book.vague, f"{key} is {state} but cannot be known"
        found = same_book(engine, number, book)
        assert not found, f"{key} is {state} but " + "; ".join(found)
        valid += state == "VALID"
    return valid, stale
