"""``pinnacle-ctl replay`` as a process: report, JSON, limits, bad input, exit codes."""

import gzip
import json
import os
import signal
import subprocess
import time
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pinnacle.report import SCHEMA_FILE, ReplayReport

from tests.support import wire
from tests.support.captures import capture
from tests.support.ctl import COMMAND, ctl

SCHEMA = json.loads((resources.files("pinnacle") / "schema" / SCHEMA_FILE).read_text())


@pytest.fixture
def day(tmp_path: Path) -> Path:
    return wire.write_pcap(tmp_path / "day.pcap", wire.day_frames())


def replay_json(*args: str | Path, code: int = 0) -> dict[str, Any]:
    result = ctl("replay", "--json", *args)
    assert result.returncode == code, result.stderr
    report: dict[str, Any] = json.loads(result.stdout)
    jsonschema.validate(report, SCHEMA)
    return report


def book(report: dict[str, Any], name: str) -> dict[str, Any]:
    return next(b for b in report["books"] if b["instrument"] == name)


def test_schema_file_is_the_model() -> None:
    assert ReplayReport.model_json_schema() == SCHEMA


def test_json_of_a_day(day: Path) -> None:
    report = replay_json("--depth", "5", day)
    assert report["messages"] == len(wire.day())
    assert report["frames"] == report["datagrams"] == 6
    assert report["by_type"] == wire.DAY_TYPES
    assert report["drops"] == {}
    assert (report["trades"], report["volume"]) == (wire.DAY_TRADES, wire.DAY_VOLUME)
    assert report["stopped"] == "end"
    (channel,) = report["channels"]
    assert channel["session"] == wire.SESSION.decode()
    assert (channel["first_seq"], channel["last_seq"]) == (1, len(wire.day()))
    assert channel["ended"] and not channel["late_join"] and channel["gaps"] == 0
    aapl = book(report, "AAPL")
    assert (aapl["state"], aapl["locate"]) == ("valid", 1)
    bids = [(q["price"], q["size"], q["orders"]) for q in aapl["levels"]["bids"]]
    asks = [(q["price"], q["size"], q["orders"]) for q in aapl["levels"]["asks"]]
    assert (bids, asks) == (wire.DAY_BIDS, wire.DAY_ASKS)
    assert aapl["bid"] == {"price": "40.0700", "size": 350, "orders": 2}
    msft = book(report, "MSFT")
    assert msft["bid"] is None and msft["ask"] is None
    assert (msft["trades"], msft["volume"]) == (1, 25)


def test_text_of_a_day(day: Path) -> None:
    result = ctl("replay", day)
    assert result.returncode == 0
    assert result.stderr == ""
    for text in ("itch50 over moldudp64", "messages   19", "AAPL", "40.0700", "digest", "none",
                 "add_order"):  # fmt: skip
        assert text.lower() in result.stdout.lower()


def test_raw_itch_standard_input_and_gzip_give_the_same_books(day: Path, tmp_path: Path) -> None:
    raw = wire.write_raw_itch(tmp_path / "day.itch", wire.day())
    zipped = tmp_path / "day.pcap.gz"
    zipped.write_bytes(gzip.compress(day.read_bytes()))
    plain = replay_json(day)
    assert replay_json(zipped)["digest"] == plain["digest"]
    piped = ctl("replay", "--json", "-", stdin=day.read_bytes())
    assert json.loads(piped.stdout)["digest"] == plain["digest"]
    assert book(replay_json(raw), "AAPL")["bid"] == book(plain, "AAPL")["bid"]


def test_two_files_are_two_lines(tmp_path: Path, day: Path) -> None:
    a = wire.write_pcap(tmp_path / "a.pcap", wire.day_frames(lose=frozenset({1, 3})))
    frames = wire.day_frames(lose=frozenset({2}), group=wire.GROUP_B)
    b = wire.write_pcap(tmp_path / "b.pcap", frames)
    report = replay_json(a, b)
    (channel,) = report["channels"]
    assert channel["lost"] == 0
    assert len(channel["lines"]) == 2
    assert report["messages"] == len(wire.day())
    assert report["digest"] == replay_json(day)["digest"]


def test_gap_makes_books_stale(tmp_path: Path) -> None:
    path = wire.write_pcap(tmp_path / "g.pcap", wire.day_frames(lose=frozenset({2})))
    report = replay_json(path)
    (channel,) = report["channels"]
    assert (channel["gaps"], channel["lost"]) == (1, 4)
    assert {b["state"] for b in report["books"]} == {"stale"}
    assert "gap" in book(report, "AAPL")["stale_why"]
    stopped = replay_json("--stop-on", "gap", path, code=10)
    assert stopped["stopped"] == "stop-on:gap"


def test_instrument_filter(day: Path) -> None:
    assert [b["instrument"] for b in replay_json("--instrument", "MSFT", day)["books"]] == ["MSFT"]
    result = ctl("replay", "--instrument", "TSLA", day)
    assert result.returncode == 9
    assert "no instrument TSLA" in result.stderr


def test_limits(day: Path) -> None:
    report = replay_json("--max-messages", "7", day)
    assert (report["messages"], report["stopped"]) == (7, "max-messages")
    # Datagrams are 1 ms apart: the one at 2 ms is the last that is read.
    report = replay_json("--to", "14:30:00.0025", day)
    assert (report["messages"], report["stopped"]) == (12, "to")
    report = replay_json("--from", "14:30:00.003", day)
    assert report["messages"] == len(wire.day())
    assert (report["window"]["trades"], report["window"]["volume"]) == (1, 25)


def test_quiet_prints_nothing(day: Path) -> None:
    result = ctl("replay", "--quiet", day)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_recorded_pace(tmp_path: Path) -> None:
    frames = wire.day_frames(step_ns=100_000_000, end=False)
    path = wire.write_pcap(tmp_path / "slow.pcap", frames)
    fast, slow = replay_json(path), replay_json("--speed", "recorded", path)
    double = replay_json("--speed", "2x", path)
    assert slow["digest"] == fast["digest"] == double["digest"]
    assert slow["seconds"] >= 0.4
    assert 0.2 <= double["seconds"] < slow["seconds"]


def test_region_can_be_attached(day: Path, tmp_path: Path) -> None:
    from pinnacle.region import View

    path = tmp_path / "state"
    slow = [*COMMAND, "replay", "--json", "--speed", "recorded", "--region", str(path), str(day)]
    with subprocess.Popen(slow, stdout=subprocess.PIPE) as process:
        deadline = time.monotonic() + 30
        while not (path.exists() and path.stat().st_size) and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.5)
        with View.attach(path) as view:
            assert view.header.pid == process.pid
            assert view.book("AAPL").top().bid_px == 400_700
        report = json.loads(process.communicate(timeout=60)[0])
    assert report["memory"]["backing"] == "file"
    assert not path.exists()


def test_region_in_use(day: Path, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("something else")
    result = ctl("replay", "--region", tmp_path / "state", day)
    assert result.returncode == 11
    assert "another engine may be using it" in result.stderr
    assert (tmp_path / "state").read_text() == "something else"


def test_too_many_files(day: Path) -> None:
    assert ctl("replay", *[day] * 17).returncode == 2


def test_configured_channel(day: Path, tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(
        "engine: {recognise: false}\nchannels:\n- name: totalview\n  feed: itch50\n"
        f"  lines: [{{group: {wire.GROUP_A}, port: {wire.PORT}}}]\n"
    )
    report = replay_json("--config", config, day)
    assert report["channels"][0]["name"] == "totalview"
    assert report["messages"] == len(wire.day())


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", 5),
        (b"this is not a capture at all, just text\n" * 10, 5),
        (b"\xd4\xc3\xb2\xa1\x02\x00", 5),
    ],
    ids=["empty", "text", "cut header"],
)
def test_bad_input(tmp_path: Path, content: bytes, code: int) -> None:
    path = tmp_path / "bad.pcap"
    path.write_bytes(content)
    for command in (("replay",), ("capture", "info")):
        result = ctl(*command, path)
        assert result.returncode == code
        assert result.stderr.count("\n") == 1
        assert str(path) in result.stderr


def test_header_without_frames(tmp_path: Path) -> None:
    path = wire.write_pcap(tmp_path / "none.pcap", [])
    assert ctl("replay", path).returncode == 5


def test_unknown_feed(tmp_path: Path) -> None:
    frames = [(wire.T0 + i, wire.udp(b"hello, this is no exchange")) for i in range(5)]
    path = wire.write_pcap(tmp_path / "other.pcap", [*frames, (wire.T0, wire.arp())])
    result = ctl("replay", "--json", path)
    assert result.returncode == 6
    assert json.loads(result.stdout)["drops"] == {"net_not_ip": 1, "flow_unknown": 5}
    assert "capture info" in result.stderr


def test_unknown_link_type_is_counted(tmp_path: Path) -> None:
    path = wire.write_pcap(tmp_path / "user0.pcap", [(wire.T0, bytes(60))], link=147)
    assert replay_json(path, code=6)["drops"] == {"io_link_type": 1}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission(day: Path) -> None:
    day.chmod(0)
    assert ctl("replay", day).returncode == 4


def test_interrupt_reports_so_far(tmp_path: Path) -> None:
    frames = wire.day_frames(step_ns=10_000_000_000)
    path = wire.write_pcap(tmp_path / "long.pcap", frames)
    process = subprocess.Popen(
        [*COMMAND, "replay", "--json", "--speed", "recorded", str(path)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    time.sleep(1.5)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    report = json.loads(out)
    assert report["stopped"] == "interrupted"
    assert report["messages"] == 4


def test_iex_deep() -> None:
    report = replay_json(capture("iex/DEEP10.pcap.gz"))
    assert report["frames"] == 121_314
    assert report["messages"] == 391_999
    assert report["by_type"] == {
        "S": 44, "H": 93_638, "O": 93_638, "P": 93_636, "5": 14_627, "8": 12_941, "T": 83_343,
        "E": 59, "B": 73,
    }  # fmt: skip
    assert report["channels"][0]["restarts"] == 11
    assert report["channels"][0]["heartbeats"] == 7_937
    assert report["drops"].get("io_record_cut") == 1


def test_iex_tops() -> None:
    report = replay_json(capture("iex/TOPS16.pcapng.gz"))
    assert (report["frames"], report["messages"]) == (13_022, 57_674)
    (channel,) = report["channels"]
    assert (channel["first_seq"], channel["last_seq"]) == (1, 57_674)
    assert (channel["gaps"], channel["heartbeats"]) == (0, 237)


def test_itch_snippet() -> None:
    path = capture("nasdaq_itch50/12302019_SNIPPET.NASDAQ_ITCH50")
    report = replay_json(path)
    assert report["by_type"] == {
        "A": 367, "U": 225, "F": 193, "D": 167, "E": 28, "X": 6, "I": 4, "P": 4, "Q": 4, "C": 1,
        "S": 1,
    }  # fmt: skip
    assert report["drops"]["book_unknown_ref"] == 399
    assert report["channels"][0]["late_join"]
    assert {b["state"] for b in report["books"]} <= {"stale", "empty"}
