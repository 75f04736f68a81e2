"""Integer prices as exact decimal strings: never through floating point."""

from decimal import Decimal


def price_text(px: int, exp: int) -> str:
    """``px * 10**exp`` with exactly ``-exp`` decimals.

    ITCH and IEX prices have exponent -4 and so always show four decimals.

    >>> price_text(400700, -4)
    '40.0700'
    >>> price_text(-5, -4)
    '-0.0005'
    """
    if exp >= 0:
        return str(px * 10**exp)
    whole, part = divmod(abs(px), 10**-exp)
    return f"{'-' if px < 0 else ''}{whole}.{part:0{-exp}}"


def price_ticks(text: str, exp: int) -> int:
    """The inverse of :func:`price_text`; ``ValueError`` when the price does not fit the scale.

    >>> price_ticks("40.07", -4)
    400700
    """
    scaled = Decimal(text).scaleb(-exp)
    if scaled != scaled.to_integral_value():
        raise ValueError(f"{text} is finer than 10^{exp}")
    return int(scaled)
