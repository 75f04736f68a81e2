"""Limits of the gate: from configuration keys to the records that the gate reads, and back.

What each control does is in docs/risk.md; the reasons of refusals in ``gate/refusals.h``.
"""

from typing import Any

from pinnacle.abi import ffi
from pinnacle.config.schema import Section, key
from pinnacle.trade.units import MONEY_EXP, MONEY_MAX, money, ns

_MONEY = float(MONEY_MAX) * 10**MONEY_EXP


class LimitsConfig(Section):
    """Limits of one traded instrument. Sizes and values of 0 allow nothing."""

    permitted: bool = key(True, "the strategy may trade this instrument")
    restricted: bool = key(False, "on the restricted list: no orders")
    max_qty: int = key(1000, "size of one order", unit="size units", ge=0, le=2**32 - 1)
    max_value: float = key(100_000.0, "value of one order", unit="currency", ge=0, le=_MONEY)
    collar_ppm: int = key(50_000, "distance of the price from the reference",
                          unit="parts per million", ge=0, le=10**6)  # fmt: skip
    collar_ticks: int = key(1000, "and no more than so many ticks", unit="ticks",
                            ge=0, le=2**31 - 1)  # fmt: skip
    ref_age_ms: float = key(5000.0, "a reference older than this is none; 0 is not watched",
                            unit="ms", ge=0, le=86_400_000.0)  # fmt: skip
    repeat_max: int = key(50, "like orders (side, price, size) within the window; 0 for no limit",
                          unit="orders", ge=0, le=1023)  # fmt: skip
    repeat_ms: float = key(1000.0, "the window of repetitions and of fills_max",
                           unit="ms", ge=0, le=3_600_000.0)  # fmt: skip
    fills_max: int = key(0, "executions within the window; one more latches a cancel; 0 is off",
                         unit="fills", ge=0, le=1023)  # fmt: skip
    max_long: int = key(1000, "worst-case long position", unit="size units", ge=0, le=2**40)
    max_short: int = key(1000, "worst-case short position", unit="size units", ge=0, le=2**40)
    max_working: int = key(32, "orders that are not done", unit="orders", ge=0, le=64)


class GroupConfig(Section):
    """Limits of a strategy, an account or the firm."""

    max_gross: float = key(10_000_000.0, "sum of worst-case exposures",
                           unit="currency", ge=0, le=_MONEY)  # fmt: skip
    max_loss: float = key(0.0, "loss that latches a cancel; 0 is not watched",
                          unit="currency", ge=0, le=_MONEY)  # fmt: skip


class RateConfig(Section):
    """Messages of one order session; cancels count and always pass."""

    per_second: int = key(1000, "messages in any second; 0 for no limit",
                          unit="messages", ge=0, le=65_535)  # fmt: skip
    burst: int = key(100, "messages within burst_ms; 0 for no limit",
                     unit="messages", ge=0, le=65_535)  # fmt: skip
    burst_ms: float = key(10.0, "window of the burst", unit="ms", ge=0, le=60_000.0)


_PLAIN = ("max_qty", "collar_ppm", "collar_ticks", "repeat_max", "fills_max", "max_long",
          "max_short", "max_working")  # fmt: skip


def to_limits(limits: LimitsConfig) -> Any:
    """A new ``struct pn_slot_limits``."""
    out = ffi.new("struct pn_slot_limits *")
    for name in _PLAIN:
        setattr(out, name, getattr(limits, name))
    out.allowed, out.restricted = limits.permitted, limits.restricted
    out.max_value = money(limits.max_value)
    out.ref_age_ns, out.repeat_ns = ns(limits.ref_age_ms), ns(limits.repeat_ms)
    return out


def from_limits(raw: Any) -> LimitsConfig:
    """The inverse of ``to_limits``."""
    return LimitsConfig(
        permitted=bool(raw.allowed & 1), restricted=bool(raw.restricted),
        max_value=raw.max_value * 10**MONEY_EXP,
        ref_age_ms=raw.ref_age_ns / 1e6, repeat_ms=raw.repeat_ns / 1e6,
        **{name: int(getattr(raw, name)) for name in _PLAIN},
    )  # fmt: skip


def to_group(limits: GroupConfig) -> Any:
    """A new ``struct pn_group_limits``."""
    out = ffi.new("struct pn_group_limits *")
    out.max_gross, out.max_loss = money(limits.max_gross), money(limits.max_loss)
    return out


def from_group(raw: Any) -> GroupConfig:
    """The inverse of ``to_group``."""
    return GroupConfig(
        max_gross=raw.max_gross * 10**MONEY_EXP, max_loss=raw.max_loss * 10**MONEY_EXP
    )


def to_rate(limits: RateConfig) -> Any:
    """A new ``struct pn_rate_limits``."""
    out = ffi.new("struct pn_rate_limits *")
    out.per_second, out.burst = limits.per_second, limits.burst
    out.burst_ns = ns(limits.burst_ms)
    return out


def from_rate(raw: Any) -> RateConfig:
    """The inverse of ``to_rate``."""
    return RateConfig(per_second=raw.per_second, burst=raw.burst, burst_ms=raw.burst_ns / 1e6)
