"""A slow, obvious ITCH 5.0 decoder and order book, in plain dictionaries.

The judge of the generator: it shares no code with it and knows only the published field offsets.
It raises ``ModelError`` at the first message that no complete stream can contain.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

LENGTHS = {
    "S": 12, "R": 39, "H": 25, "Y": 20, "L": 26, "V": 35, "W": 12, "K": 28, "J": 35, "h": 21,
    "A": 36, "F": 40, "E": 31, "C": 36, "X": 23, "D": 19, "U": 35, "P": 44, "Q": 40, "B": 19,
    "I": 50, "N": 20, "O": 48,
}  # fmt: skip


class ModelError(AssertionError):
    """The stream contradicts itself."""


def be(data: bytes, at: int, length: int) -> int:
    return int.from_bytes(data[at : at + length], "big")


def blocks(data: bytes) -> Iterator[bytes]:
    """Messages of a raw ITCH file: u16 length, message."""
    at = 0
    while at < len(data):
        length = be(data, at, 2)
        if at + 2 + length > len(data):
            raise ModelError("file ends inside a message")
        yield data[at + 2 : at + 2 + length]
        at += 2 + length


@dataclass
class Order:
    locate: int
    side: str
    size: int
    px: int


@dataclass
class Book:
    """Orders of one instrument; price levels are insertion-ordered dictionaries of references."""

    name: str = ""
    state: str = ""
    op_halt: bool = False
    trades: int = 0
    volume: int = 0
    messages: int = 0
    levels: dict[str, dict[int, dict[int, Order]]] = field(
        default_factory=lambda: {"B": {}, "S": {}}
    )

    def best(self, side: str) -> tuple[int, int, int] | None:
        """Price, size and number of orders at the best price."""
        prices = self.levels[side]
        if not prices:
            return None
        px = max(prices) if side == "B" else min(prices)
        orders = prices[px].values()
        return px, sum(o.size for o in orders), len(orders)


class Model:
    def __init__(self) -> None:
        self.books: dict[int, Book] = {}
        self.orders: dict[int, Order] = {}
        self.counts: Counter[str] = Counter()
        self.matches: dict[int, tuple[int, int]] = {}
        self.seen_matches: set[int] = set()
        self.last_ts = 0
        self.last_ref = 0
        self.last_match = 0
        self.events = ""
        self.depths: Counter[int] = Counter()  # distance of adds from the touch, in ticks

    def need(self, ok: bool, text: str) -> None:
        if not ok:
            raise ModelError(f"message {self.counts.total()}: {text}")

    def apply(self, m: bytes) -> None:
        kind = chr(m[0])
        self.counts[kind] += 1
        self.need(LENGTHS.get(kind) == len(m), f"type {kind} with length {len(m)}")
        locate, ts = be(m, 1, 2), be(m, 5, 6)
        self.need(ts >= self.last_ts, "time goes back")
        self.last_ts = ts
        book = self.books.setdefault(locate, Book())
        book.messages += 1
        handler = getattr(self, "on_" + {"h": "op_halt"}.get(kind, kind.upper()), None)
        if handler:
            handler(m, locate, book)
        if "Q" in self.events and "M" not in self.events and kind in "AFUECXD":
            self.check_uncrossed(book)

    def check_uncrossed(self, book: Book) -> None:
        bid, ask = book.best("B"), book.best("S")
        self.need(not bid or not ask or bid[0] < ask[0], f"{book.name} is crossed: {bid} {ask}")

    def on_S(self, m: bytes, locate: int, book: Book) -> None:  # noqa: N802
        self.need(locate == 0, "system event about an instrument")
        self.events += chr(m[11])

    def on_R(self, m: bytes, locate: int, book: Book) -> None:  # noqa: N802
        self.need(not book.name, "instrument listed twice")
        book.name = m[11:19].decode().rstrip()

    def on_H(self, m: bytes, locate: int, book: Book) -> None:  # noqa: N802
        self.same_name(m[11:19], book)
        book.state = chr(m[19])

    def on_op_halt(self, m: bytes, locate: int, book: Book) -> None:
        self.same_name(m[11:19], book)
        book.op_halt = m[20:21] == b"H"

    def same_name(self, name: bytes, book: Book) -> None:
        self.need(name.decode().rstrip() == book.name, f"{name!r} is not {book.name}")

    def insert(self, ref: int, order: Order, book: Book) -> None:
        self.need(ref not in self.orders, f"reference {ref} lives already")
        self.need(ref > self.last_ref, f"reference {ref} does not increase")
        self.need(order.size > 0 and 0 < order.px < 2_000_000_000, "bad size or price")
        self.last_ref = ref
        self.note_depth(order, book)
        self.orders[ref] = order
        book.levels[order.side].setdefault(order.px, {})[ref] = order

    def note_depth(self, order: Order, book: Book) -> None:
        best = book.best(order.side)
        if best:
            away = best[0] - order.px if order.side == "B" else order.px - best[0]
            self.depths[away] += 1

    def remove(self, ref: int, book: Book) -> None:
        order = self.orders.pop(ref)
        level = book.levels[order.side][order.px]
        del level[ref]
        if not level:
            del book.levels[order.side][order.px]

    def find(self, ref: int, locate: int) -> Order:
        self.need(ref in self.orders, f"reference {ref} is not live")
        order = self.orders[ref]
        self.need(order.locate == locate, f"reference {ref} is of another instrument")
        return order

    def reduce(self, ref: int, size: int, locate: int, book: Book) -> None:
        order = self.find(ref, locate)
        self.need(0 < size <= order.size, f"{size} of {order.size} shares")
        order.size -= size
        if not order.size:
            self.remove(ref, book)

    def on_A(self, m: bytes, locate: int, book: Book) -> None:  # noqa: N802
        self.same_name(m[24:32], book)
        self.need(m[19:20] in (b"B", b"S"), "side")
        order = Order(locate, chr(m[19]), be(m, 20, 4), be(m, 32, 4))
        self.insert(be(m, 11, 8), order, book)

    on_F = on_A  # noqa: N815

    def on_X(self, m: bytes, locate: int, book: Book) -> None:  # noqa: N802
        self.reduce(be(m, 11, 8), be(m, 19, 4), locate, book)

    def on_D(self, m: bytes, locate: int, book: Book) -> None:  # noqa: N802
        self.find(be(m, 11, 8), locate)
        self.remove(be(m, 11, 8), book)

    def on_U(self, m: bytes, locate: int, book: Book) -> None:  # noqa: N802
        old = self.find(be(m, 11, 8), locate)
        self.remove(be(m, 11, 8), book)
        order = Order(locate, old.side, be(m, 27, 4), be(m, 31, 4))
        self.insert(be(m, 19, 8), order, book)

    def execute(self, m: bytes, locate: int, book: Book) -> None:
        """Price-time order: the first order at the best price of its side trades."""
        order = self.find(be(m, 11, 8), locate)
        best = book.best(order.side)
        self.need(best is not None and best[0] == order.px, "execution behind the best price")
        first = next(iter(book.levels[order.side][order.px]))
        self.need(first == be(m, 11, 8), "execution out of time order")
        self.reduce(be(m, 11, 8), be(m, 19, 4), locate, book)
        self.new_match(be(m, 23, 8))

    def new_match(self, match: int) -> None:
        self.need(match > self.last_match, f"match number {match} does not increase")
        self.last_match = match

    def trade(self, match: int, size: int, locate: int, book: Book) -> None:
        self.matches[match] = (locate, size)
        book.trades += 1
        book.volume += size

    def on_E(self, m: bytes, locate: int, book: Book) -> None:  # noqa: N802
        self.need(book.state == "T" and not book.op_halt, f"{book.name} trades while halted")
        self.execute(m, locate, book)
        self.trade(be(m, 23, 8), be(m, 19, 4), locate, book)

    def on_C(self, m: bytes, locate: int, book: Book) -> None:  # noqa: N802
        self.execute(m, locate, book)
        self.need(m[31:32] in (b"Y", b"N"), "printable")
        if m[31:32] == b"Y":
            self.trade(be(m, 23, 8), be(m, 19, 4), locate, book)

    def on_P(self, m: bytes, locate: int, book: Book) -> None:  # noqa: N802
        self.need(book.state == "T" and not book.op_halt, f"{book.name} trades while halted")
        self.same_name(m[24:32], book)
        self.need(be(m, 11, 8) == 0 and m[19:20] == b"B", "hidden trade shows its order")
        self.new_match(be(m, 36, 8))
        self.trade(be(m, 36, 8), be(m, 20, 4), locate, book)

    def on_Q(self, m: bytes, locate: int, book: Book) -> None:  # noqa: N802
        self.same_name(m[19:27], book)
        self.need(m[39:40] in (b"O", b"C", b"H"), "cross type")
        self.new_match(be(m, 31, 8))
        if be(m, 11, 8):
            book.trades += 1
            book.volume += be(m, 11, 8)

    def on_B(self, m: bytes, locate: int, book: Book) -> None:  # noqa: N802
        match = be(m, 11, 8)
        self.need(match in self.matches, f"broken match {match} is not on record")
        where, size = self.matches.pop(match)
        self.need(where == locate, "broken match of another instrument")
        book.trades -= 1
        book.volume -= size


def run(data: bytes) -> Model:
    """Applies a whole raw ITCH stream."""
    model = Model()
    for message in blocks(data):
        model.apply(message)
    return model
