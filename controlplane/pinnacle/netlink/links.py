"""Links, addresses, MTU, multicast groups and descriptor rings over netlink (pyroute2).

Reading needs no rights; functions named ``set_``, ``add_`` or ``join`` change something and need
CAP_NET_ADMIN, except ``join``, which any process may do.
"""

import errno
import ipaddress
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pinnacle.errors import NoPermissionError, NoSuchFileError, PinnacleError, UsageError
from pinnacle.netlink.ethtool import Ethtool, Rings

#: attribute of a ring message -> field of ``Rings``
_RINGS = {
    "ETHTOOL_A_RINGS_RX_MAX": "rx_max",
    "ETHTOOL_A_RINGS_TX_MAX": "tx_max",
    "ETHTOOL_A_RINGS_RX": "rx",
    "ETHTOOL_A_RINGS_TX": "tx",
    "ETHTOOL_A_RINGS_RX_MINI_MAX": "rx_mini_max",
    "ETHTOOL_A_RINGS_RX_MINI": "rx_mini",
    "ETHTOOL_A_RINGS_RX_JUMBO_MAX": "rx_jumbo_max",
    "ETHTOOL_A_RINGS_RX_JUMBO": "rx_jumbo",
}
#: what pyroute2 makes of IFLA_XDP_ATTACHED -> our word
_XDP_MODES = {
    "None": "none",
    "xdp": "native",
    "xdpgeneric": "generic",
    "xdpoffload": "offload",
    "xdpmulti": "several",
}


@dataclass(frozen=True)
class Address:
    """One IP address of an interface."""

    address: str
    prefix: int
    family: str  # "ipv4" or "ipv6"


@dataclass(frozen=True)
class Link:
    """One interface as the kernel has it."""

    index: int
    name: str
    kind: str  # "veth", "dummy", ...; empty for hardware
    mac: str
    mtu: int
    min_mtu: int
    max_mtu: int
    up: bool
    carrier: bool
    promiscuous: bool
    rx_queues: int
    tx_queues: int
    xdp: str  # none, native, generic, offload, several
    xdp_program: int
    addresses: list[Address] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)


@contextmanager
def _route(what: str, name: str = "") -> Iterator[Any]:
    """An IPRoute socket whose errors are ours."""
    from pyroute2 import IPRoute
    from pyroute2.netlink.exceptions import NetlinkError

    try:
        with IPRoute() as route:
            yield route
    except NetlinkError as error:
        raise _explain(error.code, name, what) from error


def _explain(code: int, name: str, what: str) -> PinnacleError:
    if code == errno.ENODEV:
        return NoSuchFileError(f"{name}: no such interface; see: ip link")
    if code in (errno.EPERM, errno.EACCES):
        return NoPermissionError(f"{name}: {what}: needs CAP_NET_ADMIN; use sudo")
    return UsageError(f"{name}: {what}: {errno.errorcode.get(code, code)}")


def _link(message: Any) -> Link:
    info = message.get_attr("IFLA_LINKINFO")
    xdp = message.get_attr("IFLA_XDP")
    mode = str(xdp.get_attr("IFLA_XDP_ATTACHED")) if xdp else "None"
    flags = int(message["flags"])
    return Link(
        index=int(message["index"]),
        name=str(message.get_attr("IFLA_IFNAME")),
        kind=str(info.get_attr("IFLA_INFO_KIND") or "") if info else "",
        mac=str(message.get_attr("IFLA_ADDRESS") or ""),
        mtu=int(message.get_attr("IFLA_MTU") or 0),
        min_mtu=int(message.get_attr("IFLA_MIN_MTU") or 0),
        max_mtu=int(message.get_attr("IFLA_MAX_MTU") or 0),
        up=bool(flags & 1),
        carrier=bool(message.get_attr("IFLA_CARRIER")),
        promiscuous=bool(message.get_attr("IFLA_PROMISCUITY")),
        rx_queues=int(message.get_attr("IFLA_NUM_RX_QUEUES") or 0),
        tx_queues=int(message.get_attr("IFLA_NUM_TX_QUEUES") or 0),
        xdp=_XDP_MODES.get(mode, mode),
        xdp_program=int(xdp.get_attr("IFLA_XDP_PROG_ID") or 0) if xdp else 0,
    )


def _address(message: Any) -> Address:
    family = "ipv4" if message["family"] == socket.AF_INET else "ipv6"
    text = message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS")
    return Address(str(text), int(message["prefixlen"]), family)


def read_links() -> list[Link]:
    """Every interface of this network namespace, with addresses and joined IPv4 groups."""
    with _route("read the interfaces") as route:
        links = [_link(message) for message in route.get_links()]
        addresses: dict[int, list[Address]] = {}
        for message in route.get_addr():
            addresses.setdefault(int(message["index"]), []).append(_address(message))
    groups = read_groups()
    for link in links:
        link.addresses.extend(addresses.get(link.index, []))
        link.groups.extend(groups.get(link.name, []))
    return links


def read_link(name: str) -> Link:
    """One interface; ``NoSuchFileError`` if there is none of that name."""
    found = next((link for link in read_links() if link.name == name), None)
    if found is None:
        raise NoSuchFileError(f"{name}: no such interface; see: pinnacle-ctl host nic")
    return found


def read_groups(table: Path = Path("/proc/thread-self/net/igmp")) -> dict[str, list[str]]:
    """IPv4 multicast groups joined on each interface, from the kernel's table.

    Netlink can list them only from kernel 6.14 on, hence the file.
    """
    groups: dict[str, list[str]] = {}
    name = ""
    try:
        text = table.read_text()
    except OSError:
        return {}
    for line in text.splitlines()[1:]:
        if not line.startswith("\t"):
            name = line.split("\t")[1].split(":")[0].strip()
            groups[name] = []
        elif name:
            word = bytes.fromhex(line.split()[0])
            groups[name].append(str(ipaddress.IPv4Address(word[::-1])))
    return groups


def _index(route: Any, name: str) -> int:
    found = route.link_lookup(ifname=name)
    if not found:
        raise NoSuchFileError(f"{name}: no such interface; see: ip link")
    return int(found[0])


def set_mtu(name: str, mtu: int) -> bool:
    """Sets the MTU; returns whether it was another one before."""
    link = read_link(name)
    if link.mtu == mtu:
        return False
    if mtu < link.min_mtu or (link.max_mtu and mtu > link.max_mtu):
        raise UsageError(f"{name}: MTU {mtu} is out of bounds: {link.min_mtu} to {link.max_mtu}")
    with _route(f"set MTU {mtu}", name) as route:
        route.link("set", index=link.index, mtu=mtu)
    return True


def set_up(name: str, up: bool = True) -> bool:
    """Brings an interface up or down; returns whether it was otherwise before."""
    link = read_link(name)
    if link.up == up:
        return False
    with _route("bring it " + ("up" if up else "down"), name) as route:
        route.link("set", index=link.index, state="up" if up else "down")
    return True


def add_address(name: str, address: str) -> bool:
    """Adds ``192.0.2.1/24``; returns whether it was missing."""
    wanted = ipaddress.ip_interface(address)
    with _route(f"add {address}", name) as route:
        index = _index(route, name)
        family = socket.AF_INET if wanted.version == 4 else socket.AF_INET6
        present = [_address(m) for m in route.get_addr(family=family, index=index)]
        if any(
            (a.address, a.prefix) == (str(wanted.ip), wanted.network.prefixlen) for a in present
        ):
            return False
        route.addr("add", index=index, address=str(wanted.ip), mask=wanted.network.prefixlen)
    return True


def join(name: str, group: str) -> socket.socket:
    """Joins an IPv4 group on an interface; the membership lasts as long as the socket is open."""
    address = ipaddress.IPv4Address(group)
    if not address.is_multicast:
        raise UsageError(f"{group} is no multicast group: 224.0.0.0 to 239.255.255.255")
    try:
        index = socket.if_nametoindex(name)
    except OSError as error:
        raise NoSuchFileError(f"{name}: no such interface; see: ip link") from error
    member = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    request = struct.pack("=4s4si", address.packed, bytes(4), index)
    try:
        member.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, request)
    except OSError as error:
        member.close()
        raise UsageError(
            f"{name}: join {group}: {error.strerror}; "
            "more than net.ipv4.igmp_max_memberships groups a socket?"
        ) from error
    return member


def read_rings(name: str) -> Rings | None:
    """Descriptor rings over generic netlink; by ioctl where the kernel has no ethtool netlink."""
    from pyroute2.netlink.exceptions import NetlinkError
    from pyroute2.netlink.generic.ethtool import NlEthtool

    tool = NlEthtool()
    try:
        message = tool.get_rings(ifname=name)[0]
    except NetlinkError as error:
        if error.code == errno.ENODEV:
            raise _explain(error.code, name, "read rings") from error
        if error.code == errno.EOPNOTSUPP:
            return None
        with Ethtool() as other:
            return other.rings(name)
    finally:
        tool.close()
    values = {to: int(message.get_attr(attr) or 0) for attr, to in _RINGS.items()}
    return Rings(**values)
