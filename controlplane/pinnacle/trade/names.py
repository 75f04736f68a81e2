"""Names of what is traded, as people say them, to the numbers that the data plane knows.

A traded instrument is named ``SYMBOL``, or ``strategy:SYMBOL`` where several strategies trade the
same one; a scope of the kill ladder ``firm``, ``venue:NAME``, ``strategy:NAME``,
``account:NAME`` or ``instrument:NAME``.
"""

from dataclasses import dataclass

from pinnacle.abi import lib
from pinnacle.errors import UnknownNameError
from pinnacle.trade.config import TradeConfig

LEVELS = {
    "none": lib.PN_KILL_NONE, "widen": lib.PN_KILL_WIDEN, "stop": lib.PN_KILL_STOP,
    "cancel": lib.PN_KILL_CANCEL, "flatten": lib.PN_KILL_FLATTEN,
    "disconnect": lib.PN_KILL_DISCONNECT,
}  # fmt: skip
LEVEL_NAMES = {number: name for name, number in LEVELS.items()}
SCOPES = {
    "firm": lib.PN_SCOPE_FIRM, "venue": lib.PN_SCOPE_VENUE, "strategy": lib.PN_SCOPE_STRATEGY,
    "instrument": lib.PN_SCOPE_INSTRUMENT, "account": lib.PN_SCOPE_ACCOUNT,
}  # fmt: skip
SIDE_NAMES = ("bid", "ask")


@dataclass(frozen=True, slots=True)
class Slot:
    """One traded instrument with the names of all that it belongs to."""

    number: int
    name: str
    strategy: str
    account: str
    venue: str
    session: str
    price_exp: int
    size_exp: int

    @property
    def label(self) -> str:
        """``strategy:SYMBOL``."""
        return f"{self.strategy}:{self.name}"


class Names:
    """The names of one trading configuration."""

    def __init__(self, config: TradeConfig) -> None:
        self.strategies = tuple(s.name for s in config.strategies)
        self.accounts = tuple(a.name for a in config.accounts)
        self.venues = config.venues
        self.sessions = tuple(s.name for s in config.sessions)
        self.slots = tuple(
            Slot(
                number, one.name, one.strategy or self.strategies[0],
                one.account or self.accounts[0], one.venue, one.session or self.sessions[0],
                one.price_exp, one.size_exp,
            )
            for number, one in enumerate(config.instruments)
        )  # fmt: skip

    def find(self, name: str) -> list[Slot]:
        """Slots that a name means; ``UnknownNameError`` if it means none."""
        found = [s for s in self.slots if name in (s.name, s.label)]
        if not found:
            some = ", ".join(s.label for s in self.slots[:8])
            raise UnknownNameError(f"no traded instrument {name}; there are {some}")
        return found

    def one(self, name: str) -> Slot:
        """The one slot that a name means; ``UnknownNameError`` if it means several."""
        found = self.find(name)
        if len(found) > 1:
            raise UnknownNameError(
                f"{name} is traded {len(found)} times; say {' or '.join(s.label for s in found)}"
            )
        return found[0]

    def scope(self, text: str) -> list[tuple[int, int]]:
        """Pairs of scope and index that ``firm``, ``venue:NAME`` and the like mean."""
        kind, _, name = text.partition(":")
        if kind == "firm" and not name:
            return [(SCOPES["firm"], 0)]
        if kind == "instrument" and name:
            return [(SCOPES[kind], slot.number) for slot in self.find(name)]
        known = {"venue": self.venues, "strategy": self.strategies, "account": self.accounts}
        if kind not in known or not name:
            raise UnknownNameError(
                f"no scope {text}; use firm, venue:NAME, strategy:NAME, account:NAME or "
                "instrument:NAME"
            )
        if name not in known[kind]:
            raise UnknownNameError(f"no {kind} {name}; there are {', '.join(known[kind])}")
        return [(SCOPES[kind], known[kind].index(name))]
