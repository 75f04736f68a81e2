"""The bytes of the ethtool ioctls, against a C compiler's view of them and against ethtool(8)."""

import os
import re
import shutil
import struct
import subprocess
from dataclasses import fields
from pathlib import Path

import pytest
from pinnacle.errors import UsageError
from pinnacle.netlink import ethtool, ntuple
from pinnacle.netlink.ntuple import ANY_PLACE, Rule

# C names of our fields, where they are called otherwise there.
C_NAMES = {
    "Channels": {"rx": "rx_count", "tx": "tx_count", "other": "other_count",
                 "combined": "combined_count"},
    "Rings": {f"{name}_max": f"{name}_max_pending" for name in ("rx", "rx_mini", "rx_jumbo", "tx")}
    | {name: f"{name}_pending" for name in ("rx", "rx_mini", "rx_jumbo", "tx")},
    "Coalesce": {
        "adaptive_rx": "use_adaptive_rx_coalesce", "adaptive_tx": "use_adaptive_tx_coalesce",
        "stats_block_usecs": "stats_block_coalesce_usecs", "pkt_rate_low": "pkt_rate_low",
        "pkt_rate_high": "pkt_rate_high", "rate_sample_interval": "rate_sample_interval",
    },
}  # fmt: skip
C_TYPES = {"Channels": "ethtool_channels", "Rings": "ethtool_ringparam",
           "Coalesce": "ethtool_coalesce"}  # fmt: skip


def c_name(kind: str, field: str) -> str:
    known = C_NAMES[kind].get(field)
    if known:
        return known
    if kind == "Coalesce":
        side, what, *rest = field.split("_")
        word = "coalesce_usecs" if what == "usecs" else "max_coalesced_frames"
        return "_".join([side, word, *rest])
    return field


def compiled(tmp_path: Path, source: str, *options: str) -> Path:
    gcc = shutil.which("gcc")
    if gcc is None:
        pytest.skip("gcc is not installed (scripts/setup.sh installs it)")
    (tmp_path / "it.c").write_text(source)
    program = tmp_path / "it"
    subprocess.run([gcc, *options, "-o", program, tmp_path / "it.c"], check=True)
    return program


def printed(tmp_path: Path, body: str) -> list[int]:
    """What a C program with linux/ethtool.h prints, as numbers."""
    source = (
        "#include <stdio.h>\n#include <stddef.h>\n#include <string.h>\n#include <arpa/inet.h>\n"
        "#include <linux/sockios.h>\n#include <linux/ethtool.h>\n"
        f"int main(void) {{\n{body}\nreturn 0;\n}}\n"
    )
    done = subprocess.run([compiled(tmp_path, source)], capture_output=True, text=True, check=True)
    return [int(word) for word in done.stdout.split()]


@pytest.mark.parametrize("kind", [ethtool.Channels, ethtool.Rings, ethtool.Coalesce])
def test_numbers_lie_where_c_has_them(tmp_path: Path, kind: type[ethtool.Numbers]) -> None:
    name = kind.__name__
    body = f'printf("%zu\\n", sizeof(struct {C_TYPES[name]}));\n' + "".join(
        f'printf("%zu\\n", offsetof(struct {C_TYPES[name]}, {c_name(name, field.name)}));\n'
        for field in fields(kind)
    )
    size, *offsets = printed(tmp_path, body)
    assert offsets == [4 * i for i in range(1, 1 + len(fields(kind)))]
    packed = kind(*range(1, 1 + len(fields(kind)))).pack(kind.GET)
    assert len(packed) == size
    assert kind.unpack(packed) == kind(*range(1, 1 + len(fields(kind))))


def test_commands_and_sizes(tmp_path: Path) -> None:
    words = {
        "SIOCETHTOOL": ethtool.SIOCETHTOOL, "ETHTOOL_GDRVINFO": ethtool.GDRVINFO,
        "ETHTOOL_GCOALESCE": ethtool.GCOALESCE, "ETHTOOL_SCOALESCE": ethtool.SCOALESCE,
        "ETHTOOL_GRINGPARAM": ethtool.GRINGPARAM, "ETHTOOL_SRINGPARAM": ethtool.SRINGPARAM,
        "ETHTOOL_GSTRINGS": ethtool.GSTRINGS, "ETHTOOL_GSSET_INFO": ethtool.GSSET_INFO,
        "ETHTOOL_GFEATURES": ethtool.GFEATURES, "ETHTOOL_SFEATURES": ethtool.SFEATURES,
        "ETHTOOL_GCHANNELS": ethtool.GCHANNELS, "ETHTOOL_SCHANNELS": ethtool.SCHANNELS,
        "ETHTOOL_GET_TS_INFO": ethtool.GET_TS_INFO, "ETH_SS_FEATURES": ethtool.SS_FEATURES,
        "ETHTOOL_GRXRINGS": ntuple.GRXRINGS, "ETHTOOL_GRXCLSRLCNT": ntuple.GRXCLSRLCNT,
        "ETHTOOL_GRXCLSRULE": ntuple.GRXCLSRULE, "ETHTOOL_GRXCLSRLALL": ntuple.GRXCLSRLALL,
        "ETHTOOL_SRXCLSRLDEL": ntuple.SRXCLSRLDEL, "ETHTOOL_SRXCLSRLINS": ntuple.SRXCLSRLINS,
        "UDP_V4_FLOW": ntuple.UDP_V4_FLOW, "RX_CLS_FLOW_DISC": ntuple.DROP,
        "RX_CLS_LOC_ANY": ntuple.ANY_PLACE, "RX_CLS_LOC_SPECIAL": ntuple.SPECIAL_PLACES,
        "sizeof(struct ethtool_drvinfo)": ethtool.Driver.LAYOUT.size,
        "sizeof(struct ethtool_ts_info)": ethtool.TimeStamping.LAYOUT.size,
        "sizeof(struct ethtool_rxnfc)": Rule.LAYOUT.size,
        "offsetof(struct ethtool_rxnfc, rule_locs)": Rule.LAYOUT.size - 4,
    }  # fmt: skip
    body = "".join(f'printf("%llu\\n", (unsigned long long)({word}));\n' for word in words)
    found = printed(tmp_path, body)
    wrong = {w: (a, b) for (w, a), b in zip(words.items(), found, strict=True)
             if a & 0xFFFFFFFFFFFFFFFF != b and a != b & 0xFFFFFFFF}  # fmt: skip
    assert wrong == {}


RULES = [
    Rule("233.54.12.111", 26477, 2, 7),
    Rule("239.1.2.3", 0, 0, 1),
    Rule("10.0.0.1", 65535, None, 1023),
    Rule("0.0.0.0", 5000, 63, ANY_PLACE),
]


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_rule_is_what_c_makes_of_it(tmp_path: Path, rule: Rule) -> None:
    cookie = "RX_CLS_FLOW_DISC" if rule.queue is None else f"{rule.queue}ULL"
    body = f"""
    struct ethtool_rxnfc n;
    memset(&n, 0, sizeof n);
    n.cmd = ETHTOOL_SRXCLSRLINS;
    n.fs.flow_type = UDP_V4_FLOW;
    n.fs.h_u.udp_ip4_spec.ip4dst = inet_addr("{rule.group}");
    n.fs.h_u.udp_ip4_spec.pdst = htons({rule.port});
    n.fs.m_u.udp_ip4_spec.ip4dst = n.fs.h_u.udp_ip4_spec.ip4dst ? 0xffffffff : 0;
    n.fs.m_u.udp_ip4_spec.pdst = n.fs.h_u.udp_ip4_spec.pdst ? 0xffff : 0;
    n.fs.ring_cookie = {cookie};
    n.fs.location = {rule.place}u;
    for (size_t i = 0; i < sizeof n; i++)
        printf("%d ", ((unsigned char *)&n)[i]);
    """
    assert rule.pack() == bytes(printed(tmp_path, body))
    assert Rule.unpack(rule.pack()) == rule


RECORDER = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
/* Writes down a rule that is to be inserted instead of handing it to the kernel. */
int ioctl(int fd, unsigned long request, ...)
{
    va_list list;
    va_start(list, request);
    void *argument = va_arg(list, void *);
    va_end(list);
    if (request == SIOCETHTOOL) {
        void *data = ((struct ifreq *)argument)->ifr_data;
        if (*(unsigned *)data == ETHTOOL_SRXCLSRLINS) {
            FILE *out = fopen(getenv("RECORD"), "wb");
            fwrite(data, 1, sizeof(struct ethtool_rxnfc), out);
            return fclose(out);
        }
    }
    int (*real)(int, unsigned long, ...) = dlsym(RTLD_NEXT, "ioctl");
    return real(fd, request, argument);
}
"""


@pytest.mark.parametrize("rule", RULES[:3], ids=str)
def test_rule_is_what_ethtool_sends(tmp_path: Path, rule: Rule) -> None:
    tool = shutil.which("ethtool") or shutil.which("ethtool", path="/usr/sbin:/sbin")
    if tool is None:
        pytest.skip("ethtool is not installed (scripts/setup.sh test installs it)")
    library = compiled(tmp_path, RECORDER, "-shared", "-fPIC")
    record = tmp_path / "record"
    port = ["dst-port", str(rule.port)] if rule.port else []
    action = "-1" if rule.queue is None else str(rule.queue)
    done = subprocess.run(
        [tool, "-N", "lo", "flow-type", "udp4", "dst-ip", rule.group, *port, "action", action,
         "loc", str(rule.place)],
        env={**os.environ, "LD_PRELOAD": str(library), "RECORD": str(record)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert record.exists(), done.stderr
    ours, sent = bytearray(rule.pack()), bytearray(record.read_bytes())
    # ethtool leaves these as its stack has them: nothing reads them in this command.
    for start, end in [(8, 16), (164, 168), (180, 192)]:
        ours[start:end] = sent[start:end] = bytes(end - start)
    assert ours == sent


def test_rules_of_other_kinds_are_not_taken_for_ours() -> None:
    packed = bytearray(Rule("239.1.2.3", 5000, 1, 0).pack())
    assert Rule.unpack(bytes(packed)) is not None
    for at, what in [(16, "another flow type"), (92, "a source address mask"),
                     (100, "a source port mask"), (104, "a tos mask")]:  # fmt: skip
        other = packed.copy()
        other[at] ^= 0x04
        assert Rule.unpack(bytes(other)) is None, what
    half = packed.copy()
    half[96:100] = b"\xff\xff\xff\x00"
    assert Rule.unpack(bytes(half)) is None, "a part of the group"
    other = packed.copy()
    struct.pack_into("=Q", other, 168, 1 << 32)
    assert Rule.unpack(bytes(other)) is None, "a virtual function"


@pytest.mark.parametrize(
    ("rule", "why"),
    [(Rule("239.1.2.3", 65536, 0), "UDP port"), (Rule("239.1.2.3", 1, -1), "queue")],
)
def test_impossible_rules(rule: Rule, why: str) -> None:
    with pytest.raises(UsageError, match=re.escape(why)):
        rule.pack()


@pytest.mark.parametrize("name", ["", "sixteen-letters-"])
def test_impossible_names(name: str) -> None:
    with ethtool.Ethtool() as tool, pytest.raises(UsageError, match="1 to 15"):
        tool.channels(name)
