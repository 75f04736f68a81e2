"""``pinnacle-ctl capture info``."""

import json
from pathlib import Path
from typing import Any

from tests.support import wire
from tests.support.captures import capture
from tests.support.ctl import ctl


def info(path: Path) -> dict[str, Any]:
    result = ctl("capture", "info", "--json", path)
    assert result.returncode == 0, result.stderr
    facts: dict[str, Any] = json.loads(result.stdout)
    return facts


def test_flows_of_a_made_capture(tmp_path: Path) -> None:
    frames = wire.day_frames(end=False)
    frames += [(wire.T0 + 5, wire.udp(b"something else", "239.1.1.1", 9, "10.0.0.9"))]
    frames += [(wire.T0 + 6, wire.arp())]
    frames += [(wire.T0 + 3 * 10**9, wire.udp(wire.iex(0x8003, 1, []), "233.215.21.4", 10_378))]
    path = wire.write_pcap(tmp_path / "mixed.pcap", sorted(frames, key=lambda f: f[0]))
    facts = info(path)
    assert (facts["frames"], facts["datagrams"]) == (8, 7)
    assert facts["drops"] == {"net_not_ip": 1}
    assert facts["last_ns"] - facts["first_ns"] == 3 * 10**9
    assert facts["peak_second"]["frames"] == 7
    assert facts["peak_millisecond"]["frames"] == 3
    itch, other, tops = facts["flows"]
    assert itch["destination"] == f"{wire.GROUP_A}:{wire.PORT}"
    assert itch["source"] == "10.0.0.1:18001"
    assert itch["guess"]["feed"] == "itch50"
    assert (itch["datagrams"], itch["messages"]) == (5, 19)
    assert (other["guess"]["feed"], other["source"]) == (None, "10.0.0.9:18001")
    assert "none of 1 datagrams" in other["guess"]["why"]
    assert tops["guess"] == {
        "feed": "tops16",
        "framing": "iextp",
        "why": "1 of 1 datagrams are iextp, 1 with tops16 messages",
    }


def test_text(tmp_path: Path) -> None:
    path = wire.write_pcap(tmp_path / "day.pcap", wire.day_frames())
    result = ctl("capture", "info", path)
    assert result.returncode == 0
    assert f"{wire.GROUP_A}:{wire.PORT}" in result.stdout
    assert "itch50" in result.stdout


def test_raw_itch(tmp_path: Path) -> None:
    facts = info(wire.write_raw_itch(tmp_path / "day.itch", wire.day()))
    (flow,) = facts["flows"]
    assert flow["guess"]["feed"] == "itch50"
    assert flow["messages"] == 19
    assert flow["source"] is None


def test_flows_beyond_the_limit(tmp_path: Path) -> None:
    frames = [(wire.T0 + i, wire.udp(b"x" * 4, port=1 + i)) for i in range(1030)]
    facts = info(wire.write_pcap(tmp_path / "many.pcap", frames))
    assert (len(facts["flows"]), facts["unlisted"], facts["datagrams"]) == (1024, 6, 1030)


def test_ip6_is_told_apart(tmp_path: Path) -> None:
    frames = [(wire.T0, wire.udp6(wire.mold(1, wire.day())))]
    (flow,) = info(wire.write_pcap(tmp_path / "six.pcap", frames))["flows"]
    assert flow["destination"] == f"ipv6:{wire.PORT}"
    assert (flow["guess"]["feed"], flow["messages"]) == ("itch50", 19)


def test_blank_session_is_recognised_by_its_messages(tmp_path: Path) -> None:
    blank = bytes(10)
    frames = [
        (wire.T0, wire.udp(wire.mold(0, wire.day(), blank))),
        (wire.T0 + 1, wire.udp(blank + bytes(10), port=5)),
    ]
    itch, zeros = info(wire.write_pcap(tmp_path / "blank.pcap", frames))["flows"]
    assert itch["guess"]["feed"] == "itch50"
    assert (zeros["guess"]["feed"], zeros["guess"]["framing"]) == (None, None)


def test_real_captures() -> None:
    deep = info(capture("iex/DEEP10.pcap.gz"))
    assert deep["frames"] == deep["datagrams"] == 121_314
    (flow,) = deep["flows"]
    assert flow["destination"] == "224.2.3.10:16648"
    assert (flow["guess"]["feed"], flow["messages"]) == ("deep10", 391_999)
    assert deep["drops"]["io_record_cut"] == 1
    tops = info(capture("iex/TOPS16.pcapng.gz"))
    assert tops["flows"][0]["messages"] == 57_674
