"""The declarative schema of every configuration file.

A key is one field here: type, default, bounds, unit and help together. Unknown keys are
refused. Defaults of ``engine`` are those of ``pn_config_default`` (a test compares
them), but for ``timing``, which reports want. The
example ``configs/replay.yaml`` shows every key (a test compares that too).
"""

import ipaddress
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator


def parse_speed(text: str) -> float:
    """Factor of recorded time: 0 for ``max``, 1 for ``recorded``, 10 for ``10x``."""
    if text in ("max", "recorded"):
        return 0.0 if text == "max" else 1.0
    try:
        factor = float(text.removesuffix("x")) if text.endswith("x") else 0.0
    except ValueError:
        factor = 0.0
    if not 0.000_001 <= factor <= 1e6:
        raise ValueError("use max, recorded, or a factor from 0.000001x to 1000000x such as 10x")
    return factor


FeedName = Literal["itch50", "deep10", "tops16"]
RecoveryName = Literal["none", "gaps", "from_start"]


def key(default: Any, help_text: str, *, unit: str = "", **bounds: Any) -> Any:
    """One configuration key; ``...`` as default makes it mandatory."""
    return Field(default, description=help_text, json_schema_extra={"unit": unit}, **bounds)


class Section(BaseModel):
    """Base of all sections: unknown keys refused, no silent conversion, immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class EngineConfig(Section):
    """Limits and switches of the engine; all memory is reserved from them at start."""

    max_orders: int = key(
        4_194_304, "orders that may rest at one time, all instruments together",
        unit="orders", ge=1024, le=2**24,
    )  # fmt: skip
    max_instruments: int = key(
        65_536, "instruments of all channels together", unit="instruments", ge=1024, le=2**20
    )
    max_pages: int = key(
        524_288, "pages of 64 neighbouring price levels, all books together",
        unit="pages", ge=1024, le=2**24,
    )  # fmt: skip
    max_trades: int = key(
        1_048_576, "trades remembered so that a later break can undo them; a power of two",
        unit="trades", ge=1024, le=2**26,
    )  # fmt: skip
    burst: int = key(
        64, "frames taken from the input at a time; changes speed, never results",
        unit="frames", ge=1, le=256,
    )  # fmt: skip
    reorder_datagrams: int = key(
        64, "early datagrams that one channel holds while an earlier one is missing",
        unit="datagrams", ge=1, le=1024,
    )  # fmt: skip
    reorder_ns: int = key(
        100_000_000, "how long a missing datagram is waited for, in receive time",
        unit="ns", ge=0, le=60_000_000_000,
    )  # fmt: skip
    hugepages: Literal["auto", "never", "require"] = key(
        "auto", "memory of the region: hugepages if there are any, never, or fail without them"
    )
    timing: bool = key(True, "time the stages of the pipeline (costs a few percent)")
    recognise: bool = key(
        True, "recognise the feed of flows that no channel declares by their content"
    )

    @field_validator("max_trades")
    @classmethod
    def _power_of_two(cls, value: int) -> int:
        if value & (value - 1):
            raise ValueError(f"must be a power of two, such as {1 << value.bit_length()}")
        return value


class LineConfig(Section):
    """One line of a channel: what arrives for this group and port, on this input."""

    group: str = key("any", "IPv4 multicast (or unicast) destination address; any matches all")
    port: int = key(0, "UDP destination port; 0 matches all", ge=0, le=65_535)
    input: int = key(
        -1, "number of the input file on the command line, from 0; -1 matches all", ge=-1, le=15
    )

    @field_validator("group")
    @classmethod
    def _address(cls, value: str) -> str:
        if value != "any":
            try:
                ipaddress.IPv4Address(value)
            except ValueError as error:
                raise ValueError("must be an IPv4 address such as 233.54.12.111, or any") from error
        return value


Name = Annotated[str, Field(min_length=1, max_length=23, pattern=r"^[\x21-\x7e]+$")]


class ChannelConfig(Section):
    """One sequenced stream of messages with its one or more redundant lines."""

    name: Name = key(..., "name of the channel in reports; up to 23 characters, no blanks")
    feed: FeedName = key(..., "protocol of the messages")
    lines: tuple[LineConfig, ...] = key(
        ..., "redundant lines that carry the same messages (A, B)", min_length=1, max_length=4,
        strict=False,
    )  # fmt: skip
    recovery: RecoveryName = key(
        "none",
        "for recordings, as the live instance had it: none, gaps or from_start",
    )


class ReportConfig(Section):
    """What the report of a replay shows; options of the command line go before these."""

    depth: int = key(0, "price levels of each side to list, 0 for none",
                     unit="levels", ge=0, le=100_000)  # fmt: skip
    books: int = key(20, "instruments in the readable report, the most active first",
                     unit="instruments", ge=0, le=1_000_000)  # fmt: skip
    instruments: tuple[str, ...] = key(
        (), "names of the only instruments to report and export; empty for all", strict=False
    )


class ReplayConfig(Section):
    """The file given to ``pinnacle-ctl replay --config``."""

    feed: Literal["auto", "itch50", "deep10", "tops16"] = key(
        "auto", "feed of flows that no channel declares; auto recognises it by content"
    )
    speed: str = key(
        "max", "pace: max (as fast as it goes), recorded, or a factor such as 10x or 0.5x"
    )
    region: str | None = key(
        None, "file of the state segment, so that other processes can attach; null keeps it private"
    )
    engine: EngineConfig = key(EngineConfig(), "limits and switches of the engine")
    channels: tuple[ChannelConfig, ...] = key(
        (), "channels fixed by hand; without any, flows are recognised", max_length=64,
        strict=False,
    )  # fmt: skip
    report: ReportConfig = key(ReportConfig(), "what the report shows")

    @field_validator("speed")
    @classmethod
    def _pace(cls, value: str) -> str:
        parse_speed(value)
        return value

    @model_validator(mode="after")
    def _distinct_names(self) -> "ReplayConfig":
        names = [c.name for c in self.channels]
        twice = sorted({n for n in names if names.count(n) > 1})
        if twice:
            raise ValueError(f"channels: the name {twice[0]} is used twice; names must differ")
        return self
