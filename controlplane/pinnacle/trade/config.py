"""The declarative schema of trading: the section ``trade`` of a live instance and of a simulation.

``render.py`` turns it into ``struct pn_trade_control``. ``defaults`` holds what instruments have in
common: keys that an instrument leaves out are those. The examples are ``configs/trade.yaml`` and
``configs/sim.yaml``.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from pinnacle.config.schema import Section, key
from pinnacle.trade.limits import GroupConfig, LimitsConfig, RateConfig
from pinnacle.trade.quotes import QuoteConfig

#: limits of the layout (a test compares them with the compiled ones)
TRADED_MAX, SESSIONS_MAX, STRATEGIES_MAX, ACCOUNTS_MAX, VENUES_MAX = 1024, 8, 32, 8, 16
MARKOUTS_MAX = 6

Word = Annotated[str, Field(min_length=1, max_length=23, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
ShortWord = Annotated[str, Field(min_length=1, max_length=15, pattern=r"^[A-Za-z0-9_.-]+$")]


class JournalConfig(Section):
    """The append-only record of orders, replies, fills, parameters and kills."""

    dir: str | None = key(None, "folder; null keeps none, and what happened is lost with a crash")
    file_bytes: int = key(268_435_456, "size of one file; a power of two",
                          unit="bytes", ge=1 << 20, le=1 << 30)  # fmt: skip
    sync: Literal["none", "interval", "each"] = key(
        "interval", "when it is forced to the disk: never, every sync_ms, or each record"
    )
    sync_ms: int = key(100, "pause between two", unit="ms", ge=1, le=60_000)

    @field_validator("file_bytes")
    @classmethod
    def _power_of_two(cls, value: int) -> int:
        if value & (value - 1):
            raise ValueError(f"must be a power of two, such as {1 << value.bit_length()}")
        return value


class SessionConfig(Section):
    """One order session with a venue."""

    name: Word = key("ouch", "name of the session")
    kind: Literal["ouch50"] = key("ouch50", "protocol: OUCH 5.0 over SoupBinTCP")
    host: str = key("127.0.0.1", "IPv4 address of the venue", max_length=63)
    port: int = key(26_500, "TCP port of the venue", ge=1, le=65_535)
    user: Annotated[str, Field(max_length=6)] = key("MM01", "user name of the login")
    password_file: str | None = key(
        None, "file with the password in its first line; null asks for none"
    )
    own_thread: bool = key(True, "sockets on a core of their own, else on the trading shard's")
    cpu: int = key(-1, "processor of that thread; -1 for none", ge=-1, le=1023)
    heartbeat_ms: int = key(1000, "pause after which a heartbeat is sent",
                            unit="ms", ge=10, le=60_000)  # fmt: skip
    reply_timeout_ms: int = key(
        1000, "an order without a reply for so long is unknown, and quoting stops there",
        unit="ms", ge=1, le=600_000,
    )  # fmt: skip
    rate: RateConfig = key(RateConfig(), "messages at most; cancels always pass")


class StrategyConfig(GroupConfig):
    """A strategy: its own limits and, where one is run, the Python class behind it."""

    name: Word = key("maker", "name of the strategy")
    run: str | None = key(
        None,
        "what sets its quotes: MarketMaker, or FILE.py with a Strategy; null: nobody",
    )
    options: dict[str, Any] = key({}, "handed to the strategy; it says which it knows")


class AccountConfig(GroupConfig):
    """An account at a venue or a clearing member."""

    name: Word = key("main", "name of the account")


class TradedConfig(Section):
    """One instrument as one strategy trades it on one account through one session."""

    name: Word = key(..., "instrument, as the feed names it")
    symbol: str | None = key(None, "as the venue's orders name it; null is the same", max_length=15)
    venue: ShortWord = key("sim", "name of the venue")
    session: Word | None = key(None, "name of the session; null is the first")
    strategy: Word | None = key(None, "name of the strategy; null is the first")
    account: Word | None = key(None, "name of the account; null is the first")
    price_exp: int = key(-4, "a price is an integer times 10 to this", ge=-8, le=0)
    size_exp: int = key(0, "a size is an integer times 10 to this", ge=-8, le=0)
    tick: float = key(0.01, "between valid prices", unit="currency", gt=0, le=1_000_000.0)
    lot: int = key(1, "between valid sizes", unit="size units", ge=1, le=1 << 30)
    multiplier: int = key(1, "value of one unit times the price", ge=1, le=10**6)
    maker_fee: float = key(0.0, "fee of a unit that rested; negative is a rebate",
                           unit="currency", ge=-1000.0, le=1000.0)  # fmt: skip
    taker_fee: float = key(0.0, "fee of a unit that took", unit="currency",
                           ge=-1000.0, le=1000.0)  # fmt: skip
    maker_ppm: int = key(0, "and of the value", unit="parts per million", ge=-(10**6), le=10**6)
    taker_ppm: int = key(0, "and of the value", unit="parts per million", ge=-(10**6), le=10**6)
    quote: QuoteConfig = key(QuoteConfig(), "what rests, until the strategy says otherwise")
    limits: LimitsConfig = key(LimitsConfig(), "what the gate lets pass")


class TradeConfig(Section):
    """Everything that trading needs: sessions, strategies, accounts, instruments, limits."""

    shard: int = key(0, "shard that trades; its channels must carry the instruments", ge=0, le=7)
    max_orders: int = key(65_536, "own orders kept, done ones until their place is needed",
                          unit="orders", ge=64, le=2**22)  # fmt: skip
    start_quoting: bool = key(True, "quote from the start; else `quote on` begins")
    cancel_on_disconnect: bool = key(True, "the venue is asked to cancel when the session is lost")
    control_lost_ms: int = key(
        1000, "silence of the control plane after which all is cancelled; 0 is not watched",
        unit="ms", ge=0, le=600_000,
    )  # fmt: skip
    mark_ms: float = key(100.0, "pause between records of book, position and P&L; 0 for none",
                         unit="ms", ge=0, le=3_600_000.0)  # fmt: skip
    markouts_ms: tuple[float, ...] = key(
        (100.0, 1000.0, 10_000.0), "times after a fill at which the mid is recorded, ascending",
        unit="ms", max_length=MARKOUTS_MAX, strict=False,
    )  # fmt: skip
    journal: JournalConfig = key(JournalConfig(), "the record of what was done")
    sessions: tuple[SessionConfig, ...] = key(
        (SessionConfig(),), "order sessions", min_length=1, max_length=SESSIONS_MAX, strict=False
    )
    firm: GroupConfig = key(GroupConfig(), "limits of all together")
    accounts: tuple[AccountConfig, ...] = key(
        (AccountConfig(),), "accounts", min_length=1, max_length=ACCOUNTS_MAX, strict=False
    )
    strategies: tuple[StrategyConfig, ...] = key(
        (StrategyConfig(),), "strategies", min_length=1, max_length=STRATEGIES_MAX, strict=False
    )
    instruments: tuple[TradedConfig, ...] = key(
        ..., "what is traded", min_length=1, max_length=TRADED_MAX, strict=False
    )

    @field_validator("markouts_ms")
    @classmethod
    def _ascending(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if list(value) != sorted(set(value)) or any(one <= 0 for one in value):
            raise ValueError("must be above 0 and ascending")
        return value

    @model_validator(mode="before")
    @classmethod
    def _defaults(cls, data: Any) -> Any:
        """Keys that an instrument leaves out are those of ``defaults``, which is then gone."""
        if not isinstance(data, dict) or "defaults" not in data:
            return data
        rest = {name: value for name, value in data.items() if name != "defaults"}
        shared, given = data["defaults"], data.get("instruments")
        if not isinstance(shared, dict) or "name" in shared:
            raise ValueError("defaults: give keys of an instrument, but no name")
        if not isinstance(given, (list, tuple)):
            return rest
        TradedConfig.model_validate({**shared, "name": "X"})  # complains of the right keys
        filled = [_merge(shared, one) if isinstance(one, dict) else one for one in given]
        return {**rest, "instruments": filled}

    @model_validator(mode="after")
    def _consistent(self) -> "TradeConfig":
        for what, names in (
            ("sessions", [s.name for s in self.sessions]),
            ("accounts", [a.name for a in self.accounts]),
            ("strategies", [s.name for s in self.strategies]),
        ):
            twice = sorted({n for n in names if names.count(n) > 1})
            if twice:
                raise ValueError(f"{what}: the name {twice[0]} is used twice; names must differ")
        for one in self.instruments:
            for what, name, known in (
                ("session", one.session, [s.name for s in self.sessions]),
                ("strategy", one.strategy, [s.name for s in self.strategies]),
                ("account", one.account, [a.name for a in self.accounts]),
            ):
                if name is not None and name not in known:
                    raise ValueError(
                        f"instruments: {one.name}: no {what} {name}; there are {', '.join(known)}"
                    )
        if len(self.venues) > VENUES_MAX:
            raise ValueError(f"instruments: more than {VENUES_MAX} venues")
        return self

    @property
    def venues(self) -> tuple[str, ...]:
        """Names of the venues, in the order in which instruments name them first."""
        return tuple(dict.fromkeys(one.venue for one in self.instruments))


def _merge(shared: dict[str, Any], one: dict[str, Any]) -> dict[str, Any]:
    """``one`` over ``shared``; sections key by key."""
    out = {**shared, **one}
    for name in ("quote", "limits"):
        if isinstance(shared.get(name), dict) and isinstance(one.get(name), dict):
            out[name] = {**shared[name], **one[name]}
    return out
