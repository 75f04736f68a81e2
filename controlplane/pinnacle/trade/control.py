"""Writes to the trading half of a control segment: parameters, limits, ladder, orders.

The same class drives a live instance (through the supervisor, the segment's one writer), the lab
and a simulation in this process.
"""

import errno
import time
from typing import Any, Literal

from pinnacle.abi import ffi, lib
from pinnacle.errors import NotRunningError, UsageError
from pinnacle.prices import price_ticks
from pinnacle.trade import limits, quotes
from pinnacle.trade.config import TradeConfig
from pinnacle.trade.limits import GroupConfig, LimitsConfig, RateConfig
from pinnacle.trade.names import LEVELS, Names
from pinnacle.trade.quotes import QuoteConfig

Side = Literal["bid", "ask"]
Tif = Literal["day", "ioc", "fok", "gtc"]
_TIFS = {"day": lib.PN_TIF_DAY, "ioc": lib.PN_TIF_IOC, "fok": lib.PN_TIF_FOK, "gtc": lib.PN_TIF_GTC}


class TradeControl:
    """``control`` is a ``struct pn_trade_control *`` that ``render`` has filled."""

    def __init__(self, control: Any, config: TradeConfig) -> None:
        self.raw = control
        self.config = config
        self.names = Names(config)

    # -- parameters and limits

    def quote(self, slot: int) -> QuoteConfig:
        """What the quoter is asked for just now."""
        return quotes.from_params(self.raw.params[slot], self.raw.config.instrument[slot])

    def set_quote(self, slot: int, quote: QuoteConfig) -> None:
        """Takes effect with the data plane's next step; ``ConfigError`` for what cannot be."""
        params = quotes.to_params(quote, self.raw.config.instrument[slot])
        lib.pn_trade_set_params(self.raw, slot, params)

    def limits(self, slot: int) -> LimitsConfig:
        """Limits of a traded instrument as they were last set."""
        return limits.from_limits(self.raw.limits[slot])

    def set_limits(self, slot: int, given: LimitsConfig) -> None:
        """Takes effect at once and whole: no order is checked against half of it."""
        lib.pn_trade_set_limits(self.raw, slot, limits.to_limits(given))

    def group(self, kind: str, index: int = 0) -> GroupConfig:
        """Limits of ``firm``, of an ``account`` or of a ``strategy``."""
        raw = self.raw.firm if kind == "firm" else getattr(self.raw, kind)[index]
        return limits.from_group(raw)

    def set_group(self, kind: str, given: GroupConfig, index: int = 0) -> None:
        """Limits of ``firm``, of an ``account`` or of a ``strategy``."""
        scope = {"firm": lib.PN_SCOPE_FIRM, "account": lib.PN_SCOPE_ACCOUNT,
                 "strategy": lib.PN_SCOPE_STRATEGY}[kind]  # fmt: skip
        lib.pn_trade_set_group(self.raw, scope, index, limits.to_group(given))

    def rate(self, session: int) -> RateConfig:
        """Message rate of a session as it was last set."""
        return limits.from_rate(self.raw.session[session])

    def set_rate(self, session: int, given: RateConfig) -> None:
        """Messages at most of a session."""
        lib.pn_trade_set_rate(self.raw, session, limits.to_rate(given))

    # -- the ladder

    def kill(self, scope: str, level: str) -> None:
        """Puts a rung of the ladder on a scope (``names.py``); it is never lowered by this."""
        for kind, index in self.names.scope(scope):
            lib.pn_trade_kill(self.raw, kind, index, LEVELS[level])

    def resume(self, scope: str | None = None) -> None:
        """Takes the rungs of a scope away, or all there are."""
        if scope is None:
            lib.pn_trade_release(self.raw, lib.PN_NO_SLOT, lib.PN_NO_SLOT)
            return
        for kind, index in self.names.scope(scope):
            lib.pn_trade_release(self.raw, kind, index)

    # -- orders by hand or by a strategy

    def new_order(
        self, slot: int, side: Side, px: int, qty: int, *, tif: Tif = "day",
        post_only: bool = False, token: int = 0,
    ) -> int:  # fmt: skip
        """Asks for an order; ``px`` in the instrument's price units. Number of the request."""
        request = self._request(lib.PN_REQ_NEW, slot, token)
        request.side, request.px, request.qty = int(side == "ask"), px, qty
        request.tif, request.post_only = _TIFS[tif], post_only
        return self._send(request)

    def cancel_order(self, order: int) -> int:
        """Asks for the end of one order, by its id."""
        request = self._request(lib.PN_REQ_CANCEL, 0)
        request.order = order
        return self._send(request)

    def cancel_all(self, slot: int | None = None) -> int:
        """Asks for the end of all orders of a slot, or of all there are."""
        return self._send(self._request(lib.PN_REQ_CANCEL_SLOT, slot))

    def flatten(self, slot: int | None = None) -> int:
        """Asks for the position of a slot to be closed, or of all."""
        return self._send(self._request(lib.PN_REQ_FLATTEN, slot))

    def beat(self, now_ns: int | None = None) -> None:
        """The control plane lives; as the engine counts time, since the epoch."""
        lib.pn_trade_beat(self.raw, time.time_ns() if now_ns is None else now_ns)

    def px(self, slot: int, text: str) -> int:
        """A decimal price in the instrument's price units; ``UsageError`` if it does not fit."""
        try:
            return price_ticks(text, self.names.slots[slot].price_exp)
        except (ValueError, ArithmeticError) as error:
            raise UsageError(f"price {text}: {error}") from error

    @staticmethod
    def _request(kind: int, slot: int | None, token: int = 0) -> Any:
        request = ffi.new("struct pn_order_request *")
        request.kind, request.token = kind, token
        request.slot = lib.PN_NO_SLOT if slot is None else slot
        return request

    def _send(self, request: Any, done: int = 0) -> int:
        number: int = lib.pn_trade_request(self.raw, request, done)
        if number == -errno.EAGAIN:
            raise NotRunningError("256 requests wait already; the data plane takes none")
        return number
