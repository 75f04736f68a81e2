"""What the quoter is asked for: one table from configuration keys to ``struct pn_quote_params``.

The formulas are those of ``dataplane/quote/quoter.h``. Offsets are given in ticks of the
instrument, which become 1/256 of a price unit; times in milliseconds.
"""

from dataclasses import dataclass
from typing import Any, Literal

from pinnacle.abi import ffi, lib
from pinnacle.config.schema import Section, key
from pinnacle.errors import ConfigError
from pinnacle.trade.units import Q8, Q16, ns, scaled

Sides = Literal["none", "bid", "ask", "both"]
SIDES: dict[str, int] = {"none": 0, "bid": 1, "ask": 2, "both": 3}

_OFFSET = 1_000_000.0
_ERR_LEN = 256


class QuoteConfig(Section):
    """What the quoter wants of one traded instrument; a strategy may change it at any time."""

    sides: Sides = key("both", "sides that are quoted; `quote on` and `quote off` change it")
    half_spread: float = key(1.0, "fair value to nearest quote", unit="ticks", ge=0, le=_OFFSET)
    fair_offset: float = key(0.0, "added to fair value", unit="ticks", ge=-_OFFSET, le=_OFFSET)
    skew: float = key(0.0, "fair value moves down by this for each lot of position",
                      unit="ticks", ge=-1000.0, le=1000.0)  # fmt: skip
    vol_mul: float = key(0.0, "times realised volatility, added to the half spread",
                         ge=0, le=256.0)  # fmt: skip
    micro: float = key(0.0, "weight of microprice minus mid in fair value", ge=-4.0, le=4.0)
    imbalance: tuple[float, float, float] = key(
        (0.0, 0.0, 0.0), "fair value moves by this at imbalance +1, for each depth",
        unit="ticks", strict=False,
    )  # fmt: skip
    ofi: float = key(0.0, "the same at order-flow imbalance +1",
                     unit="ticks", ge=-_OFFSET, le=_OFFSET)  # fmt: skip
    flow: float = key(0.0, "the same at trade-flow imbalance +1",
                      unit="ticks", ge=-_OFFSET, le=_OFFSET)  # fmt: skip
    size: int = key(100, "size of the nearest layer", unit="size units", ge=0, le=10**9)
    size_step: int = key(0, "more for each layer further out", unit="size units", ge=0, le=10**8)
    layers: int = key(1, "layers of each side", ge=0, le=8)
    layer_step: int = key(1, "distance between layers", unit="ticks", ge=0, le=1_000_000)
    max_position: int = key(1000, "a side that would lead beyond is not quoted",
                            unit="size units", ge=0, le=2**40)  # fmt: skip
    min_rest_ms: float = key(0.0, "a quote stays so long before it is moved, unless it must go",
                             unit="ms", ge=0, le=86_400_000.0)  # fmt: skip
    keep: float = key(0.0, "a resting price this near to the wanted one stays",
                      unit="ticks", ge=0, le=65_536.0)  # fmt: skip
    queue_keep: int = key(0, "more of that for an order near the front of its queue",
                          unit="ticks", ge=0, le=65_536)  # fmt: skip
    queue_ahead: int = key(0, "near the front: at most so much size ahead",
                           unit="size units", ge=0, le=2**32 - 1)  # fmt: skip
    join: bool = key(False, "never better than the best price of its side")
    post_only: bool = key(True, "orders that would trade at once are refused by the venue")
    widen: float = key(2.0, "half spread under the kill ladder's widen: times this",
                       ge=0, le=256.0)  # fmt: skip
    min_size: int = key(1, "smaller remains of a partly filled quote are replaced",
                        unit="size units", ge=0, le=2**32 - 1)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Field:
    key: str
    field: str
    factor: int  # to the field's unit
    ticks: bool  # the key is in ticks


_FIELDS = (
    _Field("half_spread", "half_spread_q8", Q8, True),
    _Field("fair_offset", "fair_offset_q8", Q8, True),
    _Field("skew", "skew_q8", Q8, True),
    _Field("vol_mul", "vol_mul_q16", Q16, False),
    _Field("micro", "micro_q16", Q16, False),
    _Field("ofi", "ofi_q8", Q8, True),
    _Field("flow", "flow_q8", Q8, True),
    _Field("size", "size", 1, False),
    _Field("size_step", "size_step", 1, False),
    _Field("layers", "layers", 1, False),
    _Field("layer_step", "layer_step", 1, True),
    _Field("max_position", "max_position", 1, False),
    _Field("keep", "keep_q8", Q8, True),
    _Field("queue_keep", "queue_keep", 1, True),
    _Field("queue_ahead", "queue_ahead", 1, False),
    _Field("join", "join", 1, False),
    _Field("post_only", "post_only", 1, False),
    _Field("widen", "widen_q16", Q16, False),
    _Field("min_size", "min_size", 1, False),
)


def to_params(quote: QuoteConfig, traded: Any) -> Any:
    """A ``struct pn_quote_params`` for a ``struct pn_traded``; ``ConfigError`` out of bounds."""
    out = ffi.new("struct pn_quote_params *")
    try:
        out.sides = SIDES[quote.sides]
        out.min_rest_ns = ns(quote.min_rest_ms)
        for one in _FIELDS:
            unit = one.factor * (traded.tick if one.ticks else 1)
            setattr(out, one.field, scaled(float(getattr(quote, one.key)), unit)
                    if isinstance(getattr(quote, one.key), float)
                    else int(getattr(quote, one.key)) * unit)  # fmt: skip
        for i, value in enumerate(quote.imbalance):
            out.imbalance_q8[i] = scaled(value, Q8 * traded.tick)
    except OverflowError as error:
        raise ConfigError(f"quote: {error}; give smaller numbers") from error
    err = ffi.new("char[]", _ERR_LEN)
    if lib.quoter_check(out, ffi.addressof(traded), err, _ERR_LEN):
        raise ConfigError(f"quote: {ffi.string(err).decode(errors='replace')}")
    return out


def from_params(params: Any, traded: Any) -> QuoteConfig:
    """The inverse of ``to_params``; numbers that were rounded come back rounded."""
    names = {number: name for name, number in SIDES.items()}
    values: dict[str, Any] = {"sides": names[params.sides & 3]}
    values["min_rest_ms"] = params.min_rest_ns / 1e6
    for one in _FIELDS:
        raw = getattr(params, one.field)
        unit = one.factor * (traded.tick if one.ticks else 1)
        kind = QuoteConfig.model_fields[one.key].annotation
        values[one.key] = (
            raw / unit if kind is float else bool(raw) if kind is bool else raw // unit
        )
    values["imbalance"] = tuple(x / (Q8 * traded.tick) for x in params.imbalance_q8)
    return QuoteConfig(**values)
