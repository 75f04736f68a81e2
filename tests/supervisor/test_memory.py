"""Where the segments lie: hugetlbfs when it is there and large enough, and nothing stays in it."""

import os
import signal
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.support.live import Live, make, until

POOL = Path("/sys/kernel/mm/hugepages/hugepages-2048kB")
PAGES = 64


@pytest.fixture
def mount() -> Iterator[Path]:
    """A hugetlbfs with pages of its own; the number of reserved pages is put back afterwards."""
    if os.geteuid() != 0:
        pytest.skip("reserving hugepages takes root")
    number = POOL / "nr_hugepages"
    before = int(number.read_text())
    number.write_text(str(before + PAGES))
    folder = Path(f"/dev/pnlive{os.getpid()}")
    try:
        if int((POOL / "free_hugepages").read_text()) < PAGES:
            pytest.skip(f"{PAGES} hugepages of 2 MiB cannot be had now")
        folder.mkdir()
        done = subprocess.run(
            ["mount", "-t", "hugetlbfs", "-o", "pagesize=2M", "none", str(folder)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            pytest.skip(f"hugetlbfs cannot be mounted: {done.stderr.strip()}")
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], capture_output=True, check=False)
        if folder.exists():
            folder.rmdir()
        now = int(number.read_text())
        number.write_text(str(max(now - PAGES, 0)))


@pytest.mark.parametrize("wanted", ["auto", "require"])
def test_hugepages(mount: Path, wanted: str) -> None:
    for live in make():
        live.config["engine"] = {**live.config["engine"], "hugepages": wanted}
        live.write()
        live.up()
        facts = live.status()
        assert facts["memory"]["hugepages"] and facts["memory"]["why_not"] is None
        assert facts["shards"][0]["hugepages"]
        folder = Path(facts["shards"][0]["region"]).parent
        names = {f"pinnacle.{live.name}.control", f"pinnacle.{live.name}.state.0"}
        assert names <= {path.name for path in folder.iterdir()}
        os.kill(live.plane(), signal.SIGKILL)
        until(partial(live.restarted, 1))
        until(live.books_valid)
        assert live.ctl("stop").returncode == 0
        live.nothing_left()
        assert not names & {path.name for path in folder.iterdir()}


def test_without_hugepages_it_is_said() -> None:
    for live in make():
        live.up()
        assert live.status()["memory"]["why_not"] == "engine.hugepages is never"
        assert "no hugepages: engine.hugepages is never" in live.ctl("status").stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_data_plane_of_another_user() -> None:
    """It runs as nobody, is started again as nobody, and leaves nothing either."""
    for live in make(user="nobody"):
        _life_as_nobody(live)


def _life_as_nobody(live: Live) -> None:
    live.up()
    for number in (1, 2):
        assert "Uid:\t65534\t65534" in Path(f"/proc/{live.plane()}/status").read_text()
        os.kill(live.plane(), signal.SIGKILL)
        until(partial(live.restarted, number))
        until(live.books_valid)
    os.kill(live.boss(), signal.SIGKILL)
    until(lambda: live.status_or_none().get("state") == "unsupervised")
    live.up()
    assert live.status()["supervisor"]["attached"]
    assert live.ctl("stop").returncode == 0
    live.nothing_left()
