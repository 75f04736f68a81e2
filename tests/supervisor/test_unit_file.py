"""The systemd unit: understood by systemd, and in step with the commands that it names."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner
from pinnacle.cli.main import cli
from pinnacle.errors import EXIT_CODES

UNIT = Path(__file__).resolve().parents[2] / "deploy" / "systemd" / "pinnacle@.service"


def test_systemd_understands_it(tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed")
    # Verify wants the executable to be there; the rest is as shipped.
    text = UNIT.read_text().replace("/usr/local/bin/pinnacle-ctl", "/bin/true")
    unit = tmp_path / "pinnacle@main.service"
    unit.write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    ours = [line for line in done.stderr.splitlines() if "pinnacle" in line]
    assert not ours, done.stderr


def test_commands_and_codes_exist() -> None:
    text = UNIT.read_text()
    for verb, options in re.findall(r"pinnacle-ctl (\w+) (.*)", text):
        shown = CliRunner().invoke(cli, [verb, "--help"]).output
        for option in re.findall(r"--[a-z-]+", options):
            assert option in shown, f"{verb} {option}"
    codes = re.search(r"RestartPreventExitStatus=(.*)", text)
    assert codes and {int(code) for code in codes[1].split()} <= set(EXIT_CODES)
    assert "Type=notify" in text and "KillMode=process" in text and "WatchdogSec=" in text
