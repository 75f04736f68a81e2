"""Metrics of a running instance, and the dashboard over them."""

import json
import re
import urllib.request
from pathlib import Path
from typing import Any

from pinnacle.supervisor.metrics import METRICS
from prometheus_client.parser import text_string_to_metric_families

from tests.support.live import Live

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"


def scrape(live: Live) -> dict[str, Any]:
    address = live.status()["metrics"]
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as reply:
        text = reply.read().decode()
    return {family.name: family for family in text_string_to_metric_families(text)}


def value(families: dict[str, Any], name: str, **labels: str) -> float:
    family = families[name.removesuffix("_total")]
    found = [
        s.value for s in family.samples if s.name == name and labels.items() <= s.labels.items()
    ]
    assert len(found) == 1, f"{name} {labels}: {found}"
    return float(found[0])


def test_metrics_parse_and_agree(live: Live) -> None:
    live.up()
    families = scrape(live)
    assert set(families) <= set(METRICS)
    for name, family in families.items():
        assert family.type == METRICS[name][0] and family.documentation == METRICS[name][2]
    assert value(families, "pinnacle_up", instance_name=live.name) == 1
    assert value(families, "pinnacle_scrape_errors") == 0
    assert value(families, "pinnacle_restarts_total") == 0
    assert value(families, "pinnacle_books", state="valid") == 2
    assert value(families, "pinnacle_channel_messages_total", channel="totalview") == 19
    assert value(families, "pinnacle_channel_in_order", channel="totalview") == 1
    counters = json.loads(live.ctl("get", "counters", "--json").stdout)
    assert value(families, "pinnacle_frames_total", shard="0") == counters["frames"] == 5
    assert value(families, "pinnacle_port_rx_frames_total", port="file") == 5


def test_latency_histogram(live: Live) -> None:
    live.up()
    family = scrape(live)["pinnacle_latency_seconds"]
    buckets = [s.value for s in family.samples if s.name.endswith("_bucket")]
    assert buckets == sorted(buckets)
    count = next(s.value for s in family.samples if s.name.endswith("_count"))
    shard = json.loads(live.ctl("describe", "shard", "0", "--json").stdout)
    assert buckets[-1] == count == shard["latency"]["count"]


def test_scrape_after_a_crash(live: Live) -> None:
    import os
    import signal

    from tests.support.live import until

    live.up()
    os.kill(live.plane(), signal.SIGKILL)
    until(lambda: live.status_or_none()["data_plane"]["restarts"] == 1)
    until(live.books_valid)
    assert value(scrape(live), "pinnacle_restarts_total") == 1


def exposed() -> set[str]:
    """Names as Prometheus stores them."""
    names = set()
    for name, (kind, _, _) in METRICS.items():
        ends = {"counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_sum", "_count"]}
        names |= {name + end for end in ends[kind]}
    return names


def test_dashboard_uses_only_what_exists() -> None:
    board = json.loads((DEPLOY / "grafana" / "pinnacle.json").read_text())
    exprs = [t["expr"] for panel in board["panels"] for t in panel["targets"]]
    used = {name for expr in exprs for name in re.findall(r"\bpinnacle_\w+", expr)}
    assert len(exprs) > 20 and used
    assert used <= exposed(), used - exposed()
    for expr in exprs:  # labels that are grouped by belong to a metric of the expression
        names = [n for n in METRICS if re.search(rf"\b{n}(_total|_bucket)?\b", expr)]
        known = {label for name in names for label in METRICS[name][1]} | {"le"}
        for group in re.findall(r"by \(([^)]*)\)", expr):
            assert {label.strip() for label in group.split(",")} <= known, expr
    places = [tuple(panel["gridPos"].values()) for panel in board["panels"]]
    assert len(set(places)) == len(places)
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def test_names_are_in_one_style() -> None:
    for name, (_, _, text) in METRICS.items():
        assert re.fullmatch(r"pinnacle_[a-z0-9_]+", name)
        assert text and not text.endswith(".") and not name.endswith("_total")
