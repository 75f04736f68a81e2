"""Parquet files of a replay: read by DuckDB and Polars, sums equal to the engine's."""

import json
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from tests.support import wire
from tests.support.captures import capture
from tests.support.ctl import ctl


@pytest.fixture
def day(tmp_path: Path) -> Path:
    return wire.write_pcap(tmp_path / "day.pcap", wire.day_frames())


def export(path: Path, out: Path, *args: str) -> dict[str, Any]:
    result = ctl("replay", "--json", "--export", out, *args, path)
    assert result.returncode == 0, result.stderr
    report: dict[str, Any] = json.loads(result.stdout)
    return report


def test_trades(day: Path, tmp_path: Path) -> None:
    report = export(day, tmp_path / "out")
    trades = pl.read_parquet(tmp_path / "out" / "trades.parquet")
    rows = trades.select("instrument", "kind", "side", "px", "size", "match").rows()
    assert rows == [
        ("AAPL", "execute", "bid", 400_700, 100, 9001),
        ("AAPL", "execute_at", "ask", 400_800, 100, 9002),
        ("MSFT", "trade", "bid", 999_900, 25, 9004),
        ("AAPL", "broken", None, 400_800, 100, 9002),
    ]
    assert trades["price_exp"].to_list() == [-4] * 4
    assert trades["rx_ns"].min() == wire.T0 + 2_000_000
    assert report["export"] == {"bbo.parquet": 9, "trades.parquet": 4}


def test_bbo(day: Path, tmp_path: Path) -> None:
    export(day, tmp_path)
    bbo = pl.read_parquet(tmp_path / "bbo.parquet")
    aapl = bbo.filter(pl.col("instrument") == "AAPL")
    first, last = aapl.row(0, named=True), aapl.row(-1, named=True)
    assert (first["bid_px"], first["bid_size"], first["ask_px"], first["ask_size"]) == (
        400_700, 300, None, 0,
    )  # fmt: skip
    assert (last["bid_px"], last["bid_size"], last["ask_px"], last["ask_size"]) == (
        400_700, 350, 400_900, 350,
    )  # fmt: skip
    assert set(bbo["state"]) == {"valid"}


def test_filters(day: Path, tmp_path: Path) -> None:
    export(day, tmp_path, "--instrument", "MSFT")
    assert set(pl.read_parquet(tmp_path / "bbo.parquet")["instrument"]) == {"MSFT"}
    export(day, tmp_path, "--from", "14:30:00.003")
    assert pl.read_parquet(tmp_path / "trades.parquet")["match"].to_list() == [9004, 9002]


def test_empty_files_are_readable(tmp_path: Path) -> None:
    path = wire.write_pcap(tmp_path / "s.pcap", wire.day_frames([wire.system(b"O")]))
    export(path, tmp_path)
    assert pl.read_parquet(tmp_path / "trades.parquet").height == 0
    assert duckdb.execute(f"select count(*) from '{tmp_path}/bbo.parquet'").fetchall() == [(0,)]


def test_unwritable_folder(day: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = ctl("replay", "--export", tmp_path / "file", day)
    assert result.returncode == 12
    assert "is the folder writable" in result.stderr


@pytest.mark.parametrize("name", ["iex/DEEP10.pcap.gz", "iex/TOPS16.pcapng.gz"])
def test_sums_of_real_captures(name: str, tmp_path: Path) -> None:
    report = export(capture(name), tmp_path)
    query = (
        "select count(*) filter (kind <> 'broken') - count(*) filter (kind = 'broken'), "
        "sum(case when kind = 'broken' then -cast(size as hugeint) else size end) "
        f"from '{tmp_path}/trades.parquet'"
    )
    assert duckdb.execute(query).fetchall()[0] == (report["trades"], report["volume"])
    for file in ("bbo", "trades"):
        found = duckdb.execute(
            f"select count(*), sum(ts_ns), sum(rx_ns) from '{tmp_path}/{file}.parquet'"
        ).fetchall()[0]
        frame = pl.read_parquet(tmp_path / f"{file}.parquet")
        big = frame.select(pl.col("ts_ns", "rx_ns").cast(pl.Int128).sum()).row(0)
        assert found == (frame.height, *big)
