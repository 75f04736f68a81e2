"""Books as dictionaries: order by order with time priority, level by level, and quotes.

One object holds all books of one channel and is fed whole messages in sequence. Nothing here is
fast. Where the meaning of a broken stream is left open, the book says so: ``vague`` means that its
levels are unspecified (it must then be stale), ``maybe`` that it may or may not be stale.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.oracle import iex, itch

BID, ASK = 0, 1
INT32_MAX = 2**31 - 1
ITCH_PRICE_MAX = 2_000_000_000  # 200,000.0000, the protocol's own limit
LEVEL_SIZE_MAX = 2**40 - 1
Level = tuple[int, int, int]


@dataclass
class Order:
    """One resting order."""

    ref: int
    side: int
    size: int
    px: int
    mpid: str = ""


@dataclass
class Applied:
    """What one message did, as the engine's event should tell it after the run."""

    kind: str
    key: int | str
    rejected: bool = False
    side: int | None = None
    px: int | None = None
    size: int | None = None


@dataclass
class Book:
    """One instrument: by order (``orders``) or by level (``level``)."""

    by_order: bool
    orders: dict[int, Order] = field(default_factory=dict)
    level: tuple[dict[int, int], dict[int, int]] = field(default_factory=lambda: ({}, {}))
    why: set[str] = field(default_factory=set)
    maybe: bool = False
    vague: bool = False
    touched: bool = False
    transition: bool = False
    published: tuple[Level | None, Level | None] = (None, None)
    trades: int = 0
    volume: int = 0

    def depth(self, side: int) -> list[Level]:
        """(price, size, orders) from the best price on; orders are 0 where not known."""
        sums: dict[int, tuple[int, int]] = {}
        if self.by_order:
            for order in self.orders.values():
                if order.side == side:
                    size, count = sums.get(order.px, (0, 0))
                    sums[order.px] = (size + order.size, count + 1)
        else:
            sums = {px: (size, 0) for px, size in self.level[side].items()}
        prices = sorted(sums, reverse=side == BID)
        return [(px, *sums[px]) for px in prices]

    def best(self, side: int) -> Level | None:
        """Best level of a side as the book stands."""
        depth = self.depth(side)
        return depth[0] if depth else None

    def top(self) -> tuple[Level | None, Level | None]:
        """Best levels as published: those before an open transition."""
        if self.transition:
            return self.published
        return self.best(BID), self.best(ASK)

    def in_priority(self, side: int) -> list[Order]:
        """Orders of a side in price, then time order (dictionaries keep arrival order)."""
        mine = [o for o in self.orders.values() if o.side == side]
        return sorted(mine, key=lambda o: -o.px if side == BID else o.px)

    def queue(self, ref: int) -> tuple[int, int]:
        """(size ahead, orders ahead) of an order at its own price."""
        order = self.orders[ref]
        ahead = 0
        count = 0
        for other in self.orders.values():
            if other is order:
                break
            if other.side == order.side and other.px == order.px:
                ahead += other.size
                count += 1
        return ahead, count

    def crossed(self) -> bool:
        """Best bid at or above best offer."""
        bid, ask = self.best(BID), self.best(ASK)
        return bid is not None and ask is not None and bid[0] >= ask[0]


class Channel:
    """All books of one channel, with trades and reasons."""

    def __init__(self, by_order: bool, max_trades: int = 1 << 62) -> None:
        self.by_order = by_order
        self.max_trades = max_trades
        self.books: dict[int | str, Book] = {}
        self.names: dict[int | str, str] = {}
        self.reasons: Counter[str] = Counter()
        self.by_type: Counter[str] = Counter()
        self.prints: dict[int, tuple[int | str, int]] = {}
        self.messages = 0

    def book(self, key: int | str) -> Book:
        if key not in self.books:
            self.books[key] = Book(self.by_order)
        return self.books[key]

    def volume(self) -> int:
        return sum(b.volume for b in self.books.values())

    def trades(self) -> int:
        return sum(b.trades for b in self.books.values())

    def _reject(self, applied: Applied, reason: str) -> Applied:
        """Counts a contradiction; the message's instrument is stale from now on."""
        self.reasons[reason] += 1
        book = self.book(applied.key)
        book.why.add("inconsistent")
        book.touched = True
        applied.rejected = True
        return applied

    def _print(self, key: int | str, match: int, size: int) -> None:
        book = self.book(key)
        book.trades += 1
        book.volume += size
        self.prints.pop(match, None)
        self.prints[match] = (key, size)
        while len(self.prints) > self.max_trades:
            del self.prints[next(iter(self.prints))]

    def _break(self, applied: Applied, match: int, size: int | None = None) -> Applied:
        key, traded = self.prints.get(match, (None, 0))
        if key is None or key != applied.key:
            self.reasons["trade_unknown"] += 1
            applied.rejected = True
            return applied
        del self.prints[match]
        book = self.book(key)
        book.trades -= 1
        book.volume -= traded if size is None else size
        return applied

    def reset(self) -> None:
        """A new session: books are empty, what was traded stays counted but cannot be broken."""
        for key, old in self.books.items():
            self.books[key] = Book(self.by_order, trades=old.trades, volume=old.volume)
        self.prints.clear()


class ItchChannel(Channel):
    """Nasdaq TotalView-ITCH 5.0; instruments are stock locates."""

    def __init__(self, max_trades: int = 1 << 62) -> None:
        super().__init__(True, max_trades)
        self.owner: dict[int, int] = {}  # order reference -> stock locate

    def reset(self) -> None:
        super().reset()
        self.owner.clear()

    def apply(self, data: bytes) -> Applied | None:
        """Applies one message; None where it yields no event."""
        self.messages += 1
        if data:
            self.by_type[chr(data[0])] += 1
        try:
            m = itch.decode(data)
        except itch.BadMessageError as e:
            self.reasons[str(e)] += 1
            return None
        if m.long:
            self.reasons["msg_long"] += 1
        if "stock" in m.a and m.u["locate"]:
            self.names.setdefault(m.u["locate"], m.a["stock"])
        handler = getattr(self, "_on_" + m.type, None)
        if handler is None:
            return Applied("info", m.u["locate"])
        result: Applied | None = handler(m)
        book = self.books.get(m.u["locate"])
        if book is not None and any(d[1] > LEVEL_SIZE_MAX for s in (0, 1) for d in book.depth(s)):
            book.vague = True
            book.why.add("overflow")
        return result

    def _bad_field(self, applied: Applied) -> Applied:
        self.reasons["msg_field"] += 1
        applied.rejected = True
        return applied

    def _bad_price(self, book: Book, applied: Applied) -> Applied:
        """A book message that cannot be believed: what it would have done is not known."""
        book.vague = True
        book.why.add("inconsistent")
        return self._bad_field(applied)

    def _on_A(self, m: itch.Message) -> Applied:  # noqa: N802
        side = BID if m.a["side"] == "B" else ASK
        u = m.u
        applied = Applied("add", u["locate"], False, side, u["price"], u["shares"])
        if m.a["side"] not in ("B", "S") or u["price"] > ITCH_PRICE_MAX:
            return self._bad_price(self.book(u["locate"]), applied)
        if u["shares"] == 0:
            self.book(u["locate"]).maybe = True
            return self._bad_field(applied)
        if u["ref"] in self.owner:
            self.book(self.owner[u["ref"]]).maybe = True
            return self._reject(applied, "book_duplicate_ref")
        book = self.book(u["locate"])
        book.touched = True
        book.orders[u["ref"]] = Order(u["ref"], side, u["shares"], u["price"], m.a.get("mpid", ""))
        self.owner[u["ref"]] = u["locate"]
        return applied

    def _on_F(self, m: itch.Message) -> Applied:  # noqa: N802
        return self._on_A(m)

    def _find(self, m: itch.Message, applied: Applied) -> Order | None:
        """The order a message names, or None with the refusal counted."""
        ref, locate = m.u["ref"], m.u["locate"]
        if ref not in self.owner:
            self._reject(applied, "book_unknown_ref")
            return None
        if self.owner[ref] != locate:
            self.book(self.owner[ref]).maybe = True
            self._reject(applied, "book_mismatch")
            return None
        self.book(locate).touched = True
        return self.book(locate).orders[ref]

    def _remove(self, order: Order) -> None:
        del self.book(self.owner.pop(order.ref)).orders[order.ref]

    def _reduce(self, m: itch.Message, applied: Applied) -> Order | None:
        order = self._find(m, applied)
        if order is None:
            return None
        applied.side, applied.px = order.side, order.px
        if m.u["shares"] == 0:
            self._bad_field(applied)
            return None
        if m.u["shares"] > order.size:
            self._remove(order)
            self._reject(applied, "book_over_reduce")
            return None
        order.size -= m.u["shares"]
        if order.size == 0:
            self._remove(order)
        return order

    def _on_E(self, m: itch.Message) -> Applied:  # noqa: N802
        applied = Applied("execute", m.u["locate"], size=m.u["shares"])
        if self._reduce(m, applied) is not None:
            self._print(m.u["locate"], m.u["match"], m.u["shares"])
        return applied

    def _on_C(self, m: itch.Message) -> Applied:  # noqa: N802
        applied = Applied("execute_at", m.u["locate"], size=m.u["shares"])
        if m.u["price"] > ITCH_PRICE_MAX:
            return self._bad_price(self.book(m.u["locate"]), applied)
        done = self._reduce(m, applied) is not None
        applied.px = m.u["price"]
        if done and m.a["printable"] != "N":
            self._print(m.u["locate"], m.u["match"], m.u["shares"])
        return applied

    def _on_X(self, m: itch.Message) -> Applied:  # noqa: N802
        applied = Applied("cancel", m.u["locate"], size=m.u["shares"])
        self._reduce(m, applied)
        return applied

    def _on_D(self, m: itch.Message) -> Applied:  # noqa: N802
        applied = Applied("delete", m.u["locate"])
        order = self._find(m, applied)
        if order is not None:
            applied.side, applied.px, applied.size = order.side, order.px, order.size
            self._remove(order)
        return applied

    def _on_U(self, m: itch.Message) -> Applied:  # noqa: N802
        applied = Applied("replace", m.u["locate"], px=m.u["price"], size=m.u["shares"])
        book = self.book(m.u["locate"])
        if m.u["price"] > ITCH_PRICE_MAX:
            return self._bad_price(book, applied)
        old = self._find(m, applied)
        if old is None:
            return applied
        applied.side = old.side
        self._remove(old)
        if m.u["shares"] == 0:
            book.maybe = True
            return self._bad_field(applied)
        new = m.u["new_ref"]
        if new in self.owner:
            self.book(self.owner[new]).maybe = True
            return self._reject(applied, "book_duplicate_ref")
        book.orders[new] = Order(new, old.side, m.u["shares"], m.u["price"], old.mpid)
        self.owner[new] = m.u["locate"]
        return applied

    def _on_P(self, m: itch.Message) -> Applied:  # noqa: N802
        if m.u["price"] > ITCH_PRICE_MAX:
            self.reasons["msg_field"] += 1
        if m.u["shares"]:
            self._print(m.u["locate"], m.u["match"], m.u["shares"])
        return Applied("trade", m.u["locate"], px=m.u["price"], size=m.u["shares"])

    def _on_Q(self, m: itch.Message) -> Applied:  # noqa: N802
        if m.u["price"] > ITCH_PRICE_MAX:
            self.reasons["msg_field"] += 1
        if m.u["shares"]:
            self._print(m.u["locate"], m.u["match"], m.u["shares"])
        return Applied("cross", m.u["locate"], px=m.u["price"], size=m.u["shares"])

    def _on_B(self, m: itch.Message) -> Applied:  # noqa: N802
        return self._break(Applied("broken", m.u["locate"]), m.u["match"])


class IexChannel(Channel):
    """IEX DEEP 1.0 or TOPS 1.6; instruments are symbols."""

    def __init__(self, protocol: int, max_trades: int = 1 << 62) -> None:
        super().__init__(False, max_trades)
        self.protocol = protocol

    def apply(self, data: bytes) -> Applied | None:
        """Applies one message; None where it yields no event."""
        self.messages += 1
        if data:
            self.by_type[chr(data[0])] += 1
        try:
            m = iex.decode(self.protocol, data)
        except itch.BadMessageError as e:
            self.reasons[str(e)] += 1
            return None
        if m.long:
            self.reasons["msg_long"] += 1
        symbol = m.a.get("symbol", "")
        if m.type in "85":
            return self._level(m, symbol)
        if m.type == "Q":
            return self._quote(m, symbol)
        if m.type == "T":
            self._print(symbol, m.u["trade"], m.u["size"])
            return Applied("trade", symbol, px=m.u["price"], size=m.u["size"])
        if m.type == "B":
            return self._break(Applied("broken", symbol), m.u["trade"], m.u["size"])
        return Applied("info", symbol)

    def _price_ok(self, book: Book, *prices: int) -> bool:
        bad = sum(not 0 <= px <= INT32_MAX for px in prices)
        if not bad:
            return True
        self.reasons["msg_field"] += bad
        book.why.add("inconsistent")
        book.vague = True
        return False

    def _level(self, m: itch.Message, symbol: str) -> Applied:
        book = self.book(symbol)
        side = BID if m.type == "8" else ASK
        applied = Applied("level", symbol, False, side, m.u["price"], m.u["size"])
        if not self._price_ok(book, m.u["price"]):
            applied.rejected = True
            return applied
        if not book.transition:
            book.published = (book.best(BID), book.best(ASK))
        book.touched = True
        book.transition = not m.u["flags"] & 1
        if m.u["size"]:
            book.level[side][m.u["price"]] = m.u["size"]
        elif book.level[side].pop(m.u["price"], None) is None:
            self.reasons["book_level_absent"] += 1
        return applied

    def _quote(self, m: itch.Message, symbol: str) -> Applied:
        book = self.book(symbol)
        book.touched = True
        if not self._price_ok(book, m.u["bid_price"], m.u["ask_price"]):
            return Applied("quote", symbol, True)
        for side, name in ((BID, "bid"), (ASK, "ask")):
            book.level[side].clear()
            if m.u[name + "_size"]:
                book.level[side][m.u[name + "_price"]] = m.u[name + "_size"]
        return Applied("quote", symbol)


def replay(channel: "ItchChannel | IexChannel", messages: list[bytes]) -> Iterator[Applied | None]:
    """Applies messages one after another."""
    for message in messages:
        yield channel.apply(message)
