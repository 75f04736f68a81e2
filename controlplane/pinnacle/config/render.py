"""Renders a live configuration into ``struct pn_live_config``, and engine limits for all uses.

Nothing is decided here that the schema does not say, but for two things that follow from it:
which shard a channel belongs to, and which flows each port has to take from its device.
"""

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pinnacle import tables
from pinnacle.abi import ffi, lib
from pinnacle.config.live import LiveConfig, LiveLineConfig, PortConfig
from pinnacle.config.schema import EngineConfig
from pinnacle.errors import ConfigError
from pinnacle.records import ipv4_number

HUGEPAGES = {"never": 0, "auto": 1, "require": 2}
PORT_KINDS = {"pcap": lib.PN_PORT_PCAP, "af_xdp": lib.PN_PORT_AF_XDP, "dpdk": lib.PN_PORT_DPDK}
MODES = {"auto": lib.PN_XDP_AUTO, "zerocopy": lib.PN_XDP_ZEROCOPY, "copy": lib.PN_XDP_COPY}

_ERR_LEN = 512


@dataclass(frozen=True, slots=True)
class Places:
    """Where the files of an instance are: ``state`` has one path a shard."""

    run_dir: Path
    control: Path
    state: tuple[Path, ...]


def fill_engine(out: Any, given: EngineConfig, default_feed: int = 0) -> None:
    """Sets every field of a ``struct pn_config``."""
    lib.pn_config_default(out)
    for name in ("max_orders", "max_instruments", "max_pages", "max_trades", "burst",
                 "reorder_datagrams", "reorder_ns"):  # fmt: skip
        setattr(out, name, getattr(given, name))
    out.hugepages = HUGEPAGES[given.hugepages]
    out.timing, out.recognise = given.timing, given.recognise
    out.default_feed = default_feed


def render(config: LiveConfig, places: Places) -> Any:
    """A new ``struct pn_live_config``; raises ``ConfigError`` where the layout has no room.

    The result is checked by ``pn_live_config_check``, so what is written into the control segment
    is what the data plane accepts.
    """
    out = ffi.new("struct pn_live_config *")
    out.instance = config.instance.encode()
    out.user = (config.user or "").encode()
    out.run_dir = _path(places.run_dir)
    out.eal = "\n".join(config.dpdk.eal).encode()
    out.shards, out.ports = len(config.shards), len(config.ports)
    out.channels, out.servers = len(config.channels), len(config.recovery.servers)
    out.seccomp = config.seccomp
    out.heartbeat_lost_ms = config.heartbeat.lost_ms
    for number, shard in enumerate(config.shards):
        into = out.shard[number]
        fill_engine(ffi.addressof(into.engine), shard.engine or config.engine)
        into.state_path = _path(places.state[number])
        into.cpu, into.idle_sleep_us = shard.cpu, shard.idle_sleep_us
    for number, port in enumerate(config.ports):
        _port(out.port[number], port, _steers(config, number))
    names = [channel.name for channel in config.channels]
    for number, channel in enumerate(config.channels):
        into = out.channel[number]
        into.name, into.feed = channel.name.encode(), tables.FEED_NUMBER[channel.feed]
        into.lines = len(channel.lines)
        for i, line in enumerate(channel.lines):
            into.group_be[i], into.port[i] = _group(line), line.port
            into.input[i] = config.port_number(line.port_name)
        into.recovery = tables.RECOVERY_NUMBER[config.recovery_of(channel)]
        out.channel_shard[number] = config.shard_of(channel)
    for number, server in enumerate(config.recovery.servers):
        into = out.server[number]
        into.channel, into.address_be = names.index(server.channel), ipv4_number(server.address)
        into.port, into.rate = server.port, server.rate
    err = ffi.new("char[]", _ERR_LEN)
    if lib.pn_live_config_check(out, err, _ERR_LEN):
        raise ConfigError(ffi.string(err).decode(errors="replace"))
    return out


def _port(into: Any, port: PortConfig, steers: list[tuple[int, int, int]]) -> None:
    if len(port.device.encode()) >= lib.PN_DEVICE_LEN:
        raise ConfigError(
            f"port {port.name}: {port.device} is longer than {lib.PN_DEVICE_LEN - 1} bytes; "
            "use a shorter path"
        )
    into.name, into.device = port.name.encode(), port.device.encode()
    into.kind, into.mode = PORT_KINDS[port.kind], MODES[port.mode]
    for name in ("shard", "queue", "queues", "rx_ring", "tx_ring", "buffers", "buffer_bytes",
                 "busy_poll_us", "promiscuous", "hw_time", "mtu"):  # fmt: skip
        setattr(into, name, getattr(port, name))
    if len(steers) > lib.PN_STEERS_MAX:
        raise ConfigError(
            f"port {port.name}: {len(steers)} flows are more than {lib.PN_STEERS_MAX}; "
            "use group any, or spread the channels over ports"
        )
    into.steers = len(steers)
    for i, (group, udp, multicast) in enumerate(steers):
        steer = into.steer[i]
        steer.group_be, steer.port, steer.multicast = group, udp, multicast


def _group(line: LiveLineConfig) -> int:
    return 0 if line.group == "any" else ipv4_number(line.group)


def _steers(config: LiveConfig, port: int) -> list[tuple[int, int, int]]:
    """Flows that a port takes: those of its lines, or everything where no channel is declared."""
    lines = [
        line
        for channel in config.channels
        for line in channel.lines
        if config.port_number(line.port_name) in (-1, port)
    ]
    if not config.channels:
        return [(0, 0, 0)]
    found = {
        (_group(line), line.port,
         int(line.group != "any" and ipaddress.IPv4Address(line.group).is_multicast))
        for line in lines
    }  # fmt: skip
    return sorted(found)


def _path(path: Path) -> bytes:
    text = str(path).encode()
    if len(text) >= lib.PN_PATH_LEN:
        raise ConfigError(f"{path}: longer than {lib.PN_PATH_LEN - 1} bytes; use a shorter folder")
    return text


def region_bytes(engine: EngineConfig) -> int:
    """Size of the state segment that an engine of these limits needs, in bytes."""
    cfg, err = ffi.new("struct pn_config *"), ffi.new("char[]", _ERR_LEN)
    fill_engine(cfg, engine)
    cfg.hugepages = 0
    handle = lib.pn_engine_open(cfg, ffi.NULL, err, _ERR_LEN)
    if handle == ffi.NULL:
        raise ConfigError(ffi.string(err).decode(errors="replace"))
    try:
        return int(lib.pn_view_header(lib.pn_engine_view(handle)).bytes)
    finally:
        lib.pn_engine_close(handle)
