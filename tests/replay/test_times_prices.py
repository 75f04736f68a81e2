"""Times and prices as text: exact, both ways."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pinnacle.errors import UsageError
from pinnacle.prices import price_text, price_ticks
from pinnacle.times import DAY_NS, TimePoint, format_ns, format_span


@pytest.mark.parametrize(
    ("px", "exp", "text"),
    [
        (400_700, -4, "40.0700"),
        (0, -4, "0.0000"),
        (1, -4, "0.0001"),
        (-5, -4, "-0.0005"),
        (-400_700, -4, "-40.0700"),
        (2_147_483_647, -4, "214748.3647"),
        (12, 0, "12"),
        (12, 2, "1200"),
    ],
)
def test_price(px: int, exp: int, text: str) -> None:
    assert price_text(px, exp) == text
    assert price_ticks(text, exp) == px


@given(st.integers(-(2**63), 2**63), st.integers(-9, 0))
def test_price_round_trip(px: int, exp: int) -> None:
    assert price_ticks(price_text(px, exp), exp) == px


def test_price_too_fine() -> None:
    with pytest.raises(ValueError, match="finer"):
        price_ticks("1.00005", -4)


def test_format() -> None:
    assert format_ns(1_499_697_138_433_824_001) == "2017-07-10 14:32:18.433824001 UTC"
    assert format_ns(34_200_000_000_230) == "09:30:00.000000230"
    assert format_span(400_455_000_000) == "6.674 min"
    assert format_span(17_300_000_000) == "17.300 s"
    assert format_span(999) == "999 ns"


FIRST = 1_499_697_138_433_824_000


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("14:32:18.5", FIRST - FIRST % DAY_NS + 52_338_500_000_000),
        ("14:32", FIRST - FIRST % DAY_NS + 52_320_000_000_000),
        ("2017-07-10T14:32:18.433824Z", FIRST),
        ("2017-07-10 14:32:18.433824000", FIRST),
        ("2017-07-10T10:32:18.433824-04:00", FIRST),
        ("2017-07-10T16:32:18.433824+0200", FIRST),
        ("2017-07-10", FIRST - FIRST % DAY_NS),
    ],
)
def test_time_point(text: str, ns: int) -> None:
    assert TimePoint(text).resolve(FIRST) == ns


def test_time_of_day_input() -> None:
    assert TimePoint("09:30:00.000000230").resolve(34_200_000_000_000) == 34_200_000_000_230
    with pytest.raises(UsageError, match="times of day only"):
        TimePoint("2017-07-10").resolve(34_200_000_000_000)


@pytest.mark.parametrize(
    "text", ["", "noon", "25:00:00", "09:60", "2017-13-01", "09:30:00.", "-1:00"]
)
def test_time_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not a time"):
        TimePoint(text)


@given(st.integers(0, DAY_NS - 1))
def test_clock_round_trip(ns: int) -> None:
    assert TimePoint(format_ns(ns)).resolve(ns) == ns
