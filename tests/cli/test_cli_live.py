"""The operator's commands on a running instance, as a user meets them."""

import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Iterator

import pytest

from tests.support.ctl import COMMAND
from tests.support.live import Live, make, until


@pytest.fixture(scope="module")
def live() -> Iterator[Live]:
    for one in make():
        one.up()
        yield one


def test_feeds(live: Live) -> None:
    (feed,) = json.loads(live.ctl("get", "feeds", "--json").stdout)
    assert (feed["name"], feed["state"], feed["messages"]) == ("totalview", "in-order", 19)
    assert feed["lines"][0]["port_name"] == "file"
    text = live.ctl("get", "feeds").stdout
    assert (
        "totalview" in text and "in-order" in text and "line A 233.54.12.111:26477 on file" in text
    )


def test_books(live: Live) -> None:
    facts = json.loads(live.ctl("get", "books", "--json", "--depth", "5").stdout)
    assert facts["counts"] == {"empty": 0, "valid": 2, "stale": 0}
    books = {book["instrument"]: book for book in facts["books"]}
    assert books["AAPL"]["bid"] == {"price": "40.0700", "size": 350, "orders": 2}
    assert [level["price"] for level in books["AAPL"]["levels"]["bids"]] == ["40.0700", "40.0500"]
    assert books["MSFT"]["bid"] is None
    one = json.loads(live.ctl("get", "books", "MSFT", "--json").stdout)
    assert [book["instrument"] for book in one["books"]] == ["MSFT"]
    assert json.loads(live.ctl("get", "books", "--state", "stale", "--json").stdout)["books"] == []
    assert "40.0700" in live.ctl("get", "books").stdout


def test_queues_and_counters(live: Live) -> None:
    (port,) = json.loads(live.ctl("get", "queues", "--json").stdout)
    assert (port["name"], port["kind"], port["rx_frames"], port["drops"]) == ("file", "pcap", 5, {})
    assert port["device"] == str(live.folder / "day.pcap")
    assert "file  pcap" in live.ctl("get", "queues").stdout
    counters = json.loads(live.ctl("get", "counters", "--json").stdout)
    assert counters["messages"] == 19 and counters["shards"][0]["messages"] == 19
    assert re.search(r"messages\s+19", live.ctl("get", "counters").stdout)


@pytest.mark.parametrize(
    ("kind", "name", "shows"),
    [("channel", "totalview", "port_name: file"), ("port", "file", "kind: pcap"),
     ("book", "AAPL", "price: 40.0700"), ("shard", "0", "p99_ns: ")],
)  # fmt: skip
def test_describe(live: Live, kind: str, name: str, shows: str) -> None:
    done = live.ctl("describe", kind, name)
    assert done.returncode == 0 and shows in done.stdout
    assert json.loads(live.ctl("describe", kind, name, "--json").stdout)["kind"]


@pytest.mark.parametrize("kind", ["channel", "port", "book", "shard"])
def test_describe_unknown(live: Live, kind: str) -> None:
    done = live.ctl("describe", kind, "nonesuch")
    assert done.returncode == 18 and done.stderr.count("\n") == 1 and "nonesuch" in done.stderr


def test_wait(live: Live) -> None:
    assert live.ctl("wait", "--for", "books=valid").returncode == 0
    assert live.ctl("wait", "--for", "running").returncode == 0
    done = live.ctl("wait", "--for", "stopped", "--timeout", "0.2")
    assert done.returncode == 16 and "running, books: 0 empty, 2 valid" in done.stderr


def test_nothing_runs(tmp_path_factory: pytest.TempPathFactory) -> None:
    from tests.support.ctl import ctl

    for args in (("status",), ("get", "books"), ("top", "--once"), ("logs",), ("stop",),
                 ("restart",), ("describe", "port", "x")):  # fmt: skip
        done = ctl(*args, "--instance", "no-such-instance")
        assert done.returncode == 15, args
        assert done.stderr.count("\n") == 1 and "pinnacle-ctl start" in done.stderr
    assert ctl("wait", "--for", "stopped", "--instance", "no-such-instance").returncode == 0
    done = ctl("wait", "--for", "running", "--instance", "no-such-instance", "--timeout", "0.1")
    assert done.returncode == 16 and "not running" in done.stderr


def test_logs(live: Live) -> None:
    records = [json.loads(line) for line in live.ctl("logs", "--json").stdout.splitlines()]
    assert {"time", "level", "source", "event"} <= set(records[0])
    assert any(r["source"] == "ctl" and r["event"] == "data plane is up" for r in records)
    assert [r["time"] for r in records] == sorted(r["time"] for r in records)
    assert "data plane is up" in live.ctl("logs").stdout
    assert len(live.ctl("logs", "-n", "1").stdout.splitlines()) == 1


def test_logs_follow(live: Live) -> None:
    follower = subprocess.Popen(
        [*COMMAND, "logs", "-f", "-n", "1", "--json", "--run-dir", str(live.run_dir)],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert follower.stdout
    follower.stdout.readline()
    before = live.plane()
    os.kill(before, signal.SIGKILL)
    for line in follower.stdout:
        if json.loads(line)["event"] == "data plane ended":
            break
    follower.send_signal(signal.SIGINT)
    assert follower.wait(20) == 130
    follower.stdout.close()
    until(live.books_valid)


def test_top_without_terminal(live: Live) -> None:
    text = live.ctl("top").stdout
    assert "\x1b" not in text
    for word in ("totalview", "file", "AAPL", "40.0700", "shard 0", "2 valid", live.name):
        assert word in text


def test_top_on_a_terminal(live: Live) -> None:
    """Draws again and again, and q ends it with the terminal as it was."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 140, 0, 0))
    before = termios.tcgetattr(theirs)
    process = subprocess.Popen(
        [*COMMAND, "top", "--interval", "0.1", "--run-dir", str(live.run_dir)],
        stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, "TERM": "xterm"},
    )  # fmt: skip
    text, end = "", time.monotonic() + 30
    while text.count("totalview") < 4 and time.monotonic() < end:
        text += os.read(ours, 65_536).decode(errors="replace")
    os.write(ours, b"q")
    os.set_blocking(ours, False)
    while process.poll() is None and time.monotonic() < end:
        try:
            text += os.read(ours, 65_536).decode(errors="replace")
        except BlockingIOError:
            time.sleep(0.01)
    assert process.wait(20) == 0
    assert termios.tcgetattr(theirs) == before
    os.close(ours)
    os.close(theirs)
    assert text.count("totalview") >= 4 and "messages/s" in text
    assert "\x1b[?1049h" in text and "\x1b[?1049l" in text  # the screen before is back


def test_reads_without_the_supervisor_are_the_same(live: Live) -> None:
    """Straight from the segments, while the supervisor is away."""
    verbs = (("get", "feeds"), ("get", "books"), ("get", "queues"), ("describe", "book", "AAPL"))

    def changing(text: str) -> str:
        return re.sub(r'"(polls|empty_polls|loops|heartbeat_ns)": \d+', "", text)

    asked = [changing(live.ctl(*verb, "--json").stdout) for verb in verbs]
    os.kill(live.boss(), signal.SIGKILL)
    until(lambda: live.status_or_none().get("state") == "unsupervised")
    assert [changing(live.ctl(*verb, "--json").stdout) for verb in verbs] == asked
    assert "AAPL" in live.ctl("top", "--once").stdout
    live.up()
