"""A supervised instance on a DPDK port: a virtual device, no hugepages, no NIC."""

import json
import os
import signal
from collections.abc import Iterator
from functools import partial

import pytest
from pinnacle.abi import ffi, lib

from tests.support.live import Live, make, until


@pytest.fixture
def live() -> Iterator[Live]:
    if "dpdk (" not in ffi.string(lib.pn_build_info()).decode().split("left out")[0]:
        pytest.skip("this build has no dpdk port (libdpdk not found)")
    for one in make(dpdk={"eal": ["--no-huge", "-m 256", "--no-pci"]}):
        device = f"net_pcap0,rx_pcap={one.folder}/day.pcap"
        one.config["ports"] = [{"name": "file", "kind": "dpdk", "device": device}]
        one.write()
        yield one


def test_life(live: Live) -> None:
    live.up()
    (queue,) = json.loads(live.ctl("get", "queues", "--json").stdout)
    assert (queue["kind"], queue["rx_frames"], queue["mode"]) == ("dpdk", 5, None)
    os.kill(live.plane(), signal.SIGKILL)
    until(partial(live.restarted, 1))
    until(live.books_valid)
    assert live.ctl("stop").returncode == 0
    live.nothing_left()


def test_arguments_refused(live: Live) -> None:
    live.config["dpdk"]["eal"].append("--bogus")
    live.write()
    done = live.start()
    assert done.returncode == 7 and done.stderr.count("\n") == 1
    assert "refuses its arguments" in done.stderr
    live.nothing_left()
