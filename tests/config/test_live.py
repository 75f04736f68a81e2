"""The configuration of a live instance: examples, complaints, comparison, rendering."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pinnacle.abi import ffi, lib
from pinnacle.config import live
from pinnacle.config.diff import differences
from pinnacle.config.live import LiveConfig, listen_address
from pinnacle.config.loader import load_any, load_live
from pinnacle.config.render import Places, region_bytes, render
from pinnacle.errors import ConfigError

from tests.config.test_config import _given, _keys
from tests.support.ctl import ctl

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
LIVE = ("af_xdp", "dpdk", "pcap")
PORT = "ports:\n- {name: a, kind: pcap, device: x.pcap}\n"


@pytest.mark.parametrize("name", LIVE)
def test_example_is_valid_and_shows_every_key(name: str) -> None:
    path = CONFIGS / f"{name}.yaml"
    assert isinstance(load_any(path), LiveConfig)
    schema = LiveConfig.model_json_schema()
    assert _given(yaml.safe_load(path.read_text())) == _keys(schema, schema)


@pytest.mark.parametrize("name", LIVE)
def test_example_shows_the_defaults(name: str) -> None:
    """Where a value is not what the example is about, it is the default."""
    config = load_live(CONFIGS / f"{name}.yaml")
    for section in ("log", "metrics", "restart", "heartbeat", "control"):
        field = LiveConfig.model_fields[section]
        assert getattr(config, section) == field.default
    if name != "pcap":
        assert config.engine == live.LiveEngineConfig()
    port = config.ports[0].model_dump(exclude={"name", "kind", "device"})
    default = live.PortConfig(name="x", kind="pcap", device="x").model_dump()
    assert port == {key: default[key] for key in port}


def test_example_names_every_bound() -> None:
    text = (CONFIGS / "af_xdp.yaml").read_text()
    for model in (live.PortConfig, live.ShardConfig, live.LogConfig, live.RestartConfig,
                  live.HeartbeatConfig, live.ServerConfig):  # fmt: skip
        for name, field in model.model_json_schema()["properties"].items():
            if "maximum" in field:
                rows = [r for r in text.splitlines() if r.strip(" -").startswith(f"{name}:")]
                bounds = f"{field['minimum']} to {field['maximum']}"
                assert any(bounds in row for row in rows), f"{name}: {bounds}"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("instance: main\n", r"ports: must be given"),
        (PORT + "instance: a/b\n", r"^\S+:3: instance: "),
        (PORT + "ports:\n", r":3: ports: given twice"),
        ("ports:\n- {name: a, kind: udp, device: x}\n", r":2: ports\[0\]\.kind: 'udp' is not al"),
        ("ports:\n- {name: a, kind: pcap, device: x, shard: 1}\n", r"a is of shard 1, but shards"),
        ("ports:\n- {name: a, kind: pcap, device: x, rx_ring: 100}\n", r"power of two.* as 128"),
        ("ports:\n- {name: a, kind: pcap, device: x, queus: 1}\n", r"did you mean queue"),
        (PORT + "shards: [{}, {}]\n", r"no port is of shard 1"),
        (PORT + "metrics: {listen: '0.0.0.0:1'}\n", r"must be a loopback address"),
        (PORT + "heartbeat: {hang_ms: 1}\n", r"1 is out of bounds; allowed is 50 to 600000 ms"),
        (PORT + "channels: [{name: c, feed: itch50, lines: [{port_name: b}]}]\n", r"no port b; p"),
        (PORT + "recovery: {servers: [{channel: c, address: 1.2.3.4, port: 1}]}\n", r"no channel"),
        (PORT + "dpdk: {eal: ['']}\n", r"must not be empty"),
        (PORT + "shards: [{engine: {burst: 0}}]\n", r"shards\[0\]\.engine\.burst: 0 is out"),
    ],
)  # fmt: skip
def test_complaints(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "live.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_any(path)
    assert re.search(says, str(caught.value)), caught.value
    assert "\n" not in str(caught.value)


def test_lines_of_a_channel_are_of_one_shard(tmp_path: Path) -> None:
    path = tmp_path / "live.yaml"
    path.write_text(
        "ports:\n- {name: a, kind: pcap, device: x}\n- {name: b, kind: pcap, device: y, shard: 1}\n"
        "shards: [{}, {}]\n"
        "channels: [{name: c, feed: itch50, lines: [{port_name: a}, {port_name: b}]}]\n"
    )
    with pytest.raises(ConfigError, match="ports of shards 0, 1; name ports of one shard"):
        load_live(path)


def test_engine_of_a_shard_inherits(tmp_path: Path) -> None:
    path = tmp_path / "live.yaml"
    path.write_text(PORT + "engine: {burst: 7, max_orders: 2048}\nshards: [{engine: {burst: 9}}]\n")
    engine = load_live(path).shards[0].engine
    assert engine is not None
    assert (engine.burst, engine.max_orders) == (9, 2048)


def test_captures_are_found_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "live.yaml"
    path.write_text(PORT)
    assert load_live(path).ports[0].device == str(tmp_path / "x.pcap")


def test_limits_are_those_of_the_layout() -> None:
    assert (live.SHARDS_MAX, live.PORTS_MAX) == (lib.PN_SHARDS_MAX, lib.PN_PORTS_MAX)
    assert (live.CHANNELS_MAX, live.SERVERS_MAX) == (lib.PN_CHANNELS_MAX, lib.PN_SERVERS_MAX)
    assert (live.DEVICE_MAX, live.EAL_MAX) == (lib.PN_DEVICE_LEN - 1, lib.PN_EAL_LEN - 1)


@pytest.mark.parametrize("text", ["", "1.2.3.4:5", "localhost:1", "127.0.0.1:70000", "127.0.0.1"])
def test_listen_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        listen_address(text)


def test_listen() -> None:
    assert listen_address("127.0.0.1:0") == ("127.0.0.1", 0)
    assert listen_address("[::1]:9464") == ("::1", 9464)


def _places(count: int) -> Places:
    return Places(Path("/r"), Path("/r/c"), tuple(Path(f"/r/s{i}") for i in range(count)))


def test_render() -> None:
    config = load_live(CONFIGS / "af_xdp.yaml")
    raw = render(config, _places(1))
    assert ffi.string(raw.instance) == b"main"
    assert ffi.string(raw.shard[0].state_path) == b"/r/s0"
    assert (raw.shards, raw.ports, raw.channels, raw.servers) == (1, 2, 1, 1)
    assert raw.shard[0].cpu == 2 and raw.shard[0].engine.max_orders == 4_194_304
    assert raw.port[1].kind == lib.PN_PORT_AF_XDP and ffi.string(raw.port[1].device) == b"eth2"
    # Each port takes only the flows of its own lines.
    assert [raw.port[i].steers for i in range(2)] == [1, 1]
    steer = raw.port[1].steer[0]
    assert bytes(ffi.buffer(ffi.addressof(steer, "group_be"))) == bytes([233, 49, 196, 111])
    assert (steer.port, steer.multicast) == (26477, 1)
    assert [raw.channel[0].input[i] for i in range(2)] == [0, 1]
    assert raw.server[0].channel == 0 and raw.server[0].port == 26478


def test_render_dpdk_arguments() -> None:
    raw = render(load_live(CONFIGS / "dpdk.yaml"), _places(1))
    assert ffi.string(raw.eal).splitlines()[0] == b"--in-memory"


def test_device_too_long(tmp_path: Path) -> None:
    path = tmp_path / "live.yaml"
    path.write_text(PORT.replace("x.pcap", "y" * 120))
    with pytest.raises(ConfigError, match="longer than 127 bytes"):
        render(load_live(path), _places(1))


def test_region_bytes_grow_with_the_limits() -> None:
    small = live.LiveEngineConfig(max_orders=1024, max_instruments=1024, max_pages=1024)
    assert region_bytes(small) < region_bytes(live.LiveEngineConfig())


def test_differences() -> None:
    first: dict[str, Any] = {"a": 1, "b": [{"name": "x", "v": 1}, {"name": "y"}], "c": [1, 2]}
    second = {"a": 1, "b": [{"name": "z"}, {"name": "x", "v": 2}, {"name": "y"}], "c": [1]}
    rows = {row["key"]: (row["first"], row["second"]) for row in differences(first, second)}
    assert rows == {"b[x].v": (1, 2), "b[z]": ("(absent)", {"name": "z"}), "c[1]": (2, "(absent)")}
    assert differences(first, first) == []


def test_commands(tmp_path: Path) -> None:
    example = CONFIGS / "af_xdp.yaml"
    facts = json.loads(ctl("config", "check", "--json", example).stdout)
    assert (facts["kind"], facts["ports"], facts["channels"]) == ("live", 2, 1)
    shown = json.loads(ctl("config", "show", "--json", example).stdout)
    schema = json.loads(ctl("config", "schema", "--kind", "live").stdout)
    assert set(shown) == set(schema["properties"])
    other = tmp_path / "other.yaml"
    other.write_text(example.read_text().replace("cpu: 2 ", "cpu: 3 "))
    same, unlike = ctl("config", "diff", example, example), ctl("config", "diff", example, other)
    assert same.returncode == 0 and "mean the same" in same.stdout
    assert (unlike.returncode, unlike.stdout) == (19, "shards[0].cpu: 2 -> 3\n")
    mixed = ctl("config", "diff", example, CONFIGS / "replay.yaml")
    assert mixed.returncode == 2 and mixed.stderr.count("\n") == 1
