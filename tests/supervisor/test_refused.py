"""A refused start for each wrong thing: its exit code, one line that helps, nothing left."""

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.support.live import Live


def refused(live: Live, code: int, says: str) -> None:
    """Detached and in the foreground alike."""
    live.write()
    for args in (("--detach",), ()):
        done = live.ctl("start", "--config", live.file, *args)
        line = done.stderr.splitlines()[-1]
        assert done.returncode == code, done.stderr
        assert line.startswith("pinnacle-ctl: error: ") and says in line
        if args:
            assert done.stderr.count("\n") == 1, done.stderr
        live.nothing_left()


def test_no_such_capture(live: Live) -> None:
    live.config["ports"][0]["device"] = "none.pcap"
    refused(live, 3, "none.pcap")


def test_not_a_capture(live: Live) -> None:
    (live.folder / "day.pcap").write_text("hello")
    refused(live, 7, "not a capture")


def test_no_such_interface(live: Live) -> None:
    live.config["ports"][0].update(kind="af_xdp", device="nosuch0")
    refused(live, 3, "no network interface")


def test_no_such_user(live: Live) -> None:
    live.config["user"] = "nobody-of-that-name"
    refused(live, 3, "nobody-of-that-name")


def test_no_such_cpu(live: Live) -> None:
    live.config["shards"] = [{"cpu": 1000}]
    refused(live, 7, "1000")


def test_hugepages_required(live: Live) -> None:
    engine: dict[str, Any] = {**live.config["engine"], "hugepages": "require"}
    live.config["engine"] = {**engine, "max_orders": 2**24, "max_pages": 2**24}
    refused(live, 8, "engine.hugepages is require, but ")


def test_metrics_port_in_use(live: Live) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        live.config["metrics"] = {"listen": f"127.0.0.1:{other.getsockname()[1]}"}
        refused(live, 7, "give another port, or null")


def test_no_such_group(live: Live) -> None:
    live.config["control"] = {"read_only_group": "nobody-of-that-name"}
    refused(live, 7, "no group nobody-of-that-name")


def test_configuration_that_does_not_fit(live: Live) -> None:
    live.config["ports"][0]["device"] = "x" * 125
    refused(live, 7, "longer than 127 bytes")


def test_run_dir_too_long(live: Live) -> None:
    live.run_dir = live.folder / ("x" * 100)
    refused(live, 7, "give a shorter --run-dir")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a second user")
def test_run_dir_of_another_user(live: Live) -> None:
    import subprocess

    from tests.support.ctl import COMMAND

    def as_nobody() -> None:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)

    done = subprocess.run(
        [*COMMAND, "start", "--config", str(live.file), "--run-dir", str(live.run_dir)],
        capture_output=True, text=True, preexec_fn=as_nobody, timeout=60, check=False,
    )  # fmt: skip
    if "No module named" in done.stderr or "Permission denied" in done.stderr:
        pytest.skip("another user cannot read this installation")
    assert done.returncode == 4 and done.stderr.count("\n") == 1, done.stderr


def test_region_of_another_build(live: Live) -> None:
    """A control or state segment with a foreign ABI hash is refused and named, not overwritten."""
    live.up()
    assert live.ctl("stop").returncode == 0
    live.run_dir.mkdir()
    for kind in ("control", "state.0"):
        path = live.run_dir / f"pinnacle.{live.name}.{kind}"
        path.write_bytes(_foreign_segment(kind))
        done = live.start()
        assert done.returncode in (11, 17), done.stderr
        assert done.stderr.count("\n") == 1 and str(path) in done.stderr
        path.unlink(missing_ok=True)


def _foreign_segment(kind: str) -> bytes:
    from pinnacle.abi import ffi, lib

    name = {"control": "control.h", "state.0": "region.h"}[kind]
    text = (Path(__file__).resolve().parents[2] / "dataplane/shm" / name).read_text()
    magic = int(text.split("_MAGIC ")[1].split("ull")[0], 16)
    if kind == "control":
        raw = ffi.new("struct pn_control *")
    else:
        raw = ffi.new("struct pn_region_header *")
    raw.magic, raw.abi_hash, raw.abi_version = magic, lib.pn_abi_hash() ^ 1, lib.PN_ABI_VERSION
    raw.bytes = 1 << 21
    return bytes(ffi.buffer(raw)).ljust(1 << 21, b"\0")
