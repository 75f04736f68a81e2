"""Prometheus metrics of an instance, read from its state segments when they are asked for.

``METRICS`` is the one table of names: the collector, the documentation and the dashboard's test
take them from there. Counters that the data plane keeps are totals since its segment was made.
"""

import threading
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from pinnacle.config.live import MetricsConfig, listen_address
from pinnacle.errors import ConfigError, PinnacleError
from pinnacle.supervisor import live_records, readings
from pinnacle.supervisor.readings import Instance

if TYPE_CHECKING:
    from pinnacle.supervisor.core import Supervisor

#: name -> (kind, labels, help); counters are exposed with ``_total`` behind the name
METRICS: dict[str, tuple[str, tuple[str, ...], str]] = {
    "pinnacle_up": ("gauge", ("instance_name",), "1 while the data plane runs and beats"),
    "pinnacle_restarts": ("counter", (), "Data planes started again after a failure"),
    "pinnacle_control_lost": ("counter", ("shard",), "Times the control plane's beat was missed"),
    "pinnacle_scrape_errors": ("gauge", (), "1 when the state segments could not be read"),
    "pinnacle_frames": ("counter", ("shard",), "Frames that the engine took"),
    "pinnacle_bytes": ("counter", ("shard",), "Bytes of these frames"),
    "pinnacle_datagrams": ("counter", ("shard",), "UDP datagrams"),
    "pinnacle_messages": ("counter", ("shard",), "Exchange messages delivered in order"),
    "pinnacle_top_changes": ("counter", ("shard",), "Changes of a best bid or offer"),
    "pinnacle_trades": ("gauge", ("shard",), "Trades that count; breaks take some back"),
    "pinnacle_live_orders": ("gauge", ("shard",), "Orders that rest now"),
    "pinnacle_peak_orders": ("gauge", ("shard",), "Most orders that rested at once"),
    "pinnacle_drops": ("counter", ("shard", "reason"), "Input dropped or marked by the engine"),
    "pinnacle_books": ("gauge", ("state",), "Books by state: empty, valid, stale"),
    "pinnacle_channel_messages": ("counter", ("channel",), "Messages of a channel"),
    "pinnacle_channel_gaps": ("counter", ("channel",), "Gaps that never closed"),
    "pinnacle_channel_lost": ("counter", ("channel",), "Messages in these gaps"),
    "pinnacle_channel_recovered": ("counter", ("channel",), "Gaps that closed"),
    "pinnacle_channel_duplicates": ("counter", ("channel",), "Messages that were had before"),
    "pinnacle_channel_in_order": ("gauge", ("channel",), "1 while no message is missing"),
    "pinnacle_line_datagrams": ("counter", ("channel", "line"), "Datagrams of one line"),
    "pinnacle_line_first": ("counter", ("channel", "line"), "Messages that came first on a line"),
    "pinnacle_port_link_up": ("gauge", ("port",), "1 while the device has its link"),
    "pinnacle_port_rx_frames": ("counter", ("port",), "Frames received and handed to the engine"),
    "pinnacle_port_rx_bytes": ("counter", ("port",), "Bytes received"),
    "pinnacle_port_tx_frames": ("counter", ("port",), "Frames sent"),
    "pinnacle_port_passed": ("counter", ("port",), "Frames left to the kernel"),
    "pinnacle_port_polls": ("counter", ("port",), "Polls of the device"),
    "pinnacle_port_empty_polls": ("counter", ("port",), "Polls that found nothing"),
    "pinnacle_port_drops": ("counter", ("port", "reason"), "Frames that the port dropped"),
    "pinnacle_rerequests": ("counter", ("shard",), "Re-requests sent"),
    "pinnacle_rerequest_hits": ("counter", ("shard",), "Datagrams had in answer"),
    "pinnacle_rerequest_late": ("counter", ("shard",), "Gaps that no server closed in time"),
    "pinnacle_rerequest_refused": ("counter", ("shard",), "Answers that were not let in"),
    "pinnacle_captured": ("counter", ("shard",), "Frames recorded"),
    "pinnacle_capture_drops": ("counter", ("shard",), "Frames that the recorder missed"),
    "pinnacle_latency_seconds": ("histogram", ("shard",), "Receive time to published book"),
}
#: upper ends of the latency histogram, ns
LATENCY_NS = (50, 100, 150, 200, 300, 500, 1000, 2000, 5000, 10_000, 50_000, 100_000, 1_000_000,
              10_000_000)  # fmt: skip

Sample = tuple[str, tuple[str, ...], Any]

_ENGINE = ("frames", "bytes", "datagrams", "messages", "top_changes", "trades", "live_orders",
           "peak_orders")  # fmt: skip
_PORT = ("rx_frames", "rx_bytes", "tx_frames", "passed", "polls", "empty_polls")
_DAEMON = ("control_lost", "rerequests", "rerequest_hits", "rerequest_late", "rerequest_refused",
           "captured", "capture_drops")  # fmt: skip


def samples(instance: Instance) -> Iterator[Sample]:
    """Every value as (name, labels, value)."""
    for one in readings.counters(instance)["shards"]:
        shard = str(one["shard"])
        for name in _ENGINE:
            yield f"pinnacle_{name}", (shard,), one[name]
        for reason, count in one["drops"].items():
            yield "pinnacle_drops", (shard, reason), count
    for state, count in readings.book_counts(instance).items():
        yield "pinnacle_books", (state,), count
    for feed in readings.feeds(instance):
        name = feed["name"]
        for key in ("messages", "gaps", "lost", "recovered", "duplicates"):
            yield f"pinnacle_channel_{key}", (name,), feed[key]
        yield "pinnacle_channel_in_order", (name,), int(not feed["waiting"])
        for number, line in enumerate(feed["lines"]):
            yield "pinnacle_line_datagrams", (name, "ABCD"[number]), line["datagrams"]
            yield "pinnacle_line_first", (name, "ABCD"[number]), line["messages"]
    for port in readings.queues(instance):
        yield "pinnacle_port_link_up", (port["name"],), int(port["link_up"])
        for key in _PORT:
            yield f"pinnacle_port_{key}", (port["name"],), port[key]
        for reason, count in port["drops"].items():
            yield "pinnacle_port_drops", (port["name"], reason), count
    for number, view in instance.views():
        daemon = live_records.daemon(view)
        for key in _DAEMON:
            yield f"pinnacle_{key}", (str(number),), daemon[key]
        yield "pinnacle_latency_seconds", (str(number),), live_records.histogram(view, LATENCY_NS)


class PinnacleCollector(Collector):
    """Reads an instance at every scrape."""

    def __init__(self, boss: "Supervisor") -> None:
        self._boss = boss
        self._instance = Instance(boss.instance.record)
        self._lock = threading.Lock()

    def describe(self) -> Iterable[Metric]:
        """Nothing is read before the first scrape."""
        return []

    def collect(self) -> Iterator[Metric]:
        """All metrics, those without a value left out."""
        with self._lock:
            families: dict[str, Any] = {}
            for name, labels, value in self._values():
                if name not in families:
                    families[name] = _family(name)
                _add(families[name], labels, value)
        yield from families.values()

    def _values(self) -> Iterator[Sample]:
        boss = self._boss
        yield "pinnacle_up", (boss.config.instance,), int(boss.state == "running")
        yield "pinnacle_restarts", (), boss.restarts
        if self._instance.record != boss.instance.record:
            self._instance = Instance(boss.instance.record)
        try:
            found = list(samples(self._instance))
        except PinnacleError:
            yield "pinnacle_scrape_errors", (), 1
            return
        yield "pinnacle_scrape_errors", (), 0
        yield from found


def _family(name: str) -> Any:
    kind, labels, text = METRICS[name]
    families: dict[str, Any] = {
        "gauge": GaugeMetricFamily, "counter": CounterMetricFamily,
        "histogram": HistogramMetricFamily,
    }  # fmt: skip
    return families[kind](name, text, labels=labels)


def _add(family: Any, labels: tuple[str, ...], value: Any) -> None:
    if isinstance(family, HistogramMetricFamily):
        buckets, total_ns = value
        ends = [*(str(ns / 1e9) for ns in LATENCY_NS), "+Inf"]
        family.add_metric(labels, list(zip(ends, buckets, strict=True)), total_ns / 1e9)
    else:
        family.add_metric(labels, value)


class MetricsServer:
    """The loopback HTTP server, in a thread of its own."""

    def __init__(self, config: MetricsConfig, boss: "Supervisor") -> None:
        self._listen, self._boss = config.listen, boss
        self._server: Any = None
        self._thread: threading.Thread | None = None

    def start(self) -> str | None:
        """Listens; returns the address, or ``None`` when metrics are off."""
        if self._listen is None:
            return None
        host, port = listen_address(self._listen)
        registry = CollectorRegistry(auto_describe=False)
        registry.register(PinnacleCollector(self._boss))
        try:
            self._server, self._thread = start_http_server(port, host, registry)
        except OSError as error:
            raise ConfigError(
                f"metrics.listen {self._listen}: {error.strerror}; give another port, or null"
            ) from error
        return f"{host}:{self._server.server_port}"

    def stop(self) -> None:
        """Stops listening."""
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
            self._server = None
