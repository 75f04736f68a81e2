"""The life of an instance with the real daemon: start, crash, hang, stop; nothing is left."""

import json
import os
import signal
import socket
import time
from functools import partial

import pytest

from tests.support import wire
from tests.support.ctl import ctl
from tests.support.live import Live, until


def test_start_status_stop(live: Live) -> None:
    live.up()
    facts = live.status()
    assert facts["state"] == "running" and facts["supervisor"]["attached"] is None
    assert facts["books"]["valid"] == 2 and facts["data_plane"]["restarts"] == 0
    text = live.ctl("status").stdout
    assert f"{live.name}: running" in text and f"pid {facts['data_plane']['pid']}" in text
    assert live.ctl("stop").stdout == f"{live.name}: stopped\n"
    live.nothing_left()
    gone = live.ctl("status")
    assert gone.returncode == 15 and gone.stderr.count("\n") == 1


def test_second_start_is_refused(live: Live) -> None:
    live.up()
    plane = live.plane()
    for args in ((), ("--detach",)):
        done = live.ctl("start", "--config", live.file, *args)
        assert done.returncode == 14
        assert done.stderr.count("\n") == 1 and "is running already" in done.stderr
    assert live.plane() == plane


def test_crash_is_noticed_and_mended(live: Live) -> None:
    live.up()
    before = live.plane()
    killed = time.monotonic_ns()
    os.kill(before, signal.SIGKILL)
    until(lambda: (live.status_or_none().get("data_plane") or {}).get("restarts") == 1)
    until(live.books_valid)
    plane = live.status()["data_plane"]
    last = plane["last_exit"]
    assert last["pid"] == before and last["signal"] == "SIGKILL"
    assert 0 < last["noticed_ns"] - killed < 100_000_000
    assert plane["pid"] != before and plane["last_down_ms"] < 5000


def test_crash_keeps_the_books(live: Live) -> None:
    """The segment is attached again: as many data planes as were started have run on it."""
    live.up()
    for number in range(1, 4):
        os.kill(live.plane(), signal.SIGKILL)
        until(partial(live.restarted, number))
        until(live.books_valid)
    assert live.status()["shards"][0]["starts"] == 4


def test_hang_is_noticed_and_mended(live: Live) -> None:
    live.up()
    before = live.plane()
    os.kill(before, signal.SIGSTOP)
    until(lambda: live.status_or_none()["data_plane"]["restarts"] == 1)
    until(live.books_valid)
    last = live.status()["data_plane"]["last_exit"]
    assert last["pid"] == before and "silent" in last["why"]


def test_gives_up_after_the_limit(live: Live) -> None:
    live.config["restart"] = {"limit": 3, "delay_ms": 10}
    live.write()
    boss = live.start_here()
    seen: set[int] = set()
    while boss.poll() is None:
        facts = live.status_or_none()
        plane = (facts.get("data_plane") or {}).get("pid")
        if facts.get("state") == "running" and plane and plane not in seen:
            seen.add(plane)
            os.kill(plane, signal.SIGKILL)
        time.sleep(0.01)
    assert boss.returncode == 17 and len(seen) == 3
    assert boss.stderr and b"failed 3 times within 60 s" in boss.stderr.read().splitlines()[-1]
    assert {p.name for p in live.run_dir.iterdir()} == {"ctl.log", "dp.log"}
    assert "failed 3 times" in live.ctl("logs").stdout
    assert live.ctl("status").returncode == 15
    assert live.ctl("stop").returncode == 0
    live.nothing_left()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_in_order(live: Live, number: signal.Signals) -> None:
    boss = live.start_here()
    boss.send_signal(number)
    assert boss.wait(20) == 0
    live.nothing_left()


def test_stop_of_a_data_plane_that_hangs(live: Live) -> None:
    live.config["heartbeat"] = {"hang_ms": 60_000, "stop_s": 0.3}
    live.write()
    live.up()
    os.kill(live.plane(), signal.SIGSTOP)
    assert live.ctl("stop").returncode == 0
    live.nothing_left()


def test_supervisor_killed_and_attached_again(live: Live) -> None:
    live.up()
    plane, boss = live.plane(), live.boss()
    os.kill(boss, signal.SIGKILL)
    until(lambda: live.status_or_none().get("state") == "unsupervised")
    loops = live.ctl("describe", "shard", "0", "--json")
    first = json.loads(loops.stdout)["loops"]
    assert "unsupervised" in live.ctl("status").stdout
    assert live.ctl("wait", "--for", "books=valid", "--timeout", "5").returncode == 0
    assert json.loads(live.ctl("describe", "shard", "0", "--json").stdout)["loops"] > first

    live.up()
    facts = live.status()
    assert facts["state"] == "running" and facts["data_plane"]["pid"] == plane
    assert facts["supervisor"]["attached"] == f"to data plane {plane}, which went on undisturbed"
    assert facts["supervisor"]["pid"] != boss and facts["data_plane"]["restarts"] == 0
    assert facts["shards"][0]["starts"] == 1
    assert "went on undisturbed" in live.ctl("status").stdout
    # What was adopted is watched as well as what was started.
    killed = time.monotonic_ns()
    os.kill(plane, signal.SIGKILL)
    until(lambda: live.status_or_none()["data_plane"]["restarts"] == 1)
    until(live.books_valid)
    assert live.status()["data_plane"]["last_exit"]["noticed_ns"] - killed < 100_000_000
    assert live.ctl("stop").returncode == 0
    live.nothing_left()


def test_data_plane_counts_the_lost_control_plane(live: Live) -> None:
    live.config["heartbeat"] = {"lost_ms": 200}
    live.write()
    live.up()
    assert live.status()["shards"][0]["control_ok"]
    os.kill(live.boss(), signal.SIGKILL)
    until(lambda: not live.status_or_none()["shards"][0]["control_ok"])
    assert live.status_or_none()["shards"][0]["control_lost"] == 1
    live.up()
    until(lambda: live.status_or_none()["shards"][0]["control_ok"])


def test_other_configuration_does_not_attach(live: Live) -> None:
    live.up()
    plane = live.plane()
    os.kill(live.boss(), signal.SIGKILL)
    live.config["shards"] = [{"idle_sleep_us": 700}]
    live.write()
    until(lambda: live.status_or_none().get("state") == "unsupervised")
    done = live.start()
    assert done.returncode == 14 and done.stderr.count("\n") == 1
    assert "another configuration" in done.stderr and "pinnacle-ctl stop" in done.stderr
    assert live.plane() == plane


def test_stop_without_supervisor(live: Live) -> None:
    live.up()
    plane = live.plane()
    os.kill(live.boss(), signal.SIGKILL)
    until(lambda: live.status_or_none().get("state") == "unsupervised")
    assert f"data plane {plane} without supervisor" in live.ctl("stop").stdout
    live.nothing_left()


def test_both_killed(live: Live) -> None:
    """Nothing runs: status says dead; a start uses what lies there, a stop removes it."""
    live.up()
    plane, boss = live.plane(), live.boss()
    for pid in (boss, plane):
        os.kill(pid, signal.SIGKILL)
    until(lambda: live.status_or_none().get("state") == "dead")
    done = live.ctl("status")
    assert done.returncode == 15 and "dead" in done.stdout
    live.up()
    assert live.status()["shards"][0]["starts"] == 2
    for pid in (live.boss(), live.plane()):
        os.kill(pid, signal.SIGKILL)
    until(lambda: live.status_or_none().get("state") == "dead")
    live.config["shards"] = [{"idle_sleep_us": 700}]  # what lies there does not fit: made anew
    live.write()
    live.up()
    assert live.status()["shards"][0]["starts"] == 1


def test_restart(live: Live) -> None:
    live.up()
    first = live.plane()
    done = live.ctl("restart")
    assert done.returncode == 0 and "the same configuration" in done.stdout
    assert live.plane() != first and live.status()["data_plane"]["restarts"] == 0
    live.config["engine"] = {**live.config["engine"], "max_orders": 8192}
    live.write()
    assert ctl("config", "diff", live.file, "--run-dir", live.run_dir).returncode == 19
    told = json.loads(live.ctl("restart", "--json").stdout)
    assert told["changed"] is True
    assert told["data_plane_pid"] == live.plane()  # answered when the next one was up
    until(live.books_valid)
    assert ctl("config", "diff", live.file, "--run-dir", live.run_dir).returncode == 0


def test_restart_with_a_bad_file_changes_nothing(live: Live) -> None:
    live.up()
    plane = live.plane()
    good = live.file.read_text()
    live.file.write_text(good + "nonsense: 1\n")
    done = live.ctl("restart")
    assert done.returncode == 7 and "nonsense" in done.stderr
    live.file.write_text(good.replace("127.0.0.1:0", "127.0.0.1:1"))
    done = live.ctl("restart")
    assert done.returncode == 7 and "metrics changed" in done.stderr
    assert live.plane() == plane and live.books_valid()


def test_restart_that_does_not_come_up_goes_back(live: Live) -> None:
    """Wrong as only the data plane finds it: the earlier configuration goes on."""
    live.up()
    good = live.config["ports"][0]["device"]
    (live.folder / "wrong.pcap").write_bytes(b"this is not a capture at all")
    live.config["ports"][0]["device"] = "wrong.pcap"
    live.write()
    done = live.ctl("restart")
    assert done.returncode != 0
    assert "the configuration that ran before goes on" in done.stderr
    until(live.books_valid)
    live.config["ports"][0]["device"] = good
    live.write()
    assert live.ctl("restart").returncode == 0
    until(live.books_valid)


def test_restart_out_of_a_pause(live: Live) -> None:
    """A cause that was mended meanwhile need not wait for the pause to end."""
    live.config["restart"] = {"delay_ms": 60_000, "max_ms": 60_000, "jitter": 0.0}
    live.write()
    live.up()
    capture = live.folder / "day.pcap"
    away = capture.rename(live.folder / "away.pcap")
    os.kill(live.plane(), signal.SIGKILL)
    facts = until(lambda: (f := live.status_or_none()).get("state") == "backing-off" and f)
    assert facts["data_plane"]["pid"] is None and facts["data_plane"]["next_start_s"] > 30
    assert "next start in" in live.ctl("status").stdout
    away.rename(capture)
    assert live.ctl("restart").returncode == 0
    until(live.books_valid)


def test_two_shards(live: Live) -> None:
    """Two threads with a port, a channel and a segment each."""
    live.config["ports"].append({"name": "more", "kind": "pcap", "device": "b.pcap", "shard": 1})
    wire.write_pcap(live.folder / "b.pcap", wire.day_frames(group=wire.GROUP_B, end=False))
    line = {"group": wire.GROUP_B, "port": wire.PORT, "port_name": "more"}
    live.config["channels"].append({"name": "second", "feed": "itch50", "lines": [line]})
    live.config["shards"] = [{"idle_sleep_us": 500}, {"idle_sleep_us": 500}]
    live.write()
    live.up()
    until(lambda: live.status_or_none()["books"]["valid"] == 4)
    facts = live.status()
    assert [shard["shard"] for shard in facts["shards"]] == [0, 1]
    assert {feed["name"]: feed["messages"] for feed in facts["feeds"]} == {
        "totalview": 19, "second": 19,
    }  # fmt: skip
    assert [port["rx_frames"] for port in facts["ports"]] == [5, 5]
    os.kill(live.plane(), signal.SIGKILL)
    until(lambda: live.restarted(1))
    until(lambda: live.books_valid() and live.status_or_none()["books"]["valid"] == 4)
    assert live.ctl("stop").returncode == 0
    live.nothing_left()


def test_readiness_and_watchdog(live: Live) -> None:
    """As systemd would see it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(live.folder / "notify"))
        systemd.settimeout(10)
        boss = live.start_here(
            {"NOTIFY_SOCKET": str(live.folder / "notify"), "WATCHDOG_USEC": "200000"}
        )
        assert live.books_valid() or until(live.books_valid)
        heard: list[str] = []
        while heard.count("WATCHDOG=1") < 2 or not any("READY=1" in text for text in heard):
            heard.append(systemd.recv(4096).decode())
        assert any(text.startswith("READY=1\nSTATUS=running") for text in heard)
        boss.terminate()
        while not systemd.recv(4096).startswith(b"STOPPING=1"):
            pass
        assert boss.wait(20) == 0
