"""``pinnacle-ctl host``: look at the machine and its interfaces; change nothing."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pinnacle.cli.options import colour_wanted, echo_json, json_option

if TYPE_CHECKING:
    from pinnacle.host.points import Finding, Report
    from pinnacle.netlink.nic import Nic

COLOURS = {"ok": "green", "warn": "yellow", "bad": "red", "unknown": "dim"}


@click.group(
    epilog="\b\nExamples:\n  pinnacle-ctl host check\n  pinnacle-ctl host nic\n"
    "  pinnacle-ctl host nic lo --json"
)
def host() -> None:
    """Look at this machine: what is set up for the live ports, and what is not."""


@host.command(
    epilog="\b\nExamples:\n  pinnacle-ctl host check\n  pinnacle-ctl host check --amiss\n"
    "  pinnacle-ctl host check --config configs/af_xdp.yaml\n"
    "  pinnacle-ctl host check --device eth1 --json\n\n"
    "Exit code 10 when a point is warn or bad."
)
@json_option
@click.option("--config", type=click.Path(path_type=Path), help="What is to run here (YAML).")
@click.option("--device", "devices", multiple=True, help="Interface or PCI address; repeatable.")
@click.option("--amiss", is_flag=True, help="Only points that are not ok.")
@click.option("--root", type=click.Path(path_type=Path), hidden=True)
def check(
    as_json: bool, config: Path | None, devices: tuple[str, ...], amiss: bool, root: Path | None
) -> int:
    """Check processor, memory, kernel, clock and NICs; say how to mend what is amiss."""
    from pinnacle.errors import HostCheckError
    from pinnacle.host.check import check_host, needs_of_config
    from pinnacle.host.points import AMISS, Needs, PortNeed
    from pinnacle.host.view import HostView

    needs = needs_of_config(config) if config else Needs()
    if devices:
        known = {port.device: port for port in needs.ports}
        needs = Needs([known.get(name) or PortNeed(name) for name in devices], needs.cpus)
    report = check_host(needs, HostView(root or Path("/")))
    if as_json:
        echo_json(report.as_json())
    else:
        click.echo(render_check(report, colour=colour_wanted(), amiss=amiss))
    return HostCheckError.exit_code if report.worst in AMISS else 0


def render_check(report: "Report", *, colour: bool, amiss: bool) -> str:
    """The findings as text: one line a point, why and how below those that are not ok."""
    from pinnacle.text import Style

    style = Style(colour)
    lines: list[str] = []
    section = None
    for finding in report.findings:
        if amiss and finding.status == "ok":
            continue
        head = finding.device or finding.point.partition(".")[0]
        if head != section:
            lines += ["", style(head, "bold")] if lines else [style(head, "bold")]
            section = head
        lines += _finding(finding, style)
    counts = ", ".join(f"{report.count(s)} {s}" for s in ("ok", "warn", "bad", "unknown"))
    return "\n".join([*lines, "", counts])


def _finding(finding: "Finding", style: Any) -> list[str]:
    from pinnacle.text import printable

    word = style(f"{finding.status:<7}", COLOURS[finding.status])
    lines = [f"  {word} {finding.title}: {printable(finding.found)}"]
    if finding.status != "ok":
        lines.append(f"          why   {finding.why}")
        if finding.mend:
            lines.append(f"          mend  {printable(finding.mend)}")
    return lines


@host.command(
    epilog="\b\nExamples:\n  pinnacle-ctl host nic\n  pinnacle-ctl host nic lo\n"
    "  pinnacle-ctl host nic lo --json"
)
@click.argument("interface", required=False)
@json_option
def nic(interface: str | None, as_json: bool) -> None:
    """Show INTERFACE as kernel and driver have it; without one, list all."""
    if interface is None:
        _list(as_json)
        return
    from pinnacle.netlink.nic import read_nic

    found = read_nic(interface)
    if as_json:
        echo_json(found.as_json())
    else:
        click.echo(render_nic(found, colour=colour_wanted()))


def _list(as_json: bool) -> None:
    from dataclasses import asdict

    from pinnacle.netlink.links import read_links
    from pinnacle.text import printable, table

    links = read_links()
    if as_json:
        echo_json([asdict(link) for link in links])
        return
    head = ("interface", "kind", "state", "mtu", "queues", "xdp", "addresses")
    rows = [
        (
            printable(link.name),
            link.kind or "device",
            "up" if link.up and link.carrier else "no carrier" if link.up else "down",
            str(link.mtu),
            str(link.rx_queues),
            link.xdp,
            " ".join(f"{a.address}/{a.prefix}" for a in link.addresses),
        )
        for link in links
    ]
    click.echo("\n".join(line.rstrip() for line in table(rows, head, left=7, indent=0)))


def render_nic(nic: "Nic", *, colour: bool) -> str:
    """One interface as text: a line a subject, subjects that the driver lacks left out."""
    from pinnacle.text import Style, printable

    link, style = nic.link, Style(colour)
    state = "up" if link.up and link.carrier else "up, no carrier" if link.up else "down"
    rows = [("state", f"{state}, mtu {link.mtu}, {link.mac}, xdp {link.xdp}")]
    if nic.driver:
        where = f" at {nic.driver.bus}" if nic.driver.bus else ""
        rows.append(("driver", printable(f"{nic.driver.driver} {nic.driver.version}{where}")))
    rows += [("address", f"{a.address}/{a.prefix}") for a in link.addresses]
    if link.groups:
        rows.append(("groups", " ".join(link.groups)))
    if nic.channels:
        c = nic.channels
        pairs = (
            (c.rx, c.max_rx, "rx"),
            (c.tx, c.max_tx, "tx"),
            (c.combined, c.max_combined, "both"),
        )
        rows.append(("channels", ", ".join(f"{n} of {m} {w}" for n, m, w in pairs if m)))
    if nic.rings:
        r = nic.rings
        rows.append(("rings", f"{r.rx} of {r.rx_max} rx, {r.tx} of {r.tx_max} tx"))
    if nic.coalesce:
        now = nic.coalesce
        kind = "adaptive, " if now.adaptive_rx else ""
        rows.append(("coalescing", f"{kind}rx {now.rx_usecs} us or {now.rx_frames} frames"))
    if nic.time:
        clock = f"clock {nic.time.phc_index}" if nic.time.phc_index >= 0 else "no clock"
        every = "every frame" if nic.time.every_frame else "not every frame"
        rows.append(("time", f"{clock}, {every} stamped by hardware"))
    on = sorted(name for name, f in nic.features.items() if f.on and name.startswith("rx-"))
    rows.append(("offloads", " ".join(on) or "none"))
    if nic.rules is not None:
        total = len(nic.rules.rules) + nic.rules.others
        rows.append(("rules", f"{total} of {nic.rules.capacity}"))
        for rule in nic.rules.rules:
            to = "dropped" if rule.queue is None else f"queue {rule.queue}"
            rows.append(("", f"{rule.group}:{rule.port} -> {to} (place {rule.place})"))
    width = max(len(name) for name, _ in rows)
    body = [f"  {name:<{width}}  {text}" for name, text in rows]
    return "\n".join([style(printable(link.name), "bold"), *body])
