"""The declarative schema of a live instance: the file given to ``pinnacle-ctl start --config``.

Same rules as ``schema.py``: a key is one field with type, default, bounds, unit and help; unknown
keys are refused. ``render.py`` turns the result into the control segment's layout. The examples
``configs/af_xdp.yaml``, ``configs/dpdk.yaml`` and ``configs/pcap.yaml`` show every key.
"""

import ipaddress
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from pinnacle.config.schema import (
    ChannelConfig,
    EngineConfig,
    FeedName,
    LineConfig,
    Name,
    RecoveryName,
    ReplayConfig,
    Section,
    key,
)

#: limits of the control segment (a test compares them with the compiled ones)
SHARDS_MAX, PORTS_MAX, CHANNELS_MAX, SERVERS_MAX = 8, 16, 64, 16
DEVICE_MAX, EAL_MAX = 127, 2047

PortKind = Literal["af_xdp", "dpdk", "pcap"]
InstanceName = Annotated[
    str, Field(min_length=1, max_length=23, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
]


def _power_of_two(value: int) -> int:
    if value & (value - 1):
        raise ValueError(f"must be a power of two, such as {1 << value.bit_length()}")
    return value


class LiveEngineConfig(EngineConfig):
    """Limits and switches of the engine of each shard; all memory is reserved at start."""

    timing: bool = key(False, "time the stages of the pipeline (costs a few percent)")


class PortConfig(Section):
    """One port: one or more queues of one device, polled by one shard."""

    name: Name = key(..., "name of the port in reports and in lines; up to 23 characters")
    kind: PortKind = key(..., "how frames are got: AF_XDP socket, DPDK driver, or capture file")
    device: str = key(
        ..., "interface (af_xdp), PCI address or DPDK device string (dpdk), or path (pcap)",
        min_length=1, max_length=DEVICE_MAX,
    )  # fmt: skip
    shard: int = key(0, "number of the shard that polls it", ge=0, le=SHARDS_MAX - 1)
    queue: int = key(0, "first receive queue of the device", ge=0, le=1023)
    queues: int = key(1, "number of receive queues", unit="queues", ge=1, le=64)
    mode: Literal["auto", "zerocopy", "copy"] = key(
        "auto", "AF_XDP: zero-copy where the driver can, zero-copy or refuse, or copy"
    )
    rx_ring: int = key(2048, "receive descriptors a queue; a power of two",
                       unit="descriptors", ge=64, le=32_768)  # fmt: skip
    tx_ring: int = key(512, "transmit descriptors a queue; a power of two",
                       unit="descriptors", ge=64, le=32_768)  # fmt: skip
    buffers: int = key(8192, "packet buffers a queue; a power of two",
                       unit="buffers", ge=256, le=1_048_576)  # fmt: skip
    buffer_bytes: Literal[2048, 4096] = key(2048, "AF_XDP: size of a buffer", unit="bytes")
    busy_poll_us: int = key(0, "AF_XDP: preferred busy polling budget; 0 for none",
                            unit="us", ge=0, le=1000)  # fmt: skip
    promiscuous: bool = key(False, "receive frames for any address, not only the joined groups")
    hw_time: bool = key(True, "use the device's receive time where it has one")
    mtu: int = key(0, "MTU to set on the device; 0 leaves it", unit="bytes", ge=0, le=9216)

    @field_validator("rx_ring", "tx_ring", "buffers")
    @classmethod
    def _ring(cls, value: int) -> int:
        return _power_of_two(value)


class ShardConfig(Section):
    """One pinned polling thread with its ports, channels and books."""

    cpu: int = key(-1, "processor that it is pinned to; -1 for none", ge=-1, le=1023)
    idle_sleep_us: int = key(0, "sleep after a poll without frames; 0 polls without pause",
                             unit="us", ge=0, le=1_000_000)  # fmt: skip
    engine: LiveEngineConfig | None = key(
        None, "limits that differ from those of the whole instance; keys left out are as there"
    )


class LiveLineConfig(Section):
    """One line of a channel: what arrives for this group and UDP port, on this port."""

    group: str = key("any", "IPv4 multicast (or unicast) destination address; any matches all")
    port: int = key(0, "UDP destination port; 0 matches all", ge=0, le=65_535)
    port_name: str = key("any", "name of the port that it arrives on; any matches all")

    @field_validator("group")
    @classmethod
    def _address(cls, value: str) -> str:
        return value if value == "any" else _ipv4(value)


class LiveChannelConfig(Section):
    """One sequenced stream of messages with its one or more redundant lines."""

    name: Name = key(..., "name of the channel in reports; up to 23 characters, no blanks")
    feed: FeedName = key(..., "protocol of the messages")
    lines: tuple[LiveLineConfig, ...] = key(
        ..., "redundant lines that carry the same messages (A, B)", min_length=1, max_length=4,
        strict=False,
    )  # fmt: skip


def _ipv4(value: str) -> str:
    try:
        ipaddress.IPv4Address(value)
    except ValueError as error:
        raise ValueError("must be an IPv4 address such as 233.54.12.111, or any") from error
    return value


class ServerConfig(Section):
    """A MoldUDP64 re-request server of one channel."""

    channel: str = key(..., "name of the channel that it serves")
    address: str = key(..., "IPv4 address of the server")
    port: int = key(..., "UDP port of the server", ge=1, le=65_535)
    rate: int = key(100, "requests at most", unit="a second", ge=1, le=1_000_000)

    @field_validator("address")
    @classmethod
    def _address(cls, value: str) -> str:
        return _ipv4(value)


class RecoveryConfig(Section):
    """Where lost messages are asked for. Channels with a server wait for its answers."""

    from_start: bool = key(
        False, "also ask for what was sent before the stream was joined (MoldUDP64 from 1 on)"
    )

    servers: tuple[ServerConfig, ...] = key(
        (), "re-request servers, tried in turn", max_length=SERVERS_MAX, strict=False
    )


class DpdkConfig(Section):
    """What DPDK is told; of use with ports of kind dpdk only."""

    eal: tuple[str, ...] = key(
        (), "arguments of the environment layer, such as --in-memory or -m 1024",
        max_length=64, strict=False,
    )  # fmt: skip

    @field_validator("eal")
    @classmethod
    def _fits(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if any("\n" in one or not one.strip() for one in value):
            raise ValueError("arguments must not be empty or hold line ends")
        if sum(len(one.encode()) + 1 for one in value) > EAL_MAX:
            raise ValueError(f"arguments are longer than {EAL_MAX} bytes together")
        return value


class LogConfig(Section):
    """JSON lines of the control plane (ctl.log) and of the data plane (dp.log)."""

    level: Literal["debug", "info", "warning", "error"] = key("info", "least level that is written")
    dir: str | None = key(
        None, "folder of the logs; null puts them into the run folder, which a stop removes"
    )
    max_bytes: int = key(16_777_216, "size at which a log is put aside and begun anew",
                         unit="bytes", ge=4096, le=2**32)  # fmt: skip
    keep: int = key(3, "logs put aside that are kept", unit="files", ge=0, le=100)


class MetricsConfig(Section):
    """Prometheus metrics."""

    listen: str | None = key(
        "127.0.0.1:9464", "loopback address and port of the metrics; port 0 takes any, null is off"
    )

    @field_validator("listen")
    @classmethod
    def _loopback(cls, value: str | None) -> str | None:
        if value is not None:
            listen_address(value)
        return value


def listen_address(text: str) -> tuple[str, int]:
    """``127.0.0.1:9464`` as address and port; anything but loopback is refused."""
    host, _, port = text.rpartition(":")
    try:
        loopback = ipaddress.ip_address(host.strip("[]")).is_loopback
        number = int(port)
    except ValueError:
        raise ValueError("must be like 127.0.0.1:9464") from None
    if not loopback or not 0 <= number <= 65_535:
        raise ValueError("must be a loopback address and a port, such as 127.0.0.1:9464")
    return host.strip("[]"), number


class RestartConfig(Section):
    """How a data plane that crashed or hung is started again; the first time at once."""

    delay_ms: int = key(100, "pause before the second restart in a row; doubles from there",
                        unit="ms", ge=1, le=60_000)  # fmt: skip
    max_ms: int = key(10_000, "longest pause", unit="ms", ge=1, le=600_000)
    jitter: float = key(0.25, "part of the pause that is left to chance", ge=0.0, le=1.0)
    limit: int = key(10, "failures within the window after which the instance gives up",
                     unit="failures", ge=1, le=1000)  # fmt: skip
    window_s: int = key(60, "window of the limit", unit="s", ge=1, le=86_400)


class HeartbeatConfig(Section):
    """How long silence is tolerated before one side takes the other for lost."""

    beat_ms: int = key(10, "pause between beats of the control plane", unit="ms", ge=1, le=1000)
    lost_ms: int = key(1000, "silence after which the data plane counts the control plane as lost",
                       unit="ms", ge=10, le=600_000)  # fmt: skip
    hang_ms: int = key(2000, "silence after which a data plane is killed and started again",
                       unit="ms", ge=50, le=600_000)  # fmt: skip
    start_s: float = key(60.0, "time that a data plane has to come up", unit="s", ge=0.1, le=600.0)
    stop_s: float = key(5.0, "time for each step of a stop: command, SIGTERM, SIGKILL",
                        unit="s", ge=0.1, le=600.0)  # fmt: skip


class ControlConfig(Section):
    """The control socket."""

    read_only_group: str | None = key(
        None, "group that may ask but not command, through a second socket control-ro"
    )


class LiveConfig(Section):
    """The file given to ``pinnacle-ctl start --config``."""

    instance: InstanceName = key("main", "name of the instance: letters, digits, - _ .")
    user: str | None = key(
        None, "user that the data plane runs as after set-up; null keeps the one it started as",
        max_length=31,
    )  # fmt: skip
    seccomp: bool = key(True, "data plane: allow only the system calls that it needs")
    ports: tuple[PortConfig, ...] = key(
        ..., "where frames come from", min_length=1, max_length=PORTS_MAX, strict=False
    )
    shards: tuple[ShardConfig, ...] = key(
        (ShardConfig(),), "polling threads; ports name them by number, from 0",
        min_length=1, max_length=SHARDS_MAX, strict=False,
    )  # fmt: skip
    channels: tuple[LiveChannelConfig, ...] = key(
        (), "channels and their lines; without any, flows are recognised",
        max_length=CHANNELS_MAX, strict=False,
    )  # fmt: skip
    recovery: RecoveryConfig = key(RecoveryConfig(), "where lost messages are asked for")
    engine: LiveEngineConfig = key(LiveEngineConfig(), "limits and switches of each shard")
    dpdk: DpdkConfig = key(DpdkConfig(), "what DPDK is told")
    log: LogConfig = key(LogConfig(), "logs")
    metrics: MetricsConfig = key(MetricsConfig(), "Prometheus metrics")
    restart: RestartConfig = key(RestartConfig(), "how a failed data plane is started again")
    heartbeat: HeartbeatConfig = key(HeartbeatConfig(), "how long silence is tolerated")
    control: ControlConfig = key(ControlConfig(), "the control socket")

    @model_validator(mode="before")
    @classmethod
    def _inherit_engine(cls, data: Any) -> Any:
        """Keys that a shard's engine leaves out are those of the whole instance."""
        shards = data.get("shards") if isinstance(data, dict) else None
        whole = data.get("engine") if isinstance(data, dict) else None
        if not isinstance(shards, (list, tuple)) or not isinstance(whole, dict):
            return data
        filled = [
            {**one, "engine": {**whole, **one["engine"]}}
            if isinstance(one, dict) and isinstance(one.get("engine"), dict)
            else one
            for one in shards
        ]
        return {**data, "shards": filled}

    @model_validator(mode="after")
    def _consistent(self) -> "LiveConfig":
        for what, names in (
            ("ports", [p.name for p in self.ports]),
            ("channels", [c.name for c in self.channels]),
        ):
            twice = sorted({n for n in names if names.count(n) > 1})
            if twice:
                raise ValueError(f"{what}: the name {twice[0]} is used twice; names must differ")
        for port in self.ports:
            if port.shard >= len(self.shards):
                raise ValueError(
                    f"ports: {port.name} is of shard {port.shard}, but shards has "
                    f"{len(self.shards)} entries, numbered from 0"
                )
        if any(p.name == "any" for p in self.ports):
            raise ValueError("ports: any is not a name, it stands for all ports")
        for number in range(len(self.shards)):
            if all(p.shard != number for p in self.ports):
                raise ValueError(f"shards: no port is of shard {number}; leave it out")
        for channel in self.channels:
            self.shard_of(channel)
        known = {c.name for c in self.channels}
        for server in self.recovery.servers:
            if server.channel not in known:
                raise ValueError(
                    f"recovery.servers: no channel {server.channel}; declared are "
                    f"{', '.join(sorted(known)) or 'none'}"
                )
        return self

    def port_number(self, name: str) -> int:
        """Index of the port of that name; -1 for ``any``; ``ValueError`` if there is none."""
        if name == "any":
            return -1
        names = [p.name for p in self.ports]
        if name not in names:
            raise ValueError(f"no port {name}; ports are {', '.join(names)}")
        return names.index(name)

    def for_replay(self) -> ReplayConfig:
        """What a recording of this instance is replayed with, to get what it had."""
        channels = tuple(
            ChannelConfig(
                name=channel.name,
                feed=channel.feed,
                lines=tuple(
                    LineConfig(group=one.group, port=one.port,
                               input=self.port_number(one.port_name))
                    for one in channel.lines
                ),
                recovery=self.recovery_of(channel),
            )
            for channel in self.channels
        )  # fmt: skip
        return ReplayConfig(engine=EngineConfig(**self.engine.model_dump()), channels=channels)

    def recovery_of(self, channel: LiveChannelConfig) -> RecoveryName:
        """Whether lost messages of a channel are asked for."""
        if all(server.channel != channel.name for server in self.recovery.servers):
            return "none"
        return "from_start" if self.recovery.from_start else "gaps"

    def shard_of(self, channel: LiveChannelConfig) -> int:
        """Number of the shard that a channel belongs to: that of the ports of its lines."""
        found = set()
        for line in channel.lines:
            try:
                number = self.port_number(line.port_name)
            except ValueError as error:
                raise ValueError(f"channels: {channel.name}: {error}") from None
            found |= {self.ports[number].shard} if number >= 0 else {*range(len(self.shards))}
        if len(found) != 1:
            raise ValueError(
                f"channels: {channel.name}: its lines are on ports of shards "
                f"{', '.join(map(str, sorted(found)))}; name ports of one shard"
            )
        return found.pop()
