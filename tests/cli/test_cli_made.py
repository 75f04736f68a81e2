"""``capture make`` into ``replay``: the report agrees with the truth beside the capture."""

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.support.ctl import ctl

pytest.importorskip("pinnacle.cli.capture_make", reason="capture make is not in this tree")


def make(path: Path, *args: str, seed: int = 5) -> dict[str, Any]:
    result = ctl("capture", "make", "--seed", str(seed), "--symbols", "20", "--messages", "20000",
                 *args, path)  # fmt: skip
    assert result.returncode == 0, result.stderr
    truth: dict[str, Any] = json.loads(path.with_name(path.name + ".truth.json").read_text())
    return truth


def replay(*args: str | Path) -> dict[str, Any]:
    result = ctl("replay", "--json", *args)
    assert result.returncode == 0, result.stderr
    report: dict[str, Any] = json.loads(result.stdout)
    return report


def quotes(books: list[dict[str, Any]]) -> dict[str, tuple[Any, ...]]:
    keys = ("bid", "ask", "trades", "volume")
    return {b["instrument"]: tuple(b[k] for k in keys) for b in books}


@pytest.mark.parametrize("name", ["day.pcap", "day.pcapng.zst", "day.itch"])
def test_whole_day(tmp_path: Path, name: str) -> None:
    truth = make(tmp_path / name)
    report = replay(tmp_path / name)
    assert report["by_type"] == truth["by_type"]
    assert (report["trades"], report["volume"]) == (truth["trades"], truth["volume"])
    assert quotes(report["books"]) == quotes(truth["books"])
    assert {b["state"] for b in report["books"]} == {"valid"}
    assert report["drops"] == {}


def test_loss_on_one_line_is_healed(tmp_path: Path) -> None:
    faults = ("--lines", "2", "--own-boundaries", "--loss-a", "0.3", "--dup", "0.02",
              "--reorder", "0.02")  # fmt: skip
    truth = make(tmp_path / "ab.pcap", *faults)
    assert truth["lost_all_messages"] == 0
    report = replay(tmp_path / "ab.pcap")
    (channel,) = report["channels"]
    assert (channel["lost"], channel["messages"]) == (0, truth["messages"])
    assert len(channel["lines"]) == 2
    assert quotes(report["books"]) == quotes(truth["books"])
    assert {b["state"] for b in report["books"]} == {"valid"}


def test_loss_on_both_lines_is_reported(tmp_path: Path) -> None:
    truth = make(tmp_path / "ab.pcap", "--lines", "2", "--loss-a", "0.05", "--loss-b", "0.05")
    report = replay(tmp_path / "ab.pcap")
    (channel,) = report["channels"]
    assert truth["lost_all_messages"] > 0
    assert channel["lost"] == truth["lost_all_messages"]
    assert channel["gaps"] == len(truth["lost_all"])
    assert report["messages"] == truth["messages"] - truth["lost_all_messages"]
    assert {b["state"] for b in report["books"]} == {"stale"}


def test_export_of_a_day(tmp_path: Path) -> None:
    truth = make(tmp_path / "day.pcap")
    report = replay("--export", tmp_path / "out", tmp_path / "day.pcap")
    sums = duckdb.execute(
        "select count(*) filter (kind <> 'broken'), count(*) filter (kind = 'broken') "
        f"from '{tmp_path}/out/trades.parquet'"
    ).fetchall()[0]
    assert sums[0] - sums[1] == truth["trades"] == report["trades"]
    rows = duckdb.execute(
        "select instrument, last(bid_px), last(bid_size), last(ask_px), last(ask_size) from "
        f"(select * from '{tmp_path}/out/bbo.parquet' order by seq) group by instrument"
    ).fetchall()
    assert len(rows) == len(report["books"])
    last = {row[0]: row[1:] for row in rows}
    for book in truth["books"]:
        px, size, ask_px, ask_size = last[book["instrument"]]
        bid, ask = book["bid"], book["ask"]
        assert (size, ask_size) == (bid["size"] if bid else 0, ask["size"] if ask else 0)
        if bid:
            assert bid["price"] == f"{px / 10_000:.4f}"
        if ask:
            assert ask["price"] == f"{ask_px / 10_000:.4f}"
