"""Every start that is refused: one line, its exit code, and nothing left behind or disturbed."""

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from pinnacle.abi import ffi, lib

from tests.daemon.plane import ROOT, Plane, executable

Make = Callable[..., Plane]


def test_no_control_segment(plane: Make, tmp_path: Path) -> None:
    p = plane()
    p.control = tmp_path / "none"
    code, line = p.refused()
    assert code == 3
    assert "none" in line


def test_not_a_control_segment(plane: Make, tmp_path: Path) -> None:
    p = plane()
    p.control = tmp_path / "other"
    p.control.write_bytes(bytes(1 << 20))
    p.control.chmod(0o600)
    assert p.refused()[0] == 7


def test_symbolic_link(plane: Make, tmp_path: Path) -> None:
    p = plane()
    link = tmp_path / "link"
    link.symlink_to(p.control)
    p.control = link
    assert "symbolic link" in p.refused()[1]


def test_control_segment_that_others_may_write(plane: Make) -> None:
    p = plane()
    p.control.chmod(0o666)
    code, line = p.refused()
    assert code == 4
    assert "written by others" in line


def test_control_segment_of_another_build(plane: Make) -> None:
    p = plane()
    with p.control.open("r+b") as file:
        file.seek(8)
        file.write(struct.pack("<Q", 0x1234))
    code, line = p.refused()
    assert code == 11
    assert "another build" in line


def test_second_start(plane: Make) -> None:
    p = plane().start()
    code, line = p.refused()
    assert code == 11
    assert "another data plane" in line
    assert p.stop()[0] == 0


def test_stale_state_of_another_build(plane: Make) -> None:
    p = plane().start()
    p.kill()
    with p.state.open("r+b") as file:
        file.seek(8)
        file.write(struct.pack("<Q", 0x1234))
    code, line = p.refused()
    assert code == 11
    assert "another build" in line
    assert p.state.exists()


def test_state_of_another_configuration(plane: Make, tmp_path: Path) -> None:
    p = plane().start()
    p.kill()
    lib.pn_control_close(p.writer, 1)
    p.cfg.shard[0].engine.max_orders = 4096
    other = Plane(tmp_path, p.cfg)
    p.writer = other.writer
    code, line = other.refused()
    assert code == 11
    assert "made from other limits" in line


def test_state_that_is_something_else(plane: Make) -> None:
    p = plane()
    p.state.write_bytes(b"x" * 8192)
    assert p.refused()[0] == 7
    assert p.state.exists()


def test_no_hugepages(plane: Make) -> None:
    code, line = plane(engine_hugepages=2).refused()
    assert code != 0
    assert "hugepages" in line


def test_missing_capture(plane: Make, tmp_path: Path) -> None:
    p = plane([tmp_path / "none.pcap"])
    code, line = p.refused()
    assert code == 3
    assert "none.pcap" in line
    assert not p.state.exists()


def test_no_such_cpu(plane: Make) -> None:
    code, line = plane(shard_cpu=1000).refused()
    assert code == 7
    assert "cpu" in line


def test_no_such_user(plane: Make) -> None:
    code, line = plane(user=b"nobody-of-that-name").refused()
    assert code == 3
    assert "nobody-of-that-name" in line


def test_no_folder_for_the_state(plane: Make, tmp_path: Path) -> None:
    p = plane(shard_state_path=str(tmp_path / "none" / "state").encode())
    code, line = p.refused()
    assert code == 3
    assert "state" in line


@pytest.mark.skipif(not ROOT, reason="only root may become another user")
def test_user_without_permission(plane: Make, tmp_path: Path) -> None:
    import subprocess

    p = plane()
    done = subprocess.run(
        [executable(), "--control", str(p.control)],
        user="nobody", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 4
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("options", [[], ["--wrong"], ["--control"]])
def test_wrong_options(options: list[str]) -> None:
    import subprocess

    done = subprocess.run([executable(), *options], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr


def test_configuration_is_checked_by_the_control_plane(plane: Make, tmp_path: Path) -> None:
    p = plane()
    err = ffi.new("char[]", 256)
    p.cfg.shards = 9
    assert lib.pn_live_config_check(p.cfg, err, 256) < 0
    assert b"shards" in ffi.string(err)
    path = str(tmp_path / "c2").encode()
    assert lib.pn_control_open(path, p.cfg, err, 256) == ffi.NULL
    assert not (tmp_path / "c2").exists()


def test_one_writer_of_a_control_segment(plane: Make) -> None:
    p = plane()
    err = ffi.new("char[]", 256)
    path = str(p.control).encode()
    assert lib.pn_control_open(path, p.cfg, err, 256) == ffi.NULL
    assert ffi.errno == 114  # EALREADY
    lib.pn_control_close(p.writer, 0)
    p.writer = lib.pn_control_open(path, p.cfg, err, 256)
    assert p.writer != ffi.NULL
    lib.pn_control_close(p.writer, 0)
    p.cfg.heartbeat_lost_ms = 301
    assert lib.pn_control_open(path, p.cfg, err, 256) == ffi.NULL
    assert ffi.errno == 16  # EBUSY
    p.cfg.heartbeat_lost_ms = 300
    p.writer = lib.pn_control_open(path, p.cfg, err, 256)


def test_hostile_control_segment(plane: Make) -> None:
    """Fields changed behind the control plane's back are refused."""
    p = plane()
    with p.control.open("r+b") as file:
        file.seek(64)
        file.write(b"\xff" * 512)
    code, line = p.refused()
    assert code == 7
    assert "not ended" in line
