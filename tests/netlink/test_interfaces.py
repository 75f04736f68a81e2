"""Real interfaces in a namespace: what is changed over netlink and ioctl is what the kernel has."""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from pinnacle.errors import NoPermissionError, NoSuchFileError, UsageError
from pinnacle.netlink import links, ntuple
from pinnacle.netlink.ethtool import Ethtool
from pinnacle.netlink.nic import read_nic

from tests.support.ctl import ctl
from tests.support.namespace import in_namespace


def run(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def make_pair() -> None:
    run("ip", "link", "add", "a0", "numrxqueues", "4", "numtxqueues", "4", "type", "veth",
        "peer", "name", "b0")  # fmt: skip
    run("ip", "link", "set", "a0", "up")
    run("ip", "link", "set", "b0", "up")


@in_namespace
def test_links_and_addresses() -> None:
    make_pair()
    link = links.read_link("a0")
    assert (link.kind, link.mtu, link.up, link.carrier, link.xdp) == (
        "veth",
        1500,
        True,
        True,
        "none",
    )
    assert link.rx_queues == 4
    shown = json.loads(run("ip", "-j", "-d", "link", "show", "a0"))[0]
    assert (link.index, link.mac) == (shown["ifindex"], shown["address"])
    assert (link.min_mtu, link.max_mtu) == (shown["min_mtu"], shown["max_mtu"])

    assert links.add_address("a0", "192.0.2.1/24") is True
    assert links.add_address("a0", "192.0.2.1/24") is False, "the second time nothing is to do"
    assert ("192.0.2.1", 24) in [(a.address, a.prefix) for a in links.read_link("a0").addresses]
    assert links.set_up("a0", False) is True
    assert links.set_up("a0", False) is False
    assert links.read_link("a0").up is False


@in_namespace
def test_mtu() -> None:
    make_pair()
    assert links.set_mtu("a0", 3000) is True
    assert links.set_mtu("a0", 3000) is False
    assert json.loads(run("ip", "-j", "link", "show", "a0"))[0]["mtu"] == 3000
    with pytest.raises(UsageError, match="out of bounds: 68 to 65535"):
        links.set_mtu("a0", 10)


@in_namespace
def test_multicast() -> None:
    make_pair()
    links.add_address("a0", "192.0.2.1/24")
    with links.join("a0", "233.54.12.111"), links.join("a0", "239.1.2.3"):
        groups = links.read_link("a0").groups
        shown = json.loads(run("ip", "-j", "maddr", "show", "dev", "a0"))[0]["maddr"]
        assert set(groups) == {m["address"] for m in shown if m.get("family") == "inet"}
        assert {"233.54.12.111", "239.1.2.3"} <= set(groups)
    assert "239.1.2.3" not in links.read_link("a0").groups, "left when the socket was closed"
    with pytest.raises(UsageError, match="no multicast group"):
        links.join("a0", "10.0.0.1")
    with pytest.raises(NoSuchFileError, match="nope"):
        links.join("nope", "239.1.2.3")


@in_namespace
def test_datagrams_of_a_joined_group_arrive() -> None:
    make_pair()
    links.add_address("a0", "192.0.2.1/24")
    links.add_address("b0", "192.0.2.2/24")
    with (
        links.join("a0", "239.1.2.3") as member,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        Path("/proc/sys/net/ipv4/conf/all/rp_filter").write_text("0")
        Path("/proc/sys/net/ipv4/conf/a0/rp_filter").write_text("0")
        Path("/proc/sys/net/ipv4/conf/a0/accept_local").write_text("1")
        member.bind(("239.1.2.3", 5000))
        member.settimeout(5)
        sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("192.0.2.2"))
        sender.sendto(b"tick", ("239.1.2.3", 5000))
        assert member.recv(100) == b"tick"


@in_namespace
def test_channels() -> None:
    make_pair()
    with Ethtool() as tool:
        before = tool.channels("a0")
        assert before is not None and (before.max_rx, before.rx) == (4, 4)
        assert tool.set_channels("a0", rx=2, tx=2).rx == 2
        after = tool.channels("a0")
        assert after is not None and (after.rx, after.tx) == (2, 2)
        assert tool.set_channels("a0", rx=2) == after, "what is so already is left alone"
        with pytest.raises(UsageError, match="has no speed"):
            tool.set_channels("a0", speed=1)
        with pytest.raises(UsageError, match="set channels"):
            tool.set_channels("a0", rx=64)
    if shutil.which("ethtool"):
        assert "RX:\t\t2" in run("ethtool", "-l", "a0")


@in_namespace
def test_offloads() -> None:
    make_pair()
    with Ethtool() as tool:
        assert tool.features("a0")["rx-gro"].on is False
        tool.set_features("a0", rx_gro=True, tx_tcp_segmentation=False)
        features = tool.features("a0")
        assert (features["rx-gro"].on, features["tx-tcp-segmentation"].on) == (True, False)
        assert features["tx-checksum-ip-generic"].on is True, "others are left alone"
        tool.set_features("a0", rx_gro=False)
        assert tool.features("a0")["rx-gro"].on is False
        with pytest.raises(UsageError, match="no offload warp-drive"):
            tool.set_features("a0", warp_drive=True)
    if shutil.which("ethtool"):
        rows = dict(
            line.strip().split(": ", 1) for line in run("ethtool", "-k", "a0").splitlines()[1:]
        )
        with Ethtool() as tool:
            ours = tool.features("a0")
        same = {n: rows[n].split()[0] == "on" for n in ours if n in rows}
        assert len(same) > 30
        assert same == {n: ours[n].on for n in same}


@in_namespace
def test_what_a_driver_lacks_is_none() -> None:
    make_pair()
    with Ethtool() as tool:
        assert tool.coalesce("lo") is None
        assert tool.channels("lo") is None
        assert links.read_rings("lo") is None
        assert ntuple.read_rules(tool, "lo") is None
        driver = tool.driver("a0")
        assert driver is not None and (driver.driver, driver.bus) == ("veth", "")
        stamping = tool.time_stamping("a0")
        assert stamping is not None and stamping.phc_index == -1 and not stamping.every_frame
        with pytest.raises(UsageError, match="ethtool -K a0 ntuple on"):
            ntuple.insert_rule(tool, "a0", ntuple.Rule("239.1.2.3", 5000, 1))
        with pytest.raises(UsageError, match="the driver cannot do that"):
            ntuple.delete_rule(tool, "a0", 3)
        with pytest.raises(UsageError, match="no coalescing to change"):
            tool.set_coalesce("lo", rx_usecs=1)
        with pytest.raises(NoSuchFileError, match="nope"):
            tool.channels("nope")
    with pytest.raises(NoSuchFileError, match="nope"):
        links.read_rings("nope")


@in_namespace
def test_without_rights() -> None:
    make_pair()
    os.setgid(65534)
    os.setuid(65534)
    nic = read_nic("a0")
    assert nic.channels is not None and nic.features and nic.link.mtu == 1500
    with pytest.raises(NoPermissionError, match="CAP_NET_ADMIN; use sudo"):
        links.set_mtu("a0", 1400)
    with Ethtool() as tool, pytest.raises(NoPermissionError, match="CAP_NET_ADMIN; use sudo"):
        tool.set_channels("a0", rx=1)


@in_namespace
def test_rings_over_netlink_and_ioctl_agree() -> None:
    """On any device here that has rings (veth has none, hardware does)."""
    make_pair()
    for name in ("a0", "lo"):
        with Ethtool() as tool:
            assert links.read_rings(name) == tool.rings(name)


def test_hardware_here() -> None:
    """What hardware this machine has, read only: both ways to the rings say the same."""
    names = [path.parent.name for path in Path("/sys/class/net").glob("*/device")]
    if not names:
        pytest.skip("no network hardware on this machine")
    for name in names:
        nic = read_nic(name)
        assert nic.driver is not None and nic.driver.driver
        with Ethtool() as tool:
            assert links.read_rings(name) == tool.rings(name)


@in_namespace
def test_command() -> None:
    make_pair()
    links.add_address("a0", "192.0.2.1/24")
    listed = json.loads(ctl("host", "nic", "--json").stdout)
    assert {"lo", "a0", "b0"} <= {link["name"] for link in listed}
    one = json.loads(ctl("host", "nic", "a0", "--json").stdout)
    assert one["link"]["addresses"][0] == {"address": "192.0.2.1", "prefix": 24, "family": "ipv4"}
    assert one["channels"]["max_rx"] == 4
    text = ctl("host", "nic", "a0").stdout
    assert text.startswith("a0\n") and "4 of 4 rx" in text and "192.0.2.1/24" in text
    assert "\x1b" not in text
    gone = ctl("host", "nic", "nope")
    assert (gone.returncode, gone.stdout) == (3, "")
    assert (
        gone.stderr == "pinnacle-ctl: error: nope: no such interface; see: pinnacle-ctl host nic\n"
    )


def test_nothing_heavy_is_imported_for_help() -> None:
    code = (
        "import sys; from pinnacle.cli.main import run; run(['host', 'check', '--help']);"
        "assert not {'pyroute2', 'yaml', 'pydantic'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
