"""Units of trading: money in 1e-8 of the account's currency, offsets in 1/256 of a price unit.

Configuration and commands speak in currency, ticks and milliseconds; the data plane in integers.
Conversions go through ``Decimal`` of the number's own digits, so that 0.003 is 0.003.
"""

from decimal import ROUND_HALF_EVEN, Decimal, localcontext

MONEY_EXP = -8
MONEY_MAX = 2**61  #: the gate's own bound of a slot's money
Q8, Q16 = 256, 65_536


def scaled(value: float | int | str | Decimal, factor: int | Decimal) -> int:
    """``value * factor``, rounded to the nearest integer, ties to even.

    >>> scaled(0.003, 10**8)
    300000
    """
    with localcontext() as context:
        context.prec = 60
        exact = Decimal(str(value)) * factor
        return int(exact.to_integral_value(rounding=ROUND_HALF_EVEN))


def money(value: float | int | str | Decimal) -> int:
    """Currency to money, 1e-8 a unit.

    >>> money("12.5")
    1250000000
    """
    return scaled(value, 10**-MONEY_EXP)


def money_text(value: int, decimals: int = 2) -> str:
    """Money as currency with thousands separators, for people: rounded.

    >>> money_text(-123456789012)
    '-1,234.57'
    """
    return f"{Decimal(value).scaleb(MONEY_EXP):,.{decimals}f}"


def money_exact(value: int) -> str:
    """Money as a decimal string with every digit, for programs.

    >>> money_exact(-5)
    '-0.00000005'
    """
    return f"{Decimal(value).scaleb(MONEY_EXP):.8f}"


def ns(milliseconds: float) -> int:
    """Milliseconds to nanoseconds."""
    return scaled(milliseconds, 1_000_000)
